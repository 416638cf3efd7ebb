"""Mail names the product, and says what the application wants it to say."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    Accounts,
    AuthEvent,
    ConfigurationError,
    ConsoleMail,
    EmailCode,
    EmailStatus,
    Login,
    Message,
    Notices,
    SessionAuth,
    UnsentMail,
    User,
    Users,
    XChaCha20Poly1305,
    reset_password_router,
    session_router,
    subscribe,
)
from piccolo_api_fastapi.mail import (
    AlreadyRegistered,
    LinkMessage,
    NewSignIn,
    PasswordChanged,
    ResetPassword,
    SecondFactorChanged,
    SignInByEmail,
    SignInCode,
    SMTPMail,
    VerifyEmail,
)
from piccolo_api_fastapi.mail.delivery import Delivery
from piccolo_api_fastapi.mail.wording import Wording
from piccolo_api_fastapi.testing import FrozenClock, Outbox, captured_mail
from tests.conftest import KEY, log_in, new_client, reaches_no_sql

from .test_messages import AT, LINK, MESSAGES, TO

PRODUCT = "Movie club"

ALL: list[Message] = [
    *MESSAGES,
    NewSignIn(**TO, ip=None, user_agent=""),
    SecondFactorChanged(**TO, change="An app was set up."),
    SignInByEmail(**TO, **LINK, code="123456", browser="Firefox", ip=None),
    SignInCode(**TO, code="123456", expires_at=AT),
]

EVERY = pytest.mark.parametrize("message", ALL, ids=lambda message: type(message).__name__)


@pytest.fixture
def outbox() -> Outbox:
    """What was sent."""
    return Outbox()


@EVERY
@reaches_no_sql
def test_product(database: Any, message: Message) -> None:
    """The subject begins with the product and the text ends with it; nothing else is lost."""
    named = Wording(PRODUCT).apply(message)
    assert named.subject == f"Movie club: {message.subject}"
    assert named.text().endswith("\n\nMovie club\n")
    assert named.text().startswith("Hello ada,\n\n")
    assert PRODUCT not in message.subject + message.text()
    assert Wording().apply(message) == message


@EVERY
@reaches_no_sql
def test_without_a_product(database: Any, message: Message) -> None:
    """Without a product no text has a gap where it would be."""
    assert message.subject == type(message).title
    assert "  " not in message.text()
    assert "account ," not in message.text()


@reaches_no_sql
def test_accounts_of_the_product(database: Any) -> None:
    """Texts speak of the account of the product."""
    texts = [Wording(PRODUCT).apply(message).text() for message in ALL]
    assert sum("your Movie club account" in text for text in texts) >= 6
    [verify] = [text for text in texts if "registered" in text and "code" in text]
    assert "Somebody registered at Movie club with this address." in verify


@reaches_no_sql
def test_texts(database: Any) -> None:
    """A text replaces that of its class and of subclasses; the nearest class counts."""
    wording = Wording(
        PRODUCT,
        {
            Message: lambda message: ("Bonjour", f"{message.product} vous écrit."),
            LinkMessage: lambda message: ("Un lien", message.link),
            ResetPassword: lambda message: ("Nouveau mot de passe", f"{message.link} !"),
        },
    )
    to: Any = {**TO, **LINK}
    for message, subject, text in (
        (ResetPassword(**to), "Nouveau mot de passe", f"{LINK['link']} !"),
        (VerifyEmail(**to, code="123456", code_expires_at=AT), "Un lien", LINK["link"]),
        (AlreadyRegistered(**TO), "Bonjour", "Movie club vous écrit."),
    ):
        written = wording.apply(message)
        assert (written.subject, written.text()) == (subject, text)
        assert LINK["link"] not in repr(written)
    plain = Wording(texts={ResetPassword: lambda _: ("a", "b")}).apply(AlreadyRegistered(**TO))
    assert plain == AlreadyRegistered(**TO)


@reaches_no_sql
async def test_every_way_of_sending(database: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Both SMTP and the console use what was written."""
    message = Wording(texts={ResetPassword: lambda _: ("Neu", "Text.\n")}).apply(
        ResetPassword(**TO, **LINK)
    )
    sent = SMTPMail("localhost", sender="a@example.com").compose(message)
    assert (sent["Subject"], sent.get_content().strip()) == ("Neu", "Text.")
    await ConsoleMail()(message)
    assert "Subject: Neu\n\nText.\n" in capsys.readouterr().out


