"""What ends a link and a code, and what the first proof of a mailbox ends."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    TOTP,
    Accounts,
    APIToken,
    ConfigurationError,
    EmailStatus,
    JWTAuth,
    Login,
    LoginAttempt,
    MailLifetimes,
    RefreshFamily,
    Session,
    SessionAuth,
    Ticket,
    TokenAuth,
    TOTPSecret,
    User,
    Users,
    XChaCha20Poly1305,
)
from piccolo_api_fastapi.accounts.email_login.service import EmailLogin
from piccolo_api_fastapi.login.service import Login as LoginService
from piccolo_api_fastapi.mail import ConfirmEmail, SignInByEmail, VerifyEmail
from piccolo_api_fastapi.testing import FrozenClock, Outbox, assert_single_winner
from tests.accounts.conftest import (
    BASE_URL,
    NEW,
    MakeApp,
    change_email,
    confirm,
    enter,
    link_to,
    register,
    verify,
)
from tests.accounts.email_login.conftest import (
    ADA,
    ask,
    ask_by_app,
    code,
    is_refused,
    link,
    press,
    type_code,
    type_in_app,
)
from tests.conftest import KEY, PASSWORD, get_tokens, log_in, new_client

Use = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]


def uses(outbox: Outbox) -> dict[str, Use]:
    """The two ways to use the last mail."""
    message = outbox.last(SignInByEmail)
    token = link(outbox)
    return {
        "link": lambda client: press(client, token),
        "code": lambda client: type_code(client, message.code),
    }


@pytest.mark.security(169)
@pytest.mark.parametrize("first", ["link", "code"])
@pytest.mark.parametrize("second", ["link", "code"])
async def test_once(app: FastAPI, ada: User, outbox: Outbox, first: str, second: str) -> None:
    """One burns the other, and itself."""
    async with new_client(app) as client:
        await ask(client)
        cookie = dict(client.cookies)
        mailed = uses(outbox)
        assert (await mailed[first](client)).json()["status"] == "signed_in"
        client.cookies.update(cookie)
        assert is_refused(await mailed[second](client))
        assert await Session.count() == 1


@pytest.mark.security(169)
@pytest.mark.usefixtures("unlimited")
@pytest.mark.parametrize("kind", ["link", "code", "both"])
async def test_at_once(client: httpx.AsyncClient, ada: User, outbox: Outbox, kind: str) -> None:
    """24 presses, 24 codes, or both at once: one winner, no 500."""
    await ask(client)
    mailed = uses(outbox)
    kinds = iter([kind] * 24 if kind != "both" else ["link", "code"] * 12)

    async def use() -> bool:
        answer = await mailed[next(kinds)](client)
        assert answer.status_code in (200, 401), answer.text
        return answer.status_code == 200 and answer.json()["status"] == "signed_in"

    await assert_single_winner(use)
    assert await Session.count() == 1


@pytest.mark.security(169)
@pytest.mark.parametrize("kind", ["link", "code"])
async def test_fifteen_minutes(
    client: httpx.AsyncClient, ada: User, outbox: Outbox, clock: FrozenClock, kind: str
) -> None:
    """Both are valid until 14:59 and not at 15:00."""
    await ask(client)
    client.cookies.set(*next(iter(client.cookies.items())))  # it outlives its own time
    clock.advance(timedelta(minutes=15))
    assert is_refused(await uses(outbox)[kind](client))
    await ask(client)
    clock.advance(timedelta(minutes=14, seconds=59))
    assert (await uses(outbox)[kind](client)).status_code == 200


@pytest.mark.parametrize("kind", ["link", "code"])
async def test_a_lifetime_of_its_own(
    users: Users[User],
    session: SessionAuth[User],
    make_app: MakeApp,
    ada: User,
    outbox: Outbox,
    clock: FrozenClock,
    kind: str,
) -> None:
    """The application may choose another time, which the app and the browser are told too."""
    minutes = timedelta(minutes=10)
    lifetimes = MailLifetimes(login=minutes)
    accounts = Accounts(
        users, mail=outbox, base_url=BASE_URL, schemes=[session], lifetimes=lifetimes
    )
    app = make_app(accounts=accounts)
    async with new_client(app) as client:
        answer = await ask(client)
        assert "; Max-Age=600;" in answer.headers["set-cookie"]
        cookie = next(iter(client.cookies.items()))
        clock.advance(minutes)
        client.cookies.set(*cookie)  # it outlives its own time
        assert is_refused(await uses(outbox)[kind](client))
        by_app = await client.post("/auth/token/email", json={"email": "grace@example.com"})
        assert by_app.json()["expires_in"] == 600


@pytest.mark.security(169)
@pytest.mark.parametrize("kind", ["link", "code"])
@pytest.mark.parametrize("by_app", [False, True])
async def test_a_newer_request(
    app: FastAPI, ada: User, outbox: Outbox, clock: FrozenClock, kind: str, *, by_app: bool
) -> None:
    """It ends the older one, in whichever browser or app it was made."""
    async with new_client(app) as client, new_client(app) as other:
        await ask(client)
        older = uses(outbox)[kind]
        clock.advance(timedelta(minutes=1))
        login = await ask_by_app(other) if by_app else ""
        if not by_app:
            await ask(other)
        assert is_refused(await older(client))
        newer = type_in_app(other, login, code(outbox)) if by_app else press(other, link(outbox))
        answer = await newer
        assert answer.status_code == 200


async def _change(what: str, users: Users[User], ada: User) -> None:
    if what == "password":
        await users.set_password(ada, NEW)
    elif what == "email":
        await User.update({User.email: "lovelace@example.com"}, force=True)
    elif what == "disabled":
        await User.update({User.active: False}, force=True)
    else:
        await User.delete(force=True)


@pytest.mark.security(175)
@pytest.mark.parametrize("kind", ["link", "code"])
@pytest.mark.parametrize("what", ["password", "email", "disabled", "deleted"])
async def test_changes_between_mail_and_press(
    client: httpx.AsyncClient,
    users: Users[User],
    ada: User,
    outbox: Outbox,
    kind: str,
    what: str,
) -> None:
    """The account changed: both are refused."""
    await ask(client)
    await _change(what, users, ada)
    assert is_refused(await uses(outbox)[kind](client))
    assert await Session.count() == 0


@pytest.mark.security(175)
@pytest.mark.parametrize("what", ["password", "email", "disabled", "deleted"])
async def test_changes_during_the_login(
    client: httpx.AsyncClient,
    users: Users[User],
    ada: User,
    outbox: Outbox,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    """Nor does a change help that overtakes the press, after the link was used up."""
    enter = LoginService.enter

    async def late(self: Login[User], *args: Any, **options: Any) -> Any:
        await _change(what, users, ada)
        return await enter(self, *args, **options)

    await ask(client)
    monkeypatch.setattr(LoginService, "enter", late)
    assert (await press(client, link(outbox))).status_code == 401
    assert await Session.count() == 0


@pytest.mark.parametrize("has_totp", [False, True])
@pytest.mark.parametrize("kind", ["link", "code", "app"])
async def test_the_address_changes_during_the_login(
    users: Users[User],
    make_app: MakeApp,
    outbox: Outbox,
    clock: FrozenClock,
    kind: str,
    *,
    has_totp: bool,
) -> None:
    """
    The owner moves the account to another mailbox while a hook runs that looks somebody up who
    reads the old one: they get neither a credential nor a challenge.
    """
    moved: list[httpx.Response] = []

    async def slow(attempt: LoginAttempt) -> None:
        if attempt.factor != "password":
            moved.append(await confirm(owner, link_to(outbox, ConfirmEmail)))

    totp = TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")
    login = Login(users, factors=[totp] if has_totp else [], before=[slow])
    app = make_app(login=login)
    async with new_client(app) as owner, new_client(app) as thief:
        ada = await enter(owner, outbox, clock)
        if has_totp:
            await TOTPSecret.insert(TOTPSecret(user=ada.id, secret="x", confirmed_at=clock()))
        await change_email(owner)
        if kind == "app":
            login_token = await ask_by_app(thief)
            answer = await type_in_app(thief, login_token, code(outbox))
        else:
            await ask(thief)
            answer = await uses(outbox)[kind](thief)
        assert [one.status_code for one in moved] == [204]
        assert is_refused(answer)
    assert await Session.count() == 1
    assert await RefreshFamily.count() == 0


async def test_a_failed_login_uses_up_nothing(
    client: httpx.AsyncClient,
    users: Users[User],
    ada: User,
    outbox: Outbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If a log-in fails because the database is down, its link can be used again."""
    await ask(client)
    token = link(outbox)

    async def fail(*_: object) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(type(users), "has_verified", fail)
        assert (await press(client, token)).status_code == 503
    assert (await press(client, token)).json()["status"] == "signed_in"


