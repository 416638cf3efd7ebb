"""What the doctor finds: results of checks, and findings with a code and a page."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.users import User

from .subject import Subject

Severity: TypeAlias = Literal["error", "warning", "ok"]
"""Whether something is broken, is probably a mistake, or is as it should be."""


@dataclass(frozen=True, slots=True)
class Result:
    """
    What a check says about one thing that it looked at.

    Args:
        severity: The severity.
        message: What is wrong and what to do, or what is right.
    """

    severity: Severity
    message: str


def command_for(table: type[BaseUser], name: str) -> str:
    """Return how to call a command for a user table. Own tables have commands of their own app."""
    if table is User:
        return f"`piccolo piccolo_api_fastapi {name}`"
    return f"the command `{name}` of your Piccolo app for {table.__name__}"


@dataclass(frozen=True, slots=True)
class Check:
    """
    A check, which yields no result if the application has nothing to look at.

    Args:
        code: The stable code of its findings.
        look: The function that looks.
        docs: The page of the documentation, with an anchor.
        needs: The code of an earlier check. This one is left out if that finds an error.
    """

    code: str
    look: Callable[[Subject], AsyncIterator[Result]]
    docs: str
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """
    A result of a check.

    Args:
        code: The stable code of the check; `check_failed` if it could not be completed.
        severity: The severity: `error`, `warning` or `ok`.
        message: What is wrong and what to do, or what is right. It has no secrets.
        docs: The page of the documentation, with an anchor.
    """

    code: str
    severity: Severity
    message: str
    docs: str


@dataclass(frozen=True, slots=True)
class Examination:
    """
    The findings about an application.

    Args:
        findings: The findings, in the order of the checks.
    """

    findings: tuple[Finding, ...]

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """Return the findings of one severity."""
        return tuple(finding for finding in self.findings if finding.severity == severity)


def error(message: str) -> Result:
    """Return a result that says that something is broken."""
    return Result("error", message)


def warning(message: str) -> Result:
    """Return a result that says that something is probably a mistake."""
    return Result("warning", message)


def ok(message: str) -> Result:
    """Return a result that says that something is as it should be."""
    return Result("ok", message)
