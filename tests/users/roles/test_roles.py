"""Roles: what they allow, for every kind of credential, and when that ends."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    AuthEvent,
    ConfigurationError,
    Role,
    Roles,
    SessionAuth,
    TokenAuth,
    User,
    UserRole,
    Users,
    auth_tables,
    delete_expired,
    require,
    subscribe,
)
from piccolo_api_fastapi.errors import (
    Conflict,
    Forbidden,
    InsufficientScope,
    LastManager,
    NotFound,
    Unprocessable,
    ValueTaken,
)
from piccolo_api_fastapi.testing import FrozenClock
from piccolo_api_fastapi.users.roles import Actor, queries
from tests.conftest import PASSWORD, bearer, get_tokens, log_in, new_client, reaches_no_sql
from tests.models import Customer, Member

Headers = dict[str, dict[str, str]]


@pytest.fixture
async def headers(
    app: FastAPI, ada: User, roles: Roles, token: TokenAuth[User]
) -> dict[str, dict[str, str]]:
    """Credentials of each kind of ada, who is an editor."""
    await roles.grant(ada, "editor")
    async with new_client(app) as client:
        await log_in(client)
        cookie = {"Cookie": f"__Host-session={client.cookies['__Host-session']}"}
        client.cookies.clear()
        access = bearer((await get_tokens(client))["access_token"])
    secret = (await token.create(ada, "report", scopes=["movies:read"])).secret
    return {"cookie": cookie, "jwt": access, "token": bearer(secret)}


async def statuses(client: httpx.AsyncClient, headers: Headers) -> set[int]:
    """What `/read` answers to each credential."""
    return {(await client.get("/read", headers=one)).status_code for one in headers.values()}


async def withdraw(roles: Roles, ada: User, _: FrozenClock) -> None:
    """Withdraw the role."""
    await roles.withdraw(ada, "editor")


async def empty(roles: Roles, _: User, __: FrozenClock) -> None:
    """Take every permission from the role."""
    await roles.change("editor", permissions=[])


async def delete(roles: Roles, _: User, __: FrozenClock) -> None:
    """Delete the role."""
    await roles.delete("editor")


async def expire(roles: Roles, ada: User, clock: FrozenClock) -> None:
    """Let the grant expire."""
    await roles.grant(ada, "editor", expires_at=clock.now + timedelta(minutes=1))
    clock.advance(timedelta(minutes=1))


@pytest.mark.security(179)
@pytest.mark.parametrize("end", [withdraw, empty, delete, expire])
async def test_gone_at_the_next_request(
    client: httpx.AsyncClient,
    headers: Headers,
    roles: Roles,
    ada: User,
    clock: FrozenClock,
    end: Any,
) -> None:
    """Whatever ends a role ends it for the next request, whichever credential that has."""
    assert await statuses(client, headers) == {200}
    await end(roles, ada, clock)
    assert await statuses(client, headers) == {403}
    answer = await client.get("/read", headers=headers["jwt"])
    challenge = 'Bearer error="insufficient_scope", scope="movies:read"'
    assert answer.headers["www-authenticate"] == challenge
    assert answer.json()["code"] == "insufficient_scope"


@pytest.mark.security(179)
async def test_another_worker(
    client: httpx.AsyncClient, headers: Headers, users: Users[User], roles: Roles, ada: User
) -> None:
    """No process remembers a role: another one withdraws it."""
    assert await statuses(client, headers) == {200}
    elsewhere = Roles()
    Users(roles=elsewhere, clock=users.clock)
    await elsewhere.withdraw(ada, "editor")
    assert await statuses(client, headers) == {403}
    assert await roles.roles_of(ada) == []


@pytest.mark.security(179)
async def test_a_refresh_loses_it_and_claims_last(
    client: httpx.AsyncClient, roles: Roles, ada: User
) -> None:
    """A refreshed token has what is left. Claims without a query last until they expire."""
    await roles.grant(ada, "editor")
    tokens = await get_tokens(client)
    await roles.withdraw(ada, "editor")
    before = await client.get("/claims", headers=bearer(tokens["access_token"]))
    assert before.status_code == 200
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    after = (await client.post("/auth/token", data=form)).json()
    assert after["scope"] == "account"
    refused = await client.get("/claims", headers=bearer(after["access_token"]))
    assert refused.status_code == 403


@pytest.mark.security(181)
async def test_tokens_have_what_they_were_given_and_what_the_owner_has(
    client: httpx.AsyncClient, roles: Roles, ada: User, token: TokenAuth[User]
) -> None:
    """A token loses what its owner loses, and never gets more than it was given."""
    await roles.grant(ada, "editor")
    secret = bearer((await token.create(ada, "report", scopes=["movies:write"])).secret)
    with pytest.raises(InsufficientScope):
        await token.create(ada, "more", scopes=["roles:manage"])
    assert (await client.post("/write", headers=secret)).status_code == 200
    assert (await client.get("/read", headers=secret)).status_code == 403
    await roles.withdraw(ada, "editor")
    assert (await client.post("/write", headers=secret)).status_code == 403
    await roles.grant(ada, "root")
    assert (await client.post("/write", headers=secret)).status_code == 200
    assert (await client.get("/read", headers=secret)).status_code == 403
    assert (await client.get("/whoami", headers=secret)).json() == ["movies:write"]


@pytest.mark.security(181)
async def test_a_login_before_the_grant(client: httpx.AsyncClient, roles: Roles, ada: User) -> None:
    """A session gets a new role at once; a JWT has what it was given at its login."""
    assert ada.active
    await log_in(client)
    cookie = {"Cookie": f"__Host-session={client.cookies['__Host-session']}"}
    client.cookies.clear()
    access = bearer((await get_tokens(client))["access_token"])
    narrow = bearer((await get_tokens(client, scope="account"))["access_token"])
    await roles.grant(ada, "reader")
    answers = [
        (await client.get("/read", headers=one)).status_code for one in (cookie, access, narrow)
    ]
    assert answers == [200, 403, 403]


async def test_everything(client: httpx.AsyncClient, roles: Roles, ada: User) -> None:
    """`*` stands for what the code names, and for no flag."""
    await roles.grant(ada, "root")
    await log_in(client)
    found = (await client.get("/whoami")).json()
    named = ["movies:read", "movies:write", "roles:manage"]
    assert found == ["*", "account", "films:any", *named]
    assert (await client.get("/read")).status_code == 200


@pytest.mark.security(185)
async def test_flags_are_no_permissions(client: httpx.AsyncClient, roles: Roles, ada: User) -> None:
    """Whatever is written into the table, no role makes an administrator."""
    await roles.grant(ada, "reader")
    names = "admin superuser account movies:read"
    await Role.update({Role.permissions: names}).where(Role.name == "reader")
    await log_in(client)
    assert (await client.get("/whoami")).json() == ["account", "movies:read"]


async def test_several_roles(
    client: httpx.AsyncClient, users: Users[User], roles: Roles, ada: User, grace: User
) -> None:
    """Permissions of all roles add up, each user's own; so do those from `scopes_of=`."""
    await roles.create("critic", ["reviews:write"], "  Writes reviews. ")
    for name in ("critic", "reader"):
        await roles.grant(ada, name)
    await roles.grant(grace, "editor")
    await log_in(client)
    expected = ["account", "movies:read", "reviews:write"]
    assert (await client.get("/whoami")).json() == expected
    assert await users.scopes_of(ada) == set(expected)
    also = Roles()
    more = Users(roles=also, scopes_of=lambda _: ["b", "admin"], clock=users.clock)
    assert await more.scopes_of(ada) == {*expected, "b"}
    assert [grant.role.name for grant in await roles.roles_of(ada)] == ["critic", "reader"]
    assert (await roles.find("critic")).description == "Writes reviews."


