"""The dependency of routes that change how a user signs in."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, Request

from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.access.person_only import InPerson
from piccolo_api_fastapi.access.step_up import MULTI_FACTOR, StepUp, acr
from piccolo_api_fastapi.users import Users

from .confirmed_factors import confirmed_factors


def recent_factor(
    users: Users[Any], person: InPerson[Any], within: timedelta
) -> Callable[..., Any]:
    """
    Make a dependency that asks for a recent factor, and for a second one if the user has any.

    No table says who has a factor such as `EmailCode`. If the login of the caller was multi-factor,
    a second factor is asked for as well.

    Args:
        users: The users.
        person: The guard.
        within: The maximum age of the factor.
    """

    async def recent(
        request: Request, identity: Annotated[Identity[Any], Depends(person.identity)]
    ) -> Identity[Any]:
        own = await confirmed_factors(users, identity.user)
        mfa = bool(own) or acr(identity.factors) == MULTI_FACTOR
        await person.check(StepUp(mfa=mfa, within=within), identity, request)
        return identity

    return recent
