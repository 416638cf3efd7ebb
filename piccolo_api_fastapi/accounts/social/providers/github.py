"""`GitHub`, which has OAuth 2 without OpenID Connect."""

from collections.abc import Mapping
from typing import Any

from piccolo_api_fastapi.core.configuration import configured

from .answers import text
from .faults import Refused
from .identities import ProviderIdentity, Tokens
from .oauth import OAuthProvider
from .web import Web

NO_REPLY = "users.noreply.github.com"
"""The domain of addresses that receive no mail."""


@configured
class GitHub(OAuthProvider):
    """
    Sign in with GitHub.

    ```python
    from piccolo_api_fastapi import GitHub

    github = GitHub(client_id="Iv1.1200", client_secret="a secret of the provider")
    ```

    Users are known by their number, since names are given to others. The address is the one that
    is primary and verified, if there is one.

    Args:
        client_id: The client id of an OAuth app or a GitHub App.
        client_secret: The client secret.
        url: The URL of the server.
        api: The URL of its API.
        authoritative: Whether the address counts as the user's beyond doubt.
        options: As for `OAuthProvider`: `name`, `title`, `scopes`, `parameters`.

    Raises:
        ConfigurationError: A value is missing or can't be used.
    """

    name, title = "github", "GitHub"
    scopes = ("read:user", "user:email")
    client_auth = "client_secret_post"

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        url: str = "https://github.com",
        api: str = "https://api.github.com",
        authoritative: bool = True,
        **options: Any,
    ) -> None:
        self.issuer = f"{url}/login/oauth"
        self.authorization_endpoint = f"{url}/login/oauth/authorize"
        self.token_endpoint = f"{url}/login/oauth/access_token"
        self.authoritative = authoritative
        self._api = api
        super().__init__(client_id=client_id, client_secret=client_secret, **options)

    async def identity(self, web: Web, tokens: Tokens) -> ProviderIdentity:
        """Ask the API who the user is."""
        user = (await web.get(f"{self._api}/user", token=tokens.access_token)).members
        number = user.get("id")
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise Refused("subject")
        email = await self._primary(web, tokens) if "user:email" in tokens.scopes else None
        return ProviderIdentity(
            subject=str(number),
            email=email,
            email_verified=email is not None and self.authoritative,
            name=text(user.get("name")),
        )

    async def _primary(self, web: Web, tokens: Tokens) -> str | None:
        """Return the primary address, if it is verified and receives mail."""
        answer = await web.get(f"{self._api}/user/emails", token=tokens.access_token)
        emails = answer.body if answer.status == 200 and isinstance(answer.body, list) else []  # noqa: PLR2004
        found = [entry for entry in emails if _is_primary(entry)]
        email = text(found[0].get("email")) if len(found) == 1 else ""
        return None if not email or email.lower().endswith(f"@{NO_REPLY}") else email


def _is_primary(entry: object) -> bool:
    return (
        isinstance(entry, Mapping)
        and entry.get("primary") is True
        and entry.get("verified") is True
    )
