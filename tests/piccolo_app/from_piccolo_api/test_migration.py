"""The migration from a database that piccolo-api itself made."""

import sqlite3
import warnings
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from piccolo.apps.user.tables import BaseUser
from piccolo.table import create_db_tables, drop_db_tables
from pyotp.totp import TOTP as PhoneApp  # noqa: N811 - not ours
from starlette.requests import HTTPConnection

from piccolo_api_fastapi import (
    TOTP,
    APIToken,
    ConfigurationError,
    Cookie,
    Login,
    Session,
    SessionAuth,
    TokenAuth,
    TOTPSecret,
    User,
    Users,
    XChaCha20Poly1305,
    generate_key,
    install,
    session_router,
)
from piccolo_api_fastapi.access.identity import NEVER
from piccolo_api_fastapi.clock import utcnow
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.errors import InvalidToken, WrongConfirmation
from piccolo_api_fastapi.piccolo_app import migrate_piccolo_api
from piccolo_api_fastapi.piccolo_app.from_piccolo_api.ledger import LEDGER
from piccolo_api_fastapi.piccolo_app.from_piccolo_api.migration import migrate_from_piccolo_api
from piccolo_api_fastapi.piccolo_app.from_piccolo_api.providers import (
    decrypt_by_name,
    decrypt_with,
)
from piccolo_api_fastapi.piccolo_app.from_piccolo_api.report import Moved
from piccolo_api_fastapi.testing import race
from tests.conftest import PASSWORD, bearer, log_in, new_client, reaches_no_sql, use_engine

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from piccolo_api.encryption.providers import (
        FernetProvider,
        PlainTextProvider,
        XChaCha20Provider,
    )
    from piccolo_api.mfa.authenticator.tables import AuthenticatorSecret
    from piccolo_api.session_auth.tables import SessionsBase
    from piccolo_api.token_auth.tables import TokenAuth as OldToken

Plain: Any = PlainTextProvider
OLD = [SessionsBase, OldToken, AuthenticatorSecret]
KEY = bytes(range(32))
FERNET_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@pytest.fixture(autouse=True)
def cheap_recovery_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """piccolo-api hashes eight of them for each authenticator, at Piccolo's price."""
    monkeypatch.setattr(BaseUser, "_pbkdf2_iteration_count", 1)


@pytest.fixture
async def ada(database: Any) -> AsyncIterator[User]:
    """A user of piccolo-api, beside the tables of piccolo-api."""
    use_engine(database)
    await create_db_tables(*OLD, if_not_exists=True)
    yield await Users().create("ada", PASSWORD)
    await drop_db_tables(*OLD)
    await User.raw(f"DROP TABLE IF EXISTS {LEDGER}")


@pytest.fixture
def totp(database: Any) -> TOTP:
    """What authenticators move to."""
    return TOTP(encryption=XChaCha20Poly1305(generate_key()), issuer="Example")


@pytest.fixture
async def client(database: Any, totp: TOTP) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application that took over, with the old cookie's name."""
    app = FastAPI()
    install(app)
    session = SessionAuth(cookie=Cookie("id"), accepts_piccolo_api=True)
    app.include_router(session_router(session, Login(factors=[totp])), prefix="/auth")

    async with new_client(app) as client:
        yield client


async def old_session(user: int, **lifetimes: Any) -> str:
    """A session that piccolo-api made; it stores the local time of its server."""
    session = await SessionsBase.create_session(user, **lifetimes)
    return session.token


async def test_sessions(client: httpx.AsyncClient, ada: User) -> None:
    """People stay signed in under the old cookie; the table opens nothing any more."""
    token = await old_session(ada.id)
    moved = await migrate_from_piccolo_api()
    assert moved == Moved(sessions=1)
    headers = {"Cookie": f"id={token}"}
    [listed] = (await client.get("/auth/sessions", headers=headers)).json()
    ends = datetime.fromisoformat(listed["expires_at"].replace("Z", "+00:00"))
    assert timedelta(minutes=55) < ends - utcnow() <= timedelta(days=14)
    assert token not in str(await Session.select())
    assert (await client.post("/auth/logout", headers=headers)).status_code == 204
    assert (await client.get("/auth/sessions", headers=headers)).status_code == 401
    assert (await log_in(client)).status_code == 200
    assert client.cookies["id"].startswith("ses_")
    assert (await client.get("/auth/sessions")).status_code == 200


