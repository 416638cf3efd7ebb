"""The example with workers, nginx and TLS works, and so it does with PgBouncer."""

import asyncio
import shutil
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest

from examples.production.stack import Stack, running
from tests.conftest import PASSWORD, PG, REDIS_URL, SECRET, bearer, need_postgres, need_redis

SBIN = "/usr/sbin:/usr/bin:/bin"


pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def environment(database: str) -> dict[str, str]:
    """What the example reads."""
    return {
        "PG_HOST": PG["host"],
        "PG_PORT": str(PG["port"]),
        "PG_USER": PG["user"],
        "PG_PASSWORD": PG["password"],
        "PG_DATABASE": database,
        "JWT_SECRET": SECRET,
        "PICCOLO_CONF": "examples.production.piccolo_conf",
        "REDIS_URL": REDIS_URL,
        "REDIS_PREFIX": f"test-{uuid4()}",
        "PATH": SBIN,
    }


async def run_on_postgres(statement: str) -> None:
    """Run it on the maintenance database."""
    connection = await asyncpg.connect(**PG, database="postgres")
    await connection.execute(statement)
    await connection.close()


@pytest.fixture(scope="module")
def database(database_name: str) -> Iterator[str]:
    """The database of the example, migrated by it, with ada."""
    need_postgres()
    need_redis()
    name = f"{database_name}_production"
    asyncio.run(run_on_postgres(f'CREATE DATABASE "{name}"'))
    command = [sys.executable, "-m", "examples.production", "--prepare-only"]
    for _ in range(2):
        subprocess.run(command, env=environment(name), check=True, capture_output=True)
    yield name
    asyncio.run(run_on_postgres(f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture(scope="module", params=["nginx", "pgbouncer"])
def stack(
    request: pytest.FixtureRequest, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """All of its processes."""
    if shutil.which(request.param, path=SBIN) is None or shutil.which("nginx", path=SBIN) is None:
        pytest.skip(f"{request.param} is not installed")
    folder = tmp_path_factory.mktemp("production", numbered=True)
    for parent in (folder, *folder.parents[:3]):
        parent.chmod(0o755)
    bouncer = request.param == "pgbouncer"
    with running(folder, environment(database), workers=2, pgbouncer=bouncer) as stack:
        yield stack


@pytest.fixture
def client(stack: Stack) -> Iterator[httpx.Client]:
    """A client that trusts the certificate."""
    context = ssl.create_default_context(cafile=str(stack.certificate))
    with httpx.Client(base_url=stack.url, verify=context) as client:
        yield client


def test_a_browser(client: httpx.Client) -> None:
    """The cookie is safe, good at every worker, and gone after the logout."""
    credentials = {"username": "ada", "password": PASSWORD}
    answer = client.post("/auth/login", json=credentials)
    assert answer.status_code == 200
    assert answer.headers["set-cookie"].startswith("__Host-session=")
    assert "max-age=63072000" in answer.headers["strict-transport-security"]
    assert {200} == {client.get("/me").status_code for _ in range(40)}
    (session,) = (item for item in client.get("/auth/sessions").json() if item["current"])
    assert session["ip"] == "127.0.0.1"
    assert client.post("/auth/logout").status_code == 204
    assert client.get("/me").status_code == 401


def test_an_app(client: httpx.Client) -> None:
    """A token of one worker is good at the others; a refresh works wherever it lands."""
    form = {"grant_type": "password", "username": "ada", "password": PASSWORD}
    tokens = client.post("/auth/token", data=form).json()
    header = bearer(tokens["access_token"])
    assert {200} == {client.get("/me", headers=header).status_code for _ in range(40)}
    for _ in range(5):
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        tokens = client.post("/auth/token", data=form).json()
    assert client.get("/me", headers=bearer(tokens["access_token"])).status_code == 200


def test_addresses_are_not_taken_from_clients(client: httpx.Client) -> None:
    """What a client says of its address, nginx replaces."""
    credentials = {"username": "ada", "password": PASSWORD}
    client.post("/auth/login", json=credentials, headers={"X-Forwarded-For": "203.0.113.9"})
    addresses = {session["ip"] for session in client.get("/auth/sessions").json()}
    assert addresses == {"127.0.0.1"}


def at_once(client: httpx.Client, number: int) -> list[httpx.Response]:
    """What so many logins with a wrong password are answered."""

    def log_in(_: int) -> httpx.Response:
        return client.post("/auth/login", json={"username": "mallory", "password": "wrong"})

    with ThreadPoolExecutor(10) as threads:
        return list(threads.map(log_in, range(number)))


def test_workers_count_together(client: httpx.Client) -> None:
    """Five guesses at an account are looked at, however many workers there are."""
    answers = at_once(client, 15)
    assert Counter(answer.status_code for answer in answers) == {401: 5, 429: 10}


def test_a_flood_does_not_reach_the_workers(client: httpx.Client) -> None:
    """Beyond its burst nginx refuses, in the words of the library."""
    while any(answer.status_code == 401 for answer in at_once(client, 5)):
        pass  # the account has attempts left, because this test runs first
    answers = [answer for answer in at_once(client, 100) if "RateLimit" not in answer.headers]
    assert answers
    for answer in answers:
        assert answer.status_code == 429
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["code"] == "too_many_requests"


def test_missing_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without nginx it says what to install."""
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    environment = {"PG_DATABASE": "movies", "JWT_SECRET": SECRET}
    with (
        pytest.raises(FileNotFoundError, match="apt-get install nginx"),
        running(tmp_path, environment, workers=1),
    ):
        pass
