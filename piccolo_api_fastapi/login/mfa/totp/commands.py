"""The command that encrypts the secrets of authenticators with the current key."""

from piccolo_api_fastapi.core.commands import declare_commands

from .service import TOTP


async def reencrypt() -> None:
    """Encrypt secrets of authenticators with the first key of AUTH_ENCRYPTION_KEYS."""
    print(f"Encrypted {await TOTP(issuer='none').reencrypt()} secrets anew.")  # noqa: T201 - a command


declare_commands(reencrypt)
