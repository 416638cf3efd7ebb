"""Commands for authenticator apps: remove one, and encrypt all secrets with the current key."""

from typing import Any

from piccolo_api_fastapi.core.commands import Tools, declare_commands
from piccolo_api_fastapi.core.database.progress import shown

from .service import TOTP


async def reencrypt(tools: Tools, dry_run: bool = False) -> None:  # noqa: FBT001, FBT002
    """
    Encrypt secrets of authenticators with the first key of AUTH_ENCRYPTION_KEYS.

    It can be stopped at any time, and goes on where it was.

    :param dry_run:
        Count the secrets, and change nothing.

    """
    totp = _totp(tools)
    if dry_run:
        print(f"Would encrypt {await totp.count_outdated()} secrets anew.")  # noqa: T201 - a command
        return
    with shown("secrets encrypted"):
        encrypted = await totp.reencrypt()
    print(f"Encrypted {encrypted} secrets anew.")  # noqa: T201 - a command


async def remove_factor(tools: Tools, username: str) -> None:
    """
    Remove the authenticator app of a user who has lost it.

    The recovery codes are deleted if the user has no other second factor.

    :param username:
        The username or the e-mail address.

    """
    user = await tools.user(username)
    await _totp(tools).remove(user)
    print(f"{user.username} has no authenticator app any more.")  # noqa: T201 - a command


def _totp(tools: Tools) -> TOTP:
    totp: Any = tools.totp or TOTP(tools.users, issuer="none")
    return totp  # type: ignore[no-any-return]


declare_commands(reencrypt, remove_factor)