async def test_api_tokens(ada: User) -> None:
    """Scripts go on with the tokens that they have."""
    old = await OldToken.create_token(ada.id)
    assert await migrate_from_piccolo_api() == Moved(api_tokens=1)
    assert old not in str(await APIToken.select())
    assert (await APIToken.select(APIToken.last_four))[0]["last_four"] == old[-4:]
    accepts, refuses = TokenAuth(accepts_piccolo_api=True), TokenAuth()
    identity = await accepts.authenticate(connection(bearer(old)))
    assert identity is not None
    assert identity.user.id == ada.id
    assert await refuses.authenticate(connection(bearer(old))) is None
    await accepts.revoke(old)
    assert (await APIToken.select(APIToken.revoked_at))[0]["revoked_at"] is not None


async def test_moved_credentials_are_old(ada: User) -> None:
    """What was moved does not count as a recent log-in, so that changes still ask for a factor."""
    await old_session(ada.id)
    await OldToken.create_token(ada.id)
    await migrate_from_piccolo_api()
    for table in (Session, APIToken):
        rows = await table.select(table.created_at)
        assert [row["created_at"] for row in rows] == [NEVER]


def connection(headers: dict[str, str]) -> Any:
    """A request with these headers."""
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "method": "GET", "headers": raw})


PROVIDERS: dict[str, Any] = {
    "plain": Plain(),
    "fernet": FernetProvider(FERNET_KEY.encode()),
    "xchacha20": XChaCha20Provider(KEY),
}


@pytest.mark.parametrize("name", PROVIDERS)
async def test_authenticators(client: httpx.AsyncClient, ada: User, totp: TOTP, name: str) -> None:
    """The app on the phone goes on; a code that was used there is not good again here."""
    provider = PROVIDERS[name]
    row, codes = await AuthenticatorSecret.create_new(ada.id, provider)
    secret, used = provider.decrypt(row.secret), utcnow()
    await AuthenticatorSecret.update({AuthenticatorSecret.last_used_at: used}, force=True)
    key = getattr(provider, "encryption_key", b"")
    moved = await migrate_from_piccolo_api(totp=totp, decrypt=decrypt_with(key))
    assert moved == Moved(authenticators=1, recovery_codes=len(codes))
    assert secret not in str(await TOTPSecret.select())
    challenge = (await log_in(client)).json()
    assert challenge["status"] == "mfa_required"
    app = PhoneApp(secret)
    for at, status in ((used, 401), (used + timedelta(seconds=30), 200)):
        body = {"challenge": challenge["challenge"], "code": app.at(at)}
        assert (await client.post("/auth/login/mfa", json=body)).status_code == status


async def test_what_is_left(ada: User, totp: TOTP) -> None:
    """Expired, of nobody, revoked, replaced by a newer one, and what was moved before."""
    past = datetime.now() - timedelta(hours=1)  # noqa: DTZ005 - as piccolo-api writes it
    await old_session(ada.id, expiry_date=past)
    await old_session(ada.id, max_expiry_date=past)
    await old_session(ada.id + 1000)
    plain = Plain()
    row, _ = await AuthenticatorSecret.create_new(ada.id, plain)
    await row.update_self({AuthenticatorSecret.revoked_at: utcnow()})
    await AuthenticatorSecret.create_new(ada.id + 1000, plain)
    decrypt = decrypt_with(KEY)
    assert await migrate_from_piccolo_api(totp=totp, decrypt=decrypt) == Moved(skipped=5)
    await old_session(ada.id)
    await AuthenticatorSecret.create_new(ada.id, plain)
    await AuthenticatorSecret.create_new(ada.id, plain)
    moved = await migrate_from_piccolo_api(totp=totp, decrypt=decrypt)
    assert moved == Moved(sessions=1, authenticators=1, skipped=6, recovery_codes=8)
    keys: Any = {"totp": totp, "decrypt": decrypt, "erase": True}
    erased = Counter(sessions=4, authenticator_secret=3)
    expected = Moved(moved_before=2, skipped=6, erased=erased, kept=1)
    assert await migrate_from_piccolo_api(**keys) == expected
    assert await SessionsBase.count() == 0
    assert (await AuthenticatorSecret.count(), await ledger()) == (1, 2)
    expected = Moved(moved_before=1, erased=Counter(authenticator_secret=1))
    assert await migrate_from_piccolo_api(**keys, erase_authenticators=True) == expected
    assert await AuthenticatorSecret.count() == 0
    assert await ledger() is None


