"""The one way in: every router that takes a password or a code asks `Login`."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import partial
from inspect import isawaitable
from typing import Any, Generic, Literal, TypeAlias, cast

from starlette.requests import HTTPConnection
from starlette.responses import Response

from piccolo_api_fastapi.access.step_up import PASSWORD
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.core.http.client import ClientInfo, client_info
from piccolo_api_fastapi.errors import (
    ConfigurationError,
    FactorDisabled,
    InvalidCode,
    InvalidCredentials,
    InvalidTicket,
    TooManyRequests,
)
from piccolo_api_fastapi.users import Proof, Users, UserT
from piccolo_api_fastapi.users.identifiers import one_name

from .attempts import Challenge, FirstStep, LoginAttempt, run_hooks
from .known_devices import KnownDevices
from .limits import Attempt, LoginLimits
from .mfa.second_factor import SecondFactor
from .tickets import Ticket, Tickets

LoginHook: TypeAlias = Callable[[LoginAttempt], Awaitable[str | None] | str | None]
"""Is asked about a login; sync or async, any callable. A returned reason refuses it."""

MFARequirement: TypeAlias = bool | Callable[[Any], Awaitable[bool] | bool]
"""Whether a user has to have a second factor; a callable is given the user."""

Channel: TypeAlias = Literal["session", "token"]
"""What a login leads to. A challenge of one is unknown to the other."""

CHALLENGE_LIFETIME = timedelta(minutes=10)
CHALLENGE_ATTEMPTS = 5


class Login(Generic[UserT]):
    """
    Checks an identifier and a password, and a second factor where there is one.

    Unknown, wrong and disabled have one answer and one cost. A hook may refuse with a
    reason, or raise an `AuthError` of its own, such as a 429. Nothing is issued before
    the last factor was presented. Guesses are limited by address and by account, and counted
    in the database.

    Args:
        users: Whose passwords.
        factors: Second factors; whoever has enrolled one is asked for it.
        mfa_required: Whether everybody has to have one, or who. Those who have none are let
            in to enrol, and for nothing else.
        before: Asked before the password is checked, for known and unknown names alike.
        on_success: Asked when the last factor was right; the attempt has the user.
        on_failure: Told when a factor was wrong.
        limits: How often a factor may be wrong.
        known_devices: Browsers in which people logged in before; `False` knows none.

    Raises:
        ConfigurationError: A factor is for another user table, two have one name, or one is
            required and there is none.
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
        self.users: Users[UserT] = cast("Any", Users()) if users is None else users
        self.factors = tuple(factors)
        self.mfa_required = mfa_required
        self.before = tuple(before)
        self.on_success = tuple(on_success)
        self.on_failure = tuple(on_failure)
        self.limits = limits or LoginLimits()
        self.known_devices: KnownDevices[UserT] | None = (
            (KnownDevices(self.users) if known_devices else None)
            if isinstance(known_devices, bool)
            else known_devices
        )
        self._check()
        channels: Sequence[Channel] = ("session", "token") if factors else ()
        self._challenges = {
            channel: Tickets(
                self.users,
                f"mfa for {channel}",
                lifetime=CHALLENGE_LIFETIME,
                attempts=CHALLENGE_ATTEMPTS,
            )
            for channel in channels
        }

    def _check(self) -> None:
        owners = [factor.users for factor in self.factors]
        if self.known_devices is not None:
            owners.append(self.known_devices.users)
        if any(users.table is not self.users.table for users in owners):
            raise ConfigurationError("A factor, or the known devices, are for another user table.")
        names = [one.name for factor in self.factors for one in (factor, *factor.companions)]
        if len(set(names)) < len(names):
            raise ConfigurationError("Two factors have one name.")
        if self.mfa_required and not self.factors:
            raise ConfigurationError("A second factor is required, and there is none: factors=[…].")

    def client(self, connection: HTTPConnection) -> ClientInfo:
        """What `start` and the others want to know of the client of a request."""
        devices = self.known_devices
        device = None if devices is None else devices.presented(connection)
        return replace(client_info(connection), device=device)

    async def remember(self, user: UserT, connection: HTTPConnection, response: Response) -> None:
        """
        Know the browser of a request from now on, after a login that was completed.

        Args:
            user: Who logged in.
            connection: The request.
            response: The answer that takes the cookie.
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
    ) -> Proof[UserT] | Challenge:
        """
        Log in, or take the first step of it.

        Args:
            identifier: The username or e-mail address.
            password: As typed.
            client: Where the attempt comes from; see `client`.
            channel: What it leads to.
            scope: What the client asked for; kept for `finish`.

        Returns:
            What sessions and token families are issued on, or what `finish` takes.

        Raises:
            InvalidCredentials: Unknown, wrong or disabled.
            LoginRefused: A hook refused.
            TooManyRequests: Too many were wrong, from this address or for this account.
            HasherBusy: Too many logins are under way.
        """
        attempt = LoginAttempt(identifier, client)
        async with self.limits.attempt(address=client.network) as limited:
            device = await self._known(client, identifier)
            await limited.of(device or f"name {one_name(identifier)}")
            await run_hooks(self.before, attempt)
            try:
                proof = await self.users.verify(identifier, password, counted_as=device)
            except InvalidCredentials:
                await self._failed(attempt, limited)
                raise
        proof = replace(proof, scope=scope)
        if enrolled := await self.enrolled(proof.user):
            return await self._challenge(proof, enrolled, channel)

        async def recheck() -> None:
            if await self.enrolled(proof.user):
                raise InvalidCredentials

        is_enrolling = await self._is_required(proof.user)
        return await self._succeeded(
            replace(proof, is_enrolling=is_enrolling, recheck=recheck if self.factors else None),
            replace(attempt, user=proof.user),
        )

    async def finish(
        self,
        challenge: str,
        code: str,
        client: ClientInfo,
        *,
        method: str | None = None,
        channel: Channel = "session",
    ) -> Proof[UserT]:
        """
        Present a second factor.

        Args:
            challenge: What `start` gave.
            code: As typed.
            client: Where the attempt comes from.
            method: The name of the factor; by default the one that the code looks like.
            channel: What it leads to.

        Returns:
            What sessions and token families are issued on.

        Raises:
            InvalidTicket: The challenge is unknown, used or expired, was tried too often, or
                the password was changed since.
            InvalidCode: The code is wrong.
            TooManyRequests: After several wrong ones one has to wait.
            FactorDisabled: There were too many.
            LoginRefused: A hook refused.
        """
        async with self.limits.attempt(address=client.network) as limited:
            ticket, proof = await self._first_step(challenge, channel)
            attempt = LoginAttempt(proof.user.username, client, proof.user)
            await run_hooks(self.before, attempt)
            name = await self._present(proof.user, code, method, client, limited)
            # The code is used up by now; of those who raced with it, one gets here.
            tickets = self._challenges[channel]
            await tickets.burn(ticket)
        factors = {**proof.factors, name: self.users.clock()}
        proof = replace(proof, factors=factors, recheck=lambda: tickets.uphold(ticket))
        return await self._succeeded(proof, replace(attempt, factor=name))

    async def send(
        self, challenge: str, method: str, client: ClientInfo, *, channel: Channel = "session"
    ) -> None:
        """
        Send the code of a factor that has one sent.

        Args:
            challenge: What `start` gave.
            method: The name of the factor.
            client: Where the request comes from.
            channel: What the login leads to.

        Raises:
            InvalidTicket: As for `finish`.
            InvalidCode: The user has no such factor.
            TooManyRequests: Too much was wrong, from this address.
        """
        async with self.limits.attempt(address=client.network):
            _, proof = await self._first_step(challenge, channel)
            factor = _choose(await self.enrolled(proof.user), "", method)
            await factor.send(proof.user)

    async def present(self, user: UserT, code: str, method: str | None, client: ClientInfo) -> str:
        """
        Check a code of a user.

        Args:
            user: Whose.
            code: As typed.
            method: The name of the factor; by default the one that the code looks like.
            client: Where the attempt comes from.

        Returns:
            The name of the factor.

        Raises:
            InvalidCode: It is wrong.
            TooManyRequests: After several wrong ones one has to wait.
            FactorDisabled: There were too many.
        """
        async with self.limits.attempt(address=client.network) as limited:
            return await self._present(user, code, method, client, limited)

    async def confirm_password(self, user: UserT, password: str, client: ClientInfo) -> str:
        """
        Check the password of a user who is logged in.

        Returns:
            The name of the factor.

        Raises:
            InvalidCredentials: It is wrong.
            TooManyRequests: Too many were wrong, from this address or by this user.
            HasherBusy: Too many logins are under way.
        """
        attempt = LoginAttempt(user.username, client, user)
        account = f"user {primary_key(user)}"
        async with self.limits.attempt(address=client.network, account=account) as limited:
            await run_hooks(self.before, attempt)
            try:
                # Counted apart: whoever is logged in is not kept out by guesses at the login.
                proof = await self.users.verify(
                    user.username, password, counted_as="whoever is logged in"
                )
                if primary_key(proof.user) != primary_key(user):
                    raise InvalidCredentials  # noqa: TRY301 - told like any other
            except InvalidCredentials:
                await self._failed(attempt, limited)
                raise
        return PASSWORD

    async def enrolled(self, user: UserT) -> Sequence[SecondFactor]:
        """The factors that a user has; those that accompany one come with it."""
        own = [factor for factor in self.factors if await factor.is_enrolled(user)]
        return [
            one
            for factor in own
            for one in (factor, *factor.companions)
            if one is factor or await one.is_enrolled(user)
        ]

    async def _known(self, client: ClientInfo, identifier: str) -> str | None:
        """What a browser counts with in which this very user logged in before."""
        devices, device = self.known_devices, client.device
        if devices is None or device is None:
            return None
        is_known = partial(devices.is_known, device, identifier)
        found = await self.limits.find(device, client.network, is_known)
        return f"device {device}" if found else None

    async def _present(
        self, user: UserT, code: str, method: str | None, client: ClientInfo, limited: Attempt
    ) -> str:
        attempt = LoginAttempt(user.username, client, user, method or "")
        try:
            factor = _choose(await self.enrolled(user), code, method)
            attempt = replace(attempt, factor=factor.name)
            await factor.verify(user, code)
        except TooManyRequests:  # nothing was tried
            await self._tell_failure(attempt)
            raise
        except (InvalidCode, FactorDisabled):
            await self._failed(attempt, limited)
            raise
        return factor.name

    async def _is_required(self, user: UserT) -> bool:
        required = self.mfa_required
        answer = required(user) if callable(required) else required
        return await answer if isawaitable(answer) else answer

    async def _challenge(
        self, proof: Proof[UserT], enrolled: Sequence[SecondFactor], channel: Channel
    ) -> Challenge:
        at = proof.factors[PASSWORD].timestamp()
        data = FirstStep(proof.fingerprint, at, proof.scope).write()
        token = await self._challenges[channel].issue(primary_key(proof.user), data)
        if len(enrolled) == 1:
            await enrolled[0].send(proof.user)
        expires_in = int(CHALLENGE_LIFETIME.total_seconds())
        return Challenge(token, tuple(factor.name for factor in enrolled), expires_in)

    async def _first_step(self, challenge: str, channel: Channel) -> tuple[Ticket, Proof[UserT]]:
        if channel not in self._challenges:
            raise InvalidTicket
        ticket = await self._challenges[channel].present(challenge)
        first = FirstStep.read(ticket.data)
        proof = await self.users.proof_of(ticket.user)
        if proof is None or proof.fingerprint != first.fingerprint:
            raise InvalidTicket
        at = datetime.fromtimestamp(first.at, timezone.utc)
        return ticket, replace(proof, factors={PASSWORD: at}, scope=first.scope)

    async def _succeeded(self, proof: Proof[UserT], attempt: LoginAttempt) -> Proof[UserT]:
        await run_hooks(self.on_success, attempt)
        # Told with what is issued: in one transaction, or not at all.
        return replace(proof, event=self._event("authn_login_success", attempt))

    async def _failed(self, attempt: LoginAttempt, limited: Attempt) -> None:
        limited.failed = True  # before hooks are told, whatever they raise
        await self._tell_failure(attempt)

    async def _tell_failure(self, attempt: LoginAttempt) -> None:
        await emit(self._event("authn_login_fail", attempt))
        await run_hooks(self.on_failure, attempt)

    def _event(self, name: str, attempt: LoginAttempt) -> AuthEvent:
        client, user = attempt.client, attempt.user
        data = {"ip": client.ip, "user_agent": client.user_agent, "factor": attempt.factor}
        key = None if user is None else primary_key(user)
        return AuthEvent(name, self.users.clock(), key, data)


def _choose(factors: Sequence[SecondFactor], code: str, method: str | None) -> SecondFactor:
    for factor in factors:
        if factor.accepts(code) if method is None else factor.name == method:
            return factor
    raise InvalidCode
