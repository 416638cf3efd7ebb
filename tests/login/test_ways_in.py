"""Ways in other than the password: what follows is the same, and no factor counts twice."""

from datetime import timedelta

import pytest
from starlette.requests import Request
from starlette.responses import Response

from piccolo_api_fastapi import (
    TOTP,
    Challenge,
    EmailCode,
    JWTAuth,
    Login,
    Proof,
    SessionAuth,
    User,
    Users,
    XChaCha20Poly1305,
    generate_key,
)
from piccolo_api_fastapi.access.step_up import StepUp, acr, declare_factor, second_factors
from piccolo_api_fastapi.core.http.client import ClientInfo
from piccolo_api_fastapi.errors import (
    InvalidCode,
    InvalidCredentials,
    LoginRefused,
    StepUpRequired,
)
from piccolo_api_fastapi.testing import FrozenClock, totp_code

CLIENT = ClientInfo(ip="203.0.113.7")


@pytest.fixture(autouse=True)
def ways_in() -> None:
    """A badge that says who it is, a link to the mailbox, and a key with a PIN."""
    declare_factor("badge", amr=["sc"], worth="first")
    declare_factor("mail_link", amr=["otp"], worth="first", proves="mailbox")
    declare_factor("pin_key", amr=["hwk", "user"], worth="both")


@pytest.fixture
def sent() -> list[str]:
    """The codes that were sent."""
    return []


@pytest.fixture
def code(users: Users[User], sent: list[str]) -> EmailCode:
    """Codes by mail."""

    async def send(_: object, code: str) -> None:
        sent.append(code)

    return EmailCode(users, send=send, encryption=XChaCha20Poly1305(generate_key()))


@pytest.mark.parametrize(
    ("presented", "second"),
    [
        ({"password"}, set()),
        ({"badge"}, set()),
        ({"mail_link"}, set()),
        ({"password", "totp"}, {"totp"}),
        ({"totp"}, {"totp"}),
        ({"password", "email_code"}, {"email_code"}),
        ({"mail_link", "email_code"}, set()),
        ({"mail_link", "totp"}, {"totp"}),
        ({"mail_link", "email_code", "password"}, {"email_code"}),
        ({"pin_key"}, {"pin_key"}),
        ({"unheard_of"}, set()),
    ],
)
@pytest.mark.security(174)
def test_what_counts_as_second(presented: set[str], second: set[str]) -> None:
    """A second factor counts unless the first one proves the same."""
    assert second_factors(presented) == second


@pytest.mark.security(172)
def test_step_up_beside_the_login(clock: FrozenClock) -> None:
    """Nor does it count for a change of the account, whose own factors are fewer."""
    now, needs_mfa = clock(), StepUp(mfa=True)
    with pytest.raises(StepUpRequired):
        needs_mfa.check({"email_code": now}, now, {"mail_link": now, "email_code": now})
    needs_mfa.check({"email_code": now}, now, {"password": now, "email_code": now})
    with pytest.raises(StepUpRequired):
        StepUp(mfa=True, within=timedelta(minutes=1)).check(
            {"totp": now - timedelta(hours=1)}, now, {"password": now}
        )


async def test_the_whole_login(users: Users[User], ada: User, session: SessionAuth[User]) -> None:
    """A badge signs in who has no second factor."""
    login = Login(users)
    proof = await login.enter(ada.id, "badge", CLIENT, scope="a", client_id="app")
    assert isinstance(proof, Proof)
    assert (proof.user.id, set(proof.factors), proof.scope) == (ada.id, {"badge"}, "a")
    assert proof.client_id == "app"
    assert acr(proof.factors) == "single_factor"
    assert proof.event is not None
    assert proof.event.data["factor"] == "badge"


