"""The `client_id` of a token request (RFC 6749 section 2.3.1)."""

import base64
import binascii
import re
import urllib.parse

from starlette.requests import HTTPConnection

from piccolo_api_fastapi.errors import ConfigurationError, InvalidRequest

CLIENT_ID = re.compile(r"[\x20-\x7e]{1,100}")
"""RFC 6749 appendix A.1, with a bound of our own."""


def client_id_of(connection: HTTPConnection, given: str | None) -> str:
    """
    Return the name that the client of a token request gives itself. Nothing proves it.

    Args:
        connection: The request, whose `Authorization: Basic` may name the client.
        given: The parameter `client_id` of the form.

    Returns:
        The name, or an empty text.

    Raises:
        InvalidRequest: The name is malformed, or the header names another client than the form.
    """
    name = _by_basic(connection.headers.get("authorization", ""))
    if given and name and given != name:
        raise InvalidRequest("The header and the form name different clients.")
    client_id = given or name
    if client_id and not CLIENT_ID.fullmatch(client_id):
        raise InvalidRequest("The client_id must have 1 to 100 printable ASCII characters.")
    return client_id


def checked_client_id(client_id: str) -> str:
    """
    Return the configured name of clients that do not name themselves.

    Raises:
        ConfigurationError: The name is malformed.
    """
    if not CLIENT_ID.fullmatch(client_id):
        raise ConfigurationError("client_id must have 1 to 100 printable ASCII characters.")
    return client_id


def _by_basic(header: str) -> str:
    """The user-id of HTTP Basic, which the RFC encodes like a form."""
    scheme, _, credentials = header.partition(" ")
    if scheme.casefold() != "basic":
        return ""
    try:
        name = base64.b64decode(credentials.strip(), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return ""
    return urllib.parse.unquote_plus(name.partition(":")[0])