async def ledger() -> int | None:
    """How many rows it has, if it is there."""
    try:
        [row] = await User.raw(f"SELECT COUNT(*) AS size FROM {LEDGER}")  # noqa: S608 - our own name
    except (sqlite3.OperationalError, asyncpg.UndefinedTableError):
        return None
    return int(row["size"])


async def test_what_ended_stays_ended(client: httpx.AsyncClient, ada: User, totp: TOTP) -> None:
    """Another run revives no session, API token or authenticator that was revoked meanwhile."""
    stolen, token = await old_session(ada.id), await OldToken.create_token(ada.id)
    for _ in range(2):  # piccolo-api asks for the second
        await AuthenticatorSecret.create_new(ada.id, XChaCha20Provider(KEY))
    keys: Any = {"totp": totp, "decrypt": decrypt_with(KEY)}
    await migrate_from_piccolo_api(**keys)
    headers = {"Cookie": f"id={stolen}"}
    assert (await client.get("/auth/sessions", headers=headers)).status_code == 200
    await Users().set_password(ada, "another horse battery")
    await totp.remove(ada)
    meanwhile = await old_session(ada.id)
    expected = Moved(sessions=1, moved_before=3, skipped=1)
    assert await migrate_from_piccolo_api(**keys) == expected
    assert (await client.get("/auth/sessions", headers=headers)).status_code == 401
    fresh = await client.get("/auth/sessions", headers={"Cookie": f"id={meanwhile}"})
    assert fresh.status_code == 200
    with pytest.raises(InvalidToken):
        await TokenAuth(accepts_piccolo_api=True).authenticate(connection(bearer(token)))
    assert not await totp.is_enrolled(ada)


async def test_an_authenticator_of_ours_stays(ada: User, totp: TOTP) -> None:
    """Who has one here already keeps it; when it is taken away, the old one does not come back."""
    await totp.adopt(ada.id, b"sixteen bytes or more")
    await AuthenticatorSecret.create_new(ada.id, Plain())
    keys: Any = {"totp": totp, "decrypt": decrypt_with(KEY)}
    assert await migrate_from_piccolo_api(**keys) == Moved(skipped=1)
    await totp.remove(ada)
    assert await migrate_from_piccolo_api(**keys) == Moved(moved_before=1)
    assert not await totp.is_enrolled(ada)


async def test_a_begun_enrolment(ada: User, totp: TOTP) -> None:
    """Who began to set up another app here has the authenticator from there afterwards."""
    begun = await totp.begin(ada)
    await AuthenticatorSecret.create_new(ada.id, Plain())
    keys: Any = {"totp": totp, "decrypt": decrypt_with(KEY), "erase_authenticators": True}
    moved = await migrate_from_piccolo_api(**keys)
    assert moved.authenticators == 1
    assert await totp.is_enrolled(ada)
    with pytest.raises(WrongConfirmation):
        await totp.confirm(ada, PhoneApp(begun.secret).at(totp.users.clock()))


async def test_logout_stays(client: httpx.AsyncClient, ada: User) -> None:
    """A session that somebody left is not opened again, whatever is erased."""
    headers = {"Cookie": f"id={await old_session(ada.id)}"}
    await migrate_from_piccolo_api()
    assert (await client.post("/auth/logout", headers=headers)).status_code == 204
    for erase in (False, True, False):
        assert (await migrate_from_piccolo_api(erase=erase)).sessions == 0
        assert (await client.get("/auth/sessions", headers=headers)).status_code == 401


async def test_erased_without_the_key(ada: User, totp: TOTP) -> None:
    """Authenticators that were moved are still known as such when only the others are erased."""
    await old_session(ada.id)
    await AuthenticatorSecret.create_new(ada.id, Plain())
    keys: Any = {"totp": totp, "decrypt": decrypt_with()}
    await migrate_from_piccolo_api(**keys)
    await totp.remove(ada)
    expected = Moved(moved_before=2, erased=Counter(sessions=1), kept=1)
    assert await migrate_from_piccolo_api(erase=True) == expected
    assert await SessionsBase.count() == 0
    assert await AuthenticatorSecret.count() == 1
    moved = await migrate_from_piccolo_api(**keys, erase=True, erase_authenticators=True)
    assert moved == Moved(moved_before=1, erased=Counter(authenticator_secret=1))
    assert not await totp.is_enrolled(ada)
    assert await AuthenticatorSecret.count() == 0
    assert await ledger() is None


