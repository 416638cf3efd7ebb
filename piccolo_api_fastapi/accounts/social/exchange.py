"""`Exchange`: what is asked of a provider for one log-in."""

from typing import Any

from piccolo_api_fastapi.clock import Clock
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.errors import ProviderRefused, ProviderUnavailable

from .callbacks import Callback
from .flows import challenge_of, nonce_of, verifier_of
from .providers import (
    Asked,
    Down,
    OAuthProvider,
    ProviderIdentity,
    Refused,
    Web,
    within_time,
)

RETRY_AFTER = 5
"""Seconds."""


class Exchange:
    """
    Asks providers where to send a browser, and who came back.

    Args:
        http: An `httpx.AsyncClient` for the requests, if the application has one.
        clock: Returns the present time.
    """

    def __init__(self, http: Any, clock: Clock) -> None:
        self._web = Web(http)
        self._clock = clock

    async def address(
        self, provider: OAuthProvider, *, state: str, token: str, redirect_uri: str
    ) -> str:
        """
        Return the address to which a browser is sent.

        Args:
            provider: The provider.
            state: The state.
            token: The token of the browser.
            redirect_uri: The address of the callback.

        Raises:
            ProviderUnavailable: The provider does not answer.
        """
        try:
            endpoints = await within_time(provider.endpoints(self._web, self._clock()))
        except Down as error:
            raise await self._unavailable(provider, error) from None
        asked = Asked(
            state=state,
            nonce=nonce_of(token),
            code_challenge=challenge_of(verifier_of(token)),
            redirect_uri=redirect_uri,
        )
        return provider.authorization_url(endpoints, asked)

    async def identity(
        self, provider: OAuthProvider, callback: Callback, *, token: str, redirect_uri: str
    ) -> ProviderIdentity:
        """
        Return who came back.

        Args:
            provider: The provider.
            callback: The parameters of the callback.
            token: The token of the browser.
            redirect_uri: The address of the callback.

        Raises:
            ProviderRefused: The provider refused, or what it sent is not valid.
            ProviderUnavailable: The provider does not answer.
        """
        try:
            return await within_time(self._ask(provider, callback, token, redirect_uri))
        except Refused as error:
            await self._tell(provider, error.reason)
            raise ProviderRefused from None
        except Down as error:
            raise await self._unavailable(provider, error) from None

    async def _ask(
        self, provider: OAuthProvider, callback: Callback, token: str, redirect_uri: str
    ) -> ProviderIdentity:
        now = self._clock()
        # Before the code is sent anywhere: it may be that of another provider (RFC 9207).
        if callback.issuer is not None and not provider.is_issuer(callback.issuer):
            raise Refused("callback-issuer")
        endpoints = await provider.endpoints(self._web, now)
        if callback.issuer is None and endpoints.sends_issuer:
            raise Refused("callback-issuer")
        if callback.error:
            raise Refused(f"error-{callback.error}")
        tokens = await provider.redeem(
            self._web,
            endpoints,
            code=callback.code,
            verifier=verifier_of(token),
            redirect_uri=redirect_uri,
            now=now,
        )
        return await provider.identify(self._web, endpoints, tokens, nonce_of(token), now)

    async def _unavailable(self, provider: OAuthProvider, error: Down) -> ProviderUnavailable:
        await self._tell(provider, error.reason)
        return ProviderUnavailable(retry_after=RETRY_AFTER)

    async def _tell(self, provider: OAuthProvider, reason: str) -> None:
        data = {"provider": provider.name, "reason": reason}
        await emit(AuthEvent("authn_oauth_fail", self._clock(), data=data))
