"""`GitLab`."""

from typing import Any

from piccolo_api_fastapi.core.configuration import configured

from .oidc import OIDC


@configured
class GitLab(OIDC):
    """
    Sign in with GitLab, at `gitlab.com` or at a server of your own.

    ```python
    from piccolo_api_fastapi import GitLab

    gitlab = GitLab(client_id="1200", client_secret="a secret of the provider")
    ```

    An address counts only with `authoritative=`: whether a verified one is the user's, is up to
    the administrators of the server.

    Args:
        client_id: The application id.
        client_secret: The secret.
        url: The URL of the server.
        options: As for `OIDC`: `name`, `title`, `scopes`, `authoritative`, `parameters`.

    Raises:
        ConfigurationError: A value is missing or can't be used.
    """

    name, title = "gitlab", "GitLab"

    def __init__(
        self, *, client_id: str, client_secret: str, url: str = "https://gitlab.com", **options: Any
    ) -> None:
        super().__init__(issuer=url, client_id=client_id, client_secret=client_secret, **options)
