"""Users: find, create, change, and what Piccolo's own code does to them."""

import asyncio
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import httpx
import pytest
from fastapi import Depends, FastAPI
from piccolo.apps.user.tables import BaseUser
from piccolo.columns import ForeignKey, Serial, Varchar
from piccolo.columns.base import OnDelete
from piccolo.table import Table, create_db_tables

from piccolo_api_fastapi import (
    AnyOf,
    AuthTable,
    ConfigurationError,
    JWTAuth,
    Password,
    PasswordHasher,
    PBKDF2Hasher,
    Proof,
    RefreshFamily,
    Session,
    SessionAuth,
    User,
    Users,
    auth_tables,
    jwt_router,
    session_router,
)
from piccolo_api_fastapi.core.database.user_tables import bound, primary_key
from piccolo_api_fastapi.errors import (
    IdentityTaken,
    InvalidCredentials,
    Unprocessable,
    WeakPassword,
)
from piccolo_api_fastapi.testing import (
    FrozenClock,
    assert_single_winner,
    cheap_pbkdf2_hasher,
    race,
)
from piccolo_api_fastapi.users.tables import MARKER
from tests.conftest import (
    PASSWORD,
    SECRET,
    bearer,
    get_tokens,
    log_in,
    new_client,
    use_engine,
)
from tests.models import Customer, Member

NEW = "another horse battery"


async def can_log_in(users: Users[Any], name: str, password: str) -> bool:
    """Whether the password is accepted."""
    try:
        await users.uphold(await users.verify(name, password))
    except InvalidCredentials:
        return False
    return True


async def column(name: str = "ada") -> str:
    """What the old column holds."""
    [row] = await User.select(User.password).where(User.username == name)
    return str(row["password"])


async def legacy(name: str = "ada", password: str = PASSWORD) -> None:
    """A user as Piccolo makes them."""
    encoded = BaseUser.hash_password(password, iterations=10)
    await User.raw(
        "INSERT INTO piccolo_user "
        "(username, password, email, active, admin, superuser, first_name, last_name) "
        "VALUES ({}, {}, {}, true, false, false, '', '')",
        name,
        encoded,
        f"{name}@example.com",
    )


# --- create and find -----------------------------------------------------------------------


async def test_create(users: Users[User]) -> None:
    """Stored in normal form, with the marker in the old column and the hash elsewhere."""
    user = await users.create(" Ada ", PASSWORD, email="Ada@Example.COM", first_name="Ada")
    assert (user.username, user.email, user.first_name) == ("ada", "ada@example.com", "Ada")
    assert user.active
    assert await column() == MARKER
    [row] = await Password.select()
    assert row["hash"].startswith("$argon2id$")
    assert row["changed_at"] == users.clock()
    assert await can_log_in(users, "ada", PASSWORD)


async def test_find(users: Users[User], ada: User) -> None:
    """By name and address in any case, by key; nobody otherwise."""
    for identifier in ("ada", "ADA", "ada@example.com", "ADA@EXAMPLE.com"):
        found = await users.find(identifier)
        assert found is not None
        assert found.id == ada.id
    for identifier in ("", "nobody", "ada@example", "a\x00", "\ud800", "x" * 300, "%"):
        assert await users.find(identifier) is None
    found = await users.get(ada.id)
    assert found is not None
    assert found.username == "ada"
    assert await users.get(ada.id + 1) is None


async def test_find_older_rows(users: Users[User]) -> None:
    """A row from before, in upper case, is found by its name and by its address in any case."""
    await legacy("Grace")
    for identifier in ("Grace", "grace", "GRACE", "grace@example.com", "GRACE@example.com"):
        assert await users.find(identifier) is not None


async def test_names_that_are_addresses(users: Users[User], ada: User) -> None:
    """A username may be an address only if it is the user's own; the address decides."""
    eve = await users.create("eve@example.com", PASSWORD, email="eve@example.com")
    found = await users.find("eve@example.com")
    assert found is not None
    assert found.id == eve.id
    for username, email in (("ada@example.com", None), ("bob@example.com", "b@example.com")):
        with pytest.raises(Unprocessable):
            await users.create(username, PASSWORD, email=email)


