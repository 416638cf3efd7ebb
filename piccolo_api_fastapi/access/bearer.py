"""The token of an `Authorization: Bearer` header."""

from starlette.requests import HTTPConnection

from piccolo_api_fastapi.errors import InvalidRequest, InvalidToken

MAXIMUM_TOKEN = 16 * 1024
"""Characters. The tokens of the library are shorter; longer ones are neither hashed nor decoded."""


def bearer_token(connection: HTTPConnection) -> str | None:
    """
    Return the token of `Authorization: Bearer …` (RFC 6750 section 2.1), or `None`.

    Raises:
        InvalidRequest: The request has two `Authorization` headers.
        InvalidToken: The scheme is `Bearer`, but the token is missing or longer than 16 KiB.
    """
    values = connection.headers.getlist("authorization")
    if len(values) > 1:
        raise InvalidRequest(
            "Send only one Authorization header.",
            headers={"WWW-Authenticate": 'Bearer error="invalid_request"'},
        )
    scheme, _, token = (values[0] if values else "").partition(" ")
    if scheme.casefold() != "bearer":
        return None
    if not 0 < len(token := token.strip(" ")) <= MAXIMUM_TOKEN:
        raise InvalidToken
    return token
