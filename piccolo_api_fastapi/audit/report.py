"""An audit as a table, and as JSON."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from .values import Audit, Finding, GuardSummary, LimitSummary, Route, StepUpSummary

_TITLES = ("ROUTE", "GUARD", "NEEDS", "LIMITS", "CSRF", "CAPTCHA")

_PUBLIC = {
    "public": "public",
    "prebuilt": "public (prebuilt)",
    "documentation": "FastAPI's documentation",
    None: "NOTHING",
}


def as_table(audit: Audit) -> str:
    """
    Return an audit as text: a row for each route, then the findings.

    Args:
        audit: The audit.
    """
    count = len(audit.findings)
    summary = f"{count or 'No'} finding{'' if count == 1 else 's'}{':' if count else '.'}"
    return "\n".join([table_of(audit.routes), "", summary, *map(as_line, audit.findings)])


def table_of(routes: Iterable[Route]) -> str:
    """Return the table of some routes."""
    rows = [_TITLES, *map(_row, routes)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def as_line(finding: Finding) -> str:
    """Return a finding as one line."""
    return f"{finding.code}: {finding.route}: {finding.message} See {finding.docs}."


def as_json(audit: Audit) -> str:
    """
    Return an audit as JSON, with the members `routes` and `findings`.

    Args:
        audit: The audit.
    """
    routes = [{"name": route.name, **asdict(route)} for route in audit.routes]
    findings = [{**asdict(finding), "docs": finding.docs} for finding in audit.findings]
    return json.dumps({"routes": routes, "findings": findings}, indent=2)


def _row(route: Route) -> tuple[str, ...]:
    needs = dict.fromkeys(need for guard in route.guards for need in _needs(guard))
    cells: Sequence[Sequence[str]] = (
        [_guard(guard) for guard in route.guards] or [_without_guard(route)],
        list(needs),
        [_limit(limit) for limit in route.limits],
        route.csrf,
        [route.captcha] if route.captcha else [],
    )
    return (route.name, *(", ".join(dict.fromkeys(cell)) or "-" for cell in cells))


def _without_guard(route: Route) -> str:
    if route.inside is None:
        return _PUBLIC[route.public]
    return f"see its {route.inside} route{'' if route.inside == 1 else 's'}"


def _guard(guard: GuardSummary) -> str:
    schemes = " | ".join(guard.schemes)
    return f"optional({schemes})" if guard.is_optional else schemes


def _needs(guard: GuardSummary) -> Iterator[str]:
    yield from guard.scopes
    yield from map(_step_up, guard.step_up)
    words: dict[str, Any] = {
        "verified": guard.verified,
        "check": guard.check,
        "in person": guard.in_person,
    }
    yield from (word for word, is_asked in words.items() if is_asked)


def _step_up(step_up: StepUpSummary) -> str:
    mfa = {True: "mfa", "as_login": "mfa if the login had it", False: None}[step_up.mfa]
    factor = mfa or step_up.factor or "any factor"
    if mfa and step_up.factor:
        factor = f"{mfa} and {step_up.factor}"
    return factor if step_up.within is None else f"{factor} within {step_up.within} s"


def _limit(limit: LimitSummary) -> str:
    words = [limit.limits]
    words += [f"by {limit.key}"] if limit.key not in (None, "by_address") else []
    words += [f"in {limit.scope!r}"] if limit.scope is not None else []
    words += ["of failures"] if limit.failures_only else []
    words += ["(shadow)"] if limit.shadow else []
    return " ".join(words)
