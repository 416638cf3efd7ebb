"""Keys: limits count by address, by user, by credential or by a field of the body."""

import re
import unicodedata
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeAlias

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection, Request

from piccolo_api_fastapi.access.guards import Guard
from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.http.client_address import ClientAddress, client_address_of
from piccolo_api_fastapi.core.http.parsing import has_form

from . import hints

Key: TypeAlias = Callable[[HTTPConnection], Awaitable[str | None] | str | None]
"""Returns the string that identifies the client of a request, or `None` to exempt it."""

_INTEGER = re.compile(r"(?=[+_-]*[0-9])([+_0-]*)([1-9][0-9_]*)?(?:\.0*)?")
"""What Pydantic may read as an integer: zeros may come before the sign, too."""


def by_address(connection: HTTPConnection) -> str | None:
    """
    Count clients by their address, in IPv6 by their network; see `ClientAddress`.

    ```python
    from piccolo_api_fastapi import RateLimit, by_address

    limit = RateLimit("10/minute", key=by_address)  # the default
    ```

    A request without an address is exempt, because all of them would share one count.
    """
    resolver = client_address_of(connection)
    address = resolver.client(connection)
    if address is None:
        hints.report("no_address", connection.scope.get("client"))
        return None
    return address


@configured
def by_client_address(resolver: ClientAddress) -> Key:
    """
    Count clients by the address that another `ClientAddress` than the application's finds.

    ```python
    from piccolo_api_fastapi import ClientAddress, RateLimit, by_client_address

    limit = RateLimit("10/minute", key=by_client_address(ClientAddress(trusted=1)))
    ```

    Args:
        resolver: The `ClientAddress` that finds the address.
    """
    return resolver.client


@configured
def by_user(guard: Guard[Any]) -> Key:
    """
    Count users by their primary key, and requests without a user by address.

    ```python
    from piccolo_api_fastapi import RateLimit, SessionAuth, by_user

    limit = RateLimit("100/hour", key=by_user(SessionAuth()))
    ```

    Args:
        guard: A scheme, `AnyOf` or `require(…)`. It authenticates a request only once.
    """

    async def key(connection: HTTPConnection) -> str | None:
        identity = await _identity(guard, connection)
        if identity is None:
            return by_address(connection)
        return f"user:{primary_key(identity.user)}"

    return key


@configured
def by_credential(guard: Guard[Any]) -> Key:
    """
    Count sessions, refresh families or API tokens, and requests without one by address.

    ```python
    from piccolo_api_fastapi import RateLimit, TokenAuth, by_credential

    limit = RateLimit("100/hour", key=by_credential(TokenAuth()))
    ```

    Args:
        guard: A scheme, `AnyOf` or `require(…)`. It authenticates a request only once.
    """

    async def key(connection: HTTPConnection) -> str | None:
        identity = await _identity(guard, connection)
        if identity is None:
            return by_address(connection)
        return f"credential:{identity.scheme}:{identity.credential_id}"

    return key


@configured
def by_body(field: str) -> Key:
    """
    Count by a field of the JSON object or the form in the body, or by address if it is missing.

    ```python
    from piccolo_api_fastapi import RateLimit, by_body

    limit = RateLimit("5/hour", key=by_body("email"))
    ```

    Values that differ in case, in the width of letters or in spaces around them share a count, and
    so do all spellings that Pydantic reads as one integer, such as `7`, `7.0` and `"+007"`.

    Args:
        field: The name of the field.
    """

    async def key(connection: HTTPConnection) -> str | None:
        value = await body_field(connection, field)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, (str, int)):
            return by_address(connection)
        return f"{field}:{_one_spelling(value)}"

    return key


def normalised(text: str) -> str:
    """The text without differences of case, width and surrounding spaces."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def _one_spelling(value: str | int) -> str:
    """
    A value in its normal form, and what Pydantic may read as an integer as the digits of it.

    Not by `int`, which refuses thousands of digits, and accepts those of other scripts.
    """
    text = normalised(value if isinstance(value, str) else str(int(value)))  # True is 1
    if (found := _INTEGER.fullmatch(text)) is None:
        return text
    prefix, digits = found.groups()
    return ("-" if "-" in prefix and digits else "") + (digits or "0").replace("_", "")


async def _identity(guard: Guard[Any], connection: HTTPConnection) -> Identity[Any] | None:
    try:
        return await guard.find(connection)
    except HTTPException:  # the endpoint's guard refuses a bad credential
        return None


async def body_field(connection: HTTPConnection, field: str) -> Any:
    """A field of the JSON object or the form in the body, or `None` if it is missing."""
    if not isinstance(connection, Request):
        return None
    with suppress(RuntimeError, ClientDisconnect):  # FastAPI has already read it as a form
        await connection.body()  # cached, so that the endpoint can read it again
    if has_form(connection):
        with suppress(ValueError, HTTPException, ClientDisconnect):
            if (value := (await connection.form()).get(field)) is not None:
                return value
    # Whatever the Content-Type: JSON has many, and some endpoints require none.
    try:
        body = await connection.json()
    except (ValueError, RecursionError, RuntimeError, ClientDisconnect):
        return None
    return body.get(field) if isinstance(body, dict) else None
