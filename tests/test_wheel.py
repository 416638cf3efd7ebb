"""The wheel: what it holds, and that it works where nothing else is installed."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools import release

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    """Every file of the package is there, data and migrations too; nothing else but metadata."""
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert (release.missing_from(wheel), release.surplus_of(wheel)) == ([], [])
    assert {
        "piccolo_api_fastapi/py.typed",
        "piccolo_api_fastapi/users/passwords/common_passwords.txt",
        "piccolo_api_fastapi/users/passwords/common_passwords.LICENSE.txt",
    } <= names


SMALLEST = """
import piccolo_api_fastapi
from app import app
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

assert "site-packages" in piccolo_api_fastapi.__file__, piccolo_api_fastapi.__file__
with TestClient(app, base_url="https://testserver") as client:
    assert client.get("/docs").status_code == 200
    schema = client.get("/openapi.json").json()
    protected = [
        path for path, item in schema["paths"].items() if "security" in item.get("get", {})
        and "{" not in path
    ]
    assert protected, schema["paths"]
    for path in protected:
        answer = client.get(path)
        assert answer.status_code == 401, (path, answer.text)
        assert "www-authenticate" in answer.headers
print("works")
"""


def test_the_wheel_runs_the_smallest_example(wheel: Path, tmp_path: Path) -> None:
    """In an environment of its own the smallest app starts, documents itself and refuses."""
    venv = tmp_path / "venv"
    python = str(venv / "bin" / "python")
    uv = [sys.executable, "-m", "uv", "--quiet"]
    subprocess.run([*uv, "venv", "--python", sys.executable, str(venv)], check=True)
    install = [*uv, "pip", "install", "--python", python, f"{wheel}[sqlite]", "httpx2"]
    subprocess.run(install, check=True)
    shutil.copy(ROOT / "examples" / "smallest" / "app.py", tmp_path)
    ran = subprocess.run(
        [python, "-c", SMALLEST],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "works\n"
