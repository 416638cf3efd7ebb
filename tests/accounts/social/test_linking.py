"""Linking, confirming and unlinking accounts at providers."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import AuthEvent, Notices, OAuthAccount, Passkey, User, Users, subscribe
from piccolo_api_fastapi.errors import LastWayIn
from piccolo_api_fastapi.mail import SecondFactorChanged, VerifyEmail
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from tests.conftest import PASSWORD, bearer, get_tokens, log_in, new_client

from .conftest import CALLBACK, VERIFIED, MakeApp, code_of, come_back, company, link, sign_in
from .hostile import Provider


async def accounts_of(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """The linked accounts."""
    rows: list[dict[str, Any]] = (await client.get("/auth/oauth/accounts")).json()
    return rows


async def unlink(client: httpx.AsyncClient, account: object) -> httpx.Response:
    """Unlink an account."""
    return await client.delete(f"/auth/oauth/accounts/{account}")


async def test_link(
    app: FastAPI,
    client: httpx.AsyncClient,
    provider: Provider,
    ada: User,
    users: Users[User],
    outbox: Outbox,
    events: list[AuthEvent],
) -> None:
    """A link signs the user in from then on, ends other sessions, and is told by mail."""
    notices = Notices(users, mail=outbox)
    stop = subscribe(notices)
    provider.claims = {"sub": "ada at work", "email": "work@example.com"}
    async with new_client(app) as other:
        await log_in(other)
        await log_in(client)
        before = client.cookies["__Host-session"]
        answer = await link(client, provider)
        assert (answer.status_code, answer.headers["location"]) == (303, "/settings")
        assert client.cookies["__Host-session"] != before
        assert (await client.get("/me")).json() == "ada"
        assert (await other.get("/me")).status_code == 401
        assert (await sign_in(other, provider)).status_code == 303
        assert (await other.get("/me")).json() == "ada"
    [row] = await accounts_of(client)
    assert (row["provider"], row["email"]) == ("company", "work@example.com")
    await notices.wait()
    stop()
    changes = [one.change for one in outbox.messages if isinstance(one, SecondFactorChanged)]
    assert changes == ["An account at company was linked to it, and signs you in."]
    assert "authn_oauth_linked" in [event.name for event in events]


@pytest.mark.security(156)
async def test_step_up(
    client: httpx.AsyncClient, provider: Provider, ada: User, clock: FrozenClock
) -> None:
    """Linking, confirming and unlinking need a recent factor."""
    await log_in(client)
    await link(client, provider)
    [row] = await accounts_of(client)
    clock.advance(timedelta(minutes=5))
    for answer in (
        await client.post("/auth/oauth/company/link", json={}),
        await client.post("/auth/oauth/confirm"),
        await unlink(client, row["id"]),
    ):
        assert (answer.status_code, code_of(answer)) == (401, "insufficient_user_authentication")
    await client.post("/auth/reauthenticate", json={"password": PASSWORD})
    assert (await unlink(client, row["id"])).status_code == 204


@pytest.mark.security(156)
@pytest.mark.parametrize("change", ["out", "ended", "again", "other", "disabled", "password"])
async def test_the_session_must_be_alive(
    client: httpx.AsyncClient,
    provider: Provider,
    ada: User,
    grace: User,
    users: Users[User],
    change: str,
) -> None:
    """A link is completed with the very session that began it."""
    await log_in(client)
    answer = await client.post("/auth/oauth/company/link", json={})
    back = provider.authorize(answer.json()["authorization_url"])
    if change == "out":
        await client.post("/auth/logout")
    elif change == "ended":
        await users.end_credentials(ada)
    elif change == "again":
        await log_in(client)
    elif change == "other":
        await log_in(client, "grace")
    elif change == "disabled":
        await User.update({User.active: False}, force=True)
    else:
        await users.set_password(ada, "another horse battery")
    answer = await client.get(CALLBACK, params=back)
    assert (answer.status_code, code_of(answer)) == (400, "login_flow_unknown")
    assert await OAuthAccount.count() == 0
    assert provider.count("/token") == 0


async def test_of_somebody_else(
    app: FastAPI, client: httpx.AsyncClient, provider: Provider, ada: User, grace: User
) -> None:
    """An account that another user has linked can't be linked; nothing is said of them."""
    async with new_client(app) as other:
        await log_in(other, "grace")
        await link(other, provider)
    await log_in(client)
    answer = await link(client, provider)
    assert (answer.status_code, code_of(answer)) == (409, "already_linked")
    assert "grace" not in answer.text
    assert await accounts_of(client) == []
    # Nor a second one of the same provider.
    provider.claims = {"sub": "b"}
    await link(client, provider)
    provider.claims = {"sub": "c"}
    assert code_of(await link(client, provider)) == "already_linked"
    assert len(await accounts_of(client)) == 1


