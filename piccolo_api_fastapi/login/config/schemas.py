"""The JSON of `GET /config`."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from piccolo_api_fastapi.captcha import Captcha
from piccolo_api_fastapi.captcha.dependencies import HEADER
from piccolo_api_fastapi.core.http.bodies import ResponseBody
from piccolo_api_fastapi.users.passwords.hasher import MAXIMUM_CHARACTERS
from piccolo_api_fastapi.users.passwords.policy import PasswordPolicy


class WayInOut(ResponseBody):
    """A route that starts a login."""

    operation: Annotated[str, Field(description="The name of the route in `links`.")]
    factor: Annotated[str, Field(description="What the user presents first, such as `password`.")]
    issues: Annotated[
        Literal["session", "tokens"], Field(description="A cookie, or the tokens of an app.")
    ]


class FactorOut(ResponseBody):
    """A second factor that logins know."""

    name: Annotated[str, Field(description="One of the `methods` of a login.")]
    sends_code: Annotated[bool, Field(description="Whether a code is sent when it is asked for.")]


class PasswordRulesOut(ResponseBody):
    """The rules for new passwords that a page can check. The server knows more."""

    minimum_length: int
    maximum_length: int
    refuses_leaked: Annotated[
        bool, Field(description="Whether passwords that appeared in a data leak are refused.")
    ]

    @classmethod
    def of(cls, policy: PasswordPolicy) -> "PasswordRulesOut":
        """The rules of a policy."""
        return cls(
            minimum_length=policy.minimum,
            maximum_length=MAXIMUM_CHARACTERS,
            refuses_leaked=policy.breach_check is not None,
        )


class CaptchaOut(ResponseBody):
    """The CAPTCHA that a request needs. Nothing in it is a secret."""

    vendor: Annotated[
        str,
        Field(description="`hcaptcha`, `recaptcha_v2`, `recaptcha_v3`, `turnstile` or `custom`."),
    ]
    site_key: Annotated[str | None, Field(description="The public key of the widget.")]
    action: Annotated[str | None, Field(description="The action that the widget must name.")]
    header: Annotated[str, Field(description="The header for the response of the widget.")]

    @classmethod
    def of(cls, captcha: Captcha) -> "CaptchaOut":
        """What is public of a CAPTCHA."""
        return cls(
            vendor=captcha.vendor,
            site_key=captcha.site_key,
            action=captcha.action,
            header=HEADER,
        )


class LinkOut(ResponseBody):
    """Where an operation is."""

    method: str
    href: Annotated[str, Field(description="The path. It may have parameters in braces.")]
    captcha: CaptchaOut | None


class ConfigOut(ResponseBody):
    """What a front end has to know. It is the same for everybody, and holds no secret."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ways_in": [{"operation": "log_in", "factor": "password", "issues": "session"}],
                    "factors": [{"name": "totp", "sends_code": False}],
                    "mfa_required": "never",
                    "password": {
                        "minimum_length": 8,
                        "maximum_length": 128,
                        "refuses_leaked": False,
                    },
                    "links": {"log_in": {"method": "POST", "href": "/auth/login", "captcha": None}},
                }
            ]
        }
    )

    ways_in: list[WayInOut]
    factors: list[FactorOut]
    mfa_required: Annotated[
        Literal["always", "never", "depends"],
        Field(description="Whether users must have a second factor; it may depend on the user."),
    ]
    password: PasswordRulesOut
    links: Annotated[
        dict[str, LinkOut],
        Field(description="The prebuilt routes, by the names of their operations."),
    ]
