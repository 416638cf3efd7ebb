"""`Apple`."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from piccolo_api_fastapi.core.configuration import configured

from .oauth import Asked
from .oidc import OIDC

_ISSUER = "https://appleid.apple.com"

_SECRET_LIFETIME = timedelta(minutes=5)
"""Of a client secret, which is made for each request. Apple allows six months."""


@configured
class Apple(OIDC):
    """
    Sign in with Apple.

    ```python
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from piccolo_api_fastapi import Apple

    key = generate_private_key(SECP256R1())  # Apple gives you a file AuthKey_….p8
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    apple = Apple(client_id="com.example.web", team_id="A1B2C3D4E5", key_id="F6G7H8", key=pem)
    ```

    Apple sends the callback as a form. The name of the user comes with the first one only and is
    signed by nobody: it is not used. The address may be a relay address.

    Args:
        client_id: The Services ID.
        team_id: The id of the team.
        key_id: The id of the key.
        key: The private key, in PEM.
        options: As for `OIDC`: `name`, `title`, `scopes`, `max_age`, `parameters`.

    Raises:
        ConfigurationError: A value is missing or can't be used.
    """

    name, title = "apple", "Apple"
    scopes = ("openid", "email")
    posts_callback = True

    def __init__(
        self, *, client_id: str, team_id: str, key_id: str, key: str, **options: Any
    ) -> None:
        self.team_id = team_id
        given: dict[str, Any] = {"private_key": key, "key_id": key_id}
        given |= {"client_auth": "client_secret_post", "authoritative": True}
        given = {"issuer": _ISSUER, **given, **options}
        super().__init__(client_id=client_id, **given)

    @property
    def _has_secret(self) -> bool:
        return self._key is not None

    def _asks(self, asked: Asked) -> Mapping[str, str]:
        return {**super()._asks(asked), "response_mode": "form_post"}

    def _secret_of(self, now: datetime) -> str:
        return self._signed(self.team_id, self.issuer, _SECRET_LIFETIME, now)