async def test_holders(roles: Roles, users: Users[User], ada: User, grace: User) -> None:
    """Who may do what: active users, in pages, with one role or more, and by `*`."""
    hopper = await users.create("hopper", PASSWORD, active=False)
    for user, names in ((ada, ["editor", "reader"]), (grace, ["root"]), (hopper, ["editor"])):
        for name in names:
            await roles.grant(user, name)
    assert [user.username for user in await roles.holders("movies:read")] == ["ada", "grace"]
    [first] = await roles.holders("movies:read", limit=1)
    assert first.id == ada.id
    [second] = await roles.holders("movies:read", after=first.id)
    assert second.id == grace.id
    assert await roles.holders("movies:read", after=second.id) == []
    assert [user.username for user in await roles.holders("movies:rea")] == ["grace"]
    await roles.change("root", permissions=["roles:manage"])
    assert await roles.holders("movies:rea") == []


async def test_sync(users: Users[User], roles: Roles) -> None:
    """Roles of the code are stored once; edited ones stay as they are, unless told otherwise."""
    await roles.change("reader", permissions=["movies:list"])
    await roles.sync()
    assert (await roles.find("reader")).permissions == "movies:list"
    await roles.sync(replace=True)
    assert (await roles.find("reader")).permissions == "movies:read"
    assert [role.name for role in await roles.every()] == ["editor", "manager", "reader", "root"]
    nothing = Roles()
    Users(roles=nothing, clock=users.clock)
    await nothing.sync()


