"""Who is counted: by address, by user, by credential, by a field of the body."""

import unicodedata
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeAlias

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection, Request

from piccolo_api_fastapi.access.guards import Guard
from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.http.client_address import ClientAddress, client_address_of

from . import hints as self_checks
from .stores.store import digest

Key: TypeAlias = Callable[[HTTPConnection], Awaitable[str | None] | str | None]
"""Says who makes a request; `None` counts nobody."""

LONGEST = 64
"""Characters of a key that is kept as it is."""

_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
_FORWARDED = frozenset({b"x-forwarded-for", b"forwarded", b"x-real-ip"})


def compact(key: str) -> str:
    """A key short enough to keep: a long one becomes its digest, a number or UUID its text."""
    text = str(key)
    return text if len(text) <= LONGEST else digest(text)


def by_address(connection: HTTPConnection) -> str | None:
    """
    Count clients by their address, of IPv6 by their network; see `ClientAddress`.

    A request without an address is not counted, for there would be one count for all of them.
    """
    resolver = client_address_of(connection)
    address = resolver.client(connection)
    if address is None:
        self_checks.report("no_address", connection.scope.get("client"))
        return None
    if not resolver.believes and not self_checks.has_said("forwarded"):
        _look_for_proxies(connection)
    return address


def _look_for_proxies(connection: HTTPConnection) -> None:
    client = connection.scope["client"]
    if len(client) > 1 and client[1] == 0:  # uvicorn has rewritten the address itself
        return
    for name, _ in connection.scope["headers"]:
        if name in _FORWARDED:
            self_checks.report("forwarded", name.decode())


def by_client_address(resolver: ClientAddress) -> Key:
    """
    Count clients by their address, found by a `ClientAddress` other than the application's.

    Args:
        resolver: Finds it.
    """
    return resolver.client


def by_user(guard: Guard[Any]) -> Key:
    """
    Count users, whatever they sign in with, and those who did not by address.

    Args:
        guard: A scheme, `AnyOf` or `require(…)`; asked once a request, as everywhere.
    """

    async def key(connection: HTTPConnection) -> str | None:
        identity = await _identity(guard, connection)
        if identity is None:
            return by_address(connection)
        return f"user:{primary_key(identity.user)}"

    return key


def by_credential(guard: Guard[Any]) -> Key:
    """
    Count sessions, refresh families or API tokens, and requests without one by address.

    Args:
        guard: A scheme, `AnyOf` or `require(…)`; asked once a request, as everywhere.
    """

    async def key(connection: HTTPConnection) -> str | None:
        identity = await _identity(guard, connection)
        if identity is None:
            return by_address(connection)
        return f"credential:{identity.scheme}:{identity.credential_id}"

    return key


def by_body(field: str) -> Key:
    """
    Count by a field of a JSON object or a form, and by address where it is missing.

    Upper and lower case, width and spaces around make no difference.

    Args:
        field: Its name.
    """

    async def key(connection: HTTPConnection) -> str | None:
        value = await body_field(connection, field)
        if not isinstance(value, (str, int)):
            return by_address(connection)
        return f"{field}:{normalised(str(value))}"

    return key


def normalised(text: str) -> str:
    """One form for what people type for the same thing."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


async def _identity(guard: Guard[Any], connection: HTTPConnection) -> Identity[Any] | None:
    try:
        return await guard.find(connection)
    except HTTPException:  # a bad credential is the endpoint's to refuse
        return None


async def body_field(connection: HTTPConnection, field: str) -> Any:
    """A field of a JSON object or a form, as it was sent; `None` where there is none."""
    if not isinstance(connection, Request):
        return None
    with suppress(RuntimeError, ClientDisconnect):  # FastAPI has read it as a form already
        await connection.body()  # so that the endpoint can read it again
    kind = connection.headers.get("content-type", "").strip().lower()
    if kind.startswith(_FORMS):
        with suppress(ValueError, HTTPException, ClientDisconnect):
            if (value := (await connection.form()).get(field)) is not None:
                return value
    # Whatever it is called: names of JSON are many, and some endpoints ask for none.
    try:
        body = await connection.json()
    except (ValueError, RecursionError, RuntimeError, ClientDisconnect):
        return None
    return body.get(field) if isinstance(body, dict) else None
