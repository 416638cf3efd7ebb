"""The query parameters that the schemes share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class SignOutIn(BaseModel):
    """What ends besides the other sessions, or the other apps."""

    # A misspelt parameter must not leave alive what the user meant to end.
    model_config = ConfigDict(extra="forbid")

    everything: Annotated[
        bool,
        Field(
            description="Whether to sign out everywhere: to end all your sessions, apps, API "
            "tokens and other credentials but the one of this request."
        ),
    ] = False