async def test_sync_emits_an_event_for_each_new_role(
    users: Users[User], events: list[AuthEvent]
) -> None:
    """Storing the roles of the code emits an event for each new role, and none the second time."""
    assert users.roles is not None
    await users.roles.sync()
    stored = [event.data["role"] for event in events if event.name == "authz_role_changed"]
    assert stored == ["reader", "editor", "manager", "root"]
    await users.roles.sync()
    assert len(events) == 4


async def test_change(roles: Roles) -> None:
    """A role gets another name or description; a name is unique."""
    role = await roles.change("reader", name="viewer", description="Looks at movies.")
    assert (role.name, role.description) == ("viewer", "Looks at movies.")
    assert (await roles.find(role.id)).name == "viewer"
    assert (await roles.change("viewer")).name == "viewer"
    with pytest.raises(ValueTaken):
        await roles.change("viewer", name="editor")
    with pytest.raises(ValueTaken):
        await roles.create("editor", [])
    for call in (roles.change("reader"), roles.delete("reader"), roles.find("reader")):
        with pytest.raises(NotFound):
            await call


@pytest.mark.security(185)
@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "Movies:Write",
        "movies:write ",
        " movies:write",
        "movies:write\n",
        "movies write",
        "movies:*",
        "**",
        "*:write",
        ":write",
        "movies:",
        "movies::write",
        "movies:wr\ud800ite",
        "movies:wrìte",
        "movies:write\0",
        'movies"',
        "admin",
        "superuser",
        "account",
        "a" * 101,
    ],
)
@reaches_no_sql
async def test_bad_permissions(roles: Roles, name: str) -> None:
    """Names are of one form; nothing is trimmed or folded."""
    with pytest.raises(Unprocessable):
        await roles.create("bad", [name])
    with pytest.raises(Unprocessable):
        await roles.change("reader", permissions=["movies:read", name])
    with pytest.raises(ConfigurationError, match="permission is"):
        require(SessionAuth(), permission=name)
    with pytest.raises(ConfigurationError, match=r"Reserved are account, admin, superuser\."):
        Roles({"bad": [name]})


@pytest.mark.security(185)
@reaches_no_sql
async def test_bad_roles(roles: Roles, users: Users[User], ada: User, clock: FrozenClock) -> None:
    """So are the names of roles, and there are not too many permissions."""
    with pytest.raises(Unprocessable, match="422"):
        await roles.create("many", [f"p{number}" for number in range(1000)])
    with pytest.raises(Unprocessable):
        await roles.create("text", "movies:read")
    for name in ("", "Editor", "e" * 65, "ed itor", "editor\n"):
        with pytest.raises(Unprocessable):
            await roles.create(name, [])
        with pytest.raises(ConfigurationError):
            Roles({name: []})
    for text in ("a" * 201, "a\nb"):
        with pytest.raises(Unprocessable):
            await roles.create("good", [], text)
    for time in (clock.now, clock.now + timedelta(days=40_000), clock.now.replace(tzinfo=None)):
        with pytest.raises(Unprocessable):
            await roles.grant(ada, "reader", expires_at=time)
    with pytest.raises(ConfigurationError, match="permission is '\\*'"):
        require(SessionAuth(users), permission="*")


def acting(user: User, *scopes: str) -> Actor:
    """A user whose credential has these scopes."""

    async def held() -> frozenset[str]:
        return frozenset(scopes)

    return Actor(user.id, held)


