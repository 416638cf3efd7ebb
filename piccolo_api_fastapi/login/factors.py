"""`SecondFactors`: which second factors a user has, and the check of their codes."""

from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import replace
from inspect import isawaitable
from typing import Any, TypeAlias

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.access.step_up import is_second_factor, second_factors
from piccolo_api_fastapi.errors import (
    ConfigurationError,
    FactorDisabled,
    InvalidCode,
    InvalidCredentials,
    SignInAgain,
    TooManyRequests,
)

from .attempts import LoginAttempt
from .code_guesses import CodeGuesses
from .limits import Attempt
from .mfa.second_factor import Assertion, SecondFactor
from .outcomes import Outcomes

MFARequirement: TypeAlias = bool | Callable[[Any], Awaitable[bool] | bool]
"""Whether a user must have a second factor: for all users, or a function of the user."""


class SecondFactors:
    """
    The second factors of a login.

    Args:
        factors: The factors that users can enrol.
        required: Whether a user must have one.
        outcomes: Records wrong codes.
        guesses: Limits the wrong codes of one credential.

    Attributes:
        known: The names of all factors, and those by which their tables record them.

    Raises:
        ConfigurationError: Two factors have the same name, one is not worth a second factor, or
            one is required and there is none.
    """

    def __init__(
        self,
        factors: Sequence[SecondFactor],
        required: MFARequirement,
        outcomes: Outcomes,
        guesses: CodeGuesses,
    ) -> None:
        self._factors = factors
        self._required = required
        self._outcomes = outcomes
        self._guesses = guesses
        # Several factors may have the same companion: recovery codes stand in for all of them.
        companions = {(one.name, type(one)) for factor in factors for one in factor.companions}
        names = [*(factor.name for factor in factors), *(name for name, _ in companions)]
        if len(set(names)) < len(names):
            raise ConfigurationError("Each factor must have a name of its own.")
        if not all(map(is_second_factor, names)):
            raise ConfigurationError("Each factor must have worth='second' or worth='both'.")
        self._names = frozenset(names)
        self.known = frozenset([*names, *(one.recorded_as for _, one in self._all())])
        if required and not factors:
            raise ConfigurationError(
                "mfa_required needs at least one second factor: pass factors=[…]."
            )

    def _all(self) -> Iterator[tuple[SecondFactor, SecondFactor]]:
        """Each factor with itself, then with each of its companions."""
        for factor in self._factors:
            for one in (factor, *factor.companions):
                yield factor, one

    async def enrolled(self, user: BaseUser) -> list[SecondFactor]:
        """Return the factors that a user has, each followed by its companions."""
        return await self._enrolled(user, ())

    async def _enrolled(self, user: BaseUser, presented: Collection[str]) -> list[SecondFactor]:
        others = [factor for factor in self._factors if _is_another(factor, presented)]
        own = [factor for factor in others if await factor.is_enrolled(user)]
        found: dict[str, SecondFactor] = {}
        for factor, one in self._all():
            is_new = factor in own and one.name not in found
            if is_new and (one is factor or await one.is_enrolled(user)):
                found[one.name] = one
        return list(found.values())

    async def asked(self, user: BaseUser, presented: Collection[str]) -> list[SecondFactor]:
        """
        Return the factors that a login asks a user for, each followed by its companions.

        Args:
            user: The user.
            presented: What the user has presented. If that is multi-factor, none is asked for.
                What the companions of a factor stand in for is that factor alone.
        """
        if second_factors(presented):
            return []
        return await self._enrolled(user, presented)

    async def is_required(self, user: BaseUser) -> bool:
        """Whether a user must have a second factor."""
        required = self._required
        answer = required(user) if callable(required) else required
        return await answer if isawaitable(answer) else answer

    async def refuse_enrolled(self, user: BaseUser, presented: Collection[str]) -> None:
        """
        Make sure that a user has enrolled no factor since the login asked for none.

        Raises:
            InvalidCredentials: The user has one now.
        """
        if await self.asked(user, presented):
            raise InvalidCredentials

    async def choose(
        self,
        user: BaseUser,
        code: str | Assertion,
        method: str | None,
        presented: Collection[str] = (),
    ) -> SecondFactor:
        """
        Return the factor that a code is for.

        Args:
            user: The user, who must have enrolled it.
            code: The code as typed, or what the browser signed.
            method: The name of the factor; by default the first that accepts the code.
            presented: What the user has presented. A factor that proves the same is none.

        Raises:
            InvalidCode: The user has no such factor.
        """
        for factor, one in self._all():
            is_meant = _accepts(one, code) if method is None else one.name == method
            is_meant = is_meant and _is_another(factor, presented)
            if not is_meant or not await factor.is_enrolled(user):
                continue
            if one is factor or await one.is_enrolled(user):
                return one
        raise InvalidCode

    async def verify(
        self,
        attempt: LoginAttempt,
        code: str | Assertion,
        method: str | None,
        limited: Attempt,
        *,
        presented: Collection[str] = (),
        credential: Any = None,
    ) -> LoginAttempt:
        """
        Check a code and use it up. Wrong codes are recorded.

        Args:
            attempt: The attempt, with its user.
            code: The code as typed, or what the browser signed.
            method: The name of the factor; by default the first that accepts the code.
            limited: The charges of the attempt.
            presented: What the first step of a login proved.
            credential: The id of the credential of a user who is signed in, which wrong codes
                count for; `None` for a login.

        Returns:
            The attempt with the name of the factor.

        Raises:
            InvalidCode: The code is wrong.
            TooManyRequests: There were several wrong codes; the user has to wait.
            FactorDisabled: There were too many wrong codes.
            SignInAgain: There were too many wrong codes with this credential.
        """
        # Before a factor is found, only a name that there is may go into events and to hooks.
        attempt = replace(attempt, factor=method if method in self._names else "")
        try:
            factor = await self.choose(attempt.user, code, method, presented)
            attempt = replace(attempt, factor=factor.name)
            proved = await self._check(factor, attempt.user, code, credential)
        except TooManyRequests:  # no code was checked
            await self._outcomes.fail(attempt)
            raise
        except (InvalidCode, FactorDisabled, SignInAgain):
            limited.failed = True  # before the hooks run, whatever they raise
            await self._outcomes.fail(attempt)
            raise
        return replace(attempt, factor=proved)

    async def _check(
        self, factor: SecondFactor, user: BaseUser, code: str | Assertion, credential: Any
    ) -> str:
        """Check a code or an assertion. Returns the name of the factor that it proves."""
        if isinstance(code, Assertion):
            return await factor.verify_assertion(user, code)
        if credential is None:
            await factor.verify(user, code)
        else:
            async with self._guesses.attempt(user, credential):
                await factor.verify_again(user, code)
        return factor.name


def _accepts(factor: SecondFactor, code: str | Assertion) -> bool:
    """Whether a factor could have made this."""
    return factor.signs_challenge if isinstance(code, Assertion) else factor.accepts(code)


def _is_another(factor: SecondFactor, presented: Collection[str]) -> bool:
    """Whether a factor proves something else than what the user has presented."""
    name = factor.counts_as or factor.name
    return name in second_factors([*presented, name])
