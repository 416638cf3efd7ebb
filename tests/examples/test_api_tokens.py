"""Reports: by cookie, by API token, by a fixed secret, and by the script over a real socket."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from examples.api_tokens.app import METRICS_TOKEN, app, token, users, written
from tests.conftest import PASSWORD, bearer, log_in, new_client
from tests.integration.serving import serving

ROOT = Path(__file__).parent.parent.parent
BOTH = ["reports:read", "reports:write"]


@pytest.fixture
async def client(database: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, which has no reports yet."""
    written.clear()
    async with new_client(app) as client:
        yield client


async def test_a_person_makes_a_token(client: httpx.AsyncClient) -> None:
    """Who is logged in makes a token that may read; it may not write, and makes no tokens."""
    await users.create("ada", PASSWORD)
    await log_in(client)
    body = {"name": "nightly", "scopes": ["reports:read"]}
    made = (await client.post("/auth/api-tokens", json=body)).json()
    client.cookies.clear()
    headers = bearer(made["token"])
    assert (await client.get("/reports", headers=headers)).json() == []
    whoami = {"username": "ada", "scheme": "APIToken"}
    assert (await client.get("/whoami", headers=headers)).json() == whoami
    answer = await client.post("/reports", json={"text": "x"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    answer = await client.get("/auth/api-tokens", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "credential_not_allowed")
    assert (await client.get("/reports", headers=bearer("pat_x"))).status_code == 401


async def test_the_monitoring(client: httpx.AsyncClient) -> None:
    """The fixed secret opens the metrics once its service exists, and nothing else."""
    headers = bearer(METRICS_TOKEN)
    assert (await client.get("/metrics", headers=headers)).status_code == 401
    await users.create_service("metrics")
    assert (await client.get("/metrics", headers=headers)).json() == {"reports": 0}
    assert (await client.get("/reports", headers=headers)).status_code == 401


async def run_client(url: str, secret: str) -> tuple[int | None, str, str]:
    """The exit code of the script, and what it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "examples.api_tokens.client",
        cwd=ROOT,
        env={**os.environ, "API_URL": url, "API_TOKEN": secret},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.mark.slow
async def test_the_script(database_of_any_loop: Any) -> None:
    """With the token of a service it publishes; revoked, it says so and fails."""
    written.clear()
    service = await users.create_service("nightly")
    new = await token.create(service, "cron", scopes=BOTH)
    with serving(app) as url:
        assert await run_client(url, new.secret) == (0, "There are 1 reports.\n", "")
        await token.revoke(new.row.id)
        code, out, err = await run_client(url, new.secret)
    assert (code, out) == (1, "")
    assert err == "The access token is invalid or has expired.\n"
    assert written == ["All is well."]
