"""A provider is one factor: the user's own second factor is asked for afterwards."""

from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import AuthEvent, Login, LoginAttempt, OAuthAccount, User
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import bearer, log_in, new_client
from tests.login.mfa.totp.conftest import Phone, enrol

from .apps import APP, VERIFIER, exchange, sign_in_app
from .conftest import MakeApp, code_of, company, link, sign_in
from .hostile import Provider


async def linked_with_phone(
    client: httpx.AsyncClient, provider: Provider, clock: FrozenClock
) -> Phone:
    """Ada with an authenticator app and an account at the provider."""
    await log_in(client)
    phone, _ = await enrol(client, clock)
    await link(client, provider)
    await client.post("/auth/logout")
    return phone


@pytest.mark.security(161)
async def test_asked_for(
    client: httpx.AsyncClient, provider: Provider, ada: User, clock: FrozenClock
) -> None:
    """The page of the second factor gets the challenge, and no session is there before."""
    phone = await linked_with_phone(client, provider, clock)
    provider.claims |= {"amr": ["mfa"], "acr": "mfa"}
    answer = await sign_in(client, provider, next="/movies")
    page, _, fragment = answer.headers["location"].partition("#")
    step = {name: values[0] for name, values in parse_qs(fragment).items()}
    assert (page, step["next"], step["methods"]) == ("/login/mfa", "/movies", "totp recovery_code")
    assert (await client.get("/me")).status_code == 401
    body = {"challenge": step["challenge"], "code": phone.code()}
    answer = await client.post("/auth/login/mfa", json=body)
    assert answer.json()["status"] == "signed_in", answer.text
    assert (await client.get("/mfa")).status_code == 200


@pytest.mark.security(161)
async def test_asked_for_by_apps(
    make_app: MakeApp, provider: Provider, ada: User, clock: FrozenClock
) -> None:
    """So it is for the tokens of an app."""
    async with new_client(make_app(apps=APP)) as client:
        phone = await linked_with_phone(client, provider, clock)
        answer = await exchange(client, await sign_in_app(client, provider))
        assert answer.json()["error"] == "mfa_required", answer.text
        body = {"challenge": answer.json()["challenge"], "code": phone.code()}
        pair = (await client.post("/auth/token/mfa", json=body)).json()
        answer = await client.get("/mfa", headers=bearer(pair["access_token"]))
        assert answer.json() == "ada"
    assert VERIFIER


@pytest.mark.security(161)
async def test_required(make_app: MakeApp, provider: Provider) -> None:
    """Where a second factor is required, the provider's word is none: the user must enrol."""
    async with new_client(make_app(mfa_required=True)) as client:
        provider.claims |= {"amr": ["mfa"]}
        answer = await sign_in(client, provider, next="/movies")
        assert answer.headers["location"] == "/movies"
        assert code_of(await client.get("/me")) == "mfa_enrolment_required"


@pytest.mark.security(161)
@pytest.mark.parametrize(
    ("amr", "trusted"),
    [(["pwd", "mfa"], True), (["pwd"], False), ([], False), ("mfa", False), ([7, ["mfa"]], False)],
)
async def test_trusted(make_app: MakeApp, provider: Provider, amr: Any, *, trusted: bool) -> None:
    """The word of a provider that is trusted counts, if it gives it."""
    provider.claims |= {"amr": amr}
    app = make_app(mfa_required=True, trusts_amr={"company": ["mfa"]})
    async with new_client(app) as client:
        await sign_in(client, provider)
        assert (await client.get("/mfa")).status_code == (200 if trusted else 403)


async def test_trust_applies_to_one_provider(make_app: MakeApp, provider: Provider) -> None:
    """If one provider is trusted, the claims of another are still not a second factor."""
    provider.claims |= {"amr": ["mfa"]}
    providers = [company(), company(name="other")]
    app = make_app(*providers, mfa_required=True, trusts_amr={"company": ["mfa"]})
    async with new_client(app) as client:
        await sign_in(client, provider, "other")
        assert (await client.get("/mfa")).status_code == 403


@pytest.mark.parametrize("has_phone", [False, True])
async def test_unlinked_after_the_look_up(
    make_app: MakeApp,
    provider: Provider,
    ada: User,
    clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
    *,
    has_phone: bool,
) -> None:
    """An account that is unlinked during the log-in leads to no session and no second factor."""
    async with new_client(make_app()) as client:
        if has_phone:
            await linked_with_phone(client, provider, clock)
        else:
            await sign_in(client, provider)
            await client.post("/auth/logout")
        enter = Login.enter

        async def unlinked(*args: Any, **options: Any) -> Any:
            outcome = await enter(*args, **options)
            await OAuthAccount.delete(force=True)
            return outcome

        monkeypatch.setattr(Login, "enter", unlinked)
        answer = await sign_in(client, provider)
        assert (answer.status_code, code_of(answer)) == (401, "invalid_credentials")
        assert (await client.get("/me")).status_code == 401


async def test_refused_by_a_hook(
    make_app: MakeApp, provider: Provider, events: list[AuthEvent]
) -> None:
    """Hooks of the login are asked; who is refused is not noted as having logged in."""

    def closed(attempt: LoginAttempt) -> str | None:
        return "We are closed." if attempt.factor == "oauth" else None

    async with new_client(make_app(hooks=[closed])) as client:
        answer = await sign_in(client, provider)
        assert (answer.status_code, answer.json()["detail"]) == (403, "We are closed.")
    [row] = await OAuthAccount.select()
    assert row["last_login_at"] is None


async def test_event(
    client: httpx.AsyncClient, provider: Provider, events: list[AuthEvent]
) -> None:
    """A log-in is told like any other, with its factor."""
    await sign_in(client, provider)
    [event] = [one for one in events if one.name == "authn_login_success"]
    assert event.data["factor"] == "oauth"


async def test_described(app: FastAPI, client: httpx.AsyncClient) -> None:
    """The providers are listed, and OpenAPI has the routes."""
    answer = await client.get("/auth/oauth")
    assert answer.json() == [{"provider": "company", "name": "Company"}]
    paths = app.openapi()["paths"]
    assert "303" in paths["/auth/oauth/{provider}/callback"]["get"]["responses"]
    body = paths["/auth/oauth/{provider}"]["post"]["requestBody"]["content"]
    assert body.keys() == {"application/json", "application/x-www-form-urlencoded"}
