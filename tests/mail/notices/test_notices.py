"""Mail about what was done with an account."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from piccolo_api_fastapi import (
    TOTP,
    AuthEvent,
    KnownBrowser,
    Notices,
    User,
    Users,
    XChaCha20Poly1305,
    subscribe,
)
from piccolo_api_fastapi.core.events.events import emit
from piccolo_api_fastapi.mail import NewSignIn, SecondFactorChanged
from piccolo_api_fastapi.testing import FrozenClock, Outbox, race, totp_code
from tests.conftest import KEY, PASSWORD, log_in


@pytest.fixture
def outbox() -> Outbox:
    """What was sent."""
    return Outbox()


@pytest.fixture
async def notices(users: Users[User], outbox: Outbox) -> AsyncIterator[Notices]:
    """The listener, told of what happens."""
    notices = Notices(users, mail=outbox)
    stop = subscribe(notices)
    yield notices
    stop()
    await notices.wait()


async def sign_in(client: httpx.AsyncClient, agent: str, username: str = "ada") -> None:
    """Log in with a browser of this name."""
    credentials = {"username": username, "password": PASSWORD}
    headers = {"User-Agent": agent}
    answer = await client.post("/auth/login", json=credentials, headers=headers)
    assert answer.status_code == 200


async def test_new_sign_in(
    client: httpx.AsyncClient, notices: Notices, outbox: Outbox, ada: User, grace: User
) -> None:
    """The first browser is no surprise, nor a new version of it; another one is told, once."""
    for agent in ("Firefox/1.0", "Firefox/2.0.1"):
        await sign_in(client, agent)
        await notices.wait()
    await sign_in(client, "Chrome/1.0", "grace")
    await notices.wait()
    assert list(outbox.messages) == []
    for _ in range(2):
        await sign_in(client, "Chrome/1.0")
        await notices.wait()
    [message] = outbox.messages
    assert isinstance(message, NewSignIn)
    assert (message.to, message.user_agent) == ("ada@example.com", "Chrome/1.0")
    assert "with Chrome/1.0" in message.text()
    assert "from 127.0.0.1" in message.text()


async def test_told_once(
    notices: Notices, outbox: Outbox, client: httpx.AsyncClient, ada: User
) -> None:
    """Of several sign-ins at once with a new browser, one is told."""
    await sign_in(client, "Firefox")
    await notices.wait()
    await race(lambda: sign_in(client, "Chrome"), 8)
    await notices.wait()
    assert len(outbox.messages) == 1


async def test_without_an_agent(
    notices: Notices, outbox: Outbox, client: httpx.AsyncClient, ada: User
) -> None:
    """A client that does not say what it is is one like any other."""
    await sign_in(client, "Firefox")
    await notices.wait()
    client.headers.pop("user-agent")
    await log_in(client)
    await notices.wait()
    [message] = outbox.messages
    assert "with an unknown browser" in message.text()


@pytest.mark.security(75)
@pytest.mark.security(79)
@pytest.mark.security(80)
async def test_second_factors(
    users: Users[User], notices: Notices, outbox: Outbox, ada: User, clock: FrozenClock
) -> None:
    """Setting up, using a recovery code, new codes and removing are told."""
    totp = TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")
    uri = (await totp.begin(ada)).uri
    codes = await totp.confirm(ada, totp_code(uri, clock.now))
    await notices.wait()
    await totp.recovery.verify(ada, codes[0])
    await notices.wait()
    await totp.recovery.replace(ada)
    await notices.wait()
    await totp.remove(ada)
    await notices.wait()
    changes = [
        message.change for message in outbox.messages if isinstance(message, SecondFactorChanged)
    ]
    assert changes == [
        "An authenticator app was set up.",
        "A recovery code was used. There are 9 left.",
        "New recovery codes were made. The old codes no longer work.",
        "The authenticator app was removed.",
    ]
    text = "".join(message.text() for message in outbox.messages)
    assert not any(code in text for code in codes)


async def test_without_accounts(
    users: Users[User], notices: Notices, outbox: Outbox, ada: User, clock: FrozenClock
) -> None:
    """Where there are no `Accounts`, mail about a new factor has no link, sent again or not."""
    totp = TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")
    outbox.is_down = True
    await totp.confirm(ada, totp_code((await totp.begin(ada)).uri, clock.now))
    await notices.wait()
    outbox.is_down = False
    clock.advance(timedelta(minutes=5))
    await totp.recovery.replace(ada)
    await notices.wait()
    assert len(outbox.messages) == 2
    assert {getattr(message, "link", None) for message in outbox.messages} == {""}


async def test_sent_again_after_a_login(
    notices: Notices, outbox: Outbox, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """A notice that could not be sent is sent at the next log-in, even with a known browser."""
    await log_in(client)
    await notices.wait()
    outbox.is_down = True
    await emit(AuthEvent("authn_mfa_removed", clock.now, ada.id, {"factor": "totp"}))
    await notices.wait()
    outbox.is_down, before = False, len(outbox.messages)
    clock.advance(timedelta(minutes=5))
    await log_in(client)
    await notices.wait()
    assert [type(message) for message in outbox.messages[before:]] == [SecondFactorChanged]


async def test_nobody_to_tell(
    users: Users[User], notices: Notices, outbox: Outbox, client: httpx.AsyncClient
) -> None:
    """Who has no address is not told, and what belongs to a deleted user is gone."""
    nobody = await users.create("nobody", PASSWORD)
    for agent in ("Firefox", "Chrome"):
        await sign_in(client, agent, "nobody")
        await notices.wait()
    assert list(outbox.messages) == []
    ada = await users.create("ada", PASSWORD, email="ada@example.com")
    await sign_in(client, "Firefox")
    await notices.wait()
    assert await KnownBrowser.count() == 1
    await User.delete().where(User.id.is_in([nobody.id, ada.id]))
    assert await KnownBrowser.count() == 0


def test_it_needs_no_users() -> None:
    """By default it tells the users of `piccolo_user`."""
    assert Notices(mail=Outbox()).users.table is User
