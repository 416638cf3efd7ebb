"""The command that unlocks a user."""

from piccolo_api_fastapi.core.commands import declare_commands

from .users import Users


async def unlock_user(username: str) -> None:
    """
    Forget the wrong passwords that were tried at an account.

    :param username:
        The username or the e-mail address of the account.

    """
    users = Users()
    user = await users.find(str(username))
    if user is None:
        raise SystemExit("There is no such user.")
    await users.unlock(user)
    print(f"{user.username} is unlocked.")  # noqa: T201 - a command


declare_commands(unlock_user)
