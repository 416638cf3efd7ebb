"""The application to copy: a copy of it passes its own tests, migrates, serves and deploys."""

import inspect
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import yaml

from tests.conftest import PG, need_postgres

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "notes"
BIN = Path(sys.executable).parent
CODE = "".join(path.read_text(encoding="utf-8") for path in (EXAMPLE / "notes").glob("*.py"))
TEXT = (EXAMPLE / "compose.yaml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]

NOT_OF_THE_APPLICATION = {"WEB_CONCURRENCY"}
"""What uvicorn and the doctor read."""

NOT_IN_PRODUCTION = {"SQLITE_FILE"}


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, outside of the repository."""
    folder = tmp_path_factory.mktemp("copied") / "notes"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def run(folder: Path, *command: str, **settings: str) -> str:
    """Run a command of the environment in the folder; what it prints."""
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=folder,
        env=environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process without the settings of an application."""
    known = {"PICCOLO_CONF", "REDIS_URL", "JWT_SECRET", "AUTH_ENCRYPTION_KEYS"}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in known and not name.startswith(("PG_", "SMTP_"))
    }
    return kept | dict(settings)


def own_tests(folder: Path, **settings: str) -> str:
    """Run the tests of the copy; the last line."""
    command = ["python", "-W", "error", "-m", "pytest", "-q", "-p", "no:asyncio"]
    return run(folder, *command, **settings).splitlines()[-1]


@pytest.mark.slow
def test_its_tests_pass(copied: Path) -> None:
    """On SQLite, without anything that the page does not install."""
    assert re.match(r"\d+ passed in", own_tests(copied))


@pytest.mark.slow
async def test_its_tests_pass_on_postgresql(copied: Path, database_name: str) -> None:
    """The same application, by its environment."""
    need_postgres()
    name = f"{database_name}_notes"
    connection = await asyncpg.connect(**PG, database="postgres")
    await connection.execute(f'CREATE DATABASE "{name}"')
    settings = {f"PG_{key.upper()}": str(value) for key, value in PG.items()}
    settings["PG_PASSWORD"] = settings["PG_PASSWORD"] or "not asked for"
    try:
        assert re.match(r"\d+ passed in", own_tests(copied, **settings, PG_DATABASE=name))
    finally:
        await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await connection.close()


@pytest.fixture(scope="module")
def server(copied: Path) -> Iterator[tuple[str, Path]]:
    """The copy, started by the commands of the page: its address, and what it prints."""
    run(copied, "python", "-m", "notes.make_secrets")
    run(copied, *SERVICES["migrate"]["command"])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = copied / "log"
    command = [str(BIN / "uvicorn"), "notes.app:app", "--port", str(port)]
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=copied, env=environment({}), stdout=output, stderr=output
        )
    try:
        for _ in range(600):
            if "Uvicorn running" in log.read_text(encoding="utf-8"):
                break
            assert process.poll() is None, log.read_text(encoding="utf-8")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", log
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.slow
def test_the_health_check_passes(server: tuple[str, Path]) -> None:
    """The command in the compose file ends well, and does not where nobody listens."""
    kind, program, *arguments = SERVICES["app"]["healthcheck"]["test"]
    assert kind == "CMD"
    for address, is_well in ((server[0], True), ("http://127.0.0.1:1", False)):
        asked = [item.replace("http://127.0.0.1:8000", address) for item in arguments]
        done = subprocess.run([str(BIN / program), *asked], capture_output=True, check=False)
        assert (done.returncode == 0) is is_well, done.stderr


def token_in(log: Path) -> str:
    """The secret of the link in the printed mail, which is printed within a second."""
    until = time.monotonic() + 30
    while not (link := re.search(r"/verify-email#token=(\S+)", log.read_text(encoding="utf-8"))):
        assert time.monotonic() < until
        time.sleep(0.05)
    return link[1]


@pytest.mark.slow
def test_the_first_administrator(server: tuple[str, Path], copied: Path) -> None:
    """Ada registers, follows the link in the printed mail, and gets the role by a command."""
    address, log = server
    ada = {"username": "ada", "email": "ada@example.com", "password": "correct horse battery"}
    with httpx.Client(base_url=address) as client:
        assert client.post("/auth/register", json=ada).status_code == 202
        token = token_in(log)
        assert client.post("/auth/verify-email", json={"token": token}).status_code == 200
        assert "administrator" in run(
            copied, "piccolo", "notes", "grant_role", "ada", "administrator"
        )
        credentials = {"username": "ada", "password": ada["password"]}
        assert client.post("/auth/login", json=credentials).status_code == 200
        answer = client.get("/admin/users")
        assert answer.json()["code"] == "insufficient_user_authentication"
        assert client.get("/account").status_code == 200


@pytest.mark.slow
def test_the_doctor_finds_no_error(server: tuple[str, Path], copied: Path) -> None:
    """The commands of the deployment work on the copy, and the doctor is content."""
    found = run(copied, "piccolo", "piccolo_api_fastapi", "doctor", "notes.app:app")
    assert found.endswith("\n0 errors, 0 warnings.\n")
    assert "Deleted" in run(copied, "piccolo", "notes", "clean")


@pytest.mark.slow
def test_secrets_are_written_once(copied: Path) -> None:
    """A second run leaves them as they are. Other users of the machine can't open the folder."""
    run(copied, "python", "-m", "notes.make_secrets")
    assert run(copied, "python", "-m", "notes.make_secrets") == ""
    assert (copied / "secrets").stat().st_mode & 0o777 == 0o700


