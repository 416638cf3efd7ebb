"""`Google`."""

from collections.abc import Mapping
from typing import Any

from piccolo_api_fastapi.core.configuration import configured

from .answers import text
from .faults import Refused
from .identities import ProviderIdentity
from .oidc import OIDC


@configured
class Google(OIDC):
    """
    Sign in with Google.

    ```python
    from piccolo_api_fastapi import Google

    google = Google(client_id="1200.apps.googleusercontent.com", client_secret="GOCSPX-…")
    ```

    Google is an authority for addresses at `gmail.com`, and for those of a Workspace whose domain
    they have. Any other address was verified once, and may belong to somebody else today.

    Args:
        client_id: The client id.
        client_secret: The client secret.
        hosted_domain: The domain of a Workspace whose users alone may sign in.
        options: As for `OIDC`: `name`, `title`, `scopes`, `max_age`, `parameters`.

    Raises:
        ConfigurationError: A value is missing or can't be used.
    """

    name, title = "google", "Google"

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        hosted_domain: str | None = None,
        **options: Any,
    ) -> None:
        self.hosted_domain = hosted_domain
        hint = {} if hosted_domain is None else {"hd": hosted_domain}
        options = {"client_auth": "client_secret_post", **options}
        options["parameters"] = {**hint, **options.get("parameters", {})}
        options = {"issuer": "https://accounts.google.com", **options}
        super().__init__(client_id=client_id, client_secret=client_secret, **options)

    def _identity_of(self, claims: Mapping[str, Any]) -> ProviderIdentity:
        # The parameter of the request is a hint that users can remove; the claim is not.
        if self.hosted_domain is not None and claims.get("hd") != self.hosted_domain:
            raise Refused("hosted-domain")
        return super()._identity_of(claims)

    def _vouches(self, email: str, claims: Mapping[str, Any]) -> bool:
        domain = email.rpartition("@")[2].lower()
        return domain == "gmail.com" or domain == text(claims.get("hd")).lower() != ""
