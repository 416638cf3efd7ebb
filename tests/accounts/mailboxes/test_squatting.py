"""Somebody registers the address of somebody else: once the owner verifies, they hold nothing."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    TOTP,
    APIToken,
    JWTAuth,
    RecoveryCode,
    SessionAuth,
    TokenAuth,
    TOTPSecret,
    User,
    Users,
    XChaCha20Poly1305,
)
from piccolo_api_fastapi.errors import HasherBusy, StoreUnavailable
from piccolo_api_fastapi.mail import ConfirmEmail, EmailChanged, ResetPassword, VerifyEmail
from piccolo_api_fastapi.testing import FrozenClock, Outbox, totp_code
from tests.accounts.conftest import NEW, build, build_with_factors, register, verify
from tests.conftest import KEY, PASSWORD, SECRET, log_in, new_client


@pytest.fixture
def app(users: Users[User], session: SessionAuth[User], outbox: Outbox) -> FastAPI:
    """An application in which people may log in, and set up a factor, before they verify."""
    totp = TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")
    return build_with_factors(users, session, totp, mail=outbox, active_before_verified=True)


async def enrol(client: httpx.AsyncClient, username: str, clock: FrozenClock) -> None:
    """Log in and set up an authenticator app."""
    assert (await log_in(client, username)).status_code == 200
    uri = (await client.post("/auth/mfa/totp")).json()["otpauth_uri"]
    body = {"code": totp_code(uri, clock.now)}
    assert (await client.post("/auth/mfa/totp/confirm", json=body)).status_code == 200
    # That ends the link to verify, too.
    clock.advance(timedelta(minutes=2))
    await client.post("/auth/verify-email/request", json={"email": "ada@example.com"})


async def reset(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """Choose a password by the link of the last mail."""
    body = {"token": outbox.token(ResetPassword), "password": NEW}
    assert (await client.post("/auth/reset-password", json=body)).status_code == 204


async def check_that_the_owner_gets_in(owner: httpx.AsyncClient) -> None:
    """No factor of the thief is asked for."""
    answer = await log_in(owner, "ada@example.com", NEW)
    assert answer.json()["status"] == "signed_in"
    assert await TOTPSecret.count() == await RecoveryCode.count() == 0


@pytest.mark.parametrize("who", ["owner", "thief"])
async def test_the_factor_of_whoever_registered(
    app: FastAPI, outbox: Outbox, clock: FrozenClock, who: str
) -> None:
    """
    It would lock the owner out: it ends when the address is verified for the first time. Whoever
    does that, signed in or not: of an account that two people registered nothing stays.
    """
    async with new_client(app) as thief, new_client(app) as owner:
        await register(thief, username="thief")
        await enrol(thief, "thief", clock)
        clock.advance(timedelta(minutes=2))
        await register(owner, username="ada", password=NEW)
        verifying = owner if who == "owner" else thief
        assert (await verify(verifying, outbox)).json() == {"status": "choose_password"}
        await reset(owner, outbox)
        await check_that_the_owner_gets_in(owner)


async def test_the_factor_and_a_link_to_verify(
    app: FastAPI, outbox: Outbox, clock: FrozenClock
) -> None:
    """Nobody registered again; the owner verifies and then asks for a password."""
    async with new_client(app) as thief, new_client(app) as owner:
        await register(thief, username="thief")
        await enrol(thief, "thief", clock)
        assert (await verify(owner, outbox)).json() == {"status": "verified"}
        await owner.post("/auth/forgot-password", json={"email": "ada@example.com"})
        await reset(owner, outbox)
        await check_that_the_owner_gets_in(owner)


async def test_the_factor_and_a_reset(app: FastAPI, outbox: Outbox, clock: FrozenClock) -> None:
    """A link for a new password verifies the address, too."""
    async with new_client(app) as thief, new_client(app) as owner:
        await register(thief, username="thief")
        await enrol(thief, "thief", clock)
        await owner.post("/auth/forgot-password", json={"email": "ada@example.com"})
        await reset(owner, outbox)
        await check_that_the_owner_gets_in(owner)


async def test_the_factor_of_the_owner(app: FastAPI, outbox: Outbox, clock: FrozenClock) -> None:
    """Who verifies in the session in which they set it up keeps it, and after a reset as well."""
    async with new_client(app) as owner:
        await register(owner)
        await enrol(owner, "ada", clock)
        assert (await verify(owner, outbox)).json() == {"status": "verified"}
        assert await TOTPSecret.count() == 1
        await owner.post("/auth/forgot-password", json={"email": "ada@example.com"})
        await reset(owner, outbox)
        owner.cookies.clear()
        assert (await log_in(owner, "ada", NEW)).json()["status"] == "mfa_required"


async def test_the_factor_and_a_change_of_address(
    app: FastAPI, outbox: Outbox, clock: FrozenClock
) -> None:
    """The thief moves the account, never verified, to the address of somebody who confirms it."""
    async with new_client(app) as thief, new_client(app) as owner:
        await register(thief, username="thief", email="thief@example.com")
        await enrol(thief, "thief", clock)
        clock.advance(timedelta(minutes=2))
        body = {"email": "ada@example.com", "current_password": PASSWORD}
        assert (await thief.post("/auth/change-email", json=body)).status_code == 202
        [asked] = [one for one in outbox.messages if isinstance(one, ConfirmEmail)]
        body = {"token": asked.link.partition("#token=")[2]}
        assert (await owner.post("/auth/change-email/confirm", json=body)).status_code == 204
        await owner.post("/auth/forgot-password", json={"email": "ada@example.com"})
        await reset(owner, outbox)
        await check_that_the_owner_gets_in(owner)


async def test_a_factor_that_is_older_than_the_row(
    app: FastAPI, users: Users[User], outbox: Outbox, clock: FrozenClock
) -> None:
    """A user whom somebody else made keeps it when they verify: nobody registered the address."""
    await users.create("ada", PASSWORD, email="ada@example.com")
    async with new_client(app) as owner:
        await enrol(owner, "ada", clock)
        owner.cookies.clear()
        assert outbox.last(VerifyEmail).to == "ada@example.com"
        assert (await verify(owner, outbox)).status_code == 200
    assert await TOTPSecret.count() == 1


@pytest.fixture
def keeping(clock: FrozenClock, database: Any) -> Users[User]:
    """Users whose API tokens outlive a new password."""
    return Users(clock=clock, keeps_on_new_password=[APIToken])


async def token_of(token: TokenAuth[User], name: str) -> str:
    """An API token of ada, or of whoever has her address."""
    [user] = await User.objects().where(User.username == name)
    return (await token.create(user, "report")).secret


@pytest.mark.parametrize("way", ["verify", "contest", "reset"])
async def test_tokens_that_a_new_password_keeps(
    keeping: Users[User], outbox: Outbox, clock: FrozenClock, way: str
) -> None:
    """Those of whoever registered first end all the same; those of the owner stay."""
    session, token = SessionAuth(keeping), TokenAuth(keeping)
    app = build(keeping, session, JWTAuth(keeping, secret=SECRET), mail=outbox, schemes=[session])
    async with new_client(app) as thief, new_client(app) as owner:
        await register(thief, username="thief")
        await User.update({User.active: True}, force=True)
        await token_of(token, "thief")
        clock.advance(timedelta(minutes=2))
        if way == "contest":
            await register(owner, username="ada", password=NEW)
        else:
            await owner.post("/auth/verify-email/request", json={"email": "ada@example.com"})
        if way != "reset":
            assert (await verify(owner, outbox)).status_code == 200
            assert await APIToken.count() == 0
        if way != "contest":
            await owner.post("/auth/forgot-password", json={"email": "ada@example.com"})
        await reset(owner, outbox)
        assert await APIToken.count() == 0
        await token_of(token, "thief")
        clock.advance(timedelta(minutes=2))
        await owner.post("/auth/forgot-password", json={"email": "ada@example.com"})
        await reset(owner, outbox)
        assert await APIToken.count() == 1


async def test_tokens_and_an_undo(keeping: Users[User], outbox: Outbox, clock: FrozenClock) -> None:
    """Whoever undoes a change of address takes everything away from the thief."""
    session, token = SessionAuth(keeping), TokenAuth(keeping)
    app = build(keeping, session, JWTAuth(keeping, secret=SECRET), mail=outbox, schemes=[session])
    async with new_client(app) as client:
        await register(client)
        await verify(client, outbox)
        await log_in(client)
        await token_of(token, "ada")
        body = {"email": "thief@example.com", "current_password": PASSWORD}
        clock.advance(timedelta(minutes=2))
        assert (await client.post("/auth/change-email", json=body)).status_code == 202
        [asked] = [one for one in outbox.messages if isinstance(one, ConfirmEmail)]
        body = {"token": asked.link.partition("#token=")[2]}
        assert (await client.post("/auth/change-email/confirm", json=body)).status_code == 204
        assert await APIToken.count() == 1
        body = {"token": outbox.token(EmailChanged)}
        assert (await client.post("/auth/change-email/undo", json=body)).status_code == 204
    assert await APIToken.count() == 0


async def overtaking(owner: Any, monkeypatch: pytest.MonkeyPatch, username: str) -> None:
    """Somebody else registers while the next registration is on its way: before, or just after."""
    compare = Users.compare

    async def overtaken(self: Users[User], identifier: str, password: str) -> Any:
        monkeypatch.setattr(Users, "compare", compare)
        compared = await compare(self, identifier, password)
        await register(owner, username=username, password=NEW)
        return compared

    monkeypatch.setattr(Users, "compare", overtaken)


async def test_passwords_that_were_not_compared(
    app: FastAPI, users: Users[User], outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two registrations at once: nobody knows whether the passwords are the same."""
    async with new_client(app) as thief, new_client(app) as owner:
        await overtaking(thief, monkeypatch, "thief")
        await register(owner, username="ada", password=NEW)
        assert (await verify(owner, outbox)).json() == {"status": "choose_password"}
        assert (await log_in(thief, "thief", NEW)).status_code == 401


