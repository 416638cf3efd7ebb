"""`OAuthProvider`: a provider that users sign in with; the base of all."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Literal, TypeAlias
from urllib.parse import quote_plus, urlencode

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import ConfigurationError

from .answers import tokens_in
from .faults import Refused
from .identities import ProviderIdentity, Tokens
from .signing_keys import SigningKey
from .web import Web, is_secure

ClientAuth: TypeAlias = Literal["client_secret_basic", "client_secret_post", "private_key_jwt"]
"""How a client authenticates at the token endpoint (OpenID Connect Core section 9)."""

RESERVED = frozenset({"accounts", "confirm"})
"""Names that stand for other routes."""

LONGEST_NAME = 24

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_ASSERTED_FOR = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """
    Where a provider is asked.

    Args:
        authorization: The authorization endpoint.
        token: The token endpoint.
        keys: The address of its keys; empty if it has none.
        userinfo: The userinfo endpoint; empty if it has none.
        issuer: The issuer, as `iss` in the callback names it.
        sends_issuer: Whether the callback always names it (RFC 9207).
    """

    authorization: str
    token: str
    issuer: str
    keys: str = ""
    userinfo: str = ""
    sends_issuer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """
    What an authorization request has, beside what the provider is configured with.

    Args:
        state: The state.
        nonce: The nonce.
        code_challenge: The challenge of PKCE, by S256.
        redirect_uri: The address of the callback.
    """

    state: str
    nonce: str
    code_challenge: str
    redirect_uri: str


@configured
class OAuthProvider:
    """
    A provider that users sign in with, by OAuth 2. Subclass it for one that has no OpenID Connect.

    ```python
    from piccolo_api_fastapi import OAuthProvider, ProviderIdentity

    class Discord(OAuthProvider):
        name, title = "discord", "Discord"
        issuer = "https://discord.com"
        authorization_endpoint = "https://discord.com/oauth2/authorize"
        token_endpoint = "https://discord.com/api/oauth2/token"
        scopes = ("identify", "email")

        async def identity(self, web, tokens):
            me = await web.get("https://discord.com/api/users/@me", token=tokens.access_token)
            return ProviderIdentity(subject=str(me.members["id"]), name=me.members["username"])

    discord = Discord(client_id="1200", client_secret="a secret of the provider")
    ```

    The subject must be an id that is never given to another user: never a name or an address.
    Addresses must come from configuration: never let users add providers.

    Args:
        client_id: The client id that the provider gave your application.
        client_secret: The client secret.
        name: The name in paths, such as `google`: up to 24 lower-case letters, digits and `-`.
        title: The name that users see.
        scopes: The scopes that are requested.
        client_auth: How your application authenticates at the token endpoint.
        private_key: The private key for `private_key_jwt`, RSA or P-256, in PEM.
        key_id: The id of that key.
        parameters: Further parameters of the authorization request, such as `prompt`.

    Raises:
        ConfigurationError: A value is missing or can't be used.
    """

    name: str = ""
    title: str = ""
    issuer: str = ""
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    scopes: Sequence[str] = ()
    client_auth: ClientAuth = "client_secret_basic"
    posts_callback: ClassVar[bool] = False
    """Whether the provider lets the browser send the callback as a form."""

    def __init__(  # noqa: PLR0913 - configuration
        self,
        *,
        client_id: str,
        client_secret: str | None = None,
        name: str | None = None,
        title: str | None = None,
        scopes: Sequence[str] | None = None,
        client_auth: ClientAuth | None = None,
        private_key: str | None = None,
        key_id: str | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        self.client_id = client_id
        self._secret = client_secret or ""
        self._key = None if private_key is None else SigningKey(private_key, key_id)
        self.name = name or self.name
        self.title = title or self.title or self.name.capitalize()
        self.scopes = tuple(self.scopes if scopes is None else scopes)
        self.client_auth = client_auth or self.client_auth
        self.parameters = dict(parameters or {})
        for problem in self._problems():
            raise ConfigurationError(problem)

    def _problems(self) -> Sequence[str]:
        kind, found = type(self).__name__, []
        pattern = rf"[a-z][a-z0-9-]{{0,{LONGEST_NAME - 1}}}"
        if not re.fullmatch(pattern, self.name) or self.name in RESERVED:
            found.append(
                f"{kind}: name must have 1 to {LONGEST_NAME} lower-case letters, digits and '-', "
                "and be neither accounts nor confirm."
            )
        if not self.client_id:
            found.append(f"{kind}: client_id is empty.")
        if self.client_auth == "private_key_jwt" and self._key is None:
            found.append(f"{kind}: private_key_jwt needs private_key=….")
        if self.client_auth != "private_key_jwt" and not self._has_secret:
            found.append(f"{kind}: client_secret is empty; pass the one of the provider.")
        if not all(map(is_secure, self._addresses)):
            found.append(f"{kind}: the addresses of the provider must begin with https://.")
        return found

    @property
    def _has_secret(self) -> bool:
        return bool(self._secret)

    @property
    def _addresses(self) -> Sequence[str]:
        return (self.issuer, self.authorization_endpoint, self.token_endpoint)

    async def endpoints(self, web: Web, now: datetime) -> Endpoints:  # noqa: ARG002
        """Return where the provider is asked."""
        return Endpoints(
            authorization=self.authorization_endpoint,
            token=self.token_endpoint,
            issuer=self.issuer,
        )

    def is_issuer(self, issuer: str) -> bool:
        """Whether `iss` in a callback is the provider (RFC 9207 section 2.4)."""
        return issuer == self.issuer

    async def identity(self, web: Web, tokens: Tokens) -> ProviderIdentity:  # noqa: ARG002
        """
        Ask the provider who the user is.

        Args:
            web: Sends requests, as `await web.get(url, token=tokens.access_token)`.
            tokens: The answer of the token endpoint.

        Raises:
            Refused: It is not known.
        """
        raise Refused("identity")

    async def identify(
        self,
        web: Web,
        endpoints: Endpoints,  # noqa: ARG002
        tokens: Tokens,
        nonce: str,  # noqa: ARG002
        now: datetime,  # noqa: ARG002
    ) -> ProviderIdentity:
        """
        Return who the user is, checked.

        Raises:
            Refused: What the provider sent is not valid.
            Down: The provider did not answer.
        """
        try:
            found = await self.identity(web, tokens)
        except (KeyError, TypeError, ValueError, ConfigurationError):
            raise Refused("identity") from None
        return found.checked(self.issuer)

    def authorization_url(self, endpoints: Endpoints, asked: Asked) -> str:
        """Return the address to which the browser is sent."""
        query = {
            **self.parameters,
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": asked.redirect_uri,
            "scope": " ".join(self.scopes),
            "state": asked.state,
            "code_challenge": asked.code_challenge,
            "code_challenge_method": "S256",
            **self._asks(asked),
        }
        separator = "&" if "?" in endpoints.authorization else "?"
        return f"{endpoints.authorization}{separator}{urlencode(query)}"

    def _asks(self, asked: Asked) -> Mapping[str, str]:  # noqa: ARG002
        """Return further parameters of an authorization request."""
        return {}

    async def redeem(
        self,
        web: Web,
        endpoints: Endpoints,
        *,
        code: str,
        verifier: str,
        redirect_uri: str,
        now: datetime,
    ) -> Tokens:
        """
        Exchange a code for tokens (RFC 6749 section 4.1.3, RFC 7636 section 4.5).

        Raises:
            Refused: The provider refused the code, or its answer has no token.
            Down: The provider did not answer.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers: dict[str, str] = {}
        self._authenticate(form, headers, endpoints, now)
        answer = await web.post(endpoints.token, form, headers)
        body = answer.body if isinstance(answer.body, dict) else {}
        if 400 <= answer.status < 500 or "error" in body:  # noqa: PLR2004
            raise Refused("code")  # GitHub sends errors with the status 200
        return tokens_in(answer.members)

    def _authenticate(
        self, form: dict[str, str], headers: dict[str, str], endpoints: Endpoints, now: datetime
    ) -> None:
        """Add what authenticates the client to a request (RFC 6749 section 2.3.1, RFC 7523)."""
        if self.client_auth == "client_secret_basic":
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self._secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
            return
        form["client_id"] = self.client_id
        if self.client_auth == "client_secret_post":
            form["client_secret"] = self._secret_of(now)
        else:
            form["client_assertion_type"] = _ASSERTION
            form["client_assertion"] = self._signed(
                self.client_id, endpoints.token, _ASSERTED_FOR, now
            )

    def _secret_of(self, now: datetime) -> str:  # noqa: ARG002
        return self._secret

    def _signed(self, issuer: str, audience: str, lifetime: timedelta, now: datetime) -> str:
        """Return a JWT for the client id, which the private key signs."""
        assert self._key is not None  # noqa: S101 - checked when the provider was made
        return self._key.sign(
            {"iss": issuer, "sub": self.client_id, "aud": audience}, lifetime, now
        )