async def test_a_second_factor_is_asked_for(
    users: Users[User], ada: User, code: EmailCode, sent: list[str]
) -> None:
    """A badge leads to the same challenge as a password."""
    login = Login(users, factors=[code])
    challenge = await login.enter(ada.id, "badge", CLIENT)
    assert isinstance(challenge, Challenge)
    proof = await login.finish(challenge.token, sent[-1], CLIENT)
    assert set(proof.factors) == {"badge", "email_code"}
    assert acr(proof.factors) == "mfa"


@pytest.mark.security(172)
async def test_one_mailbox_is_one_factor(
    users: Users[User], ada: User, code: EmailCode, clock: FrozenClock
) -> None:
    """After a link in a mail no code is sent to the same mailbox, and none is accepted."""
    totp = TOTP(users, encryption=XChaCha20Poly1305(generate_key()), issuer="Movies")
    assert isinstance(await Login(users, factors=[code]).enter(ada.id, "mail_link", CLIENT), Proof)
    login = Login(users, factors=[code, totp])
    enrolment = await totp.begin(ada)
    await totp.enrol(await totp.check(ada, totp_code(enrolment.uri, clock())))
    challenge = await login.enter(ada.id, "mail_link", CLIENT)
    assert isinstance(challenge, Challenge)
    assert "email_code" not in challenge.methods
    assert "totp" in challenge.methods
    with pytest.raises(InvalidCode):
        await login.send(challenge.token, "email_code", CLIENT)
    with pytest.raises(InvalidCode):
        await login.finish(challenge.token, "123456", CLIENT, method="email_code")


async def test_whoever_must_have_a_second_factor(
    users: Users[User], ada: User, code: EmailCode
) -> None:
    """A mailbox alone leads to enrolment; a key with a PIN is enough by itself."""
    login = Login(users, factors=[code], mfa_required=True)
    by_mail = await login.enter(ada.id, "mail_link", CLIENT)
    assert isinstance(by_mail, Proof)
    assert by_mail.is_enrolling
    by_key = await login.enter(ada.id, "pin_key", CLIENT)
    assert isinstance(by_key, Proof)
    assert not by_key.is_enrolling


async def test_refusals(users: Users[User], ada: User) -> None:
    """Hooks, disabled and deleted users."""
    login = Login(users, before=[lambda attempt: f"no {attempt.factor}"])
    with pytest.raises(LoginRefused, match="no badge"):
        await login.enter(ada.id, "badge", CLIENT)
    login = Login(users)
    with pytest.raises(InvalidCredentials):
        await login.enter(10**6, "badge", CLIENT)
    await User.update({User.active: False}).where(User.id == ada.id)
    with pytest.raises(InvalidCredentials):
        await login.enter(ada.id, "badge", CLIENT)


@pytest.mark.security(172)
async def test_a_code_to_the_same_mailbox_ends_no_enrolment(
    users: Users[User], ada: User, session: SessionAuth[User], jwt: JWTAuth[User], code: EmailCode
) -> None:
    """A session or family that may only enrol stays so, whatever the same mailbox proves again."""
    login = Login(users, factors=[code], mfa_required=True)
    proof = await login.enter(ada.id, "mail_link", CLIENT)
    assert isinstance(proof, Proof)
    request, response = Request({"type": "http", "headers": []}), Response()
    await session.sign_in(request, response, proof)
    cookie = response.headers["set-cookie"].partition(";")[0]
    bearer = f"Bearer {(await jwt.issue(proof, request)).access_token}"
    for scheme, header in ((session, ("cookie", cookie)), (jwt, ("authorization", bearer))):
        headers = [tuple(part.encode() for part in header)]
        request = Request({"type": "http", "method": "GET", "headers": headers})
        identity = await scheme.authenticate(request)
        assert identity is not None
        await scheme.record_factor(identity, "email_code", request, response := Response())
        if cookie := response.headers.get("set-cookie", "").partition(";")[0]:
            request = Request({**request.scope, "headers": [(b"cookie", cookie.encode())]})
        identity = await scheme.authenticate(request)
        assert identity is not None
        assert identity.is_enrolling
        assert acr(identity.factors) == "single_factor"
