"""`OIDC`: a provider with OpenID Connect, found by its issuer."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import ConfigurationError

from .answers import is_true, secure, text
from .faults import Down, Refused
from .id_tokens import ALGORITHMS, Expected, check_claims, read_header, verified_claims
from .identities import ProviderIdentity, Tokens
from .oauth import Asked, Endpoints, OAuthProvider
from .published import Keys, Published, PublishedKeys, keys_in
from .web import Web

WELL_KNOWN = "/.well-known/openid-configuration"


@configured
class OIDC(OAuthProvider):
    """
    A provider with OpenID Connect, such as Keycloak, Okta or Auth0.

    ```python
    from piccolo_api_fastapi import OIDC

    company = OIDC(
        issuer="https://login.example.com/realms/staff",
        client_id="movies",
        client_secret="a secret of the provider",
        name="company",
        title="Example Inc.",
        authoritative=["example.com"],
    )
    ```

    Endpoints and keys are found by the issuer, and kept for an hour. The ID token is verified as
    OpenID Connect Core section 3.1.3.7 has it; its algorithm is a configured one, whatever the
    token or the provider says.

    Args:
        issuer: The issuer, letter by letter as the provider spells it.
        client_id: The client id that the provider gave your application.
        client_secret: The client secret.
        name: The name in paths, such as `company`.
        title: The name that users see.
        scopes: The scopes that are requested.
        algorithms: The algorithms that ID tokens may be signed with.
        authoritative: Whether an address that the provider calls verified is the user's beyond
            doubt; or the domains for which it is.
        max_age: The age of the log-in at the provider beyond which it asks the user again.
        userinfo: Whether to ask the userinfo endpoint for the address.
        options: As for `OAuthProvider`: `client_auth`, `private_key`, `key_id`, `parameters`.

    Raises:
        ConfigurationError: A value is missing or can't be used.
    """

    name = "oidc"
    scopes: Sequence[str] = ("openid", "email", "profile")

    def __init__(  # noqa: PLR0913 - configuration
        self,
        *,
        issuer: str,
        client_id: str,
        client_secret: str | None = None,
        name: str | None = None,
        title: str | None = None,
        scopes: Sequence[str] | None = None,
        algorithms: Collection[str] = ("RS256",),
        authoritative: bool | Collection[str] = False,
        max_age: timedelta | None = None,
        userinfo: bool = False,
        **options: Any,
    ) -> None:
        self.issuer = issuer
        self.algorithms = frozenset(algorithms)
        self.authoritative = authoritative
        self.max_age = None if max_age is None else int(max_age.total_seconds())
        self.userinfo = userinfo
        named: dict[str, Any] = {"name": name, "title": title, "scopes": scopes}
        super().__init__(client_id=client_id, client_secret=client_secret, **named, **options)
        if not self.algorithms or not self.algorithms <= ALGORITHMS:
            allowed = ", ".join(sorted(ALGORITHMS))
            raise ConfigurationError(f"OIDC: algorithms must be some of {allowed}.")
        if "openid" not in self.scopes:
            raise ConfigurationError("OIDC: scopes must include openid, or there is no ID token.")
        self._metadata: Published[Endpoints] = Published()
        self._keys = PublishedKeys()

    @property
    def _addresses(self) -> Sequence[str]:
        return (self.issuer,)

    async def endpoints(self, web: Web, now: datetime) -> Endpoints:
        """
        Return where the provider is asked (OpenID Connect Discovery section 4).

        Raises:
            Down: The provider did not answer, or with the metadata of another issuer.
        """

        async def fetch() -> Endpoints:
            answer = await web.get(self.issuer.rstrip("/") + WELL_KNOWN)
            return self._read(answer.members)

        return await self._metadata.get(fetch, now)

    def _read(self, metadata: Mapping[str, Any]) -> Endpoints:
        if metadata.get("issuer") != self._published_issuer:
            raise Down("issuer")
        userinfo = metadata.get("userinfo_endpoint")
        return Endpoints(
            authorization=secure(metadata.get("authorization_endpoint")),
            token=secure(metadata.get("token_endpoint")),
            keys=secure(metadata.get("jwks_uri")),
            userinfo=secure(userinfo) if self.userinfo else "",
            issuer=self.issuer,
            sends_issuer=metadata.get("authorization_response_iss_parameter_supported") is True,
        )

    @property
    def _published_issuer(self) -> str:
        """The issuer as the metadata spell it."""
        return self.issuer

    def _asks(self, asked: Asked) -> Mapping[str, str]:
        aged = {} if self.max_age is None else {"max_age": str(self.max_age)}
        return {"nonce": asked.nonce, **aged}

    async def identify(
        self, web: Web, endpoints: Endpoints, tokens: Tokens, nonce: str, now: datetime
    ) -> ProviderIdentity:
        """
        Return who the user is, by the ID token.

        Raises:
            Refused: The ID token is not valid.
            Down: The provider did not answer.
        """

        async def fetch() -> Keys:
            return keys_in((await web.get(endpoints.keys)).members)

        header = read_header(tokens.id_token, self.algorithms)
        key = await self._keys.find(header, fetch, now)
        claims = verified_claims(tokens.id_token, key, header)
        expected = Expected(
            client_id=self.client_id,
            nonce=nonce,
            access_token=tokens.access_token,
            max_age=self.max_age,
        )
        check_claims(claims, header, self._issuer_of(claims, key), expected, now)
        if endpoints.userinfo:
            claims = {**await self._ask_userinfo(web, endpoints, tokens, claims["sub"]), **claims}
        return self._identity_of(claims).checked(self.issuer)

    async def _ask_userinfo(
        self, web: Web, endpoints: Endpoints, tokens: Tokens, subject: str
    ) -> Mapping[str, Any]:
        """Ask for more claims, of the same subject (OpenID Connect Core section 5.3.2)."""
        answer = await web.get(endpoints.userinfo, token=tokens.access_token)
        if answer.members.get("sub") != subject:
            raise Refused("userinfo")
        return answer.members

    def _issuer_of(self, claims: Mapping[str, Any], key: Mapping[str, Any]) -> str:  # noqa: ARG002
        """Return the issuer that a token must be from."""
        return self.issuer

    def _identity_of(self, claims: Mapping[str, Any]) -> ProviderIdentity:
        email = text(claims.get("email"))
        methods = claims.get("amr")
        return ProviderIdentity(
            subject=claims["sub"],
            email=email,
            email_verified=is_true(claims.get("email_verified")) and self._vouches(email, claims),
            name=text(claims.get("name")),
            amr=tuple(map(text, methods)) if isinstance(methods, list) else (),
        )

    def _vouches(self, email: str, claims: Mapping[str, Any]) -> bool:  # noqa: ARG002
        """Whether the provider is an authority for an address that it calls verified."""
        if isinstance(self.authoritative, bool):
            return self.authoritative
        return email.rpartition("@")[2].lower() in self.authoritative
