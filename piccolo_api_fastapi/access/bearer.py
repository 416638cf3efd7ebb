"""The token of an `Authorization: Bearer` header."""

from starlette.requests import HTTPConnection

from piccolo_api_fastapi.errors import InvalidRequest, InvalidToken


def bearer_token(connection: HTTPConnection) -> str | None:
    """
    Return the token of `Authorization: Bearer …` (RFC 6750 section 2.1), or `None`.

    Raises:
        InvalidRequest: The request has two `Authorization` headers.
        InvalidToken: The scheme is `Bearer`, but the token is missing.
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
    if not (token := token.strip(" ")):
        raise InvalidToken
    return token
