"""Each answer that is not the end says what is next and where; following it ends well."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    TOTP,
    Accounts,
    ConsoleMail,
    JWTAuth,
    Login,
    SessionAuth,
    User,
    Users,
    install,
    jwt_router,
    mfa_router,
    reauthentication_router,
    require,
    session_router,
    verify_email_router,
)
from piccolo_api_fastapi.errors import EmailNotVerified
from tests.conftest import PASSWORD, bearer, log_in, new_client, reaches_no_sql
from tests.documents import expanded, found
from tests.models import Customer

from .conftest import Phone, add, password_grant


def strict_app(session: SessionAuth[User], jwt: JWTAuth[User], totp: TOTP) -> FastAPI:
    """An application whose users must have a second factor, below a prefix of its own."""
    app = FastAPI()
    install(app)
    login = Login(session.users, factors=[totp], mfa_required=True)
    app.include_router(session_router(session, login), prefix="/in")
    app.include_router(jwt_router(jwt, login), prefix="/in")
    app.include_router(mfa_router(totp, session), prefix="/factors")
    accounts = Accounts(session.users, mail=ConsoleMail(), base_url="https://a.test")
    app.include_router(verify_email_router(accounts), prefix="/mail")
    add(app, "/me", session)
    add(app, "/verified", require(session, verified=True))
    return app


@pytest.mark.parametrize("by", ["cookie", "token"])
async def test_second_factor(client: httpx.AsyncClient, ada: User, phone: Phone, by: str) -> None:
    """The second step of a login is where the first one says, for cookies and for tokens."""
    first = await (log_in(client) if by == "cookie" else password_grant(client))
    step, below = first.json()["next"], "login" if by == "cookie" else "token"
    assert step == {
        "action": "present_factor",
        "href": f"/auth/{below}/mfa",
        "send_href": f"/auth/{below}/mfa/send",
    }
    body = {"challenge": first.json()["challenge"], "code": phone.code()}
    answer = await client.post(step["href"], json=body)
    assert (answer.status_code, answer.json()["status"]) == (200, "signed_in")
    assert "next" not in answer.json()


async def test_step_up(client: httpx.AsyncClient, ada: User) -> None:
    """A refused request says where to present a factor again, and then succeeds."""
    await log_in(client)
    client.headers["Sec-Fetch-Site"] = "same-origin"
    refused = await client.get("/mfa-recent")
    step = refused.json()["next"]
    assert step == {"action": "reauthenticate", "href": "/auth/reauthenticate"}
    assert (await client.post(step["href"], json={"password": PASSWORD})).status_code == 204
    assert (await client.get("/recent")).status_code == 200


async def test_enrolment(
    session: SessionAuth[User], jwt: JWTAuth[User], totp: TOTP, ada: User
) -> None:
    """Who must enrol is told where: by the login, by its tokens, and by what is refused."""
    step = {"action": "enrol_factor", "href": "/factors/mfa/totp"}
    async with new_client(strict_app(session, jwt, totp)) as client:
        form = {"grant_type": "password", "username": "ada", "password": PASSWORD}
        tokens = (await client.post("/in/token", data=form)).json()
        assert (tokens["status"], tokens["next"]) == ("mfa_enrolment_required", step)
        body = {"username": "ada", "password": PASSWORD}
        answer = (await client.post("/in/login", json=body)).json()
        assert (answer["status"], answer["next"]) == ("mfa_enrolment_required", step)
        refused = await client.get("/me")
        assert (refused.status_code, refused.json()["next"]) == (403, step)
        headers = bearer(tokens["access_token"])
        refused = await client.get("/in/token/families", headers=headers)
        assert (refused.status_code, refused.json()["next"]) == (403, step)
        assert (await client.post(step["href"])).status_code == 200


async def test_unverified(
    session: SessionAuth[User], jwt: JWTAuth[User], totp: TOTP, ada: User
) -> None:
    """Whose address is not verified is told where the code goes, and where to get another."""
    app, site = FastAPI(), strict_app(session, jwt, totp)
    app.mount("/site", site)

    @site.get("/raised")
    async def raised() -> None:
        raise EmailNotVerified

    async with new_client(app) as client:
        answer = await client.get("/site/raised")
        assert (answer.status_code, answer.json()["next"]) == (
            403,
            {
                "action": "verify_email",
                "href": "/site/mail/verify-email",
                "send_href": "/site/mail/verify-email/request",
            },
        )


async def test_no_such_route(users: Users[User], session: SessionAuth[User], ada: User) -> None:
    """Where the application has no route for a step, its path is null."""
    app = FastAPI()
    install(app)
    app.include_router(session_router(session), prefix="/auth")
    add(app, "/mfa", require(session, mfa=True))
    add(app, "/verified", require(session, verified=True))
    async with new_client(app) as client:
        await log_in(client)
        answer = await client.get("/mfa")
        assert answer.json()["next"] == {"action": "reauthenticate", "href": None}
        answer = await client.get("/verified")
        assert answer.json()["next"] == {
            "action": "verify_email",
            "href": None,
            "send_href": None,
        }


async def test_the_nearest(users: Users[User], totp: TOTP, ada: User, phone: Phone) -> None:
    """Of two logins of one user table, each goes on below its own prefix."""
    app, login = FastAPI(), Login(users, factors=[totp])
    install(app)
    app.include_router(session_router(SessionAuth(users), login), prefix="/auth")
    staff = session_router(SessionAuth(users, name="staff"), login)
    app.include_router(staff, prefix="/staff/auth")
    body = {"username": "ada", "password": PASSWORD}
    async with new_client(app) as client:
        for prefix in ("/auth", "/staff/auth"):
            answer = await client.post(f"{prefix}/login", json=body)
            assert answer.json()["next"]["href"] == f"{prefix}/login/mfa"


async def test_two_user_tables(users: Users[User], session: SessionAuth[User], ada: User) -> None:
    """The step of a user is a route for users of their table, even if another is nearer."""
    app, theirs = FastAPI(), SessionAuth(Users(Customer), name="shop")
    install(app)
    app.include_router(session_router(session), prefix="/auth")
    shop = reauthentication_router(Login(theirs.users), theirs)
    app.include_router(shop, prefix="/recent/auth")
    app.include_router(reauthentication_router(Login(users), session), prefix="/auth")
    add(app, "/recent", require(session, mfa=True))
    async with new_client(app) as client:
        await log_in(client)
        step = (await client.get("/recent")).json()["next"]
        assert step == {"action": "reauthenticate", "href": "/auth/reauthenticate"}


@reaches_no_sql
def test_openapi(session: SessionAuth[User], jwt: JWTAuth[User], totp: TOTP) -> None:
    """All these answers have a `next` of one type, whose `action` tells the steps apart."""
    app = strict_app(session, jwt, totp)
    document: dict[str, Any] = app.openapi()
    schemas = document["components"]["schemas"]
    union = schemas["NextStep"]
    assert union["discriminator"]["propertyName"] == "action"
    for action, reference in union["discriminator"]["mapping"].items():
        assert found(document, reference)["properties"]["action"]["const"] == action
    assert union["discriminator"]["mapping"].keys() == {
        "present_factor",
        "enrol_factor",
        "reauthenticate",
        "verify_email",
    }
    reference = {"$ref": "#/components/schemas/NextStep"}
    for body in (
        "MFARequiredOut",
        "EnrolmentRequiredOut",
        "MFARequiredBody",
        "StepUpBody",
        "EnrolmentRequiredBody",
        "EmailNotVerifiedBody",
    ):
        assert schemas[body]["properties"]["next"] == reference
        assert "next" in schemas[body]["required"]
    assert schemas["TokenOut"]["properties"]["next"]["$ref"] == reference["$ref"]
    assert "next" not in schemas["TokenOut"]["required"]
    answers = expanded(document)["paths"]["/verified"]["get"]["responses"]
    assert "email_not_verified" in answers["403"]["content"]["application/problem+json"]["examples"]