@pytest.fixture
async def confirming(
    app: FastAPI, client: httpx.AsyncClient, provider: Provider, outbox: Outbox
) -> httpx.AsyncClient:
    """A browser in which the owner of an account came from a provider."""
    body = {"username": "ada", "email": "ada@example.com", "password": PASSWORD}
    await client.post("/auth/register", json=body)
    await client.post("/auth/verify-email", json={"token": outbox.token(VerifyEmail)})
    provider.claims = VERIFIED
    answer = await sign_in(client, provider)
    assert (answer.status_code, code_of(answer)) == (409, "account_exists")
    assert (await client.get("/me")).status_code == 401
    return client


@pytest.mark.security(155)
async def test_confirm(confirming: httpx.AsyncClient, provider: Provider) -> None:
    """After an ordinary log-in, the link is completed, once."""
    unknown = await confirming.post("/auth/oauth/confirm")
    assert unknown.status_code == 401
    await log_in(confirming)
    cookie = confirming.cookies["__Host-oauth-confirm"]
    answer = await confirming.post("/auth/oauth/confirm")
    assert answer.status_code == 200, answer.text
    assert answer.json()["email"] == "ada@example.com"
    [row] = await OAuthAccount.select()
    assert (row["subject"], row["email_verified"]) == (VERIFIED["sub"], True)
    assert "__Host-oauth-confirm" not in confirming.cookies
    assert (await unlink(confirming, row["id"])).status_code == 204
    confirming.cookies.set("__Host-oauth-confirm", cookie)
    answer = await confirming.post("/auth/oauth/confirm")
    assert (answer.status_code, code_of(answer)) == (400, "login_flow_unknown")
    assert await OAuthAccount.count() == 0


@pytest.mark.security(155)
@pytest.mark.parametrize("who", ["another user", "another browser", "too late"])
async def test_confirmed_by_others(
    app: FastAPI, confirming: httpx.AsyncClient, grace: User, clock: FrozenClock, who: str
) -> None:
    """It is for this user in this browser, for ten minutes; others don't use it up."""
    if who == "another user":
        await log_in(confirming, "grace")
        answer = await confirming.post("/auth/oauth/confirm")
        await log_in(confirming)
        assert code_of(answer) == "login_flow_unknown"
        assert (await confirming.post("/auth/oauth/confirm")).status_code == 200
        return
    if who == "another browser":
        async with new_client(app) as other:
            await log_in(other)
            answer = await other.post("/auth/oauth/confirm")
    else:
        clock.advance(timedelta(minutes=10))
        await log_in(confirming)
        answer = await confirming.post("/auth/oauth/confirm")
    assert (answer.status_code, code_of(answer)) == (400, "login_flow_unknown")
    assert await OAuthAccount.count() == 0


