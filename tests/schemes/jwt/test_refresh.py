"""Refresh tokens rotate, converge and give thieves away."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import jwt as pyjwt
import pytest
from starlette.requests import HTTPConnection

from piccolo_api_fastapi import (
    AuthEvent,
    ConfigurationError,
    JWTAuth,
    RefreshFamily,
    User,
    Users,
    subscribe,
)
from piccolo_api_fastapi.core.crypto.keys import Key, KeyRing
from piccolo_api_fastapi.errors import InvalidGrant, InvalidScope, InvalidToken
from piccolo_api_fastapi.schemes.jwt.refresh_tokens import RefreshTokens
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import bearer, get_tokens, reaches_no_sql


async def refresh(client: httpx.AsyncClient, token: str, **form: str) -> httpx.Response:
    """Exchange a refresh token."""
    data = {"grant_type": "refresh_token", "refresh_token": token, **form}
    return await client.post("/auth/token", data=data)


@pytest.mark.security(50)
async def test_rotation(client: httpx.AsyncClient, ada: User, clock: FrozenClock) -> None:
    """A refresh gives a new pair; the end of the family does not move."""
    first = await get_tokens(client)
    before = await RefreshFamily.objects().first()
    clock.advance(timedelta(minutes=1))
    second = (await refresh(client, first["refresh_token"])).json()
    after = await RefreshFamily.objects().first()
    assert first["refresh_token"] != second["refresh_token"]
    assert before is not None
    assert after is not None
    assert before.expires_at == after.expires_at
    assert after.generation == 1
    answer = await client.get("/jwt", headers=bearer(second["access_token"]))
    assert answer.json() == {"username": "ada"}


@pytest.mark.security(52)
async def test_racers_converge(client: httpx.AsyncClient, ada: User) -> None:
    """24 refreshes of one token: one step of the family, 24 equal refresh tokens."""
    first = await get_tokens(client)
    answers = await asyncio.gather(*(refresh(client, first["refresh_token"]) for _ in range(24)))
    assert {200} == {answer.status_code for answer in answers}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    family = await RefreshFamily.objects().first()
    assert family is not None
    assert family.generation == 1


@pytest.mark.security(52)
async def test_no_grace(app: Any, users: Users[User], ada: User) -> None:
    """Without a grace at most one of 24 succeeds, and the family ends."""
    jwt = JWTAuth(users, secret="a secret of more than thirty-two bytes", grace=timedelta(0))
    connection = httpx_connection()
    pair = await jwt.issue(ada, connection)
    results = await asyncio.gather(
        *(jwt.refresh(pair.refresh_token) for _ in range(24)), return_exceptions=True
    )
    assert sum(not isinstance(result, Exception) for result in results) <= 1
    family = await RefreshFamily.objects().first()
    assert family is not None
    assert family.revoked_at is not None


def httpx_connection(access_token: str = "") -> HTTPConnection:
    """A connection, with an access token if one is given."""
    header = (b"authorization", f"Bearer {access_token}".encode())
    headers = [header] if access_token else []
    return HTTPConnection({"type": "http", "headers": headers, "client": ("127.0.0.1", 1)})


@pytest.mark.security(51)
async def test_reuse_ends_the_family(
    client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """After its bound a used token is a copy: the family ends, with its access tokens."""
    events: list[AuthEvent] = []
    unsubscribe = subscribe(events.append)
    first = await get_tokens(client)
    second = (await refresh(client, first["refresh_token"])).json()
    clock.advance(timedelta(hours=1))
    answer = await refresh(client, first["refresh_token"])
    unsubscribe()
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"
    assert (await refresh(client, second["refresh_token"])).status_code == 400
    answer = await client.get("/jwt", headers=bearer(second["access_token"]))
    assert answer.status_code == 401
    assert "authn_token_reuse" in [event.name for event in events]


@pytest.mark.security(53)
async def test_lost_answer(client: httpx.AsyncClient, ada: User, clock: FrozenClock) -> None:
    """Within the grace the identical successor comes back."""
    first = await get_tokens(client)
    second = (await refresh(client, first["refresh_token"])).json()
    clock.advance(timedelta(seconds=9))
    again = (await refresh(client, first["refresh_token"])).json()
    assert second["refresh_token"] == again["refresh_token"]


@pytest.mark.security(53)
@pytest.mark.security(54)
async def test_answer_lost_long_ago(
    client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """After the grace another successor replaces the lost one, and the family goes on."""
    tokens = [(await get_tokens(client))["refresh_token"]]
    for seconds in (0, 75, 5, 300):
        clock.advance(timedelta(seconds=seconds))
        answer = await refresh(client, tokens[0])
        assert answer.status_code == 200
        tokens.append(answer.json()["refresh_token"])
    assert tokens[1] != tokens[2] == tokens[3] != tokens[4]
    assert (await refresh(client, tokens[4])).status_code == 200
    assert (await refresh(client, tokens[0])).status_code == 400
    assert await RefreshFamily.count().where(RefreshFamily.revoked_at.is_null()) == 0


@pytest.mark.security(51)
async def test_lost_successors_are_used(
    client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """A thief who repeats the owner's refresh does not get the owner's token, and is found out."""
    first = await get_tokens(client)
    owner = (await refresh(client, first["refresh_token"])).json()
    clock.advance(timedelta(minutes=15))
    thief = (await refresh(client, first["refresh_token"])).json()
    assert owner["refresh_token"] != thief["refresh_token"]
    assert (await refresh(client, owner["refresh_token"])).status_code == 400
    assert (await refresh(client, thief["refresh_token"])).status_code == 400
    answer = await client.get("/jwt", headers=bearer(thief["access_token"]))
    assert answer.status_code == 401


@pytest.mark.security(51)
async def test_answers_lost_again_and_again(
    client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """The successor of one token is replaced five times, no more."""
    first = await get_tokens(client)
    statuses = []
    for _ in range(7):
        statuses.append((await refresh(client, first["refresh_token"])).status_code)
        clock.advance(timedelta(minutes=1))
    assert statuses == [200] * 6 + [400]
    assert await RefreshFamily.count().where(RefreshFamily.revoked_at.is_null()) == 0


@pytest.mark.security(52)
@pytest.mark.security(54)
async def test_racers_after_a_lost_answer(
    client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """24 late refreshes of one token: one replacement, 24 equal refresh tokens."""
    first = await get_tokens(client)
    lost = (await refresh(client, first["refresh_token"])).json()
    clock.advance(timedelta(minutes=1))
    answers = await asyncio.gather(*(refresh(client, first["refresh_token"]) for _ in range(24)))
    assert {200} == {answer.status_code for answer in answers}
    found = {answer.json()["refresh_token"] for answer in answers}
    assert len(found - {lost["refresh_token"]}) == len(found) == 1
    assert (await refresh(client, found.pop())).status_code == 200


@pytest.mark.security(51)
@pytest.mark.security(52)
async def test_late_racers_with_two_tokens(
    client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """Of a token and its successor, presented at once after the grace, the family ends."""
    first = await get_tokens(client)
    second = (await refresh(client, first["refresh_token"])).json()
    clock.advance(timedelta(minutes=1))
    tokens = [first["refresh_token"], second["refresh_token"]] * 12
    await asyncio.gather(*(refresh(client, token) for token in tokens))
    assert await RefreshFamily.count().where(RefreshFamily.revoked_at.is_null()) == 0


@pytest.mark.security(53)
@pytest.mark.parametrize("lost_within", [timedelta(-1), timedelta(days=8)])
def test_bounds_of_lost_answers(lost_within: timedelta) -> None:
    """A week is the most."""
    with pytest.raises(ConfigurationError, match="lost_within"):
        JWTAuth(secret="a secret of more than thirty-two bytes", lost_within=lost_within)


@pytest.mark.security(53)
async def test_no_lost_answers(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """`lost_within` bounds how late a refresh may be repeated."""
    secret = "a secret of more than thirty-two bytes"
    for lost_within, is_refused in ((timedelta(0), True), (timedelta(days=2), False)):
        jwt = JWTAuth(users, secret=secret, lost_within=lost_within)
        pair = await jwt.issue(ada, httpx_connection())
        await jwt.refresh(pair.refresh_token)
        clock.advance(timedelta(days=1))
        [repeated] = await asyncio.gather(jwt.refresh(pair.refresh_token), return_exceptions=True)
        assert isinstance(repeated, InvalidGrant) == is_refused


@pytest.mark.security(53)
async def test_two_generations_old(client: httpx.AsyncClient, ada: User) -> None:
    """A token from two generations back ends the family even within the grace."""
    first = await get_tokens(client)
    second = (await refresh(client, first["refresh_token"])).json()
    third = (await refresh(client, second["refresh_token"])).json()
    assert (await refresh(client, first["refresh_token"])).status_code == 400
    assert (await refresh(client, third["refresh_token"])).status_code == 400


@pytest.mark.security(55)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: token[:30] + ("A" if token[30] != "A" else "B") + token[31:],
        lambda token: token + "A",
        lambda token: token.removeprefix("rt_"),
        lambda _: "rt_",
        lambda _: "rt_" + "é" * 20,
        lambda _: "x" * 5000,
    ],
)
async def test_forged(client: httpx.AsyncClient, ada: User, spoil: Any) -> None:
    """A forged token is refused and revokes nothing."""
    first = await get_tokens(client)
    answer = await refresh(client, spoil(first["refresh_token"]))
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"
    assert (await refresh(client, first["refresh_token"])).status_code == 200


@pytest.mark.security(55)
async def test_from_the_future(client: httpx.AsyncClient, ada: User, jwt: JWTAuth[User]) -> None:
    """A genuine token that the family has not reached, as after a restored backup, ends nothing."""
    first = await get_tokens(client)
    tokens = RefreshTokens(jwt.keys, jwt.own.issuer, jwt.own.audience)
    token = tokens.read(first["refresh_token"])
    assert token is not None
    ahead = tokens.successor(tokens.successor(token))
    assert (await refresh(client, tokens.write(ahead))).status_code == 400
    assert (await refresh(client, first["refresh_token"])).status_code == 200


@reaches_no_sql
@pytest.mark.security(55)
async def test_foreign_key(client: httpx.AsyncClient, ada: User, jwt: JWTAuth[User]) -> None:
    """A token of another installation is refused."""
    ring = KeyRing(Key.from_secret("another secret of thirty-two bytes!!"))
    other = RefreshTokens(ring, jwt.own.issuer, jwt.own.audience)
    assert (await refresh(client, other.write(other.first("")))).status_code == 400


@pytest.mark.security(56)
async def test_disabled_user(client: httpx.AsyncClient, ada: User) -> None:
    """A disabled user is refused, by refresh and by access token (D-J2)."""
    first = await get_tokens(client)
    await User.update({User.active: False}).where(User.id == ada.id)
    assert (await refresh(client, first["refresh_token"])).status_code == 400
    answer = await client.get("/jwt", headers=bearer(first["access_token"]))
    assert answer.status_code == 401


@pytest.mark.security(24)
@pytest.mark.security(56)
async def test_password_change(client: httpx.AsyncClient, ada: User, users: Users[User]) -> None:
    """A password change ends every family, access tokens included (D-J3)."""
    first = await get_tokens(client)
    await users.set_password(ada, "another horse battery")
    assert (await refresh(client, first["refresh_token"])).status_code == 400
    answer = await client.get("/jwt", headers=bearer(first["access_token"]))
    assert answer.status_code == 401


@pytest.mark.security(23)
async def test_deleted_user(client: httpx.AsyncClient, ada: User, users: Users[User]) -> None:
    """The token of a deleted user opens nothing for whoever gets the id next (D-J4)."""
    first = await get_tokens(client)
    await User.delete().where(User.id == ada.id)
    await users.create("bob", "some other battery")
    answer = await client.get("/jwt", headers=bearer(first["access_token"]))
    assert answer.status_code == 401
    assert (await refresh(client, first["refresh_token"])).status_code == 400


@pytest.mark.security(56)
async def test_scopes_narrow(client: httpx.AsyncClient, grace: User) -> None:
    """A refresh may ask for less, never for more, and a withdrawn scope is gone."""
    first = await get_tokens(client, "grace")
    assert first["scope"] == "account admin"
    answer = await refresh(client, first["refresh_token"], scope="superuser")
    assert answer.json()["error"] == "invalid_scope"
    await User.update({User.admin: False}).where(User.id == grace.id)
    second = await refresh(client, first["refresh_token"])
    assert second.json()["scope"] == "account"


@pytest.mark.parametrize("is_lost", [False, True])
async def test_a_misspelt_scope(
    users: Users[User], ada: User, clock: FrozenClock, *, is_lost: bool
) -> None:
    """A refused scope does not use the token up, nor replace the successor that was lost."""
    grace = timedelta(seconds=10 * is_lost)
    jwt = JWTAuth(users, secret="a secret of more than thirty-two bytes", grace=grace)
    token = (await jwt.issue(ada, httpx_connection())).refresh_token
    if is_lost:
        await jwt.refresh(token)
        clock.advance(timedelta(minutes=5))
    before = await RefreshFamily.select()
    with pytest.raises(InvalidScope):
        await jwt.refresh(token, "acount")
    assert await RefreshFamily.select() == before
    assert (await jwt.refresh(token, "account")).scopes == {"account"}


async def test_a_used_token_with_a_misspelt_scope(users: Users[User], ada: User) -> None:
    """A used token ends its family, whatever scope comes with it."""
    jwt = JWTAuth(users, secret="a secret of more than thirty-two bytes", grace=timedelta(0))
    first = await jwt.issue(ada, httpx_connection())
    await jwt.refresh(first.refresh_token)
    with pytest.raises(InvalidGrant):
        await jwt.refresh(first.refresh_token, "acount")
    [family] = await RefreshFamily.objects()
    assert family.revoked_at is not None


@pytest.mark.security(57)
async def test_revocation(client: httpx.AsyncClient, ada: User, grace: User) -> None:
    """Always 200; one's own family dies, somebody else's stays alive."""
    mine, theirs = await get_tokens(client), await get_tokens(client, "grace")

    async def revoke(token: str, **headers: str) -> int:
        answer = await client.post("/auth/token/revoke", data={"token": token}, headers=headers)
        return answer.status_code

    assert await revoke("unknown") == 200
    me = bearer(mine["access_token"])
    assert await revoke(theirs["refresh_token"], **me) == 200
    them = bearer(theirs["access_token"])
    assert (await client.get("/jwt", headers=them)).status_code == 200
    assert await revoke(theirs["access_token"]) == 200
    assert (await client.get("/jwt", headers=them)).status_code == 401
    assert await revoke(mine["refresh_token"], Authorization="Bearer a.b.c") == 200
    assert (await client.get("/jwt", headers=me)).status_code == 401


async def test_families(client: httpx.AsyncClient, ada: User, grace: User) -> None:
    """A user sees and ends their own apps only."""
    mine, theirs = await get_tokens(client), await get_tokens(client, "grace")
    me, them = bearer(mine["access_token"]), bearer(theirs["access_token"])
    [family] = (await client.get("/auth/token/families", headers=me)).json()
    assert family["current"] is True
    url = f"/auth/token/families/{family['id']}"
    assert (await client.delete(url, headers=them)).status_code == 404
    assert (await client.delete(url, headers=me)).status_code == 204
    assert (await client.delete(url, headers=me)).status_code == 401


@pytest.mark.security(39)
async def test_key_rotation(users: Users[User], ada: User) -> None:
    """
    Tokens of a retired key are valid until they expire; new tokens have the new key; tokens of a
    removed key are refused.
    """
    old = Key.from_secret("the old secret of thirty-two bytes!!")
    new = Key.from_secret("the new secret of thirty-two bytes!!")
    pair = await JWTAuth(users, keys=KeyRing(old)).issue(ada, httpx_connection())
    both = JWTAuth(users, keys=KeyRing(new, old))
    assert str(ada.id) == both.decode(pair.access_token).subject
    second = await both.refresh(pair.refresh_token)
    only_new = JWTAuth(users, keys=KeyRing(new))
    assert str(ada.id) == only_new.decode(second.access_token).subject
    assert new.kid == pyjwt.get_unverified_header(second.access_token)["kid"]
    with pytest.raises(InvalidToken):
        only_new.decode(pair.access_token)
    with pytest.raises(InvalidGrant):
        await only_new.refresh(pair.refresh_token)
    with pytest.raises(InvalidToken):
        await only_new.authenticate(httpx_connection(pair.access_token))
    # The refused tokens ended nothing.
    third = await only_new.refresh(second.refresh_token)
    assert str(ada.id) == only_new.decode(third.access_token).subject


@pytest.mark.security(52)
async def test_racers_while_keys_rotate(users: Users[User], ada: User) -> None:
    """Servers that already and not yet sign with the new key agree on the successor."""
    old = Key.from_secret("the old secret of thirty-two bytes!!")
    new = Key.from_secret("the new secret of thirty-two bytes!!")
    before = JWTAuth(users, keys=KeyRing(old, new))
    after = JWTAuth(users, keys=KeyRing(new, old))
    pair = await before.issue(ada, httpx_connection())
    first = await before.refresh(pair.refresh_token)
    second = await after.refresh(pair.refresh_token)
    family = await RefreshFamily.objects().first()
    assert family is not None
    assert family.generation == 1
    assert family.revoked_at is None
    third = await after.refresh(first.refresh_token)
    assert str(ada.id) == before.decode(third.access_token).subject
    assert second.refresh_token != first.refresh_token
