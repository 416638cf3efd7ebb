"""What a passkey is good for: log-in without a name, second factor, step-up, on both channels."""

import httpx
from fastapi import FastAPI

from piccolo_api_fastapi import AuthEvent
from piccolo_api_fastapi.testing import SoftwareAuthenticator
from tests.conftest import bearer, new_client

from .conftest import add, begin, challenge, enter, password_grant, second_step


async def test_log_in(
    app: FastAPI,
    browser: httpx.AsyncClient,
    key: SoftwareAuthenticator,
    events: list[AuthEvent],
) -> None:
    """Without a name, and multi-factor by itself."""
    added = await add(browser, key)
    assert added.status_code == 201, added.text
    assert added.json()["name"] == "My phone"
    assert len(added.json()["recovery_codes"]) == 10
    async with new_client(app) as client:
        answer = await enter(client, key)
        assert answer.json()["status"] == "signed_in", answer.text
        assert (await client.get("/me")).json() == "ada"
        assert (await client.get("/mfa")).status_code == 200
        row = (await client.get("/auth/passkeys")).json()[0]
        assert row["last_used_at"] is not None
    [login] = [one for one in events if one.name == "authn_login_success"][-1:]
    assert login.data["factor"] == "passkey"


async def test_tokens(app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator) -> None:
    """The same for apps, with the scopes that they ask for."""
    await add(browser, key)
    async with new_client(app) as client:
        ceremony = await begin(client, "/token/passkey")
        credential = key.get(ceremony["options"])
        body = {"challenge": ceremony["challenge"], "credential": credential, "scope": "account"}
        pair = (await client.post("/auth/token/passkey", json=body)).json()
        assert (pair["scope"], pair["status"]) == ("account", "signed_in")
        answer = await client.get("/mfa", headers=bearer(pair["access_token"]))
        assert answer.json() == "ada"


async def test_second_factor(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator
) -> None:
    """After a password, a passkey or a recovery code is asked for."""
    codes = (await add(browser, key)).json()["recovery_codes"]
    async with new_client(app) as client:
        step = await challenge(client)
        assert step["methods"] == ["passkey", "recovery_code"]
        answer = await second_step(client, key, step["challenge"])
        assert answer.json()["status"] == "signed_in", answer.text
        assert (await client.get("/mfa")).status_code == 200
    async with new_client(app) as client:
        step = await challenge(client)
        body = {"challenge": step["challenge"], "code": codes[0]}
        assert (await client.post("/auth/login/mfa", json=body)).status_code == 200
    async with new_client(app) as client:
        answer = await password_grant(client)
        token = answer.json()["challenge"]
        options = await client.post(
            "/auth/token/mfa/options", json={"challenge": token, "method": "passkey"}
        )
        body = {"challenge": token, "credential": key.get(options.json()["options"])}
        answer = await client.post("/auth/token/mfa", json=body)
        assert answer.status_code == 200, answer.text


async def test_step_up(browser: httpx.AsyncClient, key: SoftwareAuthenticator) -> None:
    """A passkey confirms that it is the owner."""
    await add(browser, key)
    ceremony = await begin(browser, "/reauthenticate")
    body = {"challenge": ceremony["challenge"], "credential": key.get(ceremony["options"])}
    answer = await browser.post("/auth/reauthenticate", json=body)
    assert answer.status_code == 204, answer.text
    again = await browser.post("/auth/reauthenticate", json=body)
    assert (again.status_code, again.json()["code"]) == (401, "invalid_code")


async def test_a_credential_for_a_factor_that_takes_codes(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator
) -> None:
    """Whoever names another factor does not get in with a passkey, nor with a code for one."""
    codes = (await add(browser, key)).json()["recovery_codes"]
    async with new_client(app) as client:
        token = (await challenge(client))["challenge"]
        begun = {"challenge": token, "method": "passkey"}
        options = (await client.post("/auth/login/mfa/options", json=begun)).json()["options"]
        signed = {"challenge": token, "credential": key.get(options), "method": "recovery_code"}
        refused = await client.post("/auth/login/mfa", json=signed)
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_code")
    async with new_client(app) as client:
        typed = {**await challenge(client), "code": codes[0], "method": "passkey"}
        typed = {name: typed[name] for name in ("challenge", "code", "method")}
        refused = await client.post("/auth/login/mfa", json=typed)
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_code")