@pytest.mark.parametrize("erase", [False, True])
@pytest.mark.parametrize("dry_run", [False, True])
async def test_in_use_and_no_key(ada: User, totp: TOTP, *, dry_run: bool, erase: bool) -> None:
    """Nothing is moved or erased while users would lose their second factor, unless told to."""
    grace = await Users().create("grace", PASSWORD)
    await AuthenticatorSecret.create_new(ada.id, Plain())
    for _ in range(2):  # the first is replaced
        await AuthenticatorSecret.create_new(grace.id, XChaCha20Provider(KEY))
    await old_session(ada.id)
    how: Any = {"dry_run": dry_run, "erase": erase, "erase_authenticators": erase}
    with pytest.raises(ConfigurationError, match="2 authenticators are in use") as caught:
        await migrate_from_piccolo_api(**how)
    assert "1 by PlainText, 1 by XChaCha20" in str(caught.value)
    assert "without_authenticators" in str(caught.value)
    assert await Session.count() == 0
    assert (await SessionsBase.count(), await AuthenticatorSecret.count()) == (1, 3)

    moved = await migrate_from_piccolo_api(**how, without_authenticators=True)
    erased = Counter(sessions=1, authenticator_secret=1) if erase else Counter[str]()
    assert moved == Moved(sessions=1, skipped=1, left=2, erased=erased)
    assert await TOTPSecret.count() == 0
    await migrate_from_piccolo_api(totp=totp, decrypt=decrypt_with(KEY))
    assert await totp.is_enrolled(ada)
    assert await totp.is_enrolled(grace)
    await migrate_from_piccolo_api()


async def test_not_in_use(ada: User, totp: TOTP) -> None:
    """No key is needed where each authenticator is revoked, without a user or replaced here."""
    row, _ = await AuthenticatorSecret.create_new(ada.id, XChaCha20Provider(KEY))
    await row.update_self({AuthenticatorSecret.revoked_at: utcnow()})
    await AuthenticatorSecret.create_new(ada.id + 1000, XChaCha20Provider(KEY))
    assert await migrate_from_piccolo_api() == Moved(skipped=2)
    await totp.adopt(ada.id, b"sixteen bytes or more")
    await AuthenticatorSecret.create_new(ada.id, XChaCha20Provider(KEY))
    assert await migrate_from_piccolo_api() == Moved(skipped=3)


class OtherSecret(AuthenticatorSecret, tablename="customer_secret"):
    """Authenticators of users of another table."""


async def test_other_tables(ada: User) -> None:
    """Authenticators in a table of another name are not read, which the report says."""
    await create_db_tables(OtherSecret)
    try:
        moved = await migrate_from_piccolo_api()
    finally:
        await drop_db_tables(OtherSecret)
    assert moved == Moved(other_authenticators=["customer_secret"])
    assert str(moved).endswith("seem to hold authenticators, too: customer_secret.")


async def test_the_newest(ada: User, totp: TOTP) -> None:
    """Of several authenticators the one that was made last is moved, as piccolo-api asks for it."""
    newest, _ = await AuthenticatorSecret.create_new(ada.id, Plain())
    other, _ = await AuthenticatorSecret.create_new(ada.id, Plain())
    past = utcnow() - timedelta(days=1)
    await other.update_self({AuthenticatorSecret.created_at: past})
    moved = await migrate_from_piccolo_api(totp=totp, decrypt=decrypt_with(), erase=True)
    assert (moved.authenticators, moved.skipped) == (1, 1)
    assert await AuthenticatorSecret.select(AuthenticatorSecret.id) == [{"id": newest.id}]


async def test_runs_at_once(ada: User) -> None:
    """Of many runs one moves a row, and none fails."""
    await old_session(ada.id)
    results: list[Any] = await race(migrate_from_piccolo_api, 6)
    assert sorted(moved.sessions for moved in results) == [0, 0, 0, 0, 0, 1]
    assert await Session.count() == 1


