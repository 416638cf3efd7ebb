"""`next`: what the user has to do, and where, in every answer that is not the end of a flow."""

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter
from starlette.types import Scope
from typing_extensions import TypeAliasType

from piccolo_api_fastapi.errors import LeadsTo

from .bodies import ResponseBody
from .operations import href_of, operations_near, user_table_of

Href = Annotated[
    str | None,
    Field(description="The path to send a POST to; null if the application has no such route."),
]

SendHref = Annotated[
    str | None,
    Field(description="The path to send a POST to for another code; null if there is none."),
]


def _example(**members: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [members]})


class PresentFactor(ResponseBody):
    """Send a code of a second factor with the challenge."""

    model_config = _example(
        action="present_factor", href="/auth/login/mfa", send_href="/auth/login/mfa/send"
    )

    action: Literal["present_factor"]
    href: Href
    send_href: SendHref


class EnrolFactor(ResponseBody):
    """Set up a second factor. Nothing else is allowed before."""

    model_config = _example(action="enrol_factor", href="/auth/mfa/totp")

    action: Literal["enrol_factor"]
    href: Href


class Reauthenticate(ResponseBody):
    """Present the password or a second factor again, then repeat the request."""

    model_config = _example(action="reauthenticate", href="/auth/reauthenticate")

    action: Literal["reauthenticate"]
    href: Href


class ConfirmEmail(ResponseBody):
    """Open the link that was mailed, or send its code."""

    model_config = _example(
        action="verify_email",
        href="/auth/verify-email",
        send_href="/auth/verify-email/request",
    )

    action: Literal["verify_email"]
    href: Href
    send_href: SendHref


NextStep = TypeAliasType(
    "NextStep",
    Annotated[
        PresentFactor | EnrolFactor | Reauthenticate | ConfirmEmail,
        Field(discriminator="action"),
    ],
)
"""What has to be done next. `action` tells the steps apart."""

_STEP: TypeAdapter[Any] = TypeAdapter(NextStep)


def next_step(scope: Scope, leads_to: LeadsTo) -> Any:
    """
    Return the `NextStep` of an answer.

    Args:
        scope: The request.
        leads_to: The action, and the names of its operations.
    """
    near = operations_near(scope, user_table_of(scope))
    has_operation = leads_to.operation in near
    operation = leads_to.operation if has_operation else leads_to.or_else
    names = {"href": operation, "send_href": leads_to.sending}
    paths = {
        member: href_of(scope, near[name]) if name in near else None
        for member, name in names.items()
    }
    return _STEP.validate_python({"action": leads_to.action, **paths})


@cache
def next_schemas() -> dict[str, Any]:
    """Return the schemas of `NextStep` and of each step, as they are in `components`."""
    template = "#/components/schemas/{model}"
    # Of the alias itself, Pydantic would write out the schema.
    steps: TypeAdapter[Any] = TypeAdapter(list[NextStep])
    schema = steps.json_schema(ref_template=template, mode="serialization")
    definitions: dict[str, Any] = schema["$defs"]
    return definitions
