"""`examine`: the findings about an application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from .checks import CHECKS
from .subject import Subject, subject_of
from .values import Check, Examination, Finding

SECONDS = 5.0
"""The time limit of a check."""

_PAGE = "docs/doctor.md#codes"


async def examine(app: Any, *, workers: int = 0, start: bool = False) -> Examination:
    """
    Check the configuration of an application, its database, and the servers that it uses.

    ```python
    from fastapi import FastAPI
    from piccolo_api_fastapi.doctor import examine

    app = FastAPI()

    async def check() -> None:
        for finding in (await examine(app)).of("error"):
            print(finding.message)
    ```

    It only reads, and sends no mail. No finding has a secret in it.

    Args:
        app: The application of FastAPI or Starlette, or middleware around it.
        workers: The number of processes that serve it. 0 takes that in the environment variable
            `WEB_CONCURRENCY`, or 1.
        start: Whether to run its lifespan meanwhile. A connection pool that is started there can
            only be checked then.

    Raises:
        ConfigurationError: It is no such application, or `workers` is negative.
    """
    subject = subject_of(app, workers, is_started=start)
    findings: list[Finding] = []
    try:
        async with _lifespan(subject):
            findings += [finding async for finding in _findings(subject)]
    except Exception as problem:  # noqa: BLE001 - whatever the application raises
        findings.append(_failed("lifespan", problem))
    return Examination(tuple(dict.fromkeys(findings)))  # two schemes may have one key


@asynccontextmanager
async def _lifespan(subject: Subject) -> AsyncIterator[None]:
    if not subject.is_started:
        yield
        return
    app = subject.app
    async with getattr(app, "router", app).lifespan_context(app):
        yield


async def _findings(subject: Subject) -> AsyncIterator[Finding]:
    """Run all checks, but not those that need something in which an earlier one found an error."""
    broken: set[str] = set()
    for check in CHECKS:
        found = [] if check.needs in broken else await _run(check, subject)
        if check.needs in broken or any(finding.severity == "error" for finding in found):
            broken.add(check.code)
        for finding in found:
            yield finding


async def _run(check: Check, subject: Subject) -> list[Finding]:
    found: list[Finding] = []

    async def look() -> None:
        async for result in check.look(subject):
            finding = Finding(check.code, result.severity, result.message, check.docs)
            found.append(finding)

    try:
        await asyncio.wait_for(look(), SECONDS)
    except Exception as problem:  # noqa: BLE001 - a check that fails is a finding itself
        found.append(_failed(check.code, problem))
    return found


def _failed(code: str, problem: Exception) -> Finding:
    """Return the finding about a check that failed. The message of its error may have secrets."""
    name = type(problem).__name__
    message = f"The check {code!r} could not be completed ({name})."
    return Finding("check_failed", "error", message, _PAGE)
