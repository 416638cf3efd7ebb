"""An examination as text, and as JSON."""

import json
from dataclasses import asdict

from .values import Examination


def as_text(examination: Examination) -> str:
    """
    Return an examination as text: a line for each finding, and the number of errors and warnings.

    Args:
        examination: The examination.
    """
    widths = [
        max((len(getattr(finding, name)) for finding in examination.findings), default=0)
        for name in ("severity", "code")
    ]
    lines = []
    for finding in examination.findings:
        cells = (finding.severity.ljust(widths[0]), finding.code.ljust(widths[1]), finding.message)
        page = "" if finding.severity == "ok" else f" See {finding.docs}."
        lines.append("  ".join(cells) + page)
    errors, warnings = examination.of("error"), examination.of("warning")
    counts = f"{_counted(len(errors), 'error')}, {_counted(len(warnings), 'warning')}."
    return "\n".join([*lines, "", counts] if lines else [counts])


def as_json(examination: Examination) -> str:
    """
    Return an examination as JSON, with the member `findings`.

    Args:
        examination: The examination.
    """
    return json.dumps({"findings": [asdict(one) for one in examination.findings]}, indent=2)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
