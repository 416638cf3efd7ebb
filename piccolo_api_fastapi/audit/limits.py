"""Summaries of rate limits, by what their objects were configured with."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from starlette.middleware import Middleware

from piccolo_api_fastapi.core.http.middleware import AnswerMiddleware
from piccolo_api_fastapi.login.consistency import way_in
from piccolo_api_fastapi.rate_limiting import FailureLimit, RateLimit

from .guards import name_of
from .values import LimitSummary


def limit_summary(limit: Any) -> LimitSummary:
    """
    Return what a rate limit was configured with.

    Args:
        limit: The `RateLimit`, or another dependency that says that it is a limit.
    """
    if not isinstance(limit, RateLimit):
        return LimitSummary(name_of(limit))
    tariff = limit._tariff  # noqa: SLF001 - a limit does not show its configuration
    asked, scope = tariff._limits, limit.scope  # noqa: SLF001
    budget = None
    if asked.value and scope is not None:
        budget = tariff._budgets.of(asked.value, scope).id  # noqa: SLF001
    return LimitSummary(
        limits=", ".join(asked.value) if asked.value else f"of {_source(asked)}",
        key=_source(tariff._key),  # noqa: SLF001
        scope=scope,
        failures_only=isinstance(limit, FailureLimit),
        shadow=limit._limiter.shadow,  # noqa: SLF001
        budget=budget,
    )


def limits_of_install(middleware: Sequence[Middleware]) -> tuple[LimitSummary, ...] | None:
    """
    Return the limit of `install(app, limit=…)`, or `None` if the application has no `install`.

    Args:
        middleware: The middleware of the application.
    """
    ours: Any = AnswerMiddleware
    for added in middleware:
        if added.cls is ours:
            limit = getattr(added.kwargs["admit"], "__self__", None)
            return () if limit is None else (limit_summary(limit),)
    return None


def login_limits(endpoint: object) -> Iterator[LimitSummary]:
    """Yield the limits that an endpoint which starts a login charges itself."""
    if (way := way_in(endpoint)) is not None:
        limits = way.login.limits
        for limit in (limits.address, limits.account, limits.success):
            if limit is not None:
                is_of_failures = limit is not limits.success
                # The login says whom it counts.
                yield replace(limit_summary(limit), key=None, failures_only=is_of_failures)


def _source(asked: Any) -> str:
    """Return the name of the function or the dependency that returns a setting."""
    return name_of(asked._call or asked.dependency.dependency)  # noqa: SLF001
