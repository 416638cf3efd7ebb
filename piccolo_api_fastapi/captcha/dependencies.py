"""`Captcha`: the dependency that lets a request through if its CAPTCHA was solved."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from fastapi import Header
from starlette.requests import ClientDisconnect, Request

from piccolo_api_fastapi.clock import Clock, utcnow
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.events.events import AuthEvent
from piccolo_api_fastapi.core.events.repeated import emit_counted
from piccolo_api_fastapi.core.http.client import ClientInfo, client_info
from piccolo_api_fastapi.core.http.csp import Sources
from piccolo_api_fastapi.core.http.parsing import has_form
from piccolo_api_fastapi.errors import (
    CaptchaFailed,
    CaptchaRequired,
    CaptchaUnavailable,
    ConfigurationError,
)

from .siteverify import MAXIMUM_RESPONSE, Outage, Refusal

CaptchaVerifier: TypeAlias = Callable[[str, ClientInfo], Awaitable[bool] | bool]
"""
Decides whether a CAPTCHA response is valid: a sync or async callable; a sync one runs in a thread.
`True` accepts, `False` refuses. Any other result is an error, so that a forgotten `return` does
not accept everything.
"""

OnOutage: TypeAlias = Literal["deny", "allow"]

HEADER = "Captcha-Response"

THREADS = 8
"""Threads for a sync verifier. Further calls wait, and their time-out runs meanwhile."""


@configured
class Captcha:
    """
    A dependency that lets a request through if its CAPTCHA was solved.

    ```python
    from fastapi import Depends, FastAPI
    from piccolo_api_fastapi import Captcha


    async def verify(response: str, client: object) -> bool:
        return response == "the right one"


    app = FastAPI()


    @app.post("/comments", dependencies=[Depends(Captcha(verify))])
    async def comment(text: str) -> None: ...
    ```

    The response of the widget is read from the header `Captcha-Response`, or from the form field
    that the widget fills in. Use it on any route, or pass it as `captcha=` to a router.

    Args:
        verifier: The callable that decides about a response; see `CaptchaVerifier`.
        field: The name of the form field.
        site_key: The public key of the widget, which `GET /config` tells front ends.
        timeout: The time limit of the verifier, in seconds.
        on_outage: What to do while the verifier is unavailable: `deny` answers 503, `allow` lets
            the request through. Both emit the event `sys_captcha_unavailable`.
        clock: The clock for events.

    Raises:
        ConfigurationError: An argument is out of range or of the wrong type.
    """

    documented_errors = (CaptchaRequired, CaptchaFailed, CaptchaUnavailable)
    vendor: ClassVar[str] = "custom"
    action: str | None = None

    csp_sources: ClassVar[Sources] = {}
    """What the widget loads: a `CSP` of the page needs these sources, `csp.adding(**…)`."""

    def __init__(
        self,
        verifier: CaptchaVerifier,
        *,
        field: str = "captcha",
        site_key: str | None = None,
        timeout: float = 5.0,
        on_outage: OnOutage = "deny",
        clock: Clock = utcnow,
    ) -> None:
        if on_outage not in ("deny", "allow") or timeout <= 0 or not callable(verifier):
            raise ConfigurationError(
                "Captcha needs a callable, a timeout above 0, and on_outage 'deny' or 'allow'."
            )
        self.field = field
        self.site_key = site_key
        self.timeout = timeout
        self.on_outage = on_outage
        self.clock = clock
        self._verifier = verifier
        self._call: Callable[..., Any] = verifier if _is_async(verifier) else _in_thread(verifier)

    async def __call__(
        self,
        request: Request,
        response: Annotated[
            str | None,
            Header(alias=HEADER, description="The response of the CAPTCHA widget."),
        ] = None,
    ) -> None:
        """
        Check the CAPTCHA of a request; FastAPI calls this.

        Raises:
            CaptchaRequired: The request has no response.
            CaptchaFailed: The response is not valid.
            CaptchaUnavailable: The verifier is unavailable or misconfigured.
        """
        given = response or request.headers.get(HEADER) or await self._from_form(request)
        if not isinstance(given, str) or not given:
            raise CaptchaRequired
        client = client_info(request)
        try:
            await self._verify(given, client)
        except Outage as outage:
            await self._tell_outage(outage)
            if outage.is_ours or self.on_outage == "deny":
                raise CaptchaUnavailable from None
        except Refusal as refusal:
            data = {"reason": refusal.reason, "ip": client.ip, "user_agent": client.user_agent}
            event = AuthEvent("authn_captcha_fail", self.clock(), data=data)
            await emit_counted(event, refusal.reason)
            raise CaptchaFailed from None

    async def _verify(self, response: str, client: ClientInfo) -> None:
        if len(response) > MAXIMUM_RESPONSE:
            raise Refusal("too-long")
        try:
            verdict = await asyncio.wait_for(self._ask(response, client), self.timeout)
        except (OSError, TimeoutError, asyncio.TimeoutError, CaptchaUnavailable) as error:
            raise Outage(type(error).__name__) from None
        if verdict is not True and verdict is not False:
            raise TypeError(
                f"A CAPTCHA verifier must return True or False, not {type(verdict).__name__}."
            )
        if not verdict:
            raise Refusal("not-solved")

    async def _ask(self, response: str, client: ClientInfo) -> Any:
        verdict: Any = await self._call(response, client)
        # A callable that returns a coroutine need not be a coroutine function.
        return await verdict if inspect.isawaitable(verdict) else verdict

    async def _from_form(self, request: Request) -> Any:
        """The form field. Starlette caches the form, so the route can read it again."""
        with suppress(ClientDisconnect):
            return (await request.form()).get(self.field) if has_form(request) else None
        return None

    async def _tell_outage(self, outage: Outage) -> None:
        name = "sys_captcha_misconfigured" if outage.is_ours else "sys_captcha_unavailable"
        data = {"reason": outage.reason, "captcha": type(self).__name__}
        event = AuthEvent(name, self.clock(), data=data)
        await emit_counted(event, outage.reason, "failures")


def _is_async(verifier: Callable[..., Any]) -> bool:
    return any(inspect.iscoroutinefunction(it) for it in (verifier, type(verifier).__call__))


def _in_thread(verifier: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    # A pool of its own, because a verifier that hangs blocks its thread for good.
    threads = ThreadPoolExecutor(THREADS, "captcha")

    async def call(*arguments: Any) -> Any:
        work = partial(copy_context().run, verifier, *arguments)
        return await asyncio.get_running_loop().run_in_executor(threads, work)

    return call