@pytest.mark.parametrize(
    ("username", "email"),
    [
        ("ada", "other@example.com"),
        ("ADA", None),
        ("ＡＤＡ", None),
        ("other", "ADA@example.com"),
        ("other", "ＡDA@example.com"),
        ("Grace", None),
        ("grace", None),
        ("other", "grace@EXAMPLE.com"),
        ("grace@example.com", "grace@example.com"),
    ],
)
@pytest.mark.security(14)
async def test_taken(users: Users[User], ada: User, username: str, email: str | None) -> None:
    """One owner for each name and mailbox, rows from before included (D-U4)."""
    await legacy("Grace")
    with pytest.raises(IdentityTaken):
        await users.create(username, PASSWORD, email=email)
    assert await User.count() == 2
    assert await Password.count() == 1


@pytest.mark.security(108)
async def test_racing_creation(users: Users[User]) -> None:
    """24 registrations of one identity: one row, 23 clean refusals."""

    async def register() -> User:
        return await users.create("ada", PASSWORD, email="ada@example.com")

    winner = await assert_single_winner(register)
    assert winner.username == "ada"
    results = await race(register)
    assert {IdentityTaken} == {type(result) for result in results}
    assert (await User.count(), await Password.count()) == (1, 1)


async def test_no_email(users: Users[User]) -> None:
    """Any number of users may have no address (D-U5)."""
    for name in ("one", "two"):
        await users.create(name, PASSWORD)
    assert await User.count() == 2


@pytest.mark.parametrize(
    "arguments",
    [
        {"password": "short"},
        {"password": "x" * 200},
        {"username": ""},
        {"username": "x" * 101},
        {"username": "a\x00b"},
        {"email": "no address"},
        {"password": "ada-lovelace", "username": "ada-lovelace"},
    ],
)
async def test_refused(users: Users[User], arguments: Any) -> None:
    """Nothing is half-written when a value can't be used (D-U3)."""
    with pytest.raises(Unprocessable):
        await users.create(**({"username": "ada", "password": PASSWORD} | arguments))
    assert await User.count() == 0


async def test_password_and_hash(users: Users[User]) -> None:
    """A password and a hash contradict each other, so neither is silently left out."""
    encoded = await users.encode(PASSWORD, "ada", None)
    with pytest.raises(ValueError, match="either password or encoded, not both"):
        await users.create("ada", PASSWORD, encoded=encoded)
    assert await User.count() == 0


async def test_other_errors_pass(users: Users[User]) -> None:
    """What is nobody's identity is not called so."""
    with pytest.raises(Exception, match=r"(?i)null"):
        await users.create("ada", PASSWORD, superuser=None)
    assert await User.count() == 0


async def test_odd_passwords(users: Users[User]) -> None:
    """A password that looks like a hash is a password (D-U3, D-U8)."""
    password = "pbkdf2_sha256$evil"
    await users.create("ada", password)
    assert await can_log_in(users, "ada", password)
    assert not await can_log_in(users, "ada", MARKER)


# --- set a password ------------------------------------------------------------------------


