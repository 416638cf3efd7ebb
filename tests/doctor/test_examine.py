"""The examination of an application as a whole."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette

from piccolo_api_fastapi import ConfigurationError, RateLimit, SessionAuth, session_router
from piccolo_api_fastapi.doctor import examine, service
from piccolo_api_fastapi.doctor.checks import CHECKS
from piccolo_api_fastapi.doctor.reach import objects_of
from piccolo_api_fastapi.doctor.subject import Subject
from piccolo_api_fastapi.doctor.values import Check, Result, ok
from tests.doctor.examining import endpoint, found

DOCS = Path(__file__).parents[2] / "docs"


async def test_a_sound_application(app: FastAPI) -> None:
    """The application of these tests has only the errors that tests need."""
    found = await examine(app)
    assert {finding.code for finding in found.of("error")} == {"clock"}  # it stands still
    assert {finding.code for finding in found.of("warning")} == {"jwt_secret"}
    assert len(found.of("ok")) + 2 == len(found.findings)


@pytest.mark.parametrize("app", [FastAPI(), Starlette(), FastAPI().router])
async def test_an_empty_application(app: Any) -> None:
    """There is nothing to look at but `install`."""
    assert [finding.code for finding in (await examine(app)).findings] == ["install"]


async def test_no_application() -> None:
    """What is no application is said in a sentence."""
    with pytest.raises(ConfigurationError, match=r"needs an application of FastAPI or .* not dict"):
        await examine({})


async def test_negative_workers() -> None:
    """There is no such number of processes."""
    with pytest.raises(ConfigurationError, match="workers is -1; use 1 or more"):
        await examine(FastAPI(), workers=-1)


async def test_failing_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that raises or hangs is a finding with the class of the error, and no message."""

    async def fail(_: Subject) -> AsyncIterator[Result]:
        yield ok("Half is well.")
        raise RuntimeError("a secret")

    async def hang(_: Subject) -> AsyncIterator[Result]:
        await asyncio.Event().wait()
        yield ok("Never.")

    monkeypatch.setattr(service, "CHECKS", (Check("a", fail, "docs/a.md"), Check("b", hang, "")))
    monkeypatch.setattr(service, "SECONDS", 0.05)
    first, *others = (await examine(FastAPI())).findings
    assert (first.code, first.severity, first.docs) == ("a", "ok", "docs/a.md")
    assert [(one.code, one.severity, one.message) for one in others] == [
        ("check_failed", "error", "The check 'a' could not be completed (RuntimeError)."),
        ("check_failed", "error", "The check 'b' could not be completed (TimeoutError)."),
    ]


async def test_lifespan() -> None:
    """It runs during the checks if that is asked for. One that fails is a finding."""
    running: list[str] = []

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        running.append("started")
        yield
        running.append("stopped")
        raise RuntimeError("a secret")

    app = FastAPI(lifespan=lifespan)
    assert len((await examine(app)).findings) == 1
    assert running == []
    installed, failed = (await examine(app.router, start=True)).findings
    assert running == ["started", "stopped"]
    assert (installed.code, failed.code) == ("install", "check_failed")
    assert failed.message == "The check 'lifespan' could not be completed (RuntimeError)."


class Slotted(RateLimit):
    """A limit of an application's own, with slots that are not all set."""

    __slots__ = ("other", "unset")


async def test_what_is_found() -> None:
    """Objects are found in dependencies, closures, methods, partials, containers and mounts."""
    app, inner = FastAPI(), FastAPI()
    limits = {number: RateLimit(f"{number}/hour") for number in range(1, 8)}
    slotted: Any = Slotted("8/hour")
    slotted.other = limits[1]
    held, kept = [limits[2]], {"limit": limits[3]}

    def closing() -> None:
        """Close over containers, and over what is defined below."""
        assert held
        assert kept
        assert later

    async def taking(limit: RateLimit) -> None:
        """Never called."""

    app.get("/slots", dependencies=[Depends(slotted)])(endpoint)
    app.get("/closure")(closing)
    app.get("/partial")(partial(taking, limits[4]))
    app.get("/method", dependencies=[Depends(limits[5].__call__)])(endpoint)
    app.get("/depends")(partial(taking, Depends(limits[6])))
    inner.get("/mounted", dependencies=[Depends(limits[7])])(endpoint)
    app.mount("/inner", inner)
    found = [one for one in objects_of(app) if isinstance(one, RateLimit)]
    later = True
    assert {id(one) for one in found} == {id(slotted), *map(id, limits.values())}
    assert len(found) == 8


def slug(heading: str) -> str:
    """The anchor that MkDocs makes of a heading, unless it names one."""
    if named := re.search(r"\{ #(\S+) \}$", heading):
        return named[1]
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.code)
def test_documented(check: Check) -> None:
    """Each check has a row in the table of codes, and its page and anchor exist."""
    assert f"\n| `{check.code}` |" in (DOCS / "doctor.md").read_text("utf-8")
    page, _, anchor = check.docs.removeprefix("docs/").partition("#")
    text = (DOCS / page).read_text("utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    assert anchor in {slug(heading) for heading in headings} | {""}


def test_failures_are_documented() -> None:
    """So is the code of what could not be completed, whose page is that of the doctor."""
    text = (DOCS / "doctor.md").read_text("utf-8")
    assert "\n| `check_failed` |" in text
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    assert service._PAGE.partition("#")[2] in set(map(slug, headings))


async def test_a_code_has_one_check() -> None:
    """Codes are not shared."""
    codes = [check.code for check in CHECKS]
    assert len(codes) == len(set(codes))
    app = FastAPI()
    app.include_router(session_router(SessionAuth()))
    assert await found(app, "check_failed") == []