@pytest.mark.security(175)
async def test_deleted_right_after_the_proof(
    client: httpx.AsyncClient,
    users: Users[User],
    ada: User,
    outbox: Outbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A user who is gone once the proof is looked up gets nothing."""
    await ask(client)

    async def gone(*_: object) -> None:
        return None

    monkeypatch.setattr(type(users), "proof_of", gone)
    assert is_refused(await press(client, link(outbox)))


@pytest.mark.security(175)
async def test_disabled_before_the_mail_is_sent(
    client: httpx.AsyncClient, ada: User, outbox: Outbox
) -> None:
    """A disabled user is sent nothing."""
    await User.update({User.active: False}, force=True)
    assert (await ask(client)).status_code == 202
    assert outbox.messages == []


@pytest.mark.security(173)
@pytest.mark.parametrize("kind", ["link", "code"])
@pytest.mark.parametrize("registered", ["once", "twice"])
async def test_pre_hijacking(
    users: Users[User],
    session: SessionAuth[User],
    jwt: JWTAuth[User],
    make_app: MakeApp,
    outbox: Outbox,
    clock: FrozenClock,
    registered: str,
    kind: str,
) -> None:
    """
    A thief registers the address of somebody else, signs in and sets up what they can. When the
    owner signs in by mail, password, sessions, tokens, factors and links of the thief end.
    """
    totp = TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")
    login = Login(users, factors=[totp])
    accounts = Accounts(
        users,
        mail=outbox,
        base_url=BASE_URL,
        schemes=[session, jwt],
        login=login,
        active_before_verified=True,
    )
    app = make_app(login=login, accounts=accounts)
    async with new_client(app) as thief, new_client(app) as owner:
        await register(thief, username="thief")
        await log_in(thief, "thief")
        await get_tokens(thief, "thief")
        [user] = await User.objects()
        await TokenAuth(users).create(user, "theirs")
        await TOTPSecret.insert(TOTPSecret(user=user.id, secret="x", confirmed_at=clock()))
        verifying = outbox.token(VerifyEmail)
        if registered == "twice":
            await register(owner, username="ada", password=NEW)
        await ask(owner)
        answer = await uses(outbox)[kind](owner)
        assert answer.json()["status"] == "signed_in"
        assert (await owner.get("/auth/me")).json()["email_verified"] is True
        assert (await thief.get("/auth/me")).status_code == 401
        for password in (PASSWORD, NEW):
            assert (await log_in(thief, "thief", password)).status_code == 401
        answer = await thief.post("/auth/verify-email", json={"token": verifying})
        assert is_refused(answer)
    assert await Session.count() == 1
    assert await RefreshFamily.count() == await APIToken.count() == await TOTPSecret.count() == 0
    assert await Ticket.count() == 0


@pytest.mark.security(173)
async def test_an_unverified_user_is_activated(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """Who waits to verify signs in by mail, which verifies, and has no password any more."""
    await register(client)
    await ask(client)
    assert (await press(client, link(outbox))).json()["status"] == "signed_in"
    assert (await client.get("/auth/me")).json()["email_verified"] is True
    assert (await log_in(client)).status_code == 401


async def test_a_verified_user_keeps_everything(
    app: FastAPI, outbox: Outbox, clock: FrozenClock
) -> None:
    """The password and the other sessions stay."""
    async with new_client(app) as client, new_client(app) as other:
        await register(client)
        await verify(client, outbox)
        await log_in(client)
        await ask(other)
        assert (await press(other, link(outbox))).status_code == 200
        assert (await client.get("/auth/me")).status_code == 200
        assert (await log_in(client)).status_code == 200


@pytest.mark.security(171)
@pytest.mark.usefixtures("unlimited")
async def test_the_counter_starts_anew(
    client: httpx.AsyncClient, ada: User, outbox: Outbox, clock: FrozenClock
) -> None:
    """A log-in by mail forgives wrong codes, also if the address was verified before."""
    for _ in range(2):
        await ask(client)
        await type_code(client, "000000" if code(outbox) != "000000" else "111111")
        [status] = await EmailStatus.objects()
        assert status.failed_count == 1
        assert (await press(client, link(outbox))).status_code == 200
        [status] = await EmailStatus.objects()
        assert status.failed_count == 0
        clock.advance(timedelta(minutes=1))


async def test_an_address_in_capitals(client: httpx.AsyncClient, ada: User, outbox: Outbox) -> None:
    """An older spelling of an address gets the mail, and signs in."""
    await User.update({User.email: "Ada@Example.com"}, force=True)
    await ask(client)
    assert outbox.last(SignInByEmail).to == "Ada@Example.com"
    assert (await type_code(client, code(outbox), ADA)).status_code == 200


def test_email_login_is_configured(users: Users[User]) -> None:
    """It needs accounts with mail."""
    with pytest.raises(ConfigurationError, match="mail="):
        EmailLogin(Accounts(users))
