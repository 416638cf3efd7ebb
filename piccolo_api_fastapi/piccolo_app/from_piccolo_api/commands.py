"""The command that moves the rows of piccolo-api."""

import os

from piccolo_api_fastapi.core.commands import declare_commands
from piccolo_api_fastapi.login.mfa.totp import TOTP

from .migration import migrate_from_piccolo_api
from .providers import decrypt_by_name


async def migrate_piccolo_api(
    dry_run: bool = False,  # noqa: FBT001, FBT002
    erase: bool = False,  # noqa: FBT001, FBT002
    erase_authenticators: bool = False,  # noqa: FBT001, FBT002
    keep_unreadable: bool = False,  # noqa: FBT001, FBT002
    without_authenticators: bool = False,  # noqa: FBT001, FBT002
    provider: str = "XChaCha20",
) -> None:
    """
    Move sessions, API tokens and authenticators from piccolo-api.

    Authenticators are decrypted with PICCOLO_API_ENCRYPTION_KEY, the key of piccolo-api's
    provider, and encrypted with AUTH_ENCRYPTION_KEYS. Nothing is moved while one that is in use
    can't be moved: its user would sign in with the password alone.

    :param dry_run:
        Report what would be moved, and move nothing.
    :param erase:
        Delete the old sessions and API tokens, which are in plain text, and useless authenticators.
    :param erase_authenticators:
        Delete moved authenticators too. Piccolo Admin no longer asks for them afterwards.
    :param keep_unreadable:
        Continue if authenticators can't be decrypted; they stay in the old table.
    :param without_authenticators:
        Continue and move no authenticators: their users sign in with the password alone.
    :param provider:
        The provider of piccolo-api: XChaCha20 (key in hex), Fernet (key in base64) or PlainText.

    """
    decrypt = decrypt_by_name(provider, os.environ.get("PICCOLO_API_ENCRYPTION_KEY"))
    if without_authenticators:
        decrypt = None
    moved = await migrate_from_piccolo_api(
        totp=None if decrypt is None else TOTP(issuer="none"),
        decrypt=decrypt,
        dry_run=dry_run,
        erase=erase,
        erase_authenticators=erase_authenticators,
        keep_unreadable=keep_unreadable,
        without_authenticators=without_authenticators,
    )
    if dry_run:
        print("Dry run: nothing was changed. A run without --dry_run reports:")  # noqa: T201 - a command
    print(moved)  # noqa: T201 - a command


declare_commands(migrate_piccolo_api)