@pytest.mark.security(24)
async def test_set_password(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """The new one works, the old one does not; the policy is asked."""
    await users.set_password(ada, NEW)
    assert await can_log_in(users, "ada", NEW)
    assert not await can_log_in(users, "ada", PASSWORD)
    for weak in ("short", "ada", "ada@example.com", "password1"):
        with pytest.raises(WeakPassword):
            await users.set_password(ada, weak)


async def test_first_password(users: Users[User]) -> None:
    """A user without a password gets one."""
    user = await users.create("none")
    assert not await can_log_in(users, "none", "")
    await users.set_password(user, PASSWORD)
    assert await can_log_in(users, "none", PASSWORD)


@pytest.mark.security(3)
async def test_old_proofs(users: Users[User], ada: User) -> None:
    """A login that began before a password change issues nothing after it."""
    proof = await users.verify("ada", PASSWORD)
    await users.uphold(proof)
    await users.set_password(ada, NEW)
    with pytest.raises(InvalidCredentials):
        await users.uphold(proof)
    proof = await users.verify("ada", NEW)
    await User.update({User.active: False}).where(User.id == ada.id)
    with pytest.raises(InvalidCredentials):
        await users.uphold(proof)
    with pytest.raises(InvalidCredentials):
        await users.uphold(Proof(ada))
    assert PASSWORD not in repr(proof)
    assert "argon2" not in repr(proof)


@pytest.mark.security(3)
async def test_old_proofs_after_piccolo(users: Users[User], ada: User) -> None:
    """A proof does not hold once Piccolo's command line set another password."""
    proof = await users.verify("ada", PASSWORD)
    await User.raw("UPDATE piccolo_user SET password = {}", BaseUser.hash_password(NEW, "x", 10))
    with pytest.raises(InvalidCredentials):
        await users.uphold(proof)


# --- hashes that Piccolo made --------------------------------------------------------------


@pytest.mark.security(2)
async def test_moved_at_login(users: Users[User]) -> None:
    """The right password moves the hash; a wrong one touches nothing."""
    await legacy()
    before = await column()
    assert not await can_log_in(users, "ada", "wrong")
    assert await column() == before
    assert await can_log_in(users, "ada", PASSWORD)
    assert await column() == MARKER
    assert await Password.count() == 1
    assert await can_log_in(users, "ada", PASSWORD)


@pytest.mark.security(2)
async def test_renewed_at_login(users: Users[User], ada: User) -> None:
    """A weaker Argon2id hash is renewed at the login, once."""
    stronger = Users(
        hasher=PasswordHasher(memory_kib=16, iterations=1, allow_weak=True), clock=users.clock
    )
    [before] = await Password.select(Password.hash)
    assert not await can_log_in(stronger, "ada", "wrong")
    assert [before] == await Password.select(Password.hash)
    assert await can_log_in(stronger, "ada", PASSWORD)
    [after] = await Password.select(Password.hash)
    assert "m=16," in after["hash"]
    assert await can_log_in(stronger, "ada", PASSWORD)
    assert [after] == await Password.select(Password.hash)


@pytest.mark.security(3)
@pytest.mark.parametrize("kind", ["legacy", "weak"])
async def test_rehash_races_password_change(
    users: Users[User], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password change between check and re-hash wins."""
    if kind == "legacy":
        await legacy()
    else:
        await users.create("ada", PASSWORD)
    hasher = PasswordHasher(memory_kib=16, iterations=1, allow_weak=True)
    slow = Users(hasher=hasher, clock=users.clock)
    real_hash = hasher.hash

    async def overtaken(password: str) -> str:
        user = await users.find("ada")
        assert user is not None
        monkeypatch.undo()
        await users.set_password(user, NEW)
        return await real_hash(password)

    monkeypatch.setattr(hasher, "hash", overtaken)
    with pytest.raises(InvalidCredentials):
        await slow.verify("ada", PASSWORD)
    assert await can_log_in(users, "ada", NEW)
    assert not await can_log_in(users, "ada", PASSWORD)


async def test_never_ending_changes(users: Users[User], monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the hash change at each of three tries, the login fails."""
    await legacy()
    hasher = PasswordHasher(memory_kib=16, iterations=1, allow_weak=True)
    slow = Users(hasher=hasher, clock=users.clock)
    real_hash = hasher.hash

    async def overtaken(password: str) -> str:
        encoded = BaseUser.hash_password(PASSWORD, iterations=10)
        await User.raw("UPDATE piccolo_user SET password = {}", encoded)
        return await real_hash(password)

    monkeypatch.setattr(hasher, "hash", overtaken)
    with pytest.raises(InvalidCredentials):
        await slow.verify("ada", PASSWORD)
    assert await Password.count() == 0


@pytest.mark.security(2)
async def test_racing_moves(users: Users[User]) -> None:
    """24 first logins at once all pass, and the hash is moved once."""
    await legacy()

    async def enter() -> bool:
        return await can_log_in(users, "ada", PASSWORD)

    assert await race(enter) == [True] * 24
    assert await column() == MARKER
    assert await Password.count() == 1


@pytest.mark.security(24)
async def test_changed_by_piccolo(users: Users[User], ada: User, client: httpx.AsyncClient) -> None:
    """
    A password set by Piccolo's CLI or Admin wins over the stored hash. The first login
    with it moves it, and ends what was issued before (D-U7).
    """
    await log_in(client)
    encoded = BaseUser.hash_password(NEW, iterations=10)
    await User.raw("UPDATE piccolo_user SET password = {}", encoded)
    assert not await can_log_in(users, "ada", PASSWORD)
    assert (await client.get("/me")).status_code == 200
    assert await can_log_in(users, "ada", NEW)
    assert (await client.get("/me")).status_code == 401
    assert await column() == MARKER
    assert not await can_log_in(users, "ada", PASSWORD)
    await log_in(client, password=NEW)
    assert await can_log_in(users, "ada", NEW)
    assert (await client.get("/me")).status_code == 200


async def test_stale_save(users: Users[User]) -> None:
    """An object loaded before the move and saved after brings no old password back (D-U8)."""
    await legacy()
    old = BaseUser.hash_password("something older", iterations=10)
    [row] = await User.select().where(User.username == "ada")
    stale_column = row["password"]
    user = await users.find("ada")
    assert user is not None
    await users.set_password(user, NEW)
    await User.raw("UPDATE piccolo_user SET password = {}", stale_column)
    assert await can_log_in(users, "ada", NEW)
    assert not await can_log_in(users, "ada", PASSWORD)
    await User.raw("UPDATE piccolo_user SET password = {}", old)
    assert await can_log_in(users, "ada", "something older")
    await users.set_password(user, NEW)
    await User.raw("UPDATE piccolo_user SET password = {}", old)
    assert not await can_log_in(users, "ada", "something older")


# --- plain BaseUser ------------------------------------------------------------------------


class Film(Table):
    """Something that belongs to a user, by Piccolo's own table."""

    name = Varchar()
    owner = ForeignKey(BaseUser)


async def test_plain_base_user(users: Users[User], ada: User, database: Any) -> None:
    """Loaded and saved by `BaseUser`, also by prefetch: quickly, and nothing changes."""
    use_engine(database)
    await create_db_tables(Film, if_not_exists=True)
    hashed: list[str] = []
    real = BaseUser.hash_password

    def spy(password: str, salt: str = "", iterations: int | None = None) -> str:
        hashed.append(password)
        return real(password, salt, 10)

    BaseUser.hash_password = spy  # type: ignore[method-assign]
    try:
        [plain] = await BaseUser.objects()
        plain.first_name = "Ada"
        await plain.save()
        await Film.insert(Film(name="x", owner=ada.id))
        [film] = await Film.objects(Film.owner)
        film.owner.last_name = "Lovelace"
        await film.owner.save()
        [again] = await User.objects()
        await again.save()
        assert await BaseUser.login("ada", PASSWORD) is None
        assert await BaseUser.login("ada", "!") is None
    finally:
        BaseUser.hash_password = real  # type: ignore[method-assign]
        await Film.alter().drop_table()
    assert not [password for password in hashed if password not in (PASSWORD, "!")]
    assert await column() == MARKER
    assert await can_log_in(users, "ada", PASSWORD)
    found = await users.find("ada")
    assert found is not None
    assert (found.first_name, found.last_name) == ("Ada", "Lovelace")


async def test_saves_what_changed(users: Users[User], ada: User) -> None:
    """A stale object reverts neither a password nor a deactivation (D-U8)."""
    [stale] = await User.objects()
    await legacy("grace")
    await User.update({User.active: False, User.password: "x"}).where(User.id == ada.id)
    stale.first_name = "Ada"
    await stale.save()
    [row] = await User.select().where(User.id == ada.id)
    assert (row["first_name"], row["active"], row["password"]) == ("Ada", False, "x")
    stale.last_name = "L"
    await stale.save([User.last_name])
    new = User(username="new", email="new@example.com")
    await new.save()
    assert await column("new") == MARKER


async def test_construction() -> None:
    """Columns as keys work; neither text nor dictionary holds a password (D-U8)."""
    user = User({User.username: "ada", "email": "a@b.org"}, password=MARKER)
    assert (user.username, user.email) == ("ada", "a@b.org")
    assert "password" not in user.to_dict()
    assert user.to_dict(User.username) == {"username": "ada"}
    assert "pbkdf2" not in str(user) + repr(user)


async def test_piccolo_api_of_user(users: Users[User], database: Any) -> None:
    """`create_user`, `login` and `update_password` do what they do in Piccolo."""
    user = await User.create_user("ada", PASSWORD, email="a@b.org", active=True)
    assert await User.login("ada", PASSWORD) == user.id
    assert await User.login("ada", "wrong") is None
    await User.update_password("ada", NEW)
    await User.update_password(user.id, NEW + "!")
    assert await User.login("ada", NEW + "!") == user.id
    inactive = await User.create_user("bob", PASSWORD)
    assert not inactive.active
    assert await User.login("bob", PASSWORD) is None
    for name, password in (("", PASSWORD), ("x", ""), ("x", "short"), ("ada", PASSWORD)):
        with pytest.raises(ValueError, match=r"\w"):
            await User.create_user(name, password)
    for whom in ("nobody", 10**6):
        with pytest.raises(ValueError, match="no such user"):
            await User.update_password(whom, NEW)
    with pytest.raises(ValueError, match="most common"):
        await User.update_password("ada", "password1")


# --- the interop mode ----------------------------------------------------------------------


async def test_interop(database: Any) -> None:
    """PBKDF2 stays in the column, `BaseUser.login` works, `auth_password` stays empty."""
    users = Users(interop=True, hasher=cheap_pbkdf2_hasher())
    user = await users.create("ada", PASSWORD)
    assert (await column()).startswith("pbkdf2_sha256$1$")
    assert await BaseUser.login("ada", PASSWORD) == user.id
    assert await can_log_in(users, "ada", PASSWORD)
    await users.set_password(user, NEW)
    assert await can_log_in(users, "ada", NEW)
    assert not await can_log_in(users, "ada", PASSWORD)
    slower = Users(interop=True, hasher=PBKDF2Hasher(iterations=2, allow_weak=True))
    assert await can_log_in(slower, "ada", NEW)
    assert (await column()).startswith("pbkdf2_sha256$2$")
    none = await users.create("none")
    assert await column("none") == MARKER
    assert not await can_log_in(users, "none", "")
    assert none.id
    assert await Password.count() == 0


def test_interop_configuration() -> None:
    """The mode and the hasher fit."""
    with pytest.raises(ConfigurationError):
        Users(interop=True, hasher=PasswordHasher())
    assert isinstance(Users(interop=True).hasher, PBKDF2Hasher)


# --- other tables --------------------------------------------------------------------------


@pytest.mark.security(23)
@pytest.mark.parametrize("table", [Customer, Member])
async def test_own_table(database: Any, table: type[BaseUser]) -> None:
    """A user table of one's own, with UUIDs and another name of the key, works alike (D-U9)."""
    users = Users(table)
    user = await users.create("ada", PASSWORD, email="a@b.org", first_name="Ada")
    assert isinstance(primary_key(user), UUID)
    assert await can_log_in(users, "A@B.org", PASSWORD)
    await users.set_password(user, NEW)
    assert await can_log_in(users, "ada", NEW)
    found = await users.get(primary_key(user))
    assert found is not None
    assert found.first_name == "Ada"
    assert await User.count() == 0


@pytest.mark.parametrize("table", [Customer, Member])
async def test_own_table_in_an_app(database: Any, table: type[BaseUser]) -> None:
    """Sessions, tokens and their lists work for it, and die with the user (D-J10, D-U7)."""
    users = Users(table)
    session, jwt = SessionAuth(users), JWTAuth(users, secret=SECRET)
    app = FastAPI()
    app.include_router(session_router(session), prefix="/auth")
    app.include_router(jwt_router(jwt), prefix="/auth")

    @app.get("/me")
    async def me(user: Annotated[BaseUser, Depends(AnyOf(session, jwt))]) -> str:
        return user.username

    user = await users.create("ada", PASSWORD)
    async with new_client(app) as client:
        answer = await log_in(client)
        assert answer.json()["user"]["id"] == str(primary_key(user))
        headers = bearer((await get_tokens(client))["access_token"])
        assert len((await client.get("/auth/sessions")).json()) == 1
        assert len((await client.get("/auth/token/families", headers=headers)).json()) == 1
        for sent in ({}, headers):
            assert (await client.get("/me", headers=sent)).json() == "ada"
        await users.set_password(user, NEW)
        for sent in ({}, headers):
            assert (await client.get("/me", headers=sent)).status_code == 401


def test_unbound() -> None:
    """A user table whose tables were not made is named in the error."""

    class Stranger(BaseUser, tablename="stranger"):
        pass

    with pytest.raises(ConfigurationError, match=r"Stranger; call auth_tables\(\)"):
        Users(Stranger)
    tables = auth_tables(Stranger)
    assert bound(Session, Stranger) is tables.session
    assert bound(RefreshFamily, User) is RefreshFamily
    assert Users(Stranger).table is Stranger


# --- scopes --------------------------------------------------------------------------------


async def _given(user: User) -> set[str]:
    return {f"of:{user.username}"}


@pytest.mark.parametrize("scopes_of", [_given, lambda user: [f"of:{user.username}"]])
async def test_scopes_of(scopes_of: Any) -> None:
    """The scope of every user, the flags, and what the function gives; sync or async."""
    user = User(username="ada", admin=True, superuser=True)
    assert await Users().scopes_of(user) == {"account", "admin", "superuser"}
    found = await Users(scopes_of=scopes_of).scopes_of(User(username="b"))
    assert found == {"account", "of:b"}


@pytest.mark.security(3)
async def test_login_races_password_change(
    users: Users[User], ada: User, clock: FrozenClock
) -> None:
    """Many logins with the old password while it changes: none holds afterwards."""

    async def enter() -> bool:
        return await can_log_in(users, "ada", PASSWORD)

    change = asyncio.create_task(users.set_password(ada, NEW))
    await race(enter)
    await change
    assert not await enter()
    clock.advance(timedelta(days=1))  # those that came after the change count as guesses
    assert await can_log_in(users, "ada", NEW)


@pytest.mark.usefixtures("undeclared")
async def test_credentials_with_ids_of_another_type(
    client: httpx.AsyncClient, users: Users[User], ada: User, database: Any
) -> None:
    """A new password keeps the session of the caller, and ends credentials that have numbers."""

    class DoorCode(AuthTable, Table, tablename="door_code", db=database):
        ends_with_password = True
        id = Serial(primary_key=True)
        user = ForeignKey(User, null=False, on_delete=OnDelete.cascade)

    await create_db_tables(DoorCode)
    try:
        await log_in(client)
        await DoorCode.insert(DoorCode(user=ada.id))
        [session] = await Session.select(Session.id)
        await users.set_password(ada, "another horse battery", keep=session["id"])
        assert (await client.get("/session")).status_code == 200
        assert await DoorCode.count() == 0
    finally:
        await DoorCode.alter().drop_table()