@pytest.mark.parametrize("secret", ["plain-!", "xchacha20-00", "plain-ORSXG5A=", "fernet-x"])
async def test_unreadable(ada: User, totp: TOTP, secret: str) -> None:
    """What can't be read stops everything, unless one says so; then it is kept all the same."""
    row, _ = await AuthenticatorSecret.create_new(ada.id, Plain())
    await row.update_self({AuthenticatorSecret.secret: secret})
    await old_session(ada.id)
    key = FernetProvider.get_new_key() if secret.startswith("fernet") else KEY
    keys: Any = {"totp": totp, "decrypt": decrypt_with(key), "erase": True}
    with pytest.raises(ConfigurationError, match="1 authenticators can't be decrypted"):
        await migrate_from_piccolo_api(**keys)
    assert await Session.count() == 0
    assert await SessionsBase.count() == await AuthenticatorSecret.count() == 1
    assert await ledger() is None
    keys["erase_authenticators"] = True
    expected = Moved(sessions=1, unreadable=1, erased=Counter(sessions=1))
    assert await migrate_from_piccolo_api(**keys, keep_unreadable=True) == expected
    assert await AuthenticatorSecret.count() == 1
    assert not await totp.is_enrolled(ada)
    await row.update_self({AuthenticatorSecret.secret: f"plain-{'A' * 32}"})
    assert (await migrate_from_piccolo_api(**keys)).authenticators == 1
    assert await totp.is_enrolled(ada)
    assert await AuthenticatorSecret.count() == 0


@pytest.mark.parametrize("provider", [XChaCha20Provider(KEY), PROVIDERS["fernet"]])
async def test_no_key_at_all(ada: User, totp: TOTP, provider: Any) -> None:
    """What is no key of the provider is a mistake of whoever gave it, not of the rows."""
    await AuthenticatorSecret.create_new(ada.id, provider)
    with pytest.raises(ConfigurationError, match="wrong length or form"):
        await migrate_from_piccolo_api(totp=totp, decrypt=decrypt_with(b"hello world"))
    assert await ledger() is None


async def test_dry_run_and_erase(ada: User) -> None:
    """One changes nothing, the other leaves nothing in plain text."""
    await old_session(ada.id)
    await OldToken.create_token(ada.id)
    expected = Moved(sessions=1, api_tokens=1, erased=Counter(sessions=1, token_auth=1))
    assert await migrate_from_piccolo_api(dry_run=True, erase=True) == expected
    assert await Session.count() == await APIToken.count() == 0
    assert await SessionsBase.count() == await OldToken.count() == 1
    assert await migrate_from_piccolo_api(erase=True) == expected
    assert await Session.count() == await APIToken.count() == 1
    assert await SessionsBase.count() == await OldToken.count() == 0


async def test_dry_run_in_a_transaction(ada: User) -> None:
    """It could not undo what it did, and so it does nothing."""
    await old_session(ada.id)
    async with transaction(User):
        with pytest.raises(ConfigurationError, match="transaction of its own"):
            await migrate_from_piccolo_api(dry_run=True, erase=True)
        assert await migrate_from_piccolo_api() == Moved(sessions=1)
    assert await SessionsBase.count() == await Session.count() == 1


@reaches_no_sql
@pytest.mark.parametrize(
    ("provider", "key", "message"),
    [
        ("XChaCha20", "correct horse", "not in hex"),
        ("XChaCha20Provider", FERNET_KEY, "pass --provider=Fernet"),
        ("Fernet", KEY.hex(), "32 bytes in base64"),
        ("Fernet", "correct horse", "32 bytes in base64"),
        ("Fernet", "horse", "32 bytes in base64"),
        ("AES", KEY.hex(), "XChaCha20, Fernet or PlainText"),
    ],
)
async def test_command_with_another_key(
    ada: User, monkeypatch: pytest.MonkeyPatch, provider: str, key: str, message: str
) -> None:
    """A key of another format is reported, and not shown."""
    monkeypatch.setenv("PICCOLO_API_ENCRYPTION_KEY", key)
    monkeypatch.setenv("AUTH_ENCRYPTION_KEYS", generate_key())
    with pytest.raises(ConfigurationError, match=message) as caught:
        await migrate_piccolo_api(provider=provider)
    assert key not in str(caught.value)


BY_NAME: dict[str, tuple[Any, str | None]] = {
    "PlainText": (Plain(), None),
    "PlainTextProvider": (Plain(), KEY.hex()),
    "fernet": (PROVIDERS["fernet"], FERNET_KEY),
    "FernetProvider": (PROVIDERS["fernet"], FERNET_KEY),
    "XChaCha20": (XChaCha20Provider(KEY), KEY.hex()),
}


