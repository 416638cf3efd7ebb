"""Reads the reports of browsers, which anybody can make up, and takes what is safe to log."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from piccolo_api_fastapi.core.http.csp import DIRECTIVE_NAMES
from piccolo_api_fastapi.core.http.parsing import strict_json
from piccolo_api_fastapi.errors import FieldError, Unprocessable, UnsupportedMediaType

CSP_REPORT = "application/csp-report"
REPORTS = "application/reports+json"

MAXIMUM_REPORTS = 50
"""Reports that are read from one body."""

LONGEST = 200
"""Characters of an address. What is longer is cut."""

_SPELLINGS = {
    "directive": ("effectiveDirective", "effective-directive", "violated-directive"),
    "blocked": ("blockedURL", "blocked-uri"),
    "document": ("documentURL", "document-uri"),
    "referrer": ("referrer",),
    "source": ("sourceFile", "source-file"),
    "line": ("lineNumber", "line-number"),
    "disposition": ("disposition",),
}
"""Each field by its names in the Reporting API and in the older `csp-report`."""

_WORD = re.compile(r"[a-z][a-z-]{0,31}")
_SAFE = ":/[]@!$&()*+=~%"  # in addresses; no quotes, brackets of HTML, spaces or line breaks
_MOST_LINES = 10**9


def violations_of(content_type: str, body: bytes) -> list[dict[str, Any]]:
    """
    Return the violations that a request reports, as data of events.

    The sample of a blocked script is left out, and so are user names, queries and fragments of
    addresses, since they can contain secrets.

    Args:
        content_type: The header of the request.
        body: The body of the request.

    Raises:
        UnsupportedMediaType: The content type is not one of reports.
        Unprocessable: The body is not a report.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in {CSP_REPORT, REPORTS}:
        raise UnsupportedMediaType
    try:
        value = strict_json(body)
    except ValueError:
        value = None
    found = _of_csp_report(value) if kind == CSP_REPORT else _of_reports(value)
    return [_data(violation) for violation in found[:MAXIMUM_REPORTS]]


def _of_csp_report(value: Any) -> list[Mapping[str, Any]]:
    violation = value.get("csp-report") if isinstance(value, dict) else None
    if not isinstance(violation, dict):
        raise _malformed()
    return [violation]


def _of_reports(value: Any) -> list[Mapping[str, Any]]:
    """Return the violations among the reports: an endpoint can be sent others, too."""
    if not isinstance(value, list) or not all(isinstance(report, dict) for report in value):
        raise _malformed()
    bodies = [report.get("body") for report in value if report.get("type") == "csp-violation"]
    return [body for body in bodies if isinstance(body, dict)]


def _malformed() -> Unprocessable:
    return Unprocessable(
        [FieldError(("body",), "The body is not a CSP report.", "csp_report_invalid")]
    )


def _data(violation: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an event tells of a violation."""
    given: dict[str, Any] = {
        name: next((violation[key] for key in spellings if key in violation), None)
        for name, spellings in _SPELLINGS.items()
    }
    line = given["line"]
    return {
        "directive": _directive(given["directive"]),
        "blocked": _address(given["blocked"]),
        "document": _address(given["document"]),
        "referrer": _address(given["referrer"]),
        "source": _address(given["source"]),
        "line": line if type(line) is int and 0 < line < _MOST_LINES else None,
        "disposition": "report" if given["disposition"] == "report" else "enforce",
    }


def _directive(value: object) -> str | None:
    """Return the name of a directive. Older browsers send its sources with it."""
    name = value.partition(" ")[0] if isinstance(value, str) else None
    return name if name in DIRECTIVE_NAMES else None


def _address(value: object) -> str | None:
    """
    Return an address without secrets: scheme, host and path. Of other schemes, their names.

    A word such as `inline` stays as it is.
    """
    if not isinstance(value, str):
        return None
    if _WORD.fullmatch(value):
        return value
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"}:
        return parts.scheme if _WORD.fullmatch(parts.scheme) else None
    if host is None:
        return None
    name = f"[{host}]" if ":" in host else host
    place = f"{name}:{port}" if port is not None else name
    return quote(f"{parts.scheme}://{place}{parts.path}"[:LONGEST], safe=_SAFE)