@pytest.mark.security(155)
@pytest.mark.parametrize("ends", ["unlink", "password"])
async def test_what_ends_a_confirmation(
    make_app: MakeApp,
    confirming: httpx.AsyncClient,
    provider: Provider,
    users: Users[User],
    ends: str,
) -> None:
    """It ends when the user unlinks an account, and with the password."""
    await log_in(confirming)
    if ends == "password":
        await users.set_password((await User.objects())[0], PASSWORD)
        await log_in(confirming)
    else:
        async with new_client(make_app(company(name="other"))) as other:
            await log_in(other)
            provider.claims = {"sub": "b"}
            answer = await other.post("/auth/oauth/other/link", json={})
            back = provider.authorize(answer.json()["authorization_url"])
            await come_back(other, back, "other")
            [row] = await accounts_of(other)
            await unlink(other, row["id"])
        await log_in(confirming)
    answer = await confirming.post("/auth/oauth/confirm")
    assert (answer.status_code, code_of(answer)) == (400, "login_flow_unknown")


@pytest.mark.security(155)
async def test_confirm_when_linked_meanwhile(
    app: FastAPI, confirming: httpx.AsyncClient, provider: Provider, grace: User
) -> None:
    """Whoever linked the account first has it."""
    async with new_client(app) as other:
        await log_in(other, "grace")
        await link(other, provider)
    await log_in(confirming)
    assert code_of(await confirming.post("/auth/oauth/confirm")) == "already_linked"


@pytest.mark.security(159)
async def test_last_way_in(
    make_app: MakeApp, provider: Provider, users: Users[User], events: list[AuthEvent]
) -> None:
    """The last way in can't be unlinked: without a password, a passkey or another account."""
    provider.claims = VERIFIED
    app = make_app(company(), company(name="other"))
    async with new_client(app) as client:
        await sign_in(client, provider)
        [first] = await accounts_of(client)
        answer = await unlink(client, first["id"])
        assert (answer.status_code, code_of(answer)) == (409, "last_way_in")
        assert (await unlink(client, uuid4())).status_code == 404
        provider.claims = {"sub": "b"}
        await link(client, provider, "other")
        assert (await unlink(client, first["id"])).status_code == 204
        assert events[-1].data["provider"] == "company"
        [second] = await accounts_of(client)
        assert code_of(await unlink(client, second["id"])) == "last_way_in"
        [user] = await User.objects()
        await Passkey.insert(
            Passkey(
                id=uuid4(),
                user=user.id,
                digest="d",
                credential_id="c",
                public_key="k",
                transports="",
                aaguid="",
                verifies_user=False,
                name="x",
                created_at=users.clock(),
            )
        )
        links = app.state.social.links
        with pytest.raises(LastWayIn):  # a key that is only touched does not log in
            await links.remove(user, UUID(second["id"]))
        await Passkey.update({Passkey.verifies_user: True}, force=True)
        await links.remove(user, UUID(second["id"]))
    assert await OAuthAccount.count() == 0


@pytest.mark.security(159)
async def test_without_the_password(
    client: httpx.AsyncClient, provider: Provider, ada: User, users: Users[User]
) -> None:
    """A password that was removed is no way in."""
    await log_in(client)
    await link(client, provider)
    await users.store_password(ada, None)
    await sign_in(client, provider)
    [row] = await accounts_of(client)
    assert code_of(await unlink(client, row["id"])) == "last_way_in"


async def test_unlinked_with_a_password(
    client: httpx.AsyncClient, provider: Provider, ada: User
) -> None:
    """With a password, the only account can be unlinked; it signs nobody in afterwards."""
    await log_in(client)
    await link(client, provider)
    [row] = await accounts_of(client)
    assert (await unlink(client, row["id"])).status_code == 204
    await sign_in(client, provider)
    assert (await client.get("/me")).json().startswith("user-")


async def test_accounts_of_others(
    app: FastAPI, client: httpx.AsyncClient, provider: Provider, ada: User, grace: User
) -> None:
    """Nobody sees or unlinks the accounts of another user."""
    await log_in(client)
    await link(client, provider)
    [row] = await accounts_of(client)
    async with new_client(app) as other:
        await log_in(other, "grace")
        assert await accounts_of(other) == []
        assert (await unlink(other, row["id"])).status_code == 404
        token = (await get_tokens(other))["access_token"]
    async with new_client(app) as machine:
        answer = await machine.get("/auth/oauth/accounts", headers=bearer(token))
        assert answer.status_code == 401
