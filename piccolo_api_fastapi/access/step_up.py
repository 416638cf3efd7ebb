"""Which factors a user has presented, and when."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from piccolo_api_fastapi.errors import ConfigurationError, StepUpRequired

PASSWORD = "password"  # noqa: S105 - the name of a factor

SINGLE_FACTOR, MULTI_FACTOR, ENROLMENT = "single_factor", "mfa", "enrolment"
"""Values of `acr`: what was presented, or that nothing is allowed but to enrol."""

_AMR = {PASSWORD: "pwd", "totp": "otp", "recovery_code": "otp", "email_code": "otp"}
"""RFC 8176 section 2."""

Factors = Mapping[str, datetime]
"""The names of factors, and when each was last presented."""


def write_factors(factors: Factors) -> str:
    """As it is stored with a session or a family."""
    if not factors:
        return ""
    return json.dumps({name: at.timestamp() for name, at in sorted(factors.items())})


def read_factors(written: str) -> dict[str, datetime]:
    """What `write_factors` wrote; nothing for rows that are older than it."""
    if not written:
        return {}
    return {
        name: datetime.fromtimestamp(at, timezone.utc) for name, at in json.loads(written).items()
    }


def acr(factors: Factors) -> str:
    """The level that was reached."""
    return MULTI_FACTOR if factors.keys() - {PASSWORD} else SINGLE_FACTOR


def amr(factors: Factors) -> tuple[str, ...]:
    """The methods by their registered names (RFC 8176)."""
    methods = dict.fromkeys(_AMR.get(name, name) for name in sorted(factors))
    return (*methods, "mfa") if len(factors) > 1 else tuple(methods)


@dataclass(frozen=True, slots=True)
class StepUp:
    """
    What has to have been presented.

    Args:
        mfa: A second factor.
        factor: This factor.
        within: How long ago at most; of the factor, or of the second, or of any.

    Raises:
        ConfigurationError: `within` is no time at all.
    """

    mfa: bool = False
    factor: str | None = None
    within: timedelta | None = None

    def __post_init__(self) -> None:
        if self.within is not None and self.within < timedelta(seconds=1):
            raise ConfigurationError("within= is a second at least.")

    def __bool__(self) -> bool:
        return self.mfa or self.factor is not None or self.within is not None

    def check(self, factors: Factors, now: datetime) -> None:
        """
        Refuse those who have not.

        Raises:
            StepUpRequired: The factor is missing or was presented too long ago.
        """
        for names in self._counting(factors):
            latest = max((factors[name] for name in names), default=None)
            if latest is None or (self.within is not None and now - latest >= self.within):
                raise self.error()

    def error(self) -> StepUpRequired:
        """What is answered."""
        max_age = None if self.within is None else int(self.within.total_seconds())
        acr_values = self.factor or (MULTI_FACTOR if self.mfa else None)
        return StepUpRequired(max_age=max_age, acr=acr_values)

    def _counting(self, factors: Factors) -> list[set[str]]:
        """Sets of presented factors: of each set one factor must be recent."""
        counting = []
        if self.mfa:
            counting.append(set(factors) - {PASSWORD})
        if self.factor is not None:
            counting.append(set(factors) & {self.factor})
        return counting or [set(factors)]
