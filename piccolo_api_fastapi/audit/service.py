"""`audit_of`: the audit of an application."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from piccolo_api_fastapi.errors import ConfigurationError

from .findings import findings_of
from .routes import application_in, routes_of
from .values import Audit, Route


def audit_of(app: Any) -> Audit:
    """
    List the routes of an application with what guards each, and what is probably a mistake.

    ```python
    from fastapi import FastAPI
    from piccolo_api_fastapi.audit import audit_of

    app = FastAPI()

    @app.get("/reports")
    async def reports() -> list[str]:
        return []

    [finding] = audit_of(app).findings
    assert (finding.code, finding.route) == ("unguarded_route", "GET /reports")
    ```

    It reads how the application is configured, and calls no dependency and no endpoint.

    Args:
        app: The application of FastAPI or Starlette, or middleware around it.

    Raises:
        ConfigurationError: It is no such application.
    """
    application = application_in(app)
    if application is None:
        raise ConfigurationError(
            f"An audit needs an application of FastAPI or Starlette, not {type(app).__name__}."
        )
    routes = tuple(_without_twins(routes_of(application)))
    return Audit(routes, tuple(findings_of(routes)))


def _without_twins(routes: Iterable[Route]) -> Iterator[Route]:
    """Leave out routes for `HEAD` that are guarded as the one for `GET` is."""
    seen = set()
    for route in routes:
        seen.add(route)
        if route.method != "HEAD" or replace(route, method="GET") not in seen:
            yield route