@pytest.mark.slow
def test_all_credentials_end_after_a_restore(copied: Path) -> None:
    """The module names every table of the library whose rows let somebody in."""
    run(copied, "python", "-m", "notes.make_secrets")
    code = """
        from notes.after_restore import REVIVED, TABLES
        marks = "ends_with_password", "is_device", "other_mailbox"
        tables = [table for table in TABLES if any(getattr(table, mark) for mark in marks)]
        print(len(tables), [table for table in tables if table not in REVIVED.values()])
    """
    assert re.fullmatch(r"[6-9] \[\]\n", run(copied, "python", "-c", inspect.cleandoc(code)))


def test_the_pages_include_every_file() -> None:
    """The documentation shows the files themselves."""
    docs = EXAMPLE.parent.parent / "docs"
    pages = "".join(
        (docs / name).read_text(encoding="utf-8")
        for name in ("whole_application.md", "deploying.md")
    )
    names = {"Dockerfile", "compose.yaml", "Caddyfile", "piccolo_conf.py", "conftest.py"}
    names |= {f"notes/{path.name}" for path in (EXAMPLE / "notes").glob("[!_]*.py")}
    assert {name for name in names if f"\nexamples/notes/{name}\n" not in pages} == set()


def read_by_the_application() -> set[str]:
    """The environment variables that the code of the application reads, secrets included."""
    read = set(re.findall(r'os\.environ(?:\.get\(|\[)"([A-Z_]+)"', CODE))
    return read | {name.upper() for name in secrets_of_the_application()}


def secrets_of_the_application() -> set[str]:
    """The names of the secrets that it reads."""
    return set(re.findall(r'secret\("([a-z_]+)"\)', CODE))


def test_every_variable_is_read_and_set() -> None:
    """The compose file sets what the application reads, and nothing else."""
    app = SERVICES["app"]
    given = {*app["environment"], *(name.upper() for name in app["secrets"])}
    assert read_by_the_application() - NOT_IN_PRODUCTION == given - NOT_OF_THE_APPLICATION


def test_services_share_one_configuration() -> None:
    """The services that migrate and sweep have the image, environment and secrets of the app."""
    for name in ("migrate", "sweep"):
        for key in ("image", "environment", "secrets", "read_only", "cap_drop"):
            assert SERVICES[name][key] == SERVICES["app"][key], (name, key)
    assert "build" in SERVICES["app"]


def test_there_is_no_default_secret() -> None:
    """Secrets are files. What is not a file comes from outside and has no default."""
    assert set(COMPOSE["secrets"]) == secrets_of_the_application()
    for name, secret in COMPOSE["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert not re.search("PASSWORD|SECRET|KEY", name) or str(value).startswith("/run/"), (
                name
            )
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
    places = re.findall(r"\$\{([^}]+)\}", TEXT)
    assert places
    assert [place for place in places if ":?" not in place] == []
    assert "secrets" in (EXAMPLE / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "secrets" in (EXAMPLE / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_services_wait_for_each_other() -> None:
    """The migrations run once, after the database and before the application serves."""
    healthy = {name for name, service in SERVICES.items() if "healthcheck" in service}
    assert {"app", "postgres", "redis"} == healthy
    for name, service in SERVICES.items():
        for other, wait in service.get("depends_on", {}).items():
            condition = wait["condition"]
            assert condition != "service_healthy" or other in healthy, (name, other)
    finished = {"condition": "service_completed_successfully"}
    assert SERVICES["app"]["depends_on"]["migrate"] == finished
    assert SERVICES["sweep"]["depends_on"]["migrate"] == finished
    assert SERVICES["migrate"]["restart"] == "no"


def test_only_the_proxy_is_reachable() -> None:
    """No other service publishes a port; the database and Redis have no way out."""
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert COMPOSE["networks"]["back"] == {"internal": True}
    for name in ("postgres", "redis"):
        assert SERVICES[name]["networks"] == ["back"]
    (subnet,) = COMPOSE["networks"]["front"]["ipam"]["config"]
    assert SERVICES["app"]["environment"]["TRUSTED_PROXIES"] == subnet["subnet"]


def test_names_agree() -> None:
    """Hosts are services, the health check is a route, and the image has the files it starts."""
    environment = SERVICES["app"]["environment"]
    assert environment["PG_HOST"] in SERVICES
    assert httpx.URL(environment["REDIS_URL"]).host in SERVICES
    database = SERVICES["postgres"]["environment"]
    assert environment["PG_USER"] == database["POSTGRES_USER"]
    assert environment["PG_DATABASE"] == database["POSTGRES_DB"]
    path = re.search(
        r"http://127\.0\.0\.1:8000(/\w+)", " ".join(SERVICES["app"]["healthcheck"]["test"])
    )
    assert path
    assert f'@app.get("{path[1]}")' in CODE
    dockerfile = (EXAMPLE / "Dockerfile").read_text(encoding="utf-8")
    assert "pip install --no-cache-dir wheels/*.whl -r" in dockerfile  # from a file, by no index
    for source in re.findall(r"^COPY (\S+) ", dockerfile, re.MULTILINE):
        assert source == "wheels" or (EXAMPLE / source).exists(), source
    for name, mount in re.findall(r"- (\./\w+):(\S+)", TEXT):
        assert (EXAMPLE / name).exists(), mount
    assert "reverse_proxy app:8000" in (EXAMPLE / "Caddyfile").read_text(encoding="utf-8")
