"""Presenting a factor once more, and what asks for it."""

from datetime import timedelta
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Request, Response

from piccolo_api_fastapi import (
    AnyOf,
    ConfigurationError,
    Identity,
    RefreshFamily,
    Session,
    SessionAuth,
    TokenAuth,
    User,
    Users,
    optional,
    require,
)
from piccolo_api_fastapi.access.step_up import StepUp, acr, amr, read_factors, write_factors
from piccolo_api_fastapi.errors import (
    CredentialNotAllowed,
    InvalidToken,
    SessionEnded,
    StepUpRequired,
)
from piccolo_api_fastapi.testing import FrozenClock, acting_as
from tests.conftest import PASSWORD, bearer, get_tokens, log_in, new_client, reaches_no_sql
from tests.documents import expanded

from .conftest import add, challenge, enrol, second_step

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


async def reauthenticate(
    client: httpx.AsyncClient, headers: dict[str, str] | None = None, **body: Any
) -> httpx.Response:
    """Present a factor."""
    return await client.post("/auth/reauthenticate", json=body, headers=headers)


@pytest.mark.security(81)
async def test_within(client: httpx.AsyncClient, ada: User, clock: FrozenClock) -> None:
    """299 seconds after the password it is recent, after 300 it is not."""
    await log_in(client)
    clock.advance(299 * SECOND)
    assert (await client.get("/recent")).status_code == 200
    clock.advance(SECOND)
    answer = await client.get("/recent")
    assert (answer.status_code, answer.json()["code"]) == (401, "insufficient_user_authentication")
    assert answer.json()["max_age"] == 300
    assert 'max_age="300"' in answer.headers["www-authenticate"]
    assert (await reauthenticate(client, password=PASSWORD)).status_code == 204
    assert (await client.get("/recent")).status_code == 200


@pytest.mark.security(82)
async def test_only_a_factor_counts(
    client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """Neither activity nor a refresh makes an authentication recent."""
    await log_in(client)
    tokens = await get_tokens(client)
    for _ in range(5):
        clock.advance(MINUTE)
        assert (await client.get("/me")).status_code == 200
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        tokens = (await client.post("/auth/token", data=form)).json()
    assert (await client.get("/recent")).status_code == 401
    access = bearer(tokens["access_token"])
    assert (await client.get("/recent", headers=access)).status_code == 401
    claims = (await client.get("/claims", headers=access)).json()
    assert claims["at"] == (clock.now - 5 * MINUTE).timestamp()


@pytest.mark.security(83)
async def test_level(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """A second factor is one that was presented; a password, however fresh, is none."""
    await log_in(client)
    answer = await client.get("/mfa")
    assert (answer.status_code, answer.json()["acr_values"]) == (401, "mfa")
    assert "max_age" not in answer.json()
    assert (await client.get("/totp")).json()["acr_values"] == "totp"
    phone, codes = await enrol(client, clock)
    for path in ("/mfa", "/totp"):
        assert (await client.get(path)).status_code == 200
    other = new_client(app)
    await second_step(other, await challenge(other), codes[0])
    assert (await other.get("/mfa")).status_code == 200
    assert (await other.get("/totp")).status_code == 401
    assert (await reauthenticate(other, code=phone.code())).status_code == 204
    assert (await other.get("/totp")).status_code == 200


@pytest.mark.security(81)
@pytest.mark.security(83)
async def test_age_of_the_second_factor(
    client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """A rule may ask for the second factor and its age; the password does not renew it."""
    phone, _ = await enrol(client, clock)
    clock.advance(5 * MINUTE)
    await reauthenticate(client, password=PASSWORD)
    assert (await client.get("/recent")).status_code == 200
    assert (await client.get("/mfa")).status_code == 200
    answer = await client.get("/mfa-recent")
    assert (answer.json()["max_age"], answer.json()["acr_values"]) == (300, "mfa")
    await reauthenticate(client, code=phone.code(), method="totp")
    assert (await client.get("/mfa-recent")).status_code == 200


@pytest.mark.security(20)
async def test_rotation(client: httpx.AsyncClient, ada: User) -> None:
    """A step-up gives the session a new cookie; the old one is dead, the session the same."""
    await log_in(client)
    old, [before] = dict(client.cookies), await Session.select()
    assert (await reauthenticate(client, password=PASSWORD)).status_code == 204
    [after] = await Session.select()
    assert before["id"] == after["id"]
    assert (await client.get("/me")).status_code == 200
    client.cookies.clear()
    replayed = {"Cookie": "; ".join(f"{name}={value}" for name, value in old.items())}
    assert (await client.get("/me", headers=replayed)).status_code == 401


async def test_tokens(client: httpx.AsyncClient, ada: User, clock: FrozenClock) -> None:
    """A step-up counts for the tokens of its family at once, and its claims after a refresh."""
    tokens = await get_tokens(client)
    access = bearer(tokens["access_token"])
    clock.advance(5 * MINUTE)
    assert (await client.get("/recent", headers=access)).status_code == 401
    assert (await reauthenticate(client, access, password=PASSWORD)).status_code == 204
    assert (await client.get("/recent", headers=access)).status_code == 200
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    tokens = (await client.post("/auth/token", data=form)).json()
    claims = (await client.get("/claims", headers=bearer(tokens["access_token"]))).json()
    assert claims == {"acr": "single_factor", "amr": ["pwd"], "at": clock.now.timestamp()}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"password": "another horse battery"}, "invalid_credentials"),
        ({"password": ""}, "invalid_credentials"),
        ({"code": "123456"}, "invalid_code"),
        ({"code": "", "method": "totp"}, "invalid_code"),
    ],
)
async def test_wrong(
    client: httpx.AsyncClient, ada: User, clock: FrozenClock, body: dict[str, Any], code: str
) -> None:
    """What is wrong is refused, and the session goes on as it was."""
    await log_in(client)
    clock.advance(5 * MINUTE)
    answer = await reauthenticate(client, **body)
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert (await client.get("/recent")).status_code == 401
    assert (await client.get("/me")).status_code == 200


