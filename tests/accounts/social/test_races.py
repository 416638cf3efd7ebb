"""What many do at once: one of them does it."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import EmailStatus, OAuthAccount, Session, User, Users
from piccolo_api_fastapi.accounts.social.admission import Admission
from piccolo_api_fastapi.errors import Conflict
from tests.conftest import PASSWORD, log_in, new_client

from .conftest import CALLBACK, VERIFIED, MakeApp, begin, code_of, come_back, company, link, sign_in
from .hostile import Provider

MANY = 24

pytestmark = pytest.mark.usefixtures("unlimited")


@pytest.mark.security(142)
async def test_state(client: httpx.AsyncClient, provider: Provider) -> None:
    """Of 24 callbacks of one flow, one asks the provider."""
    back = provider.authorize(await begin(client))
    headers = {"Cookie": f"__Host-oauth-company={client.cookies['__Host-oauth-company']}"}
    client.cookies.clear()
    calls = (client.get(CALLBACK, params=back, headers=headers) for _ in range(MANY))
    answers = await asyncio.gather(*calls)
    counted = Counter(answer.status_code for answer in answers)
    assert counted == {303: 1, 400: MANY - 1}
    assert provider.count("/token") == 1
    assert (await User.count(), await Session.count()) == (1, 1)


@pytest.mark.security(158)
async def test_sign_up(app: FastAPI, provider: Provider) -> None:
    """Of 24 browsers of one new subject, all are signed in as the same user."""
    provider.claims = VERIFIED
    clients = [new_client(app) for _ in range(MANY)]
    backs = [provider.authorize(await begin(client)) for client in clients]
    answers = await asyncio.gather(*map(come_back, clients, backs))
    assert Counter(answer.status_code for answer in answers) == {303: MANY}
    assert (await User.count(), await OAuthAccount.count()) == (1, 1)
    assert await Session.count() == MANY
    for client in clients:
        await client.aclose()


@pytest.mark.security(158)
async def test_subject(app: FastAPI, provider: Provider, users: Users[User]) -> None:
    """One subject is linked by one of many users."""
    clients, backs = [new_client(app) for _ in range(MANY)], []
    for number, client in enumerate(clients):
        user = await users.create(f"user{number}", PASSWORD)
        assert (await log_in(client, user.username)).status_code == 200
        answer = await client.post("/auth/oauth/company/link", json={})
        backs.append(provider.authorize(answer.json()["authorization_url"]))
    answers = await asyncio.gather(*map(come_back, clients, backs))
    assert Counter(answer.status_code for answer in answers) == {303: 1, 409: MANY - 1}
    assert await OAuthAccount.count() == 1
    for client in clients:
        await client.aclose()


@pytest.mark.security(158)
async def test_slot(app: FastAPI, provider: Provider, ada: User) -> None:
    """Of two subjects of one provider, a user links one."""
    clients, backs = [new_client(app) for _ in range(2)], []
    provider.sign = None
    for number, client in enumerate(clients):
        await log_in(client)
        answer = await client.post("/auth/oauth/company/link", json={})
        provider.claims = {"sub": f"subject {number}"}
        backs.append(provider.authorize(answer.json()["authorization_url"]))
    subjects = iter(["a", "b"])
    provider.alter_claims = lambda found: {**found, "sub": next(subjects)}
    answers = await asyncio.gather(*map(come_back, clients, backs))
    # The one who comes first signs the other out.
    counted = Counter(answer.status_code for answer in answers)
    assert counted[303] == 1, [answer.text for answer in answers]
    assert await OAuthAccount.count() == 1
    for client in clients:
        await client.aclose()


@pytest.mark.security(159)
async def test_unlink(make_app: MakeApp, provider: Provider, users: Users[User]) -> None:
    """Of two accounts that are the only ways in, one stays, whoever unlinks both at once."""
    provider.claims = VERIFIED
    app = make_app(company(), company(name="other"))
    async with new_client(app) as client:
        await sign_in(client, provider)
        provider.claims = {"sub": "b"}
        await link(client, provider, "other")
        links, [user] = app.state.social.links, await User.objects()
        rows = await links.list(user)
        calls = (links.remove(user, row.id) for row in rows)
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert sorted(str(getattr(one, "code", None)) for one in results) == ["None", "last_way_in"]
    assert await OAuthAccount.count() == 1


@pytest.mark.security(155)
async def test_confirmation(
    app: FastAPI, client: httpx.AsyncClient, provider: Provider, ada: User
) -> None:
    """One of many confirmations links the account."""
    provider.claims = VERIFIED
    assert code_of(await sign_in(client, provider)) == "account_exists"
    await log_in(client)
    token, links = client.cookies["__Host-oauth-confirm"], app.state.social.links
    calls = (links.confirm(ada, token) for _ in range(MANY))
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(one, OAuthAccount) for one in results) == 1
    assert await OAuthAccount.count() == 1


async def test_password_and_provider(app: FastAPI, provider: Provider) -> None:
    """One address that is registered by password and by provider at once has one user."""
    provider.claims = VERIFIED
    async with new_client(app) as client, new_client(app) as other:
        back = provider.authorize(await begin(client))
        body = {"username": "ada", "email": "ada@example.com", "password": PASSWORD}
        answer, registered = await asyncio.gather(
            come_back(client, back), other.post("/auth/register", json=body)
        )
        assert (answer.status_code, registered.status_code) == (303, 202)
        assert (await log_in(other)).status_code == 401
    assert (await User.count(), await OAuthAccount.count()) == (1, 1)
    [row] = await EmailStatus.select()
    assert row["verified_at"] is not None


@pytest.mark.security(163)
async def test_disabled_meanwhile(
    client: httpx.AsyncClient, provider: Provider, users: Users[User], monkeypatch: Any
) -> None:
    """A user who is disabled between the look-up and the session gets none."""
    await sign_in(client, provider)
    await client.post("/auth/logout")
    find = users.uphold

    async def uphold(proof: Any) -> None:
        await User.update({User.active: False}, force=True)
        await find(proof)

    monkeypatch.setattr(users, "uphold", uphold)
    assert code_of(await sign_in(client, provider)) == "invalid_credentials"
    assert await Session.count() == 0


@pytest.mark.parametrize("when", ["before", "after"])
async def test_unlinked_meanwhile(
    app: FastAPI,
    client: httpx.AsyncClient,
    provider: Provider,
    users: Users[User],
    monkeypatch: Any,
    when: str,
) -> None:
    """Nor does one whose account is unlinked before the session is issued."""
    await sign_in(client, provider)
    await client.post("/auth/logout")
    owner, name = (app.state.login, "enter") if when == "before" else (users, "uphold")
    found = getattr(owner, name)

    async def meanwhile(*args: Any, **options: Any) -> Any:
        await OAuthAccount.delete(force=True)
        return await found(*args, **options)

    monkeypatch.setattr(owner, name, meanwhile)
    assert code_of(await sign_in(client, provider)) == "invalid_credentials"


async def test_raced(
    app: FastAPI,
    client: httpx.AsyncClient,
    provider: Provider,
    users: Users[User],
    monkeypatch: Any,
) -> None:
    """What changed since it was decided is decided anew; not for ever."""
    provider.claims = VERIFIED
    body = {"username": "ada", "email": "ada@example.com", "password": PASSWORD}
    await client.post("/auth/register", json=body)
    looks = []
    look = Admission._look

    async def verified_meanwhile(self: Any, *args: Any) -> Any:
        found = await look(self, *args)
        looks.append(found.situation.owner)
        await EmailStatus.update({EmailStatus.verified_at: users.clock()}, force=True)
        return found

    monkeypatch.setattr(Admission, "_look", verified_meanwhile)
    assert code_of(await sign_in(client, provider)) == "account_exists"
    assert looks == ["registered", "verified"]

    async def nobody(self: Any, *args: Any) -> Any:
        raise_again = await look(self, *args)
        return type(raise_again)(raise_again.situation, None, None)

    monkeypatch.setattr(Admission, "_look", nobody)
    await OAuthAccount.delete(force=True)
    answer = await sign_in(client, provider)
    assert (answer.status_code, code_of(answer)) == (409, Conflict.code)