@pytest.mark.parametrize("name", BY_NAME)
async def test_provider_by_name(ada: User, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The command moves what each provider of piccolo-api stored."""
    provider, key = BY_NAME[name]
    await AuthenticatorSecret.create_new(ada.id, provider)
    if key is not None:
        monkeypatch.setenv("PICCOLO_API_ENCRYPTION_KEY", key)
    monkeypatch.setenv("AUTH_ENCRYPTION_KEYS", generate_key())
    await migrate_piccolo_api(provider=name)
    assert await TOTPSecret.count().where(TOTPSecret.confirmed_at.is_not_null()) == 1


@reaches_no_sql
async def test_another_provider(ada: User, totp: TOTP) -> None:
    """A secret that the named provider did not store can't be read: nothing is moved."""
    await AuthenticatorSecret.create_new(ada.id, XChaCha20Provider(KEY))
    row, _ = await AuthenticatorSecret.create_new((await Users().create("grace")).id, Plain())
    await row.update_self({AuthenticatorSecret.secret: "JBSWY3DPEHPK3PXP"})
    with pytest.raises(ConfigurationError, match="2 authenticators can't be decrypted") as caught:
        await migrate_from_piccolo_api(totp=totp, decrypt=decrypt_by_name("plaintext", None))
    assert "(stored: 1 by XChaCha20, 1 by an unknown provider)" in str(caught.value)


@reaches_no_sql
@pytest.mark.parametrize("key", [None, ""])
@pytest.mark.parametrize("dry_run", [False, True])
async def test_command_without_a_key(
    ada: User, monkeypatch: pytest.MonkeyPatch, key: str | None, *, dry_run: bool
) -> None:
    """A variable that is unset or empty stops the command where authenticators are in use."""
    monkeypatch.delenv("PICCOLO_API_ENCRYPTION_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("PICCOLO_API_ENCRYPTION_KEY", key)
    await migrate_piccolo_api(dry_run=dry_run)
    await AuthenticatorSecret.create_new(ada.id, XChaCha20Provider(KEY))
    with pytest.raises(ConfigurationError, match="Set PICCOLO_API_ENCRYPTION_KEY"):
        await migrate_piccolo_api(dry_run=dry_run)


async def test_command(
    ada: User, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command reports what it did, and takes the keys from the environment."""
    await old_session(ada.id)
    await AuthenticatorSecret.create_new(ada.id, XChaCha20Provider(KEY))
    monkeypatch.setenv("PICCOLO_API_ENCRYPTION_KEY", KEY.hex())
    monkeypatch.setenv("AUTH_ENCRYPTION_KEYS", generate_key())
    await migrate_piccolo_api(dry_run=True, without_authenticators=True)
    assert capsys.readouterr().out == (
        "Dry run: nothing was changed. A run without --dry_run reports:\n"
        "Moved: 1 sessions, 0 API tokens, 0 authenticators.\n"
        "Skipped: 0 moved before, 0 expired, revoked, replaced or without a user.\n"
        "Left: 1 authenticators in use, 0 unreadable, 0 recovery codes.\n"
        "Erased: 0 sessions, 0 API tokens, 0 authenticators; "
        "0 authenticators kept for Piccolo Admin.\n"
    )
    await migrate_piccolo_api()
    capsys.readouterr()
    await migrate_piccolo_api(erase=True)
    assert capsys.readouterr().out == (
        "Moved: 0 sessions, 0 API tokens, 0 authenticators.\n"
        "Skipped: 2 moved before, 0 expired, revoked, replaced or without a user.\n"
        "Left: 0 authenticators in use, 0 unreadable, 0 recovery codes.\n"
        "Erased: 1 sessions, 0 API tokens, 0 authenticators; "
        "1 authenticators kept for Piccolo Admin.\n"
    )
    assert await AuthenticatorSecret.count() == 1


async def test_without_piccolo_api(database: Any) -> None:
    """Where its tables are not there, nothing is moved."""
    assert await migrate_from_piccolo_api(erase=True) == Moved()


@reaches_no_sql
async def test_configuration(database: Any, totp: TOTP) -> None:
    """Half of what authenticators need is an error."""
    with pytest.raises(ConfigurationError, match="need both"):
        await migrate_from_piccolo_api(totp=totp)
    keys: Any = {"totp": totp, "decrypt": decrypt_with()}
    with pytest.raises(ConfigurationError, match="Omit totp= and decrypt="):
        await migrate_from_piccolo_api(**keys, without_authenticators=True)
