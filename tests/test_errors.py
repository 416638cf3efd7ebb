"""The tree of errors."""

import inspect

import pytest

from piccolo_api_fastapi import errors
from piccolo_api_fastapi.core.http.problems import problem, responses
from piccolo_api_fastapi.errors import (
    AuthError,
    FieldError,
    InsufficientScope,
    InvalidGrant,
    NotFound,
    PasskeyRefused,
    Unprocessable,
    WeakPassword,
    WrongConfirmation,
)


def every_error() -> list[type[AuthError]]:
    """All classes of the tree."""
    classes = (value for _, value in inspect.getmembers(errors, inspect.isclass))
    return [value for value in classes if issubclass(value, AuthError)]


@pytest.mark.parametrize("error", every_error(), ids=lambda error: error.__name__)
def test_documented(error: type[AuthError]) -> None:
    """Each class has a status, a stable code and a sentence, and stands in the drawing."""
    assert 400 <= error.status < 600
    assert error.code.replace("_", "").isalpha()
    assert error.message.endswith((".", "again."))
    assert error.__name__ in (errors.__doc__ or "")
    entry = responses(error)[error.status]
    [content] = entry["content"].values()
    example = content["examples"][error.code]["value"]
    assert {"type", "title", "status", "detail", "code"} <= example.keys()


@pytest.mark.security(119)
@pytest.mark.parametrize("error", every_error(), ids=lambda error: error.__name__)
def test_headers(error: type[AuthError]) -> None:
    """A 401 has a challenge; a 429 and a 503 say when to come back."""
    is_fixed = error in {WrongConfirmation, PasskeyRefused}
    takes_errors = issubclass(error, Unprocessable) and not is_fixed
    raised = error([]) if takes_errors else error()  # type: ignore[arg-type]
    headers = raised.headers or {}
    assert ("WWW-Authenticate" in headers) is (error.status == 401 or error is InsufficientScope)
    assert ("Retry-After" in headers) is (error.status in {429, 503})


def test_messages() -> None:
    """A sentence can be replaced; headers can be added."""
    error = NotFound("No such film.", headers={"X-A": "b"})
    assert (error.status_code, error.detail, error.headers) == (404, "No such film.", {"X-A": "b"})
    assert InsufficientScope(["a", "b"]).headers == {
        "WWW-Authenticate": 'Bearer error="insufficient_scope", scope="a b"'
    }


def test_weak_password() -> None:
    """It is a `ValueError` that says what is wrong, with codes for programs."""
    error = WeakPassword([FieldError(("body", "password"), "Too short.", "password_too_short")])
    assert isinstance(error, ValueError)
    assert str(error) == "Too short."
    assert error.codes == ("password_too_short",)
    assert error.detail == [
        {"loc": ["body", "password"], "msg": "Too short.", "type": "password_too_short"}
    ]


def test_members() -> None:
    """Errors of the token endpoint have the members of RFC 6749."""
    assert NotFound().members() == {}
    assert InvalidGrant("No.").members() == {
        "error": "invalid_grant",
        "error_description": "No.",
    }
    assert problem(400, "No.", "c", {"error": "e"}) == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "No.",
        "code": "c",
        "error": "e",
    }