@pytest.mark.parametrize("password", [NEW, PASSWORD])
async def test_a_password_that_changed_meanwhile(
    app: FastAPI,
    users: Users[User],
    outbox: Outbox,
    clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
    password: str,
) -> None:
    """What was compared is not what the account has: it counts for nothing."""
    compare = Users.compare

    async def overtaken(self: Users[User], identifier: str, typed: str) -> Any:
        compared = await compare(self, identifier, typed)
        [user] = await User.objects()
        await users.set_password(user, password)
        return compared

    async with new_client(app) as owner:
        await register(owner)
        monkeypatch.setattr(Users, "compare", overtaken)
        await register(owner)
        clock.advance(timedelta(minutes=2))
        body = {"email": "ada@example.com"}
        assert (await owner.post("/auth/verify-email/request", json=body)).status_code == 202
        assert (await verify(owner, outbox)).json() == {"status": "choose_password"}


@pytest.mark.parametrize("busy", [HasherBusy(retry_after=1), StoreUnavailable()])
async def test_a_registration_that_can_not_be_compared(
    app: FastAPI, outbox: Outbox, monkeypatch: pytest.MonkeyPatch, busy: Exception
) -> None:
    """It is refused, and changes nothing about the first one."""

    async def fail(*_: Any) -> bool:
        raise busy

    async with new_client(app) as client:
        await register(client)
        monkeypatch.setattr(Users, "compare", fail)
        assert (await register(client, password=NEW)).status_code == 503
        assert (await verify(client, outbox)).json() == {"status": "verified"}


async def test_contested_while_the_first_registers_again(
    app: FastAPI, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thief, who has the right password, does not take back what the owner noted."""
    async with new_client(app) as thief, new_client(app) as owner:
        await register(thief, username="thief")
        await overtaking(owner, monkeypatch, "ada")
        await register(thief, username="thief")
        assert (await verify(owner, outbox)).json() == {"status": "choose_password"}
