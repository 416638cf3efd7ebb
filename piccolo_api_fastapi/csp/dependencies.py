"""`CSP`: the dependency that sends a Content Security Policy with the response."""

import secrets
from collections.abc import Awaitable, Callable
from copy import copy
from functools import partial

from fastapi import FastAPI, Response
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse
from starlette.types import Scope
from typing_extensions import Unpack

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.http.csp import (
    NONCE,
    Directives,
    Policy,
    Sources,
)
from piccolo_api_fastapi.core.http.middleware import Answer, Prepare, answer_of
from piccolo_api_fastapi.errors import ConfigurationError

from . import swagger

STRICT: Directives = {
    "default_src": ["self"],
    "script_src": [NONCE, "strict-dynamic"],
    "style_src": ["self", NONCE],
    "img_src": ["self", "data:"],
    "object_src": [],
    "base_uri": [],
    "form_action": ["self"],
    "frame_ancestors": [],
}

NOT_MODIFIED = 304

REPORTING_GROUP = "csp"
"""The name of the endpoint of reports, in `report-to` and in `Reporting-Endpoints`."""


@configured
class CSP:
    """
    A dependency that sends a Content Security Policy with every response.

    ```python
    from typing import Annotated

    from fastapi import Depends, FastAPI
    from fastapi.responses import HTMLResponse
    from piccolo_api_fastapi import CSP, NONCE, install

    csp = CSP(default_src=["self"], script_src=["self", NONCE], object_src=[])
    app = FastAPI(dependencies=[Depends(csp)])
    install(app)


    @app.get("/", response_class=HTMLResponse)
    async def home(nonce: Annotated[str, Depends(csp.nonce)]) -> str:
        return f'<h1>Movies</h1><script nonce="{nonce}">console.log("mine")</script>'
    ```

    Use it on an application, a router or a route, or as `install(app, csp=csp)`, which also covers
    responses that no route makes. A response has one header: that of the route itself, else that
    of the innermost `CSP`. A report-only policy has a header of its own beside it.

    Without `install`, only responses that FastAPI makes of returned data have the header. Errors
    and `Response` objects that an endpoint returns have none.

    Args:
        report_only: Block nothing, and only report what would be blocked.
        directives: The directives: lists of sources such as `img_src=["self", "data:"]`;
            `sandbox`, `trusted_types` and `require_trusted_types_for`; the flag
            `upgrade_insecure_requests`; and `report_to`, the path or URL for reports, such as
            that of `csp_report_router`. Keywords need no quotes. An empty list is `'none'`.

    Raises:
        ConfigurationError: A source is malformed or contradicts the others.
        TypeError: There is no such directive.
    """

    def __init__(self, *, report_only: bool = False, **directives: Unpack[Directives]) -> None:
        self.policy = Policy(**directives)
        self.report_only = report_only
        suffix = "-Report-Only" if report_only else ""
        self.header = f"Content-Security-Policy{suffix}"
        self._of_request: Callable[[Scope], Sources] | None = None

    @classmethod
    def strict(cls, *, report_only: bool = False, **directives: Unpack[Directives]) -> "CSP":
        """
        Return a policy that runs only scripts with the nonce, and what these load.

        Everything else comes from the same origin. There are no plug-ins, and no other site can
        show the pages in a frame.

        Args:
            report_only: Block nothing, and only report what would be blocked.
            directives: Directives that replace those of the preset, or that it lacks.
        """
        return cls(report_only=report_only, **(STRICT | directives))

    @classmethod
    def swagger(
        cls,
        page: HTMLResponse | None = None,
        *,
        report_only: bool = False,
        **directives: Unpack[Directives],
    ) -> "CSP":
        """
        Return a policy for Swagger UI, without `'unsafe-inline'`.

        It allows the assets of the page, the inline script by its hash, and requests to the same
        origin.

        Args:
            page: The page, if a route of your own returns `get_swagger_ui_html(…)`. By default,
                the page is the one that FastAPI makes for the application of the request.
            report_only: Block nothing, and only report what would be blocked.
            directives: Directives that replace those of the preset, or that it lacks.
        """
        csp = cls(report_only=report_only, **(swagger.DIRECTIVES | directives))
        if page is not None:
            return csp.adding(**swagger.sources_of(page))
        csp._of_request = swagger.sources_of_request
        return csp

    @property
    def nonce(self) -> Callable[[Request], Awaitable[str]]:
        """
        Return a dependency that gives the nonce of the request, and applies this policy.

        The response is sent with `Cache-Control: no-store`. The header has the nonce only if the
        response is HTML and no cache may store it: if the route itself says anything else about
        caching, the scripts of the page are blocked.

        Raises:
            ConfigurationError: `NONCE` is not among the sources. When a request comes: `install`
                was not called.
        """
        if not self.policy.has_nonce:
            raise ConfigurationError("The policy has no nonce; add NONCE to script_src.")
        return self._nonce

    def adding(self, **sources: Unpack[Sources]) -> "CSP":
        """
        Return a `CSP` that allows further sources, such as those of a CAPTCHA.

        Args:
            sources: The further sources, such as `**captcha.csp_sources`.
        """
        csp = copy(self)
        csp.policy = self.policy.adding(**sources)
        return csp

    async def __call__(self, connection: HTTPConnection, response: Response) -> None:
        """Apply the policy to the response; FastAPI calls this. WebSockets have none."""
        if connection.scope["type"] != "http":
            return
        if (answer := answer_of(connection.scope)) is not None:
            self.apply(connection.scope, answer)
        else:
            self._set(response.headers, connection.scope, None)

    def apply(self, scope: Scope, answer: Answer) -> None:
        """
        Write the header when the response starts, unless a later call replaces it.

        Args:
            scope: The request.
            answer: Its answer.
        """
        answer.writers[self.header] = partial(self._write, scope, answer)

    async def _nonce(self, request: Request) -> str:
        answer = answer_of(request.scope)
        if answer is None:
            raise ConfigurationError("csp.nonce needs install(app).")
        self.apply(request.scope, answer)
        if answer.nonce is None:
            answer.nonce = secrets.token_urlsafe(16)
        return answer.nonce

    def _write(self, scope: Scope, answer: Answer, headers: MutableHeaders) -> None:
        # The headers of a 304 replace those of the stored response, whose body has its own nonce.
        if answer.status == NOT_MODIFIED or self.header in headers:
            return
        nonce = answer.nonce if answer.nonce and _may_have_nonce(headers) else None
        self._set(headers, scope, nonce)

    def _set(self, headers: MutableHeaders, scope: Scope, nonce: str | None) -> None:
        policy, endpoint = self.policy, self.policy.report_to
        if self._of_request is not None:
            policy = policy.adding(**self._of_request(scope))
        value = policy.header(nonce)
        # Browsers know endpoints over TLS only. Where they see `report-to`, they report to nothing
        # else, so that without an endpoint there would be no reports.
        is_secure = scope.get("scheme") == "https"
        if endpoint is not None and is_secure and "Reporting-Endpoints" not in headers:
            headers["Reporting-Endpoints"] = f'{REPORTING_GROUP}="{endpoint}"'
            value = f"{value}; report-to {REPORTING_GROUP}"
        headers[self.header] = value


def covering(app: FastAPI, csp: CSP) -> Prepare:
    """
    Return what applies a policy to every request, and that of Swagger UI to FastAPI's own docs.

    Args:
        app: The application.
        csp: The policy.
    """
    report_to = csp.policy.report_to
    reporting: Directives = {} if report_to is None else {"report_to": report_to}
    docs = CSP.swagger(report_only=csp.report_only, **reporting)

    def prepare(scope: Scope, answer: Answer) -> None:
        if scope["type"] == "http":
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            (docs if path in swagger.paths_of(app) else csp).apply(scope, answer)

    return prepare


def _may_have_nonce(headers: MutableHeaders) -> bool:
    """Return whether a response is HTML that no cache stores, after forbidding it if need be."""
    if not headers.get("Content-Type", "").lower().startswith("text/html"):
        return False
    caching = headers.setdefault("Cache-Control", "no-store")
    return "no-store" in {part.strip().lower() for part in caching.split(",")}
