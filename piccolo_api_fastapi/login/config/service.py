"""Describe the prebuilt routes that an application has mounted."""

from collections.abc import Iterator
from typing import Any, Literal

from fastapi.routing import RouteContext
from starlette.types import Scope

from piccolo_api_fastapi.captcha import Captcha
from piccolo_api_fastapi.core.http.operations import href_of, operations_near
from piccolo_api_fastapi.core.http.public_routes import dependencies_of
from piccolo_api_fastapi.login.captcha import captcha_of
from piccolo_api_fastapi.login.consistency import WayIn, way_in
from piccolo_api_fastapi.login.service import Login
from piccolo_api_fastapi.users import Users

from .schemas import CaptchaOut, ConfigOut, FactorOut, LinkOut, PasswordRulesOut, WayInOut


def describe(scope: Scope, users: Users[Any]) -> ConfigOut:
    """
    Describe the routes of an application for the users of one table.

    Args:
        scope: The request. Its application is described.
        users: The users.
    """
    near = operations_near(scope, users.table)
    found = {name: way_in(context.endpoint) for name, context in near.items()}
    ways = {name: way for name, way in found.items() if way is not None}
    logins = [way.login for way in ways.values()]
    return ConfigOut(
        ways_in=[_way(name, way) for name, way in ways.items()],
        factors=list(_factors(logins[0])) if logins else [],
        mfa_required=_requirement(logins[0]) if logins else "never",
        password=PasswordRulesOut.of(users.policy),
        links={name: _link(scope, context) for name, context in near.items()},
    )


def _way(operation: str, way: WayIn) -> WayInOut:
    return WayInOut(operation=operation, factor=way.factor, issues=way.issues)


def _factors(login: Login[Any]) -> Iterator[FactorOut]:
    for factor in login.factors:
        for one in (factor, *factor.companions):
            yield FactorOut(name=one.name, sends_code=one.sends_code)


def _requirement(login: Login[Any]) -> Literal["always", "never", "depends"]:
    if isinstance(login.mfa_required, bool):
        return "always" if login.mfa_required else "never"
    return "depends"


def _link(scope: Scope, context: RouteContext) -> LinkOut:
    calls = (captcha_of(context.endpoint), *dependencies_of(context.dependant, context.endpoint))
    captcha = next((call for call in calls if isinstance(call, Captcha)), None)
    return LinkOut(
        method=next(iter(context.methods or ())),
        href=href_of(scope, context),
        captcha=None if captcha is None else CaptchaOut.of(captcha),
    )
