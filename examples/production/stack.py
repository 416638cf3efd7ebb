"""The processes of the example: workers, nginx, and PgBouncer where it is asked for."""

import getpass
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HERE = Path(__file__).parent
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Stack:
    """
    What runs.

    Args:
        url: Where nginx listens.
        certificate: What to trust.
        workers: The process that starts the workers.
        nginx: The master of nginx.
    """

    url: str
    certificate: Path
    workers: "subprocess.Popen[bytes]"
    nginx: "subprocess.Popen[bytes]"


@contextmanager
def running(
    folder: Path, environment: Mapping[str, str], *, workers: int, pgbouncer: bool = False
) -> Iterator[Stack]:
    """
    Run all of it until the block ends.

    Args:
        folder: For sockets, certificates and configurations.
        environment: `PG_DATABASE`, `JWT_SECRET` and so on.
        workers: How many.
        pgbouncer: Whether connections go through PgBouncer in transaction mode.
    """
    folder.chmod(0o755)
    certificate = make_certificate(folder)
    port, inner = free_port(), free_port()
    values = dict(environment)
    nginx_command = _nginx(folder, port, inner)
    with ExitStack() as stack:
        if pgbouncer:
            bouncer = free_port()
            stack.enter_context(_started(_pgbouncer(folder, bouncer, values), values))
            wait_until(lambda: listens(bouncer))
            values |= {"PG_HOST": "127.0.0.1", "PG_PORT": str(bouncer), "PGBOUNCER": "yes"}
        uvicorn = stack.enter_context(_started(_uvicorn(inner, workers), values))
        wait_until(lambda: listens(inner))
        nginx = stack.enter_context(_started(nginx_command, values))
        running = Stack(f"https://localhost:{port}", certificate, uvicorn, nginx)
        wait_until(lambda: answers(running))
        yield running


def _uvicorn(port: int, workers: int) -> list[str]:
    """On loopback, where nginx is, whose word on the address of the client counts."""
    command = [sys.executable, "-m", "uvicorn", "examples.production.app:app"]
    command += ["--workers", str(workers), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--proxy-headers", "--forwarded-allow-ips", "127.0.0.1"]
    return [*command, "--no-access-log", "--log-level", "warning"]


def _nginx(folder: Path, port: int, workers: int) -> list[str]:
    filled = {"FOLDER": str(folder), "PORT": str(port), "WORKERS": str(workers)}
    return [program("nginx"), "-c", str(_fill("nginx.conf", folder, filled)), "-e", "stderr"]


def _fill(name: str, folder: Path, values: Mapping[str, str]) -> Path:
    """A configuration with its `@PLACES@` filled in."""
    text = (HERE / name).read_text(encoding="utf-8")
    for place, value in values.items():
        text = text.replace(f"@{place}@", value)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def _pgbouncer(folder: Path, port: int, environment: Mapping[str, str]) -> list[str]:
    """It refuses to run as root, and changes to the owner of the database then."""
    filled = {
        "PORT": str(port),
        "OWNER": "postgres" if getpass.getuser() == "root" else getpass.getuser(),
        "DATABASE": environment["PG_DATABASE"],
        "PG_HOST": environment.get("PG_HOST", "127.0.0.1"),
        "PG_PORT": environment.get("PG_PORT", "5432"),
        "PG_USER": environment.get("PG_USER", "postgres"),
        "PASSWORD": f"password={password}" if (password := environment.get("PG_PASSWORD")) else "",
    }
    return [program("pgbouncer"), "-q", str(_fill("pgbouncer.ini", folder, filled))]


@contextmanager
def _started(
    command: list[str], environment: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(command, env=os.environ | dict(environment))  # noqa: S603 - ours
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE)


def program(name: str) -> str:
    """
    Where a program is; Debian keeps some out of the path.

    Raises:
        FileNotFoundError: It is not installed.
    """
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise FileNotFoundError(f"{name} is not installed: apt-get install {name}")
    return found


def make_certificate(folder: Path) -> Path:
    """A key and a certificate for localhost, good for a day, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, traditional = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    unencrypted = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(pem, traditional, unencrypted))
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    return folder / "certificate.pem"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(is_up: Callable[[], bool]) -> None:
    """
    Wait for a process.

    Raises:
        TimeoutError: It does not come up.
    """
    until = time.monotonic() + PATIENCE
    while not is_up():
        if time.monotonic() > until:
            raise TimeoutError("The stack does not come up.")
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Whether somebody listens."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def answers(stack: Stack) -> bool:
    """Whether a request gets through nginx to a worker."""
    context = ssl.create_default_context(cafile=str(stack.certificate))
    try:
        urllib.request.urlopen(f"{stack.url}/openapi.json", context=context).close()  # noqa: S310
    except OSError:
        return False
    return True
