"""The routes of roles: who may use them, what they answer, and what they refuse."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import Depends, FastAPI

from piccolo_api_fastapi import (
    AuthEvent,
    ConfigurationError,
    JWTAuth,
    Roles,
    SessionAuth,
    StaticTokens,
    TokenAuth,
    User,
    UserRole,
    Users,
    install,
    require,
    roles_router,
    subscribe,
)
from piccolo_api_fastapi.testing import FrozenClock, acting_as, give_role
from tests.conftest import PASSWORD, bearer, get_tokens, log_in, new_client, reaches_no_sql
from tests.documents import expanded
from tests.lifespans import start_and_stop
from tests.models import Customer


async def nothing() -> None:
    """An endpoint."""


async def role_id(roles: Roles, name: str) -> str:
    """The id of a role."""
    return str((await roles.find(name)).id)


async def test_walk(office: httpx.AsyncClient, roles: Roles, ada: User) -> None:
    """A role is made, granted, changed, withdrawn and deleted."""
    body = {"name": "critic", "permissions": ["movies:write", "movies:read"]}
    made = await office.post("/auth/roles", json=body)
    assert made.status_code == 201
    role = made.json()
    assert role == {
        "id": role["id"],
        "name": "critic",
        "permissions": ["movies:read", "movies:write"],
        "description": "",
    }
    listed = (await office.get("/auth/roles")).json()
    assert [one["name"] for one in listed] == ["critic", "editor", "manager", "reader", "root"]
    path = f"/auth/users/{ada.id}/roles"
    assert (await office.get(f"{path}/{role['id']}")).status_code == 404
    granted = await office.put(f"{path}/{role['id']}", json={})
    mary = (await office.get("/auth/permissions/roles:manage/users")).json()
    assert [one["username"] for one in mary] == ["mary"]
    expected = {
        "role": role,
        "granted_at": "2026-01-01T00:00:00Z",
        "granted_by": mary[0]["id"],
        "expires_at": None,
    }
    assert (granted.status_code, granted.json()) == (200, expected)
    later = "2026-01-02T00:00:00Z"
    granted = await office.put(f"{path}/{role['id']}", json={"expires_at": later})
    expected["expires_at"] = later
    assert granted.json() == expected
    assert (await office.get(f"{path}/{role['id']}")).json() == expected
    assert (await office.get(path)).json() == [expected]
    for name in ("editor", "reader"):
        await roles.grant(ada, name)
        assert (await office.get(f"{path}/{await role_id(roles, name)}")).status_code == 200
        await roles.withdraw(ada, name)
    changed = await office.patch(f"/auth/roles/{role['id']}", json={"description": "Reviews."})
    assert changed.json() == role | {"description": "Reviews."}
    assert (await office.patch(f"/auth/roles/{role['id']}", json={})).status_code == 200
    assert (await office.delete(f"{path}/{role['id']}")).status_code == 204
    assert (await office.delete(f"{path}/{role['id']}")).status_code == 404
    assert (await office.get(path)).json() == []
    assert (await office.delete(f"/auth/roles/{role['id']}")).status_code == 204
    assert (await office.delete(f"/auth/roles/{role['id']}")).status_code == 404
    assert (await office.get("/auth/me/permissions")).json() == {
        "permissions": ["account", "movies:read", "movies:write", "roles:manage"]
    }


async def test_withdrawn_at_once(office: httpx.AsyncClient, roles: Roles, ada: User) -> None:
    """A grant that succeeded is shown, even if the user loses the role before the response."""
    path = f"/auth/users/{ada.id}/roles/{await role_id(roles, 'reader')}"

    async def withdraw(event: AuthEvent) -> None:
        if event.name == "authz_role_granted":
            await roles.withdraw(ada, "reader")

    stop = subscribe(withdraw)
    granted = await office.put(path, json={})
    stop()
    assert (granted.status_code, granted.json()["role"]["name"]) == (200, "reader")
    assert await roles.roles_of(ada) == []


def operations(role: str, user: int) -> list[tuple[str, str, Any]]:
    """All requests that need the permission, on a role and a user."""
    grant = f"/auth/users/{user}/roles/{role}"
    return [
        ("GET", "/auth/roles", None),
        ("GET", f"/auth/users/{user}/roles", None),
        ("GET", grant, None),
        ("GET", "/auth/permissions", None),
        ("GET", "/auth/permissions/movies:read/users", None),
        ("POST", "/auth/roles", {"name": "mine", "permissions": []}),
        ("PATCH", f"/auth/roles/{role}", {"permissions": []}),
        ("DELETE", f"/auth/roles/{role}", None),
        ("PUT", grant, {}),
        ("DELETE", grant, None),
    ]


@pytest.mark.security(182)
async def test_strangers(
    client: httpx.AsyncClient,
    roles: Roles,
    ada: User,
    manager: User,
    token: TokenAuth[User],
    clock: FrozenClock,
) -> None:
    """
    Neither nobody, nor a plain user, an administrator, an API token, a narrowed token or a manager
    whose login is long ago.
    """
    await roles.grant(ada, "reader")
    await User.update({User.admin: True, User.superuser: True}).where(User.id == ada.id)
    asked = operations(await role_id(roles, "reader"), ada.id)
    secret = (await token.create(manager, "manage", scopes=["roles:manage"])).secret
    narrow = await get_tokens(client, "mary", scope="roles:manage")
    fresh = bearer((await get_tokens(client, "mary"))["access_token"])
    await log_in(client)
    plain = {"Cookie": f"__Host-session={client.cookies['__Host-session']}"}
    client.cookies.clear()
    await log_in(client, "mary")
    stale = {"Cookie": f"__Host-session={client.cookies['__Host-session']}"}
    client.cookies.clear()
    everyone: list[tuple[dict[str, str], int, str]] = [
        ({}, 401, "not_authenticated"),
        (plain, 403, "insufficient_scope"),
        (bearer(secret), 403, "credential_not_allowed"),
        (bearer(narrow["access_token"]), 403, "insufficient_scope"),
    ]
    for method, path, body in asked:
        for headers, status, code in everyone:
            answer = await client.request(method, path, json=body, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (status, code), (method, path)
    clock.advance(timedelta(minutes=5))
    for method, path, body in asked[5:]:
        for headers in (stale, fresh):
            answer = await client.request(method, path, json=body, headers=headers)
            assert answer.json()["code"] == "insufficient_user_authentication"
    assert (await client.get("/auth/roles", headers=stale)).status_code == 200
    assert await UserRole.count() == 2


async def test_by_jwt(client: httpx.AsyncClient, roles: Roles, manager: User, ada: User) -> None:
    """A bearer token needs a step-up for each change."""
    assert manager.active
    path = f"/auth/users/{ada.id}/roles/{await role_id(roles, 'reader')}"
    access = bearer((await get_tokens(client, "mary"))["access_token"])
    for _ in range(2):
        assert (await client.put(path, json={}, headers=access)).status_code == 401
        proof = {"password": PASSWORD}
        await client.post("/auth/reauthenticate", json=proof, headers=access)
        assert (await client.put(path, json={}, headers=access)).status_code == 200


@pytest.mark.security(182)
async def test_beyond(
    office: httpx.AsyncClient,
    roles: Roles,
    ada: User,
    manager: User,
    events: list[AuthEvent],
) -> None:
    """What goes beyond the caller's own permissions is a 403 with an event, and changes nothing."""
    root, reader = [await role_id(roles, name) for name in ("root", "reader")]
    await roles.grant(ada, "root")
    events.clear()
    calls: list[tuple[str, str, Any]] = [
        ("PUT", f"users/{ada.id}/roles/{root}", {}),
        ("DELETE", f"users/{ada.id}/roles/{root}", None),
        ("PATCH", f"roles/{root}", {"permissions": ["movies:read"]}),
        ("PATCH", f"roles/{reader}", {"permissions": ["movies:read", "films:any"]}),
        ("PATCH", f"roles/{reader}", {"permissions": ["*"]}),
        ("DELETE", f"roles/{root}", None),
        ("POST", "roles", {"name": "mine", "permissions": ["films:any"]}),
    ]
    for method, path, body in calls:
        answer = await office.request(method, f"/auth/{path}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    answer = await office.put(f"/auth/users/{manager.id}/roles/{reader}", json={})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    told = [(event.name, event.user, event.data["needed"]) for event in events]
    assert told[0] == ("authz_fail", manager.id, "*")
    assert told[-1] == ("authz_fail", manager.id, "")
    assert {name for name, _, _ in told} == {"authz_fail"}
    assert (await roles.find("reader")).permissions == "movies:read"
    assert len(await roles.roles_of(manager)) == 1


@pytest.mark.security(184)
async def test_the_last_manager(
    office: httpx.AsyncClient, roles: Roles, users: Users[User], manager: User
) -> None:
    """They can neither give up the role, nor empty or delete it, nor close their account."""
    role = await role_id(roles, "manager")
    path = f"/auth/users/{manager.id}/roles/{role}"
    calls: list[tuple[str, str, Any]] = [
        ("DELETE", path, None),
        ("PATCH", f"/auth/roles/{role}", {"permissions": ["movies:read"]}),
        ("DELETE", f"/auth/roles/{role}", None),
        ("DELETE", "/auth/me", {"current_password": PASSWORD}),
    ]
    for method, url, body in calls:
        answer = await office.request(method, url, json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "last_manager")
    assert await users.get(manager.id) is not None
    other = await users.create("other", PASSWORD, active=False)
    await roles.grant(other, "manager")
    assert (await office.delete(path)).status_code == 409  # they can't sign in
    await User.update({User.active: True}).where(User.id == other.id)
    body = {"current_password": PASSWORD}
    assert (await office.request("DELETE", "/auth/me", json=body)).status_code == 204


@pytest.mark.security(185)
@pytest.mark.parametrize(
    "body",
    [
        {"name": "bad", "permissions": ["Movies:Write"]},
        {"name": "bad", "permissions": ["movies:write "]},
        {"name": "bad", "permissions": ["movies:*"]},
        {"name": "bad", "permissions": ["admin"]},
        {"name": "bad", "permissions": [f"p{number}" for number in range(1000)]},
        {"name": "bad", "permissions": "movies:read"},
        {"name": "bad", "permissions": [None]},
        {"name": "bad", "permissions": None},
        {"name": "bad"},
        {"name": "Bad", "permissions": []},
        {"name": "bad\n", "permissions": []},
        {"name": None, "permissions": []},
        {"name": "bad", "permissions": [], "description": "\ud800"},
        {"name": "bad", "permissions": [], "description": "a\nb"},
        {"name": "bad", "permissions": ["movies:wr\ud800te"]},
        {"name": "bad", "permissions": [], "description": "\0"},
        {"name": "bad", "permissions": [], "id": str(uuid4())},
    ],
)
async def test_bad_roles(office: httpx.AsyncClient, roles: Roles, body: Any) -> None:
    """Whatever is not a role is a 422, when it is made and when it is changed."""
    headers = {"Content-Type": "application/json"}
    sent = json.dumps(body)
    answer = await office.post("/auth/roles", content=sent, headers=headers)
    assert answer.status_code == 422, answer.text
    if "name" in body and len(body) > 1 and body["name"] == "bad":
        del body["name"]
        path = f"/auth/roles/{await role_id(roles, 'reader')}"
        answer = await office.patch(path, content=json.dumps(body), headers=headers)
        assert answer.status_code == 422, answer.text
    assert len(await roles.every()) == 4


@pytest.mark.parametrize(
    "user", ["0", "-1", "01", "1_0", "１", "abc", "9999999999", "9" * 40, "%00", "a" * 201]
)
async def test_bad_users(office: httpx.AsyncClient, roles: Roles, user: str) -> None:
    """An id that no user has is a 404, whatever it looks like; as long as it can be one."""
    role = await role_id(roles, "reader")
    for method, path, body in operations(role, user)[1:]:  # type: ignore[arg-type]
        if "users/" in path.removeprefix("/auth/"):
            answer = await office.request(method, path, json=body)
            assert answer.status_code == (422 if len(user) > 200 else 404)
    answer = await office.get("/auth/permissions/movies:read/users", params={"after": user})
    assert answer.status_code in {200, 404, 422}


async def test_one_spelling_of_user_ids(office: httpx.AsyncClient, ada: User) -> None:
    """Only the spelling that the database gives for the id of a user finds the user."""
    assert (await office.get(f"/auth/users/{ada.id}/roles")).status_code == 200
    for text in (f"0{ada.id}", f"+{ada.id}", f" {ada.id}", f"{ada.id}_0"):
        assert (await office.get(f"/auth/users/{text}/roles")).status_code == 404, text


async def test_bad_grants(office: httpx.AsyncClient, roles: Roles, ada: User) -> None:
    """Times are in the future and have a zone; ids of roles are UUIDs; names are unique."""
    role = await role_id(roles, "reader")
    path = f"/auth/users/{ada.id}/roles"
    times = ["2025-01-01T00:00:00Z", "2027-01-01T00:00:00", "9999-12-31T23:59:59-12:00", "soon", 5]
    for time in times:
        answer = await office.put(f"{path}/{role}", json={"expires_at": time})
        assert answer.status_code == 422, time
    assert (await office.put(f"{path}/{role}", json={"role": "root"})).status_code == 422
    assert (await office.put(f"{path}/{uuid4()}", json={})).status_code == 404
    assert (await office.put(f"{path}/reader", json={})).status_code == 422
    answer = await office.patch(f"/auth/roles/{role}", json={"name": "editor"})
    assert (answer.status_code, answer.json()["code"]) == (409, "value_taken")
    answer = await office.post("/auth/roles", json={"name": "editor", "permissions": []})
    assert (answer.status_code, answer.json()["code"]) == (409, "value_taken")


@pytest.mark.security(186)
async def test_other_bodies_change_nothing(
    client: httpx.AsyncClient, users: Users[User], roles: Roles, ada: User
) -> None:
    """Roles and permissions in any other body give nothing."""
    added = {"roles": ["root"], "permissions": ["*"], "is_admin": True, "scopes": ["*"]}
    await client.post(
        "/auth/login", json={"username": "ada", "password": PASSWORD, "admin": True} | added
    )
    answers = [
        await client.patch("/auth/me", json={"first_name": "Ada"} | added),
        await client.post(
            "/auth/register",
            json={"email": "eve@example.com", "username": "eve", "password": PASSWORD} | added,
        ),
        await client.post("/auth/reauthenticate", json={"password": PASSWORD} | added),
        await client.post("/auth/api-tokens", json={"name": "a", "scopes": ["*"]}),
    ]
    assert all(answer.status_code < 500 for answer in answers)
    assert answers[-1].status_code == 403
    assert await UserRole.count() == 0
    assert (await client.get("/whoami")).json() == ["account"]
    eve = await users.find("eve@example.com")
    assert eve is None or not (eve.admin or eve.superuser)
    assert await users.scopes_of(ada) == {"account"}


@pytest.mark.security(188)
async def test_permissions_are_those_of_openapi(
    office: httpx.AsyncClient, app: FastAPI, roles: Roles
) -> None:
    """The list has the scopes that OpenAPI shows, and those that the code and roles name."""
    await roles.create("critic", ["reviews:write"])
    listed = {one["name"]: one["roles"] for one in (await office.get("/auth/permissions")).json()}
    assert listed == {
        "films:any": ["root"],
        "movies:read": ["editor", "manager", "reader", "root"],
        "movies:write": ["editor", "manager", "root"],
        "reviews:write": ["critic", "root"],
        "roles:manage": ["manager", "root"],
    }
    shown = {
        scope
        for item in app.openapi()["paths"].values()
        for operation in item.values()
        for alternative in operation.get("security", ())
        for scopes in alternative.values()
        for scope in scopes
    }
    assert shown - {"account"} == listed.keys() - {"reviews:write", "films:any"}


@pytest.mark.security(188)
@pytest.mark.parametrize(
    ("options", "change", "expected"),
    [
        ({}, "", "No role grants: a:b, c:d."),
        ({}, "a:b", "No role grants: c:d."),
        ({}, "*", ""),
        ({"scopes_of": lambda _: ["a:b"]}, "", ""),
    ],
)
async def test_unknown_permissions(
    database: Any,
    clock: FrozenClock,
    caplog: pytest.LogCaptureFixture,
    options: dict[str, Any],
    change: str,
    expected: str,
) -> None:
    """At start-up, the log names permissions that routes ask for and no role grants."""
    roles = Roles({"manager": ["roles:manage", "e:f"]})
    users = Users(clock=clock, roles=roles, **options)
    session = SessionAuth(users)
    await roles.sync()
    if change:
        await roles.create("other", [change])
    app = FastAPI()
    install(app)
    app.include_router(roles_router(roles, session))
    for name in ("a:b", "c:d", "e:f"):
        app.get(f"/{name}", dependencies=[Depends(require(session, permission=name))])(nothing)
    await start_and_stop(app)
    told = [record.message for record in caplog.records if "No role" in record.message]
    assert told == ([expected] if expected else [])


@reaches_no_sql
async def test_openapi(app: FastAPI, database: Any) -> None:
    """Each route has its errors, a description and the schemes for people only."""
    document = expanded(app.openapi())
    found = {
        operation["operationId"]: operation
        for path, item in document["paths"].items()
        for operation in item.values()
        if operation.get("tags") == ["roles"]
    }
    statuses = {name: " ".join(sorted(one["responses"])) for name, one in found.items()}
    assert statuses == {
        "list_roles": "200 400 401 403 413 503",
        "create_role": "201 400 401 403 409 413 415 422 503",
        "change_role": "200 400 401 403 404 409 413 415 422 503",
        "delete_role": "204 400 401 403 404 409 413 422 503",
        "list_user_roles": "200 400 401 403 404 413 422 503",
        "get_user_role": "200 400 401 403 404 413 422 503",
        "grant_role": "200 400 401 403 404 409 413 415 422 503",
        "withdraw_role": "204 400 401 403 404 409 413 422 503",
        "list_permissions": "200 400 401 403 413 503",
        "list_permission_holders": "200 400 401 403 404 413 422 503",
        "list_my_permissions": "200 400 401 403 413 503",
    }
    scopes = ["account", "roles:manage"]
    for name, operation in found.items():
        assert operation["summary"]
        assert operation["description"]
        if name != "list_my_permissions":
            assert operation["security"] == [{"Session": scopes}, {"JWT": scopes}]
    codes = {
        name: [
            code
            for response in one["responses"].values()
            for content in response.get("content", {}).values()
            for code in content.get("examples", ())
        ]
        for name, one in found.items()
    }
    assert "last_manager" in codes["withdraw_role"]
    closing = document["paths"]["/auth/me"]["delete"]["responses"]["409"]
    assert "last_manager" in closing["content"]["application/problem+json"]["examples"]


@pytest.fixture
def make_jwt(users: Users[User]) -> Callable[..., JWTAuth[User]]:
    """Makes a scheme."""
    return lambda **options: JWTAuth(users, secret="0" * 32, **options)


@reaches_no_sql
async def test_configuration(
    users: Users[User], make_jwt: Callable[..., JWTAuth[User]], clock: FrozenClock
) -> None:
    """The guard's users must have the very roles; the scheme's name prefixes the operations."""
    assert users.roles is not None
    others: list[Any] = [Users(), Users(roles=Roles()), Users(Customer, roles=Roles())]
    for other in others:
        with pytest.raises(ConfigurationError, match="must have these roles"):
            roles_router(users.roles, SessionAuth(other))
    with pytest.raises(ConfigurationError, match="scheme for people"):
        roles_router(users.roles, StaticTokens({"deploy": "0" * 32}, users))
    with pytest.raises(ConfigurationError, match="at least one second"):
        roles_router(users.roles, SessionAuth(users), within=timedelta(0))
    router: Any = roles_router(users.roles, make_jwt(name="staff"), within=None)
    assert {route.operation_id.partition("_")[0] for route in router.routes} == {"staff"}


@pytest.mark.parametrize(
    ("minutes", "status"),
    [
        ({"password": 1}, 201),
        ({"password": 1, "totp": 6}, 401),
        ({"password": 6, "totp": 1}, 201),
    ],
)
async def test_step_up_needs_the_second_factor(
    session: SessionAuth[User],
    roles: Roles,
    manager: User,
    clock: FrozenClock,
    minutes: dict[str, int],
    status: int,
) -> None:
    """A caller who signed in with a second factor must have used a second factor recently."""
    app = FastAPI()
    install(app)
    app.include_router(roles_router(roles, session))
    factors = {name: clock.now - timedelta(minutes=ago) for name, ago in minutes.items()}
    scopes = ["account", "roles:manage", "movies:read"]
    body = {"name": "critic", "permissions": ["movies:read"]}
    async with new_client(app) as client:
        with acting_as(session, manager, scopes=scopes, factors=factors):
            answer = await client.post("/roles", json=body)
    assert answer.status_code == status, answer.text


async def test_no_step_up(
    users: Users[User],
    manager: User,
    ada: User,
    clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`within=None` asks for none; `acting_as` has the permissions that a test gives it."""
    roles, session = users.roles, SessionAuth(users)
    assert roles is not None
    monkeypatch.setattr(roles, "known", set(roles.known))  # other tests have the same roles
    app = FastAPI()
    app.include_router(roles_router(roles, session, within=None))
    app.get("/own", dependencies=[Depends(require(session, permission="own:one"))])(nothing)
    body = {"name": "mine", "permissions": ["movies:read"]}
    async with new_client(app) as client:
        with acting_as(session, manager, factors=[]):
            assert (await client.post("/roles", json=body)).status_code == 201
            assert (await client.get("/own")).status_code == 403
        with acting_as(session, manager, permissions=["own:one"]):
            assert (await client.get("/own")).status_code == 200
        with acting_as(session, ada, scopes=[], permissions=["own:one"]) as identity:
            assert identity.scopes == {"own:one"}
            assert (await client.get("/own")).status_code == 200
        await give_role(users, ada, "owner", ["own:one"])
        with acting_as(session, ada):
            assert (await client.get("/own")).status_code == 200
        await give_role(users, ada, "owner", [])
        await give_role(users, ada, "reader")
        with acting_as(session, ada):
            assert (await client.get("/own")).status_code == 403
            found = (await client.get("/me/permissions")).json()
            assert found == {"permissions": ["account", "movies:read"]}
    with pytest.raises(AssertionError, match="have no roles"):
        await give_role(Users(), ada, "reader")


async def test_own_user_tables(database: Any, clock: FrozenClock) -> None:
    """Ids of users are those of their table."""
    roles = Roles({"manager": ["roles:manage"]})
    users = Users(Customer, roles=roles, clock=clock)
    await roles.sync()
    ada, bob = [await users.create(name, PASSWORD) for name in ("ada", "bob")]
    await roles.grant(ada, "manager")
    session = SessionAuth(users)
    app = FastAPI()
    app.include_router(roles_router(roles, session))
    role = await role_id(roles, "manager")
    async with new_client(app) as client:
        with acting_as(session, ada):
            answer = await client.put(f"/users/{bob.id}/roles/{role}", json={})
            assert answer.json()["granted_by"] == str(ada.id)
            for other in (uuid4(), 1, "bob"):
                assert (await client.get(f"/users/{other}/roles")).status_code == 404
            first, second = sorted(str(user.id) for user in (ada, bob))
            path = "/permissions/roles:manage/users"
            page = (await client.get(path, params={"limit": 1})).json()
            assert [user["id"] for user in page] == [first]
            page = (await client.get(path, params={"after": first})).json()
            assert [user["id"] for user in page] == [second]
            assert (await client.get(path, params={"after": "x"})).status_code == 404