async def test_accounts(users: Users[User], outbox: Outbox, ada: User, clock: FrozenClock) -> None:
    """`Accounts` names the product, and uses a text of the application's own for one message."""
    verified: Any = {"user": ada.id, "email": ada.email, "verified_at": clock.now}
    await EmailStatus.insert(EmailStatus(**verified))
    accounts = Accounts(
        users,
        mail=outbox,
        base_url="https://app.example.com",
        product=PRODUCT,
        texts={PasswordChanged: lambda m: (f"Hi {m.username}", f"Changed at {m.product}.")},
    )
    app = FastAPI()
    app.include_router(reset_password_router(accounts), prefix="/auth")
    async with new_client(app) as client:
        await client.post("/auth/forgot-password", json={"email": ada.email})
        assert outbox.last(ResetPassword).subject == "Movie club: Choose a new password"
        assert "for your Movie club account." in outbox.last(ResetPassword).text()
        body = {"token": outbox.token(ResetPassword), "password": "another horse battery"}
        assert (await client.post("/auth/reset-password", json=body)).status_code == 204
    written = outbox.last(PasswordChanged)
    assert (written.subject, written.text()) == ("Hi ada", "Changed at Movie club.")


async def test_notices(
    users: Users[User], outbox: Outbox, client: httpx.AsyncClient, ada: User
) -> None:
    """`Notices` does so, too."""
    texts: Any = {SecondFactorChanged: lambda message: ("Changed", message.change)}
    notices = Notices(users, mail=outbox, product=PRODUCT, texts=texts)
    stop = subscribe(notices)
    for agent in ("Firefox", "Chrome"):
        client.headers["User-Agent"] = agent
        await log_in(client)
        await notices.wait()
    assert outbox.last(NewSignIn).subject == "Movie club: A new sign-in to your account"
    now = users.clock()
    notices(AuthEvent("authn_mfa_removed", now, ada.id))
    await notices.wait()
    stop()
    assert outbox.last(SecondFactorChanged).subject == "Changed"


async def test_again(users: Users[User], outbox: Outbox, ada: User, clock: FrozenClock) -> None:
    """What is sent again is written then; no text is stored. A stranger's name is in no text."""
    texts: Any = {PasswordChanged: lambda m: ("Changed", f"<{m.username}> {m.product}")}
    delivery = Delivery(outbox, users, wording=Wording(PRODUCT, texts))
    message = PasswordChanged(to=ada.email, username="ada", user=ada.id, at=clock.now)
    outbox.is_down = True
    assert not await delivery(message)
    assert "Movie" not in str(await UnsentMail.select())
    outbox.is_down = False
    clock.advance(timedelta(hours=1))
    await delivery.retry(ada.id)
    assert outbox.last(PasswordChanged).text() == "<> Movie club"


@pytest.mark.parametrize("subject", ["a\nBcc: b@example.com", "a\r\nb", "a\u2028b"])
async def test_a_subject_of_several_lines(
    users: Users[User], outbox: Outbox, ada: User, clock: FrozenClock, subject: str
) -> None:
    """A subject that would be several headers is not sent, and is an event."""
    events: list[AuthEvent] = []
    stop = subscribe(events.append)
    wording = Wording(texts={AlreadyRegistered: lambda _: (subject, "text")})
    delivery = Delivery(outbox, users, wording=wording)
    to: Any = {"to": ada.email, "username": "ada", "user": ada.id, "at": clock.now}
    assert not await delivery(AlreadyRegistered(**to))
    stop()
    assert outbox.messages == []
    assert [(event.name, event.data["error"]) for event in events] == [
        ("sys_mail_fail", "ValueError")
    ]


def code_app(users: Users[User], factor: EmailCode) -> FastAPI:
    """An application whose only second factor is a code by mail."""
    app = FastAPI()
    router = session_router(SessionAuth(users), Login(users, factors=[factor]))
    app.include_router(router, prefix="/auth")
    return app


