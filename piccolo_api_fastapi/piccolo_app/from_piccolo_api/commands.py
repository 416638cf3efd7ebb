"""The command that moves the rows of piccolo-api."""

import os

from piccolo_api_fastapi.core.commands import declare_commands
from piccolo_api_fastapi.errors import ConfigurationError
from piccolo_api_fastapi.login.mfa.totp import TOTP

from .migration import decrypt_with, migrate_from_piccolo_api


async def migrate_piccolo_api(
    dry_run: bool = False,  # noqa: FBT001, FBT002
    erase: bool = False,  # noqa: FBT001, FBT002
    keep_unreadable: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """
    Move sessions, API tokens and authenticators from piccolo-api.

    Authenticators, if PICCOLO_API_ENCRYPTION_KEY (in hex, as piccolo-api's own guide has it) and
    AUTH_ENCRYPTION_KEYS are set.

    :param dry_run:
        Report what would be moved, and move nothing.
    :param erase:
        Delete the old rows, which hold tokens in plain text.
    :param keep_unreadable:
        Continue if authenticators can't be decrypted; they stay in the old table.

    """
    key = _old_key()
    moved = await migrate_from_piccolo_api(
        totp=None if key is None else TOTP(issuer="none"),
        decrypt=None if key is None else decrypt_with(key),
        dry_run=dry_run,
        erase=erase,
        keep_unreadable=keep_unreadable,
    )
    print(f"{'Would move' if dry_run else 'Moved'}: {moved}.")  # noqa: T201 - a command


def _old_key() -> bytes | None:
    key = os.environ.get("PICCOLO_API_ENCRYPTION_KEY")
    try:
        return None if key is None else bytes.fromhex(key)
    except ValueError:
        raise ConfigurationError("PICCOLO_API_ENCRYPTION_KEY is not in hex.") from None


declare_commands(migrate_piccolo_api)
