"""What an audit finds: routes, what guards them, and findings."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

PublicBy: TypeAlias = Literal["public", "prebuilt", "documentation"]
"""
Why a route needs no guard: `public` is the decorator, `prebuilt` a route of this library that asks
for what it needs, and `documentation` one of FastAPI's own `/docs`, `/redoc` and `/openapi.json`.
"""

Code: TypeAlias = Literal[
    "unguarded_route",
    "unguarded_mount",
    "optional_guard_on_write",
    "unlimited_write",
    "conflicting_limits",
    "repeated_guard",
    "overridden_guard",
    "hidden_route",
    "split_scope",
]
"""The stable code of a finding, and its heading on the page about audits."""


@dataclass(frozen=True, slots=True)
class StepUpSummary:
    """
    The factor that a guard asks for.

    Args:
        mfa: Whether a second factor is needed; `as_login` if only those need it who logged in
            with one.
        factor: The name of the factor, if it must be a certain one.
        within: The maximum age of the factor in seconds.
    """

    mfa: bool | Literal["as_login"] = False
    factor: str | None = None
    within: int | None = None


@dataclass(frozen=True, slots=True)
class GuardSummary:
    """
    What a guard accepts and asks for.

    Args:
        schemes: The names of its schemes in OpenAPI, or that of a dependency that has none.
        scopes: The scopes and permissions that are needed.
        step_up: The factors that are needed.
        verified: Whether a verified e-mail address is needed.
        check: Whether a function of the application decides as well.
        in_person: Whether the credentials of machines are refused.
        is_optional: Whether callers without a credential are admitted.
    """

    schemes: tuple[str, ...]
    scopes: tuple[str, ...] = ()
    step_up: tuple[StepUpSummary, ...] = ()
    verified: bool = False
    check: bool = False
    in_person: bool = False
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class LimitSummary:
    """
    A rate limit of a route.

    Args:
        limits: The limits, such as `10/minute`, or the name of the function that returns them.
        key: The name of the function that returns the key.
        scope: The scope, or `None` if each route is counted for itself.
        failures_only: Whether requests that succeed are refunded.
        shadow: Whether it refuses nothing.
        budget: The name of the count, if the scope and the limits are fixed.
    """

    limits: str
    key: str | None = None
    scope: str | None = None
    failures_only: bool = False
    shadow: bool = False
    budget: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """
    A route by one method, a WebSocket or a mount, and what guards it.

    Args:
        method: The method; `ANY`, `WS` or `MOUNT`.
        path: The path, with the prefixes of routers and mounts.
        guards: The guards, of which each must admit a request.
        limits: The rate limits, that of `install` included.
        csrf: What checks the origin of a request: the names of schemes with a cookie, or
            `SameOrigin`.
        captcha: The CAPTCHA.
        public: Why it needs no guard.
        inside: The number of routes in a mounted application, or `None` if they can't be seen.
        repeated: The guards that are given twice.
        overridden: The guards that `dependency_overrides` replaces.
        prebuilt: Whether a router of this library makes it, with guards or without.
    """

    method: str
    path: str
    guards: tuple[GuardSummary, ...] = ()
    limits: tuple[LimitSummary, ...] = ()
    csrf: tuple[str, ...] = ()
    captcha: str | None = None
    public: PublicBy | None = None
    inside: int | None = None
    repeated: tuple[str, ...] = ()
    overridden: tuple[str, ...] = ()
    prebuilt: bool = False

    @property
    def name(self) -> str:
        """The method and the path: `GET /movies/{id}`."""
        return f"{self.method} {self.path}"

    @property
    def is_covered(self) -> bool:
        """Whether a guard covers it, or each route in the mounted application is listed."""
        return bool(self.guards) or self.inside is not None

    @property
    def is_forgotten(self) -> bool:
        """Whether no guard covers it, and nothing says that it is public."""
        return not self.is_covered and self.public is None

    @property
    def is_open(self) -> bool:
        """Whether callers without a credential are admitted, as far as guards go."""
        return all(guard.is_optional for guard in self.guards)


@dataclass(frozen=True, slots=True)
class Finding:
    """
    Something about a route that is probably a mistake.

    Args:
        code: The stable code.
        route: The name of the route.
        message: What is wrong, and what to do.
    """

    code: Code
    route: str
    message: str

    @property
    def docs(self) -> str:
        """The page of the documentation, with the anchor of this kind of finding."""
        return f"docs/audit.md#{self.code}"


@dataclass(frozen=True, slots=True)
class Audit:
    """
    The routes of an application, and what was found.

    Args:
        routes: The routes, in the order in which they are asked.
        findings: The findings.
    """

    routes: tuple[Route, ...]
    findings: tuple[Finding, ...]