async def test_codes(users: Users[User], outbox: Outbox, ada: User, clock: FrozenClock) -> None:
    """A code is a message as others are; it finishes the login, and is no part of its repr."""
    encryption = XChaCha20Poly1305(KEY)
    factor = EmailCode(users, mail=outbox, product=PRODUCT, encryption=encryption)
    async with new_client(code_app(users, factor)) as client:
        challenge = (await log_in(client)).json()["challenge"]
        message = outbox.last(SignInCode)
        assert message.subject == "Movie club: Your code"
        assert f"The code for your Movie club account is {message.code}." in message.text()
        assert message.text().startswith("Hello,\n")
        assert (message.to, message.user, message.at) == (ada.email, ada.id, clock.now)
        assert message.expires_at == clock.now + timedelta(minutes=10)
        assert message.code not in repr(message)
        step = {"challenge": challenge, "code": message.code}
        answer = await client.post("/auth/login/mfa", json=step)
        assert answer.json()["status"] == "signed_in"


async def test_codes_in_ones_own_words(users: Users[User], outbox: Outbox, ada: User) -> None:
    """A code has a text of the application's own; tests capture it; a failure is a 503."""
    texts: Any = {SignInCode: lambda message: ("Code", f"-> {message.code}")}
    encryption = XChaCha20Poly1305(KEY)
    factor = EmailCode(users, mail=outbox, texts=texts, encryption=encryption)
    async with new_client(code_app(users, factor)) as client:
        with captured_mail() as captured:
            await log_in(client)
            assert captured.last(SignInCode).text() == f"-> {captured.last(SignInCode).code}"
        assert outbox.messages == []
    await User.delete(force=True)
    outbox.is_down = True
    await users.create("ada", "correct horse battery", email="ada@example.com")
    async with new_client(code_app(users, factor)) as client:
        assert (await log_in(client)).status_code == 503


@reaches_no_sql
@pytest.mark.parametrize("product", ["a\nb", " Movie club", "x" * 61, "a\u2028b"])
def test_no_product(users: Users[User], product: str) -> None:
    """The name of a product is one line, and not too long for a subject."""
    for make in (
        lambda: Notices(users, mail=ConsoleMail(), product=product),
        lambda: Accounts(users, mail=ConsoleMail(), base_url="https://a.test", product=product),
        lambda: EmailCode(users, mail=ConsoleMail(), product=product),
    ):
        with pytest.raises(ConfigurationError, match="product must be one line"):
            make()


@reaches_no_sql
def test_options_without_effect(users: Users[User]) -> None:
    """Words for mail that is never sent are refused, and so are texts for no message."""
    encryption = XChaCha20Poly1305(KEY)
    texts: Any = {SignInCode: lambda _: ("", "")}

    async def send(_: Any, __: str) -> None:
        return None

    with pytest.raises(ConfigurationError, match="need Accounts"):
        Accounts(users, product=PRODUCT)
    with pytest.raises(ConfigurationError, match="need Accounts"):
        Accounts(users, texts=texts)
    for options in (
        {},
        {"send": send, "mail": ConsoleMail()},
        {"send": send, "product": PRODUCT},
        {"send": send, "texts": texts},
    ):
        with pytest.raises(ConfigurationError, match="EmailCode needs mail="):
            EmailCode(users, encryption=encryption, **options)
    bad: Any = {User: lambda _: ("", "")}
    with pytest.raises(ConfigurationError, match="texts must be"):
        Notices(users, mail=ConsoleMail(), texts=bad)


@reaches_no_sql
def test_a_message_of_ones_own(database: Any) -> None:
    """A message that an application declares has the product and its own text as well."""

    class Greeting(Message):
        title = "Welcome"

    at: datetime = AT
    message = Greeting(**{**TO, "at": at})
    assert Wording(PRODUCT).apply(message).text() == "Hello ada,\n\nWelcome\n\nMovie club\n"
    assert Wording(PRODUCT).apply(message).subject == "Movie club: Welcome"
