"""Commands that create users, set passwords, sign users out, unlock and fold them."""

import getpass
import sys

from piccolo_api_fastapi.core.commands import Tools, declare_commands
from piccolo_api_fastapi.core.database.progress import shown

from . import folding


async def create_user(
    tools: Tools,
    username: str,
    email: str = "",
    admin: bool = False,  # noqa: FBT001, FBT002
    superuser: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """
    Create a user. The password is asked for, or read from the standard input.

    :param username:
        The username.
    :param email:
        The e-mail address.
    :param admin:
        Set the flag of administrators.
    :param superuser:
        Set the flag of superusers.

    """
    user = await tools.users.create(
        str(username), _password(), email=email or None, admin=admin, superuser=superuser
    )
    print(f"Created {user.username}.")  # noqa: T201 - a command


async def set_password(tools: Tools, username: str) -> None:
    """
    Set the password of a user, which is asked for, and end all sessions and tokens of theirs.

    :param username:
        The username or the e-mail address.

    """
    user = await tools.user(username)
    await tools.users.set_password(user, _password())
    print(f"{user.username} has a new password.")  # noqa: T201 - a command


async def sign_out(tools: Tools, username: str) -> None:
    """
    End all sessions and tokens of a user.

    :param username:
        The username or the e-mail address.

    """
    user = await tools.user(username)
    await tools.users.end_credentials(user, everything=True)
    print(f"{user.username} is signed out everywhere.")  # noqa: T201 - a command


async def unlock_user(tools: Tools, username: str) -> None:
    """
    Forget the wrong passwords that the database counts for an account.

    Rate limits of logins go on: by default for up to three minutes, and not in known browsers.

    :param username:
        The username or the e-mail address of the account.

    """
    user = await tools.user(username)
    await tools.users.unlock(user)
    rest = "Rate limits of logins go on, by default for up to three minutes."
    print(f"{user.username} is unlocked. {rest}")  # noqa: T201 - a command


async def fold_users(tools: Tools) -> None:
    """
    Let users that other code wrote be found by every spelling of their username and address.

    Prints the users that are the same when upper and lower case are not told apart.
    """
    with shown("users read"):
        conflicts = await folding.fold_users(tools.users.table)
    for conflict in conflicts:
        print(conflict)  # noqa: T201 - a command
    noun = "conflict" if len(conflicts) == 1 else "conflicts"
    print(f"All users are folded; {len(conflicts)} {noun}.")  # noqa: T201 - a command


def _password() -> str:
    """Ask for a password twice on a terminal; otherwise read the first line of the input."""
    if not sys.stdin.isatty():
        if not (line := sys.stdin.readline().rstrip("\n")):
            raise SystemExit(
                "There is no password on the standard input. Run the command in a terminal, or "
                "write the password into its standard input."
            )
        return line
    password = getpass.getpass("Password: ")
    if getpass.getpass("Password again: ") != password:
        raise SystemExit("The passwords differ.")
    return password


declare_commands(create_user, set_password, sign_out, unlock_user, fold_users)
