"""Who it is: the decision table, each row by itself and through the application."""

from itertools import product
from typing import Any

import httpx
import pytest

from piccolo_api_fastapi import (
    AuthEvent,
    OAuthAccount,
    Passkey,
    Password,
    Session,
    TOTPSecret,
    User,
    Users,
)
from piccolo_api_fastapi.accounts.social.decisions import (
    Decision,
    Linking,
    Owner,
    Situation,
    decide,
)
from piccolo_api_fastapi.mail import SecondFactorChanged, VerifyEmail
from piccolo_api_fastapi.testing import Outbox
from tests.conftest import PASSWORD, log_in, new_client

from .conftest import VERIFIED, MakeApp, code_of, company, sign_in
from .hostile import Provider

OWNERS: list[Owner] = ["nobody", "verified", "registered", "other"]
LINKING: list[Linking] = ["confirm", "verified", "never"]
BOTH = [False, True]

TABLE: dict[tuple[Owner, Linking], Decision] = {
    ("verified", "confirm"): "confirm",
    ("verified", "verified"): "link",
    ("verified", "never"): "exists",
    ("registered", "confirm"): "take_over",
    ("registered", "verified"): "take_over",
    ("registered", "never"): "exists",
    ("other", "confirm"): "confirm",
    ("other", "verified"): "confirm",
    ("other", "never"): "exists",
}
"""What happens to a new subject with a verified address, by who has that here."""


@pytest.mark.security(149)
@pytest.mark.parametrize(("owner", "linking"), list(product(OWNERS, LINKING)))
def test_table(owner: Owner, linking: Linking) -> None:
    """Each row of the table, for users who can sign up and for others."""
    for vouched, another, sign_up in product(BOTH, BOTH, BOTH):
        known = Situation(is_linked=True, is_vouched=vouched, owner=owner, has_another=another)
        assert decide(known, sign_up=sign_up, linking=linking) == "enter"
        new = Situation(is_linked=False, is_vouched=vouched, owner=owner, has_another=another)
        if not vouched or owner == "nobody":
            expected: Decision = "sign_up" if sign_up else "refuse"
        else:
            expected = "exists" if another else TABLE[owner, linking]
        assert decide(new, sign_up=sign_up, linking=linking) == expected