@pytest.mark.security(182)
async def test_nobody_grants_what_they_lack(roles: Roles, ada: User, grace: User) -> None:
    """Neither by granting, nor by making, changing, withdrawing or deleting; nor to oneself."""
    await roles.grant(ada, "editor")
    by = acting(grace, "roles:manage", "movies:read")
    calls = (
        roles.grant(ada, "editor", by=by),
        roles.grant(ada, "root", by=by),
        roles.withdraw(ada, "editor", by=by),
        roles.change("editor", permissions=["movies:read"], by=by),
        roles.change("reader", permissions=["movies:read", "movies:write"], by=by),
        roles.change("editor", name="mine", by=by),
        roles.delete("editor", by=by),
        roles.create("mine", ["movies:write"], by=by),
        roles.create("mine", ["*"], by=by),
    )
    for call in calls:
        with pytest.raises(InsufficientScope):
            await call
    with pytest.raises(Forbidden, match="to yourself"):
        await roles.grant(grace, "reader", by=by)
    for end in (None, roles._clock() + timedelta(days=1)):
        grant = await roles.grant(ada, "reader", expires_at=end, by=by)
        assert (grant.granted_by, grant.expires_at) == (grace.id, end)
    made = await roles.create("mine", ["movies:read"], by=by)
    await roles.change(made.id, permissions=[], by=by)
    await roles.delete(made.id, by=by)
    await roles.withdraw(ada, "reader", by=by)
    everything = acting(grace, "roles:manage", "*")
    await roles.grant(ada, "root", by=everything)
    await roles.change("editor", permissions=["anything:at-all"], by=everything)


@pytest.mark.security(184)
async def test_the_last_manager(roles: Roles, ada: User, grace: User, clock: FrozenClock) -> None:
    """Somebody may always manage roles for good, once somebody may."""
    await roles.grant(ada, "manager")
    tomorrow = clock.now + timedelta(days=1)
    await roles.grant(grace, "manager", expires_at=tomorrow)
    calls = (
        roles.withdraw(ada, "manager"),
        roles.grant(ada, "manager", expires_at=tomorrow),
        roles.change("manager", permissions=["movies:read"]),
        roles.delete("manager"),
    )
    for call in calls:
        with pytest.raises(LastManager):
            await call
    [grant] = await roles.roles_of(ada)
    assert grant.expires_at is None
    await roles.grant(grace, "root")
    await roles.withdraw(ada, "manager")
    with pytest.raises(LastManager):
        await roles.change("root", permissions=[])
    await roles.change("root", permissions=["roles:manage"])
    with pytest.raises(LastManager):
        await roles.delete("root")


async def test_nobody_manages(database: Any, ada: User, clock: FrozenClock) -> None:
    """Where no role manages roles, each can be withdrawn."""
    roles = Roles({"reader": ["movies:read"]})
    Users(roles=roles, clock=clock)
    await roles.sync()
    await roles.grant(ada, "reader")
    await roles.withdraw(ada, "reader")
    assert await roles.roles_of(ada) == []


async def test_a_first_manager_for_a_time(roles: Roles, ada: User, clock: FrozenClock) -> None:
    """Where nobody manages roles for good, whoever does can stop."""
    await roles.grant(ada, "manager", expires_at=clock.now + timedelta(days=1))
    await roles.withdraw(ada, "manager")
    with pytest.raises(NotFound):
        await roles.withdraw(ada, "manager")
    assert await UserRole.count() == 0


@pytest.mark.security(187)
async def test_events(
    roles: Roles, ada: User, grace: User, clock: FrozenClock, events: list[AuthEvent]
) -> None:
    """Each change says who did what to whom, what was before and what is after."""
    events.clear()
    by = acting(grace, "roles:manage", "movies:read", "a", "b")
    tomorrow = clock.now + timedelta(days=1)
    await roles.create("new", ["b", "a"], by=by)
    await roles.change("new", permissions=["a"], by=by)
    await roles.change("new", description="The same.", by=by)
    await roles.grant(ada, "new", by=by)
    await roles.grant(ada, "new", expires_at=tomorrow, by=by)
    await roles.withdraw(ada, "new")
    await roles.delete("new", by=by)
    actor = str(grace.id)
    expected: list[tuple[str, Any, Any, str, str]] = [
        ("changed", None, actor, "", "a b"),
        ("changed", None, actor, "a b", "a"),
        ("changed", None, actor, "a", "a"),
        ("granted", ada.id, actor, "", "never"),
        ("granted", ada.id, actor, "never", tomorrow.isoformat()),
        ("withdrawn", ada.id, None, tomorrow.isoformat(), ""),
        ("changed", None, actor, "a", ""),
    ]
    found = [
        (
            event.name.removeprefix("authz_role_"),
            event.user,
            event.data["actor"],
            event.data["before"],
            event.data["after"],
        )
        for event in events
    ]
    assert expected == found
    assert {event.data["role"] for event in events} == {"new"}
    assert {event.outcome for event in events} == {"success"}


