"""`Login`: every router that checks a password or a code asks this object."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Generic, TypeAlias

from starlette.requests import HTTPConnection
from starlette.responses import Response

from piccolo_api_fastapi.access.step_up import MULTI_FACTOR, acr
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.user_tables import own_name
from piccolo_api_fastapi.core.http.client import ClientInfo, client_info
from piccolo_api_fastapi.errors import ConfigurationError, InvalidCredentials
from piccolo_api_fastapi.users import Proof, Users, UserT, or_default
from piccolo_api_fastapi.users.identifiers import one_name

from .attempts import LoginAttempt, LoginHook
from .challenges import Challenge, Challenges, Channel
from .code_guesses import CodeGuesses
from .factors import MFARequirement, SecondFactors
from .known_devices import KnownDevices
from .limits import LoginLimits
from .mfa.second_factor import Assertion, SecondFactor
from .outcomes import Outcomes
from .reauthentication import Reauthentication
from .unverified import after_refusal

Recheck: TypeAlias = Callable[[], Awaitable[None]]
"""Raises `InvalidCredentials` if the first factor of a login is no longer the user's."""


@configured
class Login(Generic[UserT]):
    """
    Checks an identifier and a password, and a second factor if the user has one.

    ```python
    from piccolo_api_fastapi import ClientInfo, Login, User, Users

    users = Users()
    await users.create("hopper", "correct horse battery")
    login = Login(users)
    proof = await login.start("hopper", "correct horse battery", ClientInfo(ip="203.0.113.7"))
    ```

    An unknown user, a wrong password and a disabled user get the same response with the same
    timing. A hook may refuse with a reason, or raise an `AuthError` such as a 429. No
    credential is issued before the last factor was verified. Guesses are limited by address
    and by account, and counted in the database.

    Args:
        users: The users who log in.
        factors: The second factors. A user who has enrolled one must present it.
        mfa_required: Whether every user must have a second factor, or a function that decides
            for each user. If a user must have one and has none, they can sign in only to
            enrol one.
        before: Hooks that run before the password is checked, for known and unknown names.
        on_success: Hooks that run after the last factor was verified; the attempt has the user.
        on_failure: Hooks that run after a factor was wrong.
        limits: How often a factor may be wrong.
        known_devices: The browsers in which users logged in before; `False` remembers none.

    Raises:
        ConfigurationError: A factor is for another user table, two factors have the same name,
            or a second factor is required and there is none.
    """

    def __init__(  # noqa: PLR0913 - configuration, all of it optional
        self,
        users: Users[UserT] | None = None,
        *,
        factors: Sequence[SecondFactor] = (),
        mfa_required: MFARequirement = False,
        before: Sequence[LoginHook] = (),
        on_success: Sequence[LoginHook] = (),
        on_failure: Sequence[LoginHook] = (),
        limits: LoginLimits | None = None,
        known_devices: KnownDevices[UserT] | bool = True,
    ) -> None:
        self.users: Users[UserT] = or_default(users)
        self.factors = tuple(factors)
        self.mfa_required = mfa_required
        self.limits = limits or LoginLimits()
        if isinstance(known_devices, bool):
            self.known_devices = KnownDevices(self.users) if known_devices else None
        else:
            self.known_devices = known_devices
        self._check_owners()
        self._outcomes = Outcomes(
            tuple(before), tuple(on_success), tuple(on_failure), self.users.clock
        )
        self._second = SecondFactors(
            self.factors, mfa_required, self._outcomes, CodeGuesses(self.users)
        )
        self._challenges = Challenges(self.users)
        self._again = Reauthentication(self.users, self._second, self.limits, self._outcomes)

    def _check_owners(self) -> None:
        owners = [factor.users for factor in self.factors]
        if self.known_devices is not None:
            owners.append(self.known_devices.users)
        if any(users.table is not self.users.table for users in owners):
            raise ConfigurationError(
                "The factors and the known devices must be for the user table of the login."
            )

    def client(self, connection: HTTPConnection) -> ClientInfo:
        """Return the client of a request, as `start` and the other methods take it."""
        devices = self.known_devices
        presented = () if devices is None else devices.presented(connection)
        return replace(client_info(connection), devices=presented)

    async def remember(self, user: UserT, connection: HTTPConnection, response: Response) -> None:
        """
        Remember the browser of a request after a completed login.

        Args:
            user: The user who logged in.
            connection: The request.
            response: The response that sets the cookie.
        """
        if self.known_devices is not None:
            await self.known_devices.remember(user, connection, response)

    async def start(
        self,
        identifier: str,
        password: str,
        client: ClientInfo,
        *,
        channel: Channel = "session",
        scope: str = "",
        client_id: str = "",
    ) -> Proof[UserT] | Challenge:
        """
        Check a password: the whole login, or its first step.

        Args:
            identifier: The username or e-mail address.
            password: The password as typed.
            client: The client that sent the request; see `client`.
            channel: What the login issues.
            scope: The scopes that the client requested; kept for `finish`.
            client_id: The name that the client gave itself; kept for `finish`.

        Returns:
            The proof that sessions and token families are issued on, or the challenge that
            `finish` takes.

        Raises:
            InvalidCredentials: The user is unknown or disabled, or the password is wrong.
            LoginRefused: A hook refused.
            EmailNotVerified: The password is right, and `Accounts(tells_unverified=True)`.
            TooManyRequests: Too many passwords were wrong, from this address or for this account,
                or too many were right.
            HasherBusy: Too many passwords are being hashed.
        """
        attempt = LoginAttempt(identifier, client)
        async with self.limits.attempt(address=client.network) as limited:
            browser = await self.limits.browser(self.known_devices, client, identifier)
            # Of two user tables, each may have a user of this name. No name has a line break.
            name = f"{own_name(self.users.table)}\n{one_name(identifier)}".lstrip()
            await limited.charge_account(browser or f"name {name}")
            await limited.charge_success(name, browser)
            await self._outcomes.begin(attempt)
            try:
                proof = await self.users.verify(identifier, password, counted_as=browser)
            except InvalidCredentials as error:
                limited.failed = True  # before the hooks run, whatever they raise
                await self._outcomes.fail(attempt, error.user)
                await after_refusal(self.users.table, error.inactive)
                raise
            proof = replace(proof, scope=scope, client_id=client_id, known=self._second.known)
            await self._outcomes.refuse_unknown(proof, attempt)
        return await self._proceed(proof, attempt, channel)

    @asynccontextmanager
    async def proving(self, factor: str, client: ClientInfo) -> AsyncIterator[None]:
        """
        Limit and record the check of a first factor other than the password.

        Args:
            factor: The name of the factor.
            client: The client that sent the request.

        Raises:
            TooManyRequests: There were too many failures from this address.
        """
        async with self.limits.attempt(address=client.network) as limited:
            try:
                yield
            except InvalidCredentials as error:
                limited.failed = True  # before the hooks run, whatever they raise
                await self._outcomes.fail(LoginAttempt("", client, None, factor), error.user)
                raise

    async def enter(  # noqa: PLR0913 - what it is, and what was asked for
        self,
        user: Any,
        factor: str,
        client: ClientInfo,
        recheck: Recheck | None = None,
        /,
        *,
        channel: Channel = "session",
        scope: str = "",
        client_id: str = "",
    ) -> Proof[UserT] | Challenge:
        """
        Log in a user who has proved a first factor other than the password: the whole login, or
        its first step. What follows is the same as after a password.

        Args:
            user: The primary key of the user.
            factor: The name of the factor, as declared by `declare_factor`.
            client: The client that sent the request; see `client`.
            recheck: Raises `InvalidCredentials` if the factor was taken from the user since it
                was checked. Called while the user's row is locked, before a credential is issued.
            channel: What the login issues.
            scope: The scopes that the client requested; kept for `finish`.
            client_id: The name that the client gave itself; kept for `finish`.

        Returns:
            The proof that sessions and token families are issued on, or the challenge that
            `finish` takes.

        Raises:
            InvalidCredentials: The user is disabled or was deleted.
            LoginRefused: A hook refused.
        """
        proof = await self.users.proof_of(user)
        if proof is None:
            raise InvalidCredentials
        attempt = LoginAttempt(proof.user.username, client, proof.user, factor)
        await self._outcomes.begin(attempt)
        proof = replace(
            proof,
            factors={factor: self.users.clock()},
            scope=scope,
            client_id=client_id,
            known=self._second.known,
            recheck=recheck,
        )
        await self._outcomes.refuse_unknown(proof, attempt)
        return await self._proceed(proof, attempt, channel)

    async def _proceed(
        self, proof: Proof[UserT], attempt: LoginAttempt, channel: Channel
    ) -> Proof[UserT] | Challenge:
        """Ask for a second factor or complete the login: every first step ends here."""
        user = proof.user
        if asked := await self._second.asked(user, proof.factors):
            methods = [factor.name for factor in asked]
            challenge = await self._challenges.issue(proof, methods, channel)
            if proof.recheck is not None:
                await proof.recheck()  # what takes the factor from now on ends the challenge, too
            if len(asked) == 1:
                await asked[0].send(user)
            return challenge
        if self.factors:
            is_enough = acr(proof.factors) == MULTI_FACTOR
            proof = replace(
                proof,
                is_enrolling=not is_enough and await self._second.is_required(user),
                recheck=partial(self._recheck, proof),
            )
        return await self._outcomes.succeed(proof, replace(attempt, user=user))

    async def _recheck(self, proof: Proof[UserT]) -> None:
        """Refuse if the user has a factor to present by now, or no longer has the first one."""
        await self._second.refuse_enrolled(proof.user, proof.factors)
        if proof.recheck is not None:
            await proof.recheck()

    async def finish(
        self,
        challenge: str,
        code: str | Assertion,
        client: ClientInfo,
        *,
        method: str | None = None,
        channel: Channel = "session",
    ) -> Proof[UserT]:
        """
        Check a second factor and complete the login.

        Args:
            challenge: The token of the challenge that `start` returned.
            code: The code as typed, or what the browser signed.
            client: The client that sent the request.
            method: The name of the factor; by default the first that accepts the code.
            channel: What the login issues.

        Returns:
            The proof that sessions and token families are issued on.

        Raises:
            InvalidTicket: The challenge is unknown, used or expired, was presented too often,
                or the password was changed since. What a browser signs can be sent once.
            InvalidCode: The code is wrong.
            TooManyRequests: There were several wrong codes; the user has to wait.
            FactorDisabled: There were too many wrong codes.
            LoginRefused: A hook refused.
        """
        async with self.limits.attempt(address=client.network) as limited:
            step = await self._challenges.open(challenge, channel)
            user = step.proof.user
            attempt = LoginAttempt(user.username, client, user)
            await self._outcomes.begin(attempt)
            if isinstance(code, Assertion):
                # First: sent twice, it would look like that of a copy, whose counter is behind.
                await step.burn()
            presented = tuple(step.proof.factors)
            attempt = await self._second.verify(attempt, code, method, limited, presented=presented)
            if not isinstance(code, Assertion):
                await step.burn()  # of several requests with a code, which is used up, one got here
            proof = step.complete({attempt.factor: self.users.clock()})
            proof = replace(proof, known=self._second.known)
        return await self._outcomes.succeed(proof, attempt)

    async def send(
        self, challenge: str, method: str, client: ClientInfo, *, channel: Channel = "session"
    ) -> None:
        """
        Send a code, for a factor whose codes are sent.

        Args:
            challenge: The token of the challenge that `start` returned.
            method: The name of the factor.
            client: The client that sent the request.
            channel: What the login issues.

        Raises:
            InvalidTicket: As for `finish`.
            InvalidCode: The user has no such factor.
            TooManyRequests: There were too many failures from this address.
        """
        async with self.limits.attempt(address=client.network):
            user, factor = await self._chosen(challenge, method, channel)
            await factor.send(user)

    async def begin(
        self, challenge: str, method: str, client: ClientInfo, *, channel: Channel = "session"
    ) -> Mapping[str, Any]:
        """
        Return the options with which a browser signs the challenge of a login.

        Args:
            challenge: The token of the challenge that `start` returned.
            method: The name of a factor that signs challenges, such as `passkey`.
            client: The client that sent the request.
            channel: What the login issues.

        Raises:
            InvalidTicket: As for `finish`.
            InvalidCode: The user has no such factor.
            TooManyRequests: There were too many failures from this address.
        """
        async with self.limits.attempt(address=client.network):
            user, factor = await self._chosen(challenge, method, channel)
            return await factor.request_options(user, challenge)

    async def _chosen(
        self, challenge: str, method: str, channel: Channel
    ) -> tuple[UserT, SecondFactor]:
        """Return the user of a challenge, and the factor that they chose."""
        proof = (await self._challenges.open(challenge, channel)).proof
        factor = await self._second.choose(proof.user, "", method, tuple(proof.factors))
        return proof.user, factor

    async def begin_again(
        self, user: UserT, method: str, credential: Any
    ) -> tuple[str, Mapping[str, Any]]:
        """
        Begin to present a factor that signs challenges again.

        Args:
            user: The user, who is logged in.
            method: The name of the factor, such as `passkey`.
            credential: The id of the user's credential, which alone can use the challenge.

        Returns:
            The token of the challenge, and the options for the browser.

        Raises:
            InvalidCode: The user has no such factor.
        """
        return await self._again.begin(user, method, credential)

    async def present(
        self,
        user: UserT,
        code: str | Assertion,
        method: str | None,
        client: ClientInfo,
        *,
        credential: Any = None,
    ) -> str:
        """
        Check a code of a user who is logged in.

        Args:
            user: The user.
            code: The code as typed, or what the browser signed for `begin_again`.
            method: The name of the factor; by default the first that accepts the code.
            client: The client that sent the request.
            credential: The id of the user's credential, which wrong codes count for. Without
                it, they count like those of a login.

        Returns:
            The name of the factor.

        Raises:
            InvalidCode: The code is wrong.
            TooManyRequests: There were several wrong codes; the user has to wait.
            FactorDisabled: There were too many wrong codes.
            SignInAgain: There were too many wrong codes with this credential.
        """
        return await self._again.present(user, code, method, client, credential)

    async def confirm_password(
        self, user: UserT, password: str, client: ClientInfo, *, credential: Any = None
    ) -> str:
        """
        Check the password of a user who is logged in.

        Args:
            user: The user.
            password: The password as typed.
            client: The client that sent the request.
            credential: The id of the user's credential, such as `Identity.credential_id`. Wrong
                passwords count for it; a thief with another one can't keep the owner out.

        Returns:
            The name of the factor, `password`.

        Raises:
            InvalidCredentials: The password is wrong.
            TooManyRequests: Too many passwords were wrong, from this address or with this
                credential.
            HasherBusy: Too many passwords are being hashed.
        """
        return await self._again.confirm_password(user, password, client, credential)

    @property
    def takes_credentials(self) -> bool:
        """Whether there is a factor that signs challenges, such as passkeys."""
        return any(factor.signs_challenge for factor in self.factors)

    async def enrolled(self, user: UserT) -> Sequence[SecondFactor]:
        """Return the second factors that a user has, each followed by its companions."""
        return await self._second.enrolled(user)

    async def is_required(self, user: UserT) -> bool:
        """Whether a user must have a second factor."""
        return await self._second.is_required(user)