async def prove_address(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """Register Ada, and verify her address."""
    await register(client)
    await client.post("/auth/verify-email", json={"token": outbox.token(VerifyEmail)})


async def register(client: httpx.AsyncClient) -> None:
    """Register Ada."""
    body = {"username": "ada", "email": "ada@example.com", "password": PASSWORD}
    assert (await client.post("/auth/register", json=body)).status_code == 202


async def emails() -> list[str]:
    """The addresses of all users."""
    return [row["email"] for row in await User.select(User.email).order_by(User.id)]


@pytest.mark.security(149)
async def test_another_address(client: httpx.AsyncClient, provider: Provider) -> None:
    """A user whose address changed at the provider is the same user."""
    provider.claims = VERIFIED
    await sign_in(client, provider)
    provider.claims = {**VERIFIED, "email": "lovelace@example.com"}
    assert (await sign_in(client, provider)).status_code == 303
    assert await emails() == ["ada@example.com"]


@pytest.mark.security(149)
@pytest.mark.parametrize("linking", ["confirm", "verified", "never"])
async def test_reused_address(make_app: MakeApp, provider: Provider, linking: str) -> None:
    """An address that the provider gave to another user opens nobody's account."""
    app = make_app(linking=linking)
    provider.claims = VERIFIED
    async with new_client(app) as client:
        await sign_in(client, provider)
    provider.claims = {**VERIFIED, "sub": "another"}
    async with new_client(app) as client:
        assert code_of(await sign_in(client, provider)) == "account_exists"
        assert (await client.get("/me")).status_code == 401
        await log_in(client)
        assert "__Host-oauth-confirm" not in client.cookies
    assert await OAuthAccount.count() == 1


@pytest.mark.security(149)
@pytest.mark.parametrize("told", [None, "", 7, "no address", "ada@example.com"])
@pytest.mark.parametrize("verified", [False, "false", None, 1])
async def test_unverified_addresses(
    client: httpx.AsyncClient, provider: Provider, outbox: Outbox, told: object, verified: object
) -> None:
    """An address that proves nothing is not used: a stranger, whoever has it here."""
    await prove_address(client, outbox)
    provider.claims = {"sub": "mallory", "email": told, "email_verified": verified}
    assert (await sign_in(client, provider)).status_code == 303
    assert (await client.get("/me")).json().startswith("user-")
    [first, second] = await emails()
    assert first == "ada@example.com"
    assert second.endswith("@no-email.invalid")


@pytest.mark.security(149)
async def test_no_authority(make_app: MakeApp, provider: Provider, outbox: Outbox) -> None:
    """A provider is an authority only as configured, for all domains or for some."""
    provider.claims = VERIFIED
    for authoritative in (False, ["example.org"]):
        async with new_client(make_app(company(authoritative=authoritative))) as client:
            assert (await sign_in(client, provider)).status_code == 303
            assert (await client.get("/auth/me")).json()["email"] is None
        await OAuthAccount.delete(force=True)
    async with new_client(make_app(company(authoritative=["example.com"]))) as client:
        await sign_in(client, provider)
        assert (await client.get("/auth/me")).json()["email"] == "ada@example.com"


async def test_no_sign_up(make_app: MakeApp, provider: Provider) -> None:
    """Where users can't sign up, a stranger is refused, whatever they are called."""
    async with new_client(make_app(sign_up=False)) as client:
        for claims in (VERIFIED, {"sub": "x"}):
            provider.claims = claims
            answer = await sign_in(client, provider)
            assert (answer.status_code, code_of(answer)) == (403, "no_account")
    assert await User.count() == 0


async def test_unusable_address(client: httpx.AsyncClient, provider: Provider) -> None:
    """An address that no new user can have is not stored; one that is too long is no username."""
    provider.claims = {**VERIFIED, "email": "ada@intranet.local"}
    assert (await sign_in(client, provider)).status_code == 303
    assert (await client.get("/auth/me")).json()["email"] is None
    provider.claims = {**VERIFIED, "sub": "b", "email": f"ada@{'a' * 60}.{'b' * 60}.com"}
    assert (await sign_in(client, provider)).status_code == 303
    assert (await client.get("/me")).json().startswith("user-")
    assert (await client.get("/auth/me")).json()["email"].startswith("ada@aaa")


async def test_taken_username(
    client: httpx.AsyncClient, provider: Provider, users: Users[User]
) -> None:
    """If the address is somebody's username, the new user gets another one."""
    provider.claims = VERIFIED
    await User.insert(
        User(username="ada@example.com", email="x@example.com", password="pbkdf2_sha256$1$!$!")
    )
    assert (await sign_in(client, provider)).status_code == 303
    assert (await client.get("/me")).json().startswith("user-")


@pytest.mark.security(154)
async def test_linked_by_a_verified_address(
    make_app: MakeApp, provider: Provider, outbox: Outbox, events: list[AuthEvent]
) -> None:
    """With `linking="verified"`, a verified account is linked at once, and its owner gets mail."""
    app = make_app(linking="verified")
    provider.claims = VERIFIED
    async with new_client(app) as client:
        await prove_address(client, outbox)
        assert (await sign_in(client, provider)).status_code == 303
        assert (await client.get("/me")).json() == "ada"
        [mail] = [one for one in outbox.messages if isinstance(one, SecondFactorChanged)]
        assert mail.to == "ada@example.com"
        assert "Company" in mail.change
        assert mail.link
        assert "authn_oauth_linked_by_email" in [event.name for event in events]
        # Whoever it was, the owner of the mailbox can undo it.
        undone = {"token": mail.link.partition("#token=")[2]}
        assert (await client.post("/auth/change-email/undo", json=undone)).status_code == 204
    assert await OAuthAccount.count() == 0


@pytest.mark.security(154)
@pytest.mark.parametrize("linking", ["confirm", "verified"])
async def test_taken_over(
    make_app: MakeApp, provider: Provider, users: Users[User], linking: str
) -> None:
    """Of an account that was registered with somebody's address, nothing is left that opens it."""
    app = make_app(linking=linking)
    async with new_client(app) as attacker:
        await register(attacker)
        [ada] = await User.objects()
        await User.update({User.active: True}, force=True)  # as `active_before_verified`
        provider.claims = {"sub": "mallory"}
        await log_in(attacker)
        answer = await attacker.post("/auth/oauth/company/link", json={})
        url = answer.json()["authorization_url"]
        back = provider.authorize(url)
        assert (await attacker.get("/auth/oauth/company/callback", params=back)).status_code == 303
        await attacker.post("/auth/mfa/totp", json={})
        await TOTPSecret.update({TOTPSecret.confirmed_at: users.clock()}, force=True)
        await Passkey.insert(
            Passkey(
                user=ada.id,
                digest="d",
                credential_id="c",
                public_key="k",
                transports="",
                aaguid="",
                name="x",
                created_at=users.clock(),
            )
        )
        await OAuthAccount.update({OAuthAccount.slot: "freed"}, force=True)
        async with new_client(app) as client:
            provider.claims = VERIFIED
            assert (await sign_in(client, provider)).status_code == 303
            assert (await client.get("/me")).json() == "ada"
            assert len(await Session.select()) == 1
        assert (await attacker.get("/me")).status_code == 401
        assert (await log_in(attacker)).status_code == 401
        provider.claims = {"sub": "mallory"}
        await sign_in(attacker, provider)
        assert (await attacker.get("/me")).json() != "ada"
    proof = await users.proof_of(ada.id)
    assert proof is not None
    assert not proof.encoded
    assert (await Passkey.count(), await TOTPSecret.count()) == (0, 0)
    [row] = await OAuthAccount.select().where(OAuthAccount.user == ada.id)
    assert row["subject"] == VERIFIED["sub"]
    assert await users.has_verified_email(ada)


@pytest.mark.security(154)
async def test_waiting(client: httpx.AsyncClient, provider: Provider) -> None:
    """A user who registered and verifies their address this way has no password afterwards."""
    provider.claims = VERIFIED
    await register(client)
    assert (await sign_in(client, provider)).status_code == 303
    assert (await client.get("/me")).json() == "ada"
    assert (await log_in(client)).status_code == 401


@pytest.mark.security(154)
@pytest.mark.parametrize("linking", ["confirm", "verified"])
async def test_account_of_an_administrator(
    make_app: MakeApp, provider: Provider, ada: User, linking: str
) -> None:
    """An account that nobody registered is neither taken over nor linked without its user."""
    provider.claims = VERIFIED
    async with new_client(make_app(linking=linking)) as client:
        assert code_of(await sign_in(client, provider)) == "account_exists"
        assert (await log_in(client)).status_code == 200
    assert await OAuthAccount.count() == 0


@pytest.mark.security(163)
@pytest.mark.parametrize("registered", [False, True])
async def test_disabled_owner(
    make_app: MakeApp, provider: Provider, outbox: Outbox, users: Users[User], *, registered: bool
) -> None:
    """The account of a disabled user is neither linked nor taken over."""
    app = make_app(linking="verified")
    provider.claims = VERIFIED
    async with new_client(app) as client:
        await register(client)
        if not registered:
            await client.post("/auth/verify-email", json={"token": outbox.token(VerifyEmail)})
        changed: dict[Any, Any] = {
            User.active: False,
            User.last_login: users.clock().replace(tzinfo=None),
        }
        await User.update(changed, force=True)
        answer = await sign_in(client, provider)
        assert (answer.status_code, code_of(answer)) == (401, "invalid_credentials")
    assert await OAuthAccount.count() == 0
    assert all(row["hash"] for row in await Password.select())
