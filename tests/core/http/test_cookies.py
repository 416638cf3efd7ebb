"""Cookies."""

from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any

import pytest
from starlette.responses import Response

from piccolo_api_fastapi import ConfigurationError, Cookie
from piccolo_api_fastapi.errors import InvalidSession

HOST = "__Host-session"


@pytest.mark.security(18)
def test_defaults() -> None:
    """The strictest attributes there are, and no Domain (D-C2)."""
    header = Cookie().header("token", timedelta(days=1))
    assert header == ("__Host-session=token; Max-Age=86400; Path=/; SameSite=Lax; HttpOnly; Secure")


def test_clearing() -> None:
    """Removing sends the same attributes, as browsers want it."""
    cookie = Cookie(name="s", same_site="none", domain="example.com", path="/app")
    assert cookie.clearing_header() == (
        "s=; Max-Age=0; Path=/app; SameSite=None; HttpOnly; Domain=example.com; Secure"
    )
    assert SimpleCookie(cookie.header("x", timedelta(1)))["s"]["domain"] == "example.com"


@pytest.mark.security(18)
@pytest.mark.parametrize(
    ("options", "attributes"),
    [
        ({}, "Path=/; SameSite=None; HttpOnly; Secure; Partitioned"),
        (
            {"name": "__Secure-s", "domain": "example.com", "path": "/app"},
            "Path=/app; SameSite=None; HttpOnly; Domain=example.com; Secure; Partitioned",
        ),
    ],
)
def test_partitioned(options: dict[str, Any], attributes: str) -> None:
    """A partitioned cookie is removed from its partition, since that carries the attribute too."""
    cookie = Cookie(**options, same_site="none", partitioned=True)
    assert cookie.header("x", timedelta(days=1)) == f"{cookie.name}=x; Max-Age=86400; {attributes}"
    assert cookie.clearing_header() == f"{cookie.name}=; Max-Age=0; {attributes}"


def test_former_ones() -> None:
    """Setting and removing a cookie removes what it formerly was, first and by its attributes."""
    former = [Cookie("s", domain="example.com"), Cookie("s", path="/app", secure=False)]
    cookie = Cookie("s", formerly=former)
    removed = [
        "s=; Max-Age=0; Path=/; SameSite=Lax; HttpOnly; Domain=example.com; Secure",
        "s=; Max-Age=0; Path=/app; SameSite=Lax; HttpOnly",
    ]
    given, cleared = Response(), Response()
    cookie.set_on(given, "x", timedelta(1))
    cookie.clear_on(cleared)
    own = cookie.header("x", timedelta(1))
    assert given.headers.getlist("set-cookie") == [*removed, own]
    assert cleared.headers.getlist("set-cookie") == [*removed, cookie.clearing_header()]
    assert hash(cookie) == hash(Cookie("s", formerly=tuple(former)))


def test_insecure() -> None:
    """The cookie for http on localhost says so in its name."""
    cookie = Cookie.insecure_for_http_on_localhost()
    assert cookie.header("x", timedelta(1)) == (
        "insecure-session=x; Max-Age=86400; Path=/; SameSite=Lax; HttpOnly"
    )


@pytest.mark.security(18)
@pytest.mark.parametrize(
    "options",
    [
        {"name": ""},
        {"name": "a b"},
        {"name": "a;b"},
        {"name": "é"},
        {"secure": False},
        {"name": "__secure-x", "secure": False},
        {"name": "s", "same_site": "none", "secure": False},
        {"name": "s", "same_site": "Lax"},
        {"domain": "example.com"},
        {"path": "/app"},
        {"name": "s", "path": "app"},
        {"name": "s", "path": "/a;b"},
        {"name": "s", "path": "/a\n"},
        {"name": "s", "domain": "a b"},
        {"name": "s", "domain": ""},
        {"partitioned": True},
        {"partitioned": True, "same_site": "strict"},
        {"name": "s", "partitioned": True, "same_site": "none", "secure": False},
        {"partitioned": "yes", "same_site": "none"},
        {
            "same_site": "none",
            "partitioned": True,
            "formerly": [Cookie(same_site="none", partitioned=True)],
        },
        {"name": "s", "formerly": [Cookie("t", path="/app")]},
        {"name": "s", "formerly": [Cookie("s")]},
        {"name": "s", "formerly": [Cookie("s", same_site="strict")]},
        {"name": "s", "domain": "a.b", "formerly": [Cookie("s", domain=".A.B")]},
        {"name": "s", "formerly": [Cookie("s", path="/a", formerly=[Cookie("s", path="/b")])]},
        {"name": "s", "formerly": Cookie("s", path="/a")},
        {"name": "s", "formerly": ["s"]},
    ],
)
def test_contradictions(options: dict[str, Any]) -> None:
    """Contradictory attributes raise when the cookie is made."""
    with pytest.raises(ConfigurationError):
        Cookie(**options)


@pytest.mark.parametrize(
    ("headers", "values"),
    [
        ([], []),
        ([""], []),
        (["a=b"], []),
        ([f"{HOST}=x"], ["x"]),
        ([f"a=b; {HOST}=x;c=d"], ["x"]),
        (["a=b", f"{HOST}=x"], ["x"]),
        ([f"{HOST}="], []),
        ([f"{HOST}=a=b"], ["a=b"]),
        (["flag; other"], []),
        ([f"theme={HOST}"], []),
        ([f"theme={HOST}=x; {HOST}=y"], ["y"]),
        ([f"{HOST}=a; {HOST}=b"], ["a", "b"]),
        ([f"{HOST}=; {HOST}=b", f"{HOST}=a"], ["b", "a"]),
        ([f"{HOST}=a", f"{HOST}=a"], ["a"]),
    ],
)
def test_read(headers: list[str], values: list[str]) -> None:
    """The cookies of this name, wherever they stand, and those that are empty not among them."""
    assert values == Cookie().read(headers)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("session", "SESSION"),
        ("session", "Session"),
        ("session", "session_id"),
        (HOST, "__Host-SESSION"),
        ("__Secure-session", "__Secure-Session"),
        ("__Secure-session", HOST),
    ],
)
def test_neighbours(name: str, other: str) -> None:
    """Names are case-sensitive: one that differs in case is another application's cookie."""
    assert Cookie(name).read([f"{other}=theirs; {name}=ours; {other}=theirs"]) == ["ours"]
    assert Cookie(name).read([f"{other}=theirs"]) == []


@pytest.mark.security(26)
@pytest.mark.parametrize(
    "other", ["\xa0session", "ses\x1fsion", "=session", '"session"', "session;x"]
)
def test_look_alikes_of_a_plain_name(other: str) -> None:
    """Characters that no name has make no other cookie, whatever the name."""
    with pytest.raises(InvalidSession):
        Cookie("session").read([f"session=ours; {other}=theirs"])


@pytest.mark.security(26)
@pytest.mark.parametrize(
    "headers",
    [
        [f"\xa0{HOST}=a"],
        [f"{HOST}=a; \xa0{HOST}=b"],
        [f"\x1f{HOST}=a"],
        [f"\x0b{HOST}=a"],
        ["__host-session=a"],
        [f"{HOST}=a; __HOST-SESSION=b"],
        [f"{HOST}=a; __host-SESSION=b"],
        [f"{HOST}=a; \xa0__Host-SESSION=b"],
        [f"={HOST}=a"],
        [f'"{HOST}"=a'],
        [HOST],
    ],
)
def test_look_alikes(headers: list[str]) -> None:
    """A cookie that only looks like it is refused, never stripped."""
    with pytest.raises(InvalidSession):
        Cookie().read(headers)
