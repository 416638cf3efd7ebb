"""Signing out everywhere: ending all credentials of a user but one."""

from typing import Any

from piccolo_api_fastapi.access.identity import Identity, check_scopes
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.users import Users


async def lock_for(users: Users[Any], caller: Identity[Any], *, everything: bool) -> None:
    """
    Lock a user whose every credential will end. Call it before the first ends: a login locks the
    user first, too.

    Args:
        users: The users of the scheme.
        caller: The user.
        everything: Whether every credential will end.

    Raises:
        InvalidCredentials: The account was closed meanwhile.
    """
    if everything:
        await users.lock(primary_key(caller.user))


async def end_everything(users: Users[Any], caller: Identity[Any]) -> None:
    """
    End all credentials of a user but the one of the request. Call it in a transaction.

    Args:
        users: The users of the scheme.
        caller: The user, and the credential that stays.

    Raises:
        InsufficientScope: The credential was narrowed: it lacks a scope that the user has.
    """
    check_scopes(caller.scopes, await users.scopes_of(caller.user))
    await users.end_credentials(caller.user, keep=caller.credential_id, everything=True)
    data = {"kept": str(caller.credential_id)}
    user = primary_key(caller.user)
    await emit(AuthEvent("credentials_ended", users.clock(), user, data))
