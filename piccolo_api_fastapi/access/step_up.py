"""Factors: what each is worth, and which ones a user has presented when."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Literal, TypeAlias

from piccolo_api_fastapi.errors import ConfigurationError, StepUpRequired

PASSWORD = "password"  # noqa: S105 - the name of a factor

SINGLE_FACTOR, MULTI_FACTOR, ENROLMENT = "single_factor", "mfa", "enrolment"
"""Values of `acr`: the level of the login, or that it allows nothing but enrolling a factor."""

Worth: TypeAlias = Literal["first", "second", "both"]
"""
What a factor is worth. A first factor starts a login. A second factor makes it multi-factor. One
that is both, such as a passkey with a PIN, is multi-factor by itself.
"""


@dataclass(frozen=True, slots=True)
class FactorKind:
    """
    A factor as sessions and tokens know it.

    Args:
        amr: The values that it adds to the claim `amr` (RFC 8176 section 2).
        worth: What it is worth.
        proves: What the user shows by it, such as `mailbox`. Two that show the same are one.
    """

    amr: tuple[str, ...]
    worth: Worth
    proves: str


_factors: dict[str, FactorKind] = {}


def declare_factor(
    name: str, *, amr: Sequence[str], worth: Worth, proves: str | None = None
) -> None:
    """
    Declare a factor. Undeclared names in a session or a token count for nothing.

    ```python
    from piccolo_api_fastapi.features import declare_factor

    declare_factor("badge", amr=["sc"], worth="first")
    ```

    Args:
        name: The name of the factor, as in `Identity.factors`.
        amr: The values that it adds to the claim `amr` (RFC 8176 section 2).
        worth: What it is worth.
        proves: What the user shows by it. Default: its name. A second factor does not count
            beside a first one that proves the same, such as a code beside a link in one mailbox.

    Raises:
        ConfigurationError: Another factor has this name.
    """
    kind = FactorKind(tuple(amr), worth, proves or name)
    if _factors.setdefault(name, kind) != kind:
        raise ConfigurationError(f"A factor named {name!r} exists; choose another name.")


declare_factor(PASSWORD, amr=["pwd"], worth="first")


def is_second_factor(name: str) -> bool:
    """Whether a factor can make a login multi-factor."""
    return name in _factors and _factors[name].worth != "first"


def second_factors(presented: Iterable[str]) -> frozenset[str]:
    """
    Return those of several factors that make a login multi-factor.

    A second factor does not count if the first one proves the same. Without a first one, the
    application itself has vouched for the user.

    Args:
        presented: The names of all factors that the user has presented.
    """
    kinds = {name: _factors[name] for name in presented if name in _factors}
    first = {kind.proves for kind in kinds.values() if kind.worth == "first"}
    return frozenset(
        name
        for name, kind in kinds.items()
        if kind.worth == "both" or (kind.worth == "second" and first != {kind.proves})
    )


Factors = Mapping[str, datetime]
"""The names of factors, and when each was last presented."""


def last_presented(factors: Factors, default: datetime) -> datetime:
    """When a factor was last presented; undeclared names do not count."""
    return max(map(factors.__getitem__, factors.keys() & _factors.keys()), default=default)


def write_factors(factors: Factors) -> str:
    """Factors as a session or a family stores them."""
    if not factors:
        return ""
    return json.dumps({name: at.timestamp() for name, at in sorted(factors.items())})


def read_factors(written: str) -> dict[str, datetime]:
    """Read what `write_factors` wrote. An empty text, as in old rows, holds no factors."""
    return dict(_parse_factors(written)) if written else {}


@lru_cache(maxsize=1024)
def _parse_factors(written: str) -> Factors:
    """The factors of a session do not change from request to request."""
    return {
        name: datetime.fromtimestamp(at, timezone.utc) for name, at in json.loads(written).items()
    }


def acr(factors: Factors) -> str:
    """The level that these factors reach."""
    return MULTI_FACTOR if second_factors(factors) else SINGLE_FACTOR


def amr(factors: Factors) -> tuple[str, ...]:
    """The methods by their registered names (RFC 8176)."""
    known = [_factors[name].amr for name in sorted(factors) if name in _factors]
    methods = dict.fromkeys(method for methods in known for method in methods)
    return (*methods, "mfa") if acr(factors) == MULTI_FACTOR else tuple(methods)


RECENT = timedelta(minutes=5)
"""How recently a factor must have been presented to change factors or to make API tokens."""


@dataclass(frozen=True, slots=True)
class StepUp:
    """
    The factors that a request needs.

    Args:
        mfa: Whether a second factor is needed.
        factor: The name of a factor that is needed.
        within: The maximum age of the factor, or of the second factor, or of any; exclusive. It
            is at least a second.

    Raises:
        ConfigurationError: `within` is too short.
    """

    mfa: bool = False
    factor: str | None = None
    within: timedelta | None = None

    def __post_init__(self) -> None:
        if self.within is not None and self.within < timedelta(seconds=1):
            raise ConfigurationError("within= must be at least one second.")

    def __bool__(self) -> bool:
        return self.mfa or self.factor is not None or self.within is not None

    def check(self, factors: Factors, now: datetime, login: Factors | None = None) -> None:
        """
        Refuse a request whose factors are missing or too old.

        Args:
            factors: The factors that count, and when each was presented.
            now: The current time.
            login: All that the user has presented, if those that count are fewer.

        Raises:
            StepUpRequired: The factor is missing or was presented too long ago.
        """
        for names in self._counting(factors, factors if login is None else login):
            latest = max((factors[name] for name in names), default=None)
            if latest is None or (self.within is not None and now - latest >= self.within):
                raise self.error()

    def error(self) -> StepUpRequired:
        """The error that says which factors are needed."""
        max_age = None if self.within is None else int(self.within.total_seconds())
        acr_values = self.factor or (MULTI_FACTOR if self.mfa else None)
        return StepUpRequired(max_age=max_age, acr=acr_values)

    def _counting(self, factors: Factors, login: Factors) -> list[frozenset[str]]:
        """Sets of presented factors. One factor of each set must be recent."""
        counting = []
        if self.mfa:
            counting.append(second_factors({**login, **factors}) & factors.keys())
        known = frozenset(factors.keys() & _factors.keys())
        if self.factor is not None:
            counting.append(known & {self.factor})
        return counting or [known]