@pytest.mark.security(187)
async def test_no_change_without_its_event(roles: Roles, ada: User) -> None:
    """A listener in the transaction that fails undoes the change."""
    await roles.grant(ada, "reader")

    def refuse(event: AuthEvent) -> None:
        raise RuntimeError(event.name)

    stop = subscribe(refuse, when="before_commit")
    calls = (
        roles.grant(ada, "editor"),
        roles.withdraw(ada, "reader"),
        roles.create("new", []),
        roles.change("reader", permissions=[]),
        roles.delete("reader"),
    )
    for call in calls:
        with pytest.raises(RuntimeError):
            await call
    stop()
    [grant] = await roles.roles_of(ada)
    assert (grant.role.name, grant.role.permissions) == ("reader", "movies:read")
    assert await Role.count() == 4


async def test_deleted_users(roles: Roles, users: Users[User], ada: User, grace: User) -> None:
    """Grants go with their user; those that a deleted user made stay."""
    await roles.grant(ada, "reader", by=acting(grace, "movies:read"))
    await User.delete().where(User.id == grace.id)
    [grant] = await roles.roles_of(ada)
    assert grant.granted_by is None
    with pytest.raises(NotFound):
        await roles.grant(grace, "reader")
    with pytest.raises(NotFound):
        await roles.grant(ada, "reader", by=acting(grace, "movies:read"))
    with pytest.raises(NotFound):
        await roles.grant(ada, "nothing")
    await User.delete().where(User.id == ada.id)
    assert await UserRole.count() == 0
    assert await users.scopes_of(ada) == {"account"}


async def test_expired_grants_are_deleted(roles: Roles, ada: User, clock: FrozenClock) -> None:
    """`delete_expired` counts them; a role that was granted again meanwhile stays."""
    await roles.grant(ada, "reader", expires_at=clock.now + timedelta(days=1))
    await roles.grant(ada, "editor")
    assert (await delete_expired(auth_tables(), now=clock.now))["grants of roles"] == 0
    clock.advance(timedelta(days=1))
    assert [grant.role.name for grant in await roles.roles_of(ada)] == ["editor"]
    with pytest.raises(NotFound):
        await roles.withdraw(ada, "reader")
    assert (await delete_expired(auth_tables(), now=clock.now))["grants of roles"] == 1
    assert await UserRole.count() == 1


async def test_a_role_that_changed_meanwhile(
    roles: Roles, ada: User, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each change is guarded by the permissions with which it was judged."""
    role = await roles.find("reader")
    stale = queries.new_role(roles.own, role.name, "movies:list")
    stale.id = role.id
    grant = queries.new_grant(roles.own, ada.id, role.id, None, clock.now, None)
    for call in (
        roles._definitions._change(stale, {"permissions": "a"}, None),
        roles._grants._store(grant, stale),
    ):
        with pytest.raises(Conflict):
            await call
    grant.user = 999_999
    with pytest.raises(NotFound):
        await roles._grants._store(grant, role)

    async def get_stale(*_: object) -> Role:
        return stale

    monkeypatch.setattr(queries, "get_role", get_stale)
    with pytest.raises(Conflict):
        await roles.delete("reader")


@reaches_no_sql
async def test_configuration(users: Users[User], database: Any) -> None:
    """Roles belong to the users of one table, and are of no use before."""
    with pytest.raises(ConfigurationError, match=r"Users\(roles=…\) first"):
        await Roles().sync()
    with pytest.raises(ConfigurationError, match="Roles of its own"):
        Users(Customer, roles=users.roles)
    Users(roles=users.roles, clock=users.clock)


@pytest.mark.parametrize("table", [Customer, Member])
async def test_own_user_tables(database: Any, clock: FrozenClock, table: Any) -> None:
    """Roles work for users of a project, whatever their key is."""
    roles = Roles({"reader": ["movies:read"], "manager": ["roles:manage"]})
    users: Users[Any] = Users(table, roles=roles, clock=clock)
    await roles.sync()
    ada = await users.create("ada", PASSWORD)
    for name in ("reader", "manager"):
        await roles.grant(ada, name)
    assert await users.scopes_of(ada) == {"account", "movies:read", "roles:manage"}
    [holder] = await roles.holders("movies:read")
    assert holder.username == "ada"
    assert await Role.count() == 0
    with pytest.raises(LastManager):
        await roles.withdraw(ada, "manager")
    await roles.withdraw(ada, "reader")
    token = await TokenAuth(users).create(ada, "report", scopes=["roles:manage"])
    assert token.row.scope == "roles:manage"
