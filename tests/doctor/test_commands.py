"""The command that prints an examination."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands import command
from tests.integration.command_line import run_command

FINE = "from fastapi import FastAPI\nfrom piccolo_api_fastapi import install\napp = FastAPI()\n"
WARNED = f"{FINE}number = 1\n"
WRONG = """
from fastapi import FastAPI
from piccolo_api_fastapi import Accounts, ConsoleMail, accounts_router, install
app = FastAPI()
install(app)
accounts = Accounts(mail=ConsoleMail(), base_url="https://app.example.com")
app.include_router(accounts_router(accounts))
"""
KEYLESS = """
from piccolo_api_fastapi import TOTP
totp = TOTP(issuer="Movies")
"""
CONFIGURATION = """
from piccolo.conf.apps import AppRegistry
from piccolo.engine.sqlite import SQLiteEngine
DB = SQLiteEngine(path={path!r})
APP_REGISTRY = AppRegistry(
    apps=["piccolo.apps.user.piccolo_app", "piccolo_api_fastapi.piccolo_app"]
)
"""


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder in which the command runs."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "doctored_fine.py").write_text(f"{FINE}install(app)\n")
    (tmp_path / "doctored_warned.py").write_text(WARNED)
    (tmp_path / "doctored_wrong.py").write_text(WRONG)
    (tmp_path / "doctored_keyless.py").write_text(KEYLESS)


async def test_formats(capsys: pytest.CaptureFixture[str]) -> None:
    """Text, or JSON."""
    await command("doctor")("doctored_warned:app")
    warned = capsys.readouterr().out
    assert warned.startswith("warning  install  install(app) was not called")
    assert warned.endswith(
        "Call it. See docs/errors.md#everywhere-the-same-install.\n\n0 errors, 1 warning.\n"
    )
    await command("doctor")("doctored_fine:app", format="json")
    [finding] = json.loads(capsys.readouterr().out)["findings"]
    assert finding == {
        "code": "install",
        "severity": "ok",
        "message": "install(app) was called.",
        "docs": "docs/errors.md#everywhere-the-same-install",
    }


async def test_exit_codes(database: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 1 if there is an error; with `strict`, also if there is a warning."""
    with pytest.raises(SystemExit) as ended:
        await command("doctor")("doctored_wrong:app")
    assert ended.value.code == 1
    assert "1 error, 0 warnings." in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        await command("doctor")("doctored_warned:app", strict=True)
    assert ended.value.code == 1
    await command("doctor")("doctored_fine:app", strict=True)
    assert "ok       " not in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        ("doctored_fine", "app is 'doctored_fine'; name a module and an object: main:app."),
        (":app", "There is no application ':app'"),
        ("doctored_nothing:app", "There is no application .*: No module named"),
        ("doctored_fine:other", "There is no application 'doctored_fine:other'"),
        ("doctored_fine:install", "The doctor needs an application of FastAPI or Starlette, "),
        ("doctored_keyless:totp", "AUTH_ENCRYPTION_KEYS is not set."),
    ],
)
async def test_no_application(app: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with the name, or with the configuration, is said in a sentence."""
    monkeypatch.delenv("AUTH_ENCRYPTION_KEYS", raising=False)
    with pytest.raises(SystemExit, match=expected):
        await command("doctor")(app)


async def test_unknown_format() -> None:
    """The formats are named."""
    with pytest.raises(SystemExit, match="format is 'xml'; use text or json"):
        await command("doctor")("doctored_fine:app", format="xml")


@pytest.mark.slow
def test_the_command_line(tmp_path: Path) -> None:
    """Piccolo's own command line runs it: before and after the migrations."""
    path = str(tmp_path / "app.sqlite")
    (tmp_path / "project_conf.py").write_text(CONFIGURATION.format(path=path))
    (tmp_path / "main.py").write_text(
        "from fastapi import Depends, FastAPI\n"
        "from piccolo_api_fastapi import SessionAuth, install\n"
        "app = FastAPI()\n"
        "install(app)\n"
        "@app.get('/', dependencies=[Depends(SessionAuth())])\n"
        "def endpoint(): ...\n"
    )
    doctor = ("piccolo_api_fastapi", "doctor", "main:app")
    code, printed = run_command(tmp_path, doctor, "")
    assert code == 1
    assert "error    tables" in printed
    assert "error    migrations" in printed
    code, printed = run_command(tmp_path, ("migrations", "forwards", "all"), "")
    assert code == 0, printed
    code, printed = run_command(tmp_path, (*doctor, "--format=json", "--workers=2"), "")
    assert code == 0, printed
    severities = {one["code"]: one["severity"] for one in json.loads(printed)["findings"]}
    assert severities["migrations"] == severities["tables"] == "ok"
    assert severities["sqlite"] == "warning"
    code, _ = run_command(tmp_path, (*doctor, "--strict"), "")
    assert code == 1
