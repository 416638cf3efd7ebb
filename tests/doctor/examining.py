"""What the doctor says with one code."""

from typing import Any

from piccolo_api_fastapi.doctor import examine


async def endpoint() -> None:
    """Never called."""


async def found(app: Any, code: str, **options: Any) -> list[str]:
    """The findings of one check, each as `severity: message`."""
    findings = (await examine(app, **options)).findings
    return [f"{one.severity}: {one.message}" for one in findings if one.code == code]


async def severities(app: Any, code: str, **options: Any) -> list[str]:
    """The severities of the findings of one check."""
    return [line.partition(":")[0] for line in await found(app, code, **options)]
