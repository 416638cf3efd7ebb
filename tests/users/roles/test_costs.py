"""What roles cost: a column in the statement of a request, and nothing where there are none."""

import asyncio
import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from piccolo.engine.sqlite import SQLiteEngine

from piccolo_api_fastapi import JWTAuth, Roles, SessionAuth, TokenAuth, User, Users
from piccolo_api_fastapi.core.database.lookups import CANDIDATES
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import SECRET, bearer, get_tokens, log_in, new_client
from tests.test_costs import OURS, TOLERANCE, UNCOUNTED, calls_of, within

pytestmark = pytest.mark.slow

AT_ONCE = 24

CALLS = {"cookie": 56, "jwt": 61, "token": 59}
"""Calls of functions of the package for a request by permission; see `tests/test_costs.py`."""

Headers = dict[str, list[dict[str, str]]]


@pytest.fixture
async def headers(
    request: pytest.FixtureRequest, app: FastAPI, ada: User, roles: Roles, token: TokenAuth[User]
) -> Headers:
    """Different credentials of ada, who is an editor and a reader, by scheme: two of each."""
    for name in ("editor", "reader"):
        await roles.grant(ada, name)
    found: Headers = {"cookie": [], "jwt": [], "token": []}
    async with new_client(app) as client:
        for number in range(getattr(request, "param", 2)):
            await log_in(client)
            cookie = f"__Host-session={client.cookies['__Host-session']}"
            client.cookies.clear()
            found["cookie"].append({"Cookie": cookie})
            found["jwt"].append(bearer((await get_tokens(client))["access_token"]))
            made = await token.create(ada, f"report {number}", scopes=["movies:read"])
            found["token"].append(bearer(made.secret))
            for several in found.values():  # the first use of a token is written
                assert (await client.get("/read", headers=several[-1])).status_code == 200
    return found


@pytest.mark.security(180)
@pytest.mark.parametrize("scheme", ["cookie", "jwt", "token"])
async def test_one_statement(
    client: httpx.AsyncClient, headers: Headers, statements: list[str], scheme: str
) -> None:
    """A request by permission is one statement, whichever scheme, refused or not."""
    [one, *_] = headers[scheme]
    statements.clear()
    assert (await client.get("/read", headers=one)).status_code == 200
    assert len(statements) == 1
    refused = await client.post("/write", headers=one)
    assert refused.status_code == (403 if scheme == "token" else 200)
    assert len(statements) == 2


@pytest.mark.security(180)
async def test_a_refresh(
    client: httpx.AsyncClient, headers: Headers, statements: list[str]
) -> None:
    """A refresh stays at two statements."""
    assert headers
    form = {
        "grant_type": "refresh_token",
        "refresh_token": (await get_tokens(client))["refresh_token"],
    }
    statements.clear()
    answer = await client.post("/auth/token", data=form)
    assert "movies:read" in answer.json()["scope"].split()
    assert len(statements) == 2


@pytest.mark.security(180)
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
@pytest.mark.parametrize("headers", [AT_ONCE], indirect=True)
async def test_requests_at_once(
    client: httpx.AsyncClient, headers: Headers, statements: list[str]
) -> None:
    """24 requests at once share four statements, each of which asks for permissions as well."""
    for several in headers.values():
        statements.clear()
        answers = await asyncio.gather(*(client.get("/read", headers=one) for one in several))
        assert {answer.status_code for answer in answers} == {200}
        assert len(statements) <= 4
        assert any("= ANY($2)" in statement for statement in statements)


async def test_several_cookies(client: httpx.AsyncClient, headers: Headers) -> None:
    """A browser that sends several cookies has the permissions of the one that is live."""
    [one, *_] = headers["cookie"]
    dead = f"__Host-session=ses_{'0' * 43}000000"
    cookies = "; ".join([*[dead] * (CANDIDATES - 1), one["Cookie"]])
    assert (await client.get("/read", headers={"Cookie": cookies})).status_code == 200


@pytest.mark.parametrize("scheme", CALLS)
async def test_calls(client: httpx.AsyncClient, headers: Headers, scheme: str) -> None:
    """The path of a request through the package is as short as it was measured to be."""
    [one, *_] = headers[scheme]
    own = within(await calls_of(lambda: client.get("/read", headers=one)), OURS)
    own = {call: count for call, count in own.items() if not call.startswith(UNCOUNTED)}
    assert 0 < sum(own.values()) <= CALLS[scheme] + TOLERANCE, own


def plain(statement: str) -> str:
    """A statement without the numbers of its values."""
    return re.sub(r"\$[0-9]+", "?", statement)


@pytest.mark.security(180)
async def test_nothing_without_roles(
    database: Any, clock: FrozenClock, statements: list[str]
) -> None:
    """
    Without roles, each look-up is the statement that it is with them, less the one column: no
    table of roles is read.
    """
    roles = Roles()
    sent: list[list[str]] = []
    for users in (Users(clock=clock), Users(clock=clock, roles=roles)):
        statements.clear()
        jwt: Any = JWTAuth(users, secret=SECRET)
        others: list[Any] = [SessionAuth(users), TokenAuth(users)]
        for lookup in (jwt._compiled.find, *(scheme._find for scheme in others)):
            key: Any = lookup._one._sentinels[-2 - len(lookup._constants)]
            assert await lookup.find(key, clock.now) is None
            if not isinstance(database, SQLiteEngine):  # which has no `ANY`
                assert await lookup.find_all([key], clock.now) == {}
            assert await lookup.find_several([key], clock.now) == []
        sent.append([plain(statement) for statement in statements])
    before, after = sent
    column = r', COALESCE\(\(SELECT .*? AS "permissions"'
    assert [re.sub(column, "", statement) for statement in after] == before
    assert after != before
    assert not [statement for statement in before if "role" in statement]