@pytest.mark.parametrize("body", [{}, {"password": "x", "code": "1"}, {"method": "totp"}])
async def test_one_of_the_two(client: httpx.AsyncClient, ada: User, body: dict[str, Any]) -> None:
    """The password or a code: not both, not neither."""
    await log_in(client)
    assert (await reauthenticate(client, **body)).status_code == 422


async def test_the_password_of_another(
    client: httpx.AsyncClient, users: Users[User], ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that has come to mean somebody else proves nothing."""
    await log_in(client)
    grace = await users.create("grace", "another horse battery")
    verify = users.verify

    async def as_grace(_: str, password: str, **options: Any) -> Any:
        return await verify(grace.username, password, **options)

    monkeypatch.setattr(users, "verify", as_grace)
    answer = await reauthenticate(client, password="another horse battery")
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")


@pytest.mark.parametrize("code", [SessionEnded.code, InvalidToken.code])
async def test_it_ended_meanwhile(
    client: httpx.AsyncClient,
    users: Users[User],
    ada: User,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
) -> None:
    """A session or family that ends during the step-up is not brought back."""
    await log_in(client)
    access = bearer((await get_tokens(client))["access_token"])
    verify = users.verify

    async def ending(*arguments: Any, **options: Any) -> Any:
        await Session.delete(force=True)
        await RefreshFamily.delete(force=True)
        return await verify(*arguments, **options)

    monkeypatch.setattr(users, "verify", ending)
    headers = access if code == InvalidToken.code else None
    answer = await reauthenticate(client, headers, password=PASSWORD)
    assert (answer.status_code, answer.json()["code"]) == (401, code)


async def test_older_rows(client: httpx.AsyncClient, ada: User, clock: FrozenClock) -> None:
    """A session that is older than the record of factors lives, and has presented none."""
    await log_in(client)
    await Session.update({Session.factors: ""}, force=True)
    assert (await client.get("/me")).json()["factors"] == {}
    assert (await client.get("/recent")).status_code == 401
    await reauthenticate(client, password=PASSWORD)
    assert (await client.get("/recent")).status_code == 200


async def test_the_kit(
    app: FastAPI, session: SessionAuth[User], ada: User, clock: FrozenClock
) -> None:
    """A test acts as a user who has presented this or that, just now or a while ago."""
    add(app, "/kit", require(session, mfa=True, within=5 * MINUTE))
    client = new_client(app)
    for factors, status in [
        (("password",), 401),
        ((), 401),
        (("password", "totp"), 200),
        ({"totp": clock.now - 5 * MINUTE}, 401),
        ({"totp": clock.now - 4 * MINUTE}, 200),
    ]:
        with acting_as(session, ada, factors=factors):
            assert (await client.get("/kit")).status_code == status
    with acting_as(session, ada):
        answer = await reauthenticate(client, password=PASSWORD)
        assert answer.status_code == 403  # there is no session to record it with


@reaches_no_sql
async def test_machines(users: Users[User], ada: User) -> None:
    """With a credential of a machine nothing can be recorded, whoever asks."""
    token = TokenAuth(users)
    identity = Identity(ada, token.scheme_name, None, frozenset(), users.clock())
    request = Request({"type": "http", "headers": []})
    with pytest.raises(CredentialNotAllowed):
        await token.step_up(identity, "password", request, Response())


async def test_optional(
    app: FastAPI, session: SessionAuth[User], ada: User, clock: FrozenClock
) -> None:
    """`optional(require(…))` still asks for the factor of whoever is signed in."""
    guard = optional(require(session, within=5 * MINUTE))

    @app.get("/maybe")
    async def maybe(user: Annotated[User | None, Depends(guard)]) -> str | None:
        return user.username if user else None

    client = new_client(app)
    assert (await client.get("/maybe")).json() is None
    await log_in(client)
    assert (await client.get("/maybe")).json() == "ada"
    clock.advance(5 * MINUTE)
    assert (await client.get("/maybe")).status_code == 401


@reaches_no_sql
async def test_openapi(app: FastAPI, session: SessionAuth[User], database: Any) -> None:
    """The documentation tells of the step-up where it is asked for, and only there."""
    paths = expanded(app.openapi())["paths"]

    def codes(path: str) -> set[str]:
        answers = paths[path]["get"]["responses"]["401"]["content"]["application/problem+json"]
        return set(answers["examples"])

    assert "insufficient_user_authentication" in codes("/mfa-recent")
    assert "insufficient_user_authentication" not in codes("/me")


@reaches_no_sql
def test_configuration(session: SessionAuth[User]) -> None:
    """Nothing to require, or no time at all, is refused."""
    with pytest.raises(ConfigurationError):
        require(AnyOf(session))
    with pytest.raises(ConfigurationError):
        require(session, within=timedelta(0))


def test_factors(clock: FrozenClock) -> None:
    """Names and times are written and read; levels and methods follow from them."""
    later = clock.now + timedelta(microseconds=123_457)
    factors = {"password": clock.now, "totp": later}
    assert read_factors(write_factors(factors)) == factors
    assert read_factors(write_factors({})) == {}
    assert (acr({}), acr({"password": later}), acr(factors)) == (
        "single_factor",
        "single_factor",
        "mfa",
    )
    assert amr({}) == ()
    assert amr({"password": later}) == ("pwd",)
    assert amr(factors) == ("pwd", "otp", "mfa")
    unknown = {"password": clock.now, "never declared": later}
    assert (acr(unknown), amr(unknown)) == ("single_factor", ("pwd",))
    for step_up in (StepUp(mfa=True), StepUp(factor="never declared")):
        with pytest.raises(StepUpRequired):
            step_up.check(unknown, later)
    with pytest.raises(StepUpRequired):
        StepUp(within=timedelta(hours=1)).check({"never declared": later}, later)
    assert not StepUp()
