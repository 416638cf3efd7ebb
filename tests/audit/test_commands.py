"""The command that prints an audit."""

import json
from pathlib import Path

import pytest

from tests.commands import command

OPEN = """
from fastapi import FastAPI
app = FastAPI(openapi_url=None)
@app.get("/")
def endpoint(): ...
"""


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder in which the command runs."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "audited_open.py").write_text(OPEN)
    (tmp_path / "audited_closed.py").write_text("from fastapi import FastAPI\napp = FastAPI()")
    (tmp_path / "audited_broken.py").write_text("import audited_nothing")


async def test_formats(capsys: pytest.CaptureFixture[str]) -> None:
    """A table, or JSON."""
    await command("audit")("audited_open:app")
    assert capsys.readouterr().out.startswith("ROUTE  GUARD    NEEDS")
    await command("audit")("audited_open:app", format="json")
    assert json.loads(capsys.readouterr().out)["findings"][0]["route"] == "GET /"


async def test_strict(capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 1 if there are findings, after they were printed."""
    with pytest.raises(SystemExit) as ended:
        await command("audit")("audited_open:app", strict=True)
    assert ended.value.code == 1
    assert "1 finding:" in capsys.readouterr().out
    await command("audit")("audited_closed:app", strict=True)
    assert "No findings." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        ("audited_open", "app is 'audited_open'; name a module and an object: main:app."),
        (":app", "app is ':app'; name a module and an object: main:app."),
        ("audited_nothing:app", "There is no module 'audited_nothing'."),
        ("audited_nothing.main:app", "There is no module 'audited_nothing'."),
        ("audited_open:other", "'audited_open' has no 'other'."),
        ("audited_open:endpoint", "An audit needs an application of FastAPI or Starlette, "),
    ],
)
async def test_no_application(app: str, expected: str) -> None:
    """What is wrong with the name is said in a sentence."""
    with pytest.raises(SystemExit, match=expected):
        await command("audit")(app)


async def test_broken_applications() -> None:
    """What the application fails to import is its own error."""
    with pytest.raises(ModuleNotFoundError, match="audited_nothing"):
        await command("audit")("audited_broken:app")


async def test_unknown_format() -> None:
    """The formats are named."""
    with pytest.raises(SystemExit, match="format is 'xml'; use table or json"):
        await command("audit")("audited_open:app", format="xml")
