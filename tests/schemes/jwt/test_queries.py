"""Statements on refresh families change live rows only, and only as their caller found them."""

from copy import copy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from starlette.requests import HTTPConnection
from starlette.responses import Response

from piccolo_api_fastapi import AuthEvent, Identity, JWTAuth, RefreshFamily, User, subscribe
from piccolo_api_fastapi.errors import InvalidGrant, InvalidToken
from piccolo_api_fastapi.testing import FrozenClock, race
from tests.conftest import bearer, get_tokens


def connection_of(access_token: str) -> HTTPConnection:
    """A request with an access token."""
    header = (b"authorization", f"Bearer {access_token}".encode())
    return HTTPConnection({"type": "http", "headers": [header], "client": ("127.0.0.1", 1)})


async def identity_of(jwt: JWTAuth[User], connection: HTTPConnection) -> Identity[User]:
    """The caller."""
    identity = await jwt.find(connection)
    assert identity is not None
    return identity


class ThenChanged:
    """The statement that finds a family, after which another request changes its row."""

    def __init__(self, query: Any, column: Any, value: Any) -> None:
        self.query = query
        self.change = RefreshFamily.update({column: value}, force=True)

    async def find(self, *values: Any) -> Any:
        """Find the family, then change it."""
        row = await self.query.find(*values)
        await self.change
        return row


async def test_the_list_has_no_expired_families(
    client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """An app whose family has expired and is not yet deleted is not listed."""
    await get_tokens(client)
    clock.advance(timedelta(days=1))
    tokens = await get_tokens(client)
    clock.advance(timedelta(days=29) - timedelta(seconds=1))
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    me = bearer((await client.post("/auth/token", data=form)).json()["access_token"])
    assert len((await client.get("/auth/token/families", headers=me)).json()) == 2
    clock.advance(timedelta(seconds=1))
    [listed] = (await client.get("/auth/token/families", headers=me)).json()
    assert listed["current"] is True
    assert await RefreshFamily.count() == 2


@pytest.mark.security(56)
@pytest.mark.parametrize("column", [RefreshFamily.revoked_at, RefreshFamily.expires_at])
async def test_a_family_that_ends_during_a_refresh(
    client: httpx.AsyncClient, jwt: JWTAuth[User], ada: User, column: Any
) -> None:
    """A refresh that found a live family does not continue it after it has ended."""
    text = (await get_tokens(client))["refresh_token"]
    find: Any = ThenChanged(jwt._compiled.find, column, jwt.users.clock())
    jwt = copy(jwt)
    jwt._compiled = replace(jwt._compiled, find=find)
    with pytest.raises(InvalidGrant):
        await jwt.refresh(text)
    assert await RefreshFamily.select(RefreshFamily.generation) == [{"generation": 0}]


async def test_a_factor_is_recorded_as_the_caller_found_the_family(
    client: httpx.AsyncClient, jwt: JWTAuth[User], ada: User, clock: FrozenClock
) -> None:
    """Of 24 requests that record a factor one succeeds; the others do not overwrite it."""
    connection = connection_of((await get_tokens(client))["access_token"])
    identity = await identity_of(jwt, connection)
    clock.advance(timedelta(minutes=1))

    async def record() -> bool:
        try:
            await jwt.record_factor(identity, "totp", connection, Response())
        except InvalidToken:
            return False
        return True

    assert (await race(record)).count(True) == 1
    recorded = await RefreshFamily.select(RefreshFamily.factors)
    clock.advance(timedelta(minutes=1))
    with pytest.raises(InvalidToken):
        await jwt.record_factor(identity, "password", connection, Response())
    assert recorded == await RefreshFamily.select(RefreshFamily.factors)


@pytest.mark.security(56)
async def test_no_factor_is_recorded_for_a_revoked_family(
    client: httpx.AsyncClient, jwt: JWTAuth[User], ada: User
) -> None:
    """A family that is revoked during a request does not step up."""
    access = (await get_tokens(client))["access_token"]
    connection = connection_of(access)
    identity = await identity_of(jwt, connection)
    await jwt.revoke(access)
    before = await RefreshFamily.select()
    with pytest.raises(InvalidToken):
        await jwt.record_factor(identity, "totp", connection, Response())
    assert before == await RefreshFamily.select()


@pytest.mark.security(57)
async def test_a_family_ends_once(
    client: httpx.AsyncClient, jwt: JWTAuth[User], ada: User, clock: FrozenClock
) -> None:
    """Of 24 revocations at once and one later, one emits the event; the time stays."""
    tokens = await get_tokens(client)
    start = clock.now
    events: list[AuthEvent] = []
    stop = subscribe(events.append)
    await race(lambda: jwt.revoke(tokens["refresh_token"]))
    clock.advance(timedelta(minutes=1))
    await jwt.revoke(tokens["access_token"])
    stop()
    assert [event.name for event in events] == ["authn_token_revoked"]
    assert await RefreshFamily.select(RefreshFamily.revoked_at) == [{"revoked_at": start}]
