"""The links in messages."""

from typing import Any

import pytest

from piccolo_api_fastapi import Accounts, ConfigurationError, ConsoleMail
from piccolo_api_fastapi.mail.links import Links

BASE_URL = "https://app.example.com/account"


def test_styles() -> None:
    """The secret is in the fragment, unless the application asks for the query."""
    paths = {"reset": "/reset-password"}
    assert Links(f"{BASE_URL}/", paths).to("reset", "x") == f"{BASE_URL}/reset-password#token=x"
    links = Links(BASE_URL, paths, "query")
    assert links.to("reset", "x") == f"{BASE_URL}/reset-password?token=x"
    assert (links.base_url, links.paths) == (BASE_URL, paths)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"links": "query"}, "links= need"),
        ({"links": "path", "mail": ConsoleMail(), "base_url": BASE_URL}, "'fragment' or 'query'"),
        ({"links": None, "mail": ConsoleMail(), "base_url": BASE_URL}, "links must be"),
    ],
)
def test_configuration(options: dict[str, Any], words: str) -> None:
    """Links need mail, and are one of the two."""
    with pytest.raises(ConfigurationError, match=words):
        Accounts(**options)


def test_default() -> None:
    """Without a word, nothing is left in access logs."""
    accounts = Accounts(mail=ConsoleMail(), base_url=BASE_URL)
    assert "#token=" in accounts.mailboxes.links.to("verify", "x")


def test_paths_with_a_query() -> None:
    """The secret is added to what the path has."""
    made = {"reset": "/reset?a=b"}
    assert Links(BASE_URL, made).to("reset", "x").endswith("/reset?a=b#token=x")
    assert Links(BASE_URL, made, "query").to("reset", "x").endswith("/reset?a=b&token=x")


@pytest.mark.parametrize("path", ["reset", "/reset#", ""])
def test_paths(path: str) -> None:
    """A path begins with a slash, and leaves the fragment to the secret."""
    with pytest.raises(ConfigurationError):
        Links(BASE_URL, {"reset": path})
