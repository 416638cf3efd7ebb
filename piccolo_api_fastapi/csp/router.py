"""The endpoint that browsers send their reports of violations to."""

from typing import Any

from fastapi import APIRouter, Depends, Request

from piccolo_api_fastapi.clock import Clock, utcnow
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.events.events import AuthEvent
from piccolo_api_fastapi.core.events.repeated import tell_counted
from piccolo_api_fastapi.core.http.openapi import tag
from piccolo_api_fastapi.core.http.problems import shared_responses
from piccolo_api_fastapi.core.http.route import AuthRoute
from piccolo_api_fastapi.errors import AuthError, Unprocessable, UnsupportedMediaType
from piccolo_api_fastapi.rate_limiting import RateLimit

from .reports import CSP_REPORT, REPORTS, violations_of

_TAG = tag("csp", "Reports of browsers about Content Security Policies.")

_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        CSP_REPORT: {
            "schema": {
                "type": "object",
                "required": ["csp-report"],
                "properties": {"csp-report": {"type": "object"}},
            },
            "example": {
                "csp-report": {
                    "document-uri": "https://example.com/movies",
                    "effective-directive": "script-src-elem",
                    "blocked-uri": "inline",
                    "disposition": "enforce",
                }
            },
        },
        REPORTS: {
            "schema": {
                "type": "array",
                "items": {"type": "object", "properties": {"type": {"type": "string"}}},
            },
            "example": [
                {
                    "type": "csp-violation",
                    "body": {
                        "documentURL": "https://example.com/movies",
                        "effectiveDirective": "script-src-elem",
                        "blockedURL": "inline",
                        "disposition": "enforce",
                    },
                }
            ],
        },
    },
}


async def number_of_reports(request: Request) -> int:
    """Return what a request costs, so that the limit bounds the events."""
    try:
        return max(1, len(await _violations(request)))
    except AuthError:
        return 1


async def _violations(request: Request) -> list[dict[str, Any]]:
    content_type = request.headers.get("Content-Type", "")
    return violations_of(content_type, await request.body())


class ReportRoute(AuthRoute):
    """A route for reports, which browsers send several of at once."""

    maximum_body = 64 * 1024


@configured
def csp_report_router(
    *, path: str = "/csp", limit: RateLimit | None = None, clock: Clock = utcnow
) -> APIRouter:
    """
    Make `POST /csp`, which takes the reports of browsers and emits `sys_csp_violation` for each.

    ```python
    from fastapi import Depends, FastAPI
    from piccolo_api_fastapi import CSP, csp_report_router, install

    app = FastAPI(dependencies=[Depends(CSP.strict(report_to="/csp"))])
    install(app)
    app.include_router(csp_report_router())
    ```

    Anybody can send reports, so they prove nothing. A body may have 64 KiB and 50 reports, and
    equal reports of one second are one event with their number.

    Args:
        path: The path.
        limit: The limit of requests. By default 100 reports a minute for each address.
        clock: The clock for events.
    """
    router = APIRouter(route_class=ReportRoute, tags=[_TAG])
    if limit is None:
        limit = RateLimit("100/minute", cost=number_of_reports, scope="csp_reports")

    @router.post(
        path,
        operation_id="report_csp_violations",
        summary="Report violations of a Content Security Policy",
        status_code=204,
        dependencies=[Depends(limit)],
        responses=shared_responses(UnsupportedMediaType, Unprocessable),
        openapi_extra={"requestBody": _BODY},
    )
    async def report_csp_violations(request: Request) -> None:
        """Tell the application what a browser blocked. Browsers send this by themselves."""
        for data in await _violations(request):
            kind = tuple(data.values())
            tell_counted(AuthEvent("sys_csp_violation", clock(), data=data), kind, "reports")

    return router
