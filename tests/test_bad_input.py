"""What no client of ours sends: always a clear error, never a 500, never an echo."""

import json
import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import Password, RefreshFamily, Session, User
from tests.conftest import PASSWORD, bearer, get_tokens, log_in, reaches_no_sql

CANARY = "c4n4ry-s3cret"


def check_form(answer: httpx.Response) -> None:
    """It is a problem, and at the token endpoint also an error of RFC 6749."""
    is_token = re.match("/auth/token(?!/families)", answer.request.url.path) is not None
    expected = "application/json" if is_token else "application/problem+json"
    assert answer.headers["content-type"] == expected
    assert ("error" in answer.json()) is ("error_description" in answer.json()) is is_token


def check(answer: httpx.Response, *expected: int) -> None:
    """It is a problem with one of these statuses, and echoes nothing."""
    assert answer.status_code in expected, answer.text
    assert CANARY not in answer.text
    body = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= body.keys()
    assert body["status"] == answer.status_code
    assert "input" not in answer.text
    if answer.status_code == 401:
        assert "WWW-Authenticate" in answer.headers
    check_form(answer)
    assert answer.headers["cache-control"] == "no-store"


def body(**members: Any) -> bytes:
    """A login that is right but for some members."""
    return json.dumps({"username": "ada", "password": PASSWORD} | members).encode()


@pytest.mark.security(100)
@pytest.mark.security(101)
@pytest.mark.security(102)
@pytest.mark.security(118)
@pytest.mark.security(120)
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"1",
        b'"text"',
        b"{}",
        b'{"username": "ada"}',
        b'{"username": null, "password": null}',
        body(password=1),
        body(password=[CANARY]),
        body(password={"a": CANARY}),
        body(username={"a": CANARY}),
        body(username=2**70),
        body(username="\ud800"),
        body(username="a\x00"),
        body(password="\udfff"),
        body(password=CANARY + "\x00"),
        body().decode().encode("utf-16"),
        b"\xef\xbb\xbf" + body(),
        b'{"username": "\xff"}',
        b'{"username": NaN, "password": Infinity}',
        b'{"username": ' + b"9" * 5000 + b"}",
        body()[:-1] + b', "username": "grace"}',
        b"[" * 16_000,
        b'{"username": "' + CANARY.encode() + b'", "password": ',
        b"{'username': '" + CANARY.encode() + b"'}",
    ],
)
async def test_json(client: httpx.AsyncClient, ada: User, raw: bytes) -> None:
    """Odd JSON is a 422, equally on both databases (D-J7, D-S10)."""
    headers = {"Content-Type": "application/json"}
    check(await client.post("/auth/login", content=raw, headers=headers), 422)
    assert await Session.count() == 0


@pytest.mark.security(32)
@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/json; charset=utf-16",
        "application/json, text/plain",
        "text/json",
    ],
)
async def test_content_types(client: httpx.AsyncClient, ada: User, content_type: str) -> None:
    """JSON routes read JSON; the body is not looked at otherwise."""
    headers = {"Content-Type": content_type}
    answer = await client.post("/auth/login", content=body(), headers=headers)
    check(answer, 415)
    assert answer.json()["detail"] == "The body must be application/json in UTF-8."
    assert await Session.count() == 0


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json; charset=utf-8"],
)
async def test_json_types(client: httpx.AsyncClient, ada: User, content_type: str) -> None:
    """The ways to say JSON."""
    headers = {"Content-Type": content_type}
    answer = await client.post("/auth/login", content=body(), headers=headers)
    assert answer.status_code == 200


@reaches_no_sql
@pytest.mark.security(103)
@pytest.mark.parametrize("path", ["/auth/login", "/auth/logout", "/auth/token", "/auth/sessions"])
@pytest.mark.parametrize("chunked", [True, False])
async def test_size(client: httpx.AsyncClient, database: Any, path: str, chunked: bool) -> None:  # noqa: FBT001
    """More than 16 KiB is refused before it is parsed, also in chunks."""
    parts = [b"x" * 1024] * 17

    async def stream() -> Any:
        for part in parts:
            yield part

    content: Any = stream() if chunked else b"".join(parts)
    method = "GET" if path == "/auth/sessions" else "POST"
    check(await client.request(method, path, content=content), 413)


FORM = "grant_type=password&username=ada&password=correct+horse+battery"


@pytest.mark.security(100)
@pytest.mark.security(101)
@pytest.mark.security(103)
@pytest.mark.parametrize(
    ("form", "error"),
    [
        (FORM + "&username=grace", "invalid_request"),
        (FORM + "&scope=a&scope=b", "invalid_request"),
        (FORM + "%00", "invalid_request"),
        (FORM + "%ff", "invalid_request"),
        (FORM + "%ed%a0%80", "invalid_request"),
        ("&".join(f"a{n}=1" for n in range(40)), "invalid_request"),
        ("", "invalid_request"),
        ("grant_type", "invalid_request"),
        ("username=ada", "invalid_request"),
        ("grant_type=password&username=" + "a" * 400 + "&password=x", "invalid_grant"),
        ("grant_type=password&username=ada&password=" + "x" * 400, "invalid_grant"),
        ("grant_type=refresh_token&refresh_token=" + "%C3%A9" * 50, "invalid_grant"),
    ],
)
async def test_forms(client: httpx.AsyncClient, ada: User, form: str, error: str) -> None:
    """Odd forms are the errors of RFC 6749; unknown fields are ignored as it says."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await client.post("/auth/token", content=form, headers=headers)
    check(answer, 400)
    assert answer.json()["error"] == error
    assert await RefreshFamily.count() == 0
    answer = await client.post("/auth/token", content=FORM + "&client_id=x", headers=headers)
    assert answer.status_code == 200


@reaches_no_sql
@pytest.mark.security(103)
async def test_form_types(client: httpx.AsyncClient, ada: User) -> None:
    """The token endpoint reads URL-encoded forms and nothing else, and no ten thousand fields."""
    fields = {f"a{number}": "1" for number in range(10_000)}
    check(await client.post("/auth/token", data=fields), 413)
    check(await client.post("/auth/token", json={"grant_type": "password"}), 415)
    check(await client.post("/auth/token", files={"grant_type": b"password"}), 415)
    check(await client.post("/auth/token", content=FORM), 415)
    check(await client.post("/auth/token/revoke", json={"token": "x"}), 415)
    check(await client.post("/auth/token/revoke", data={"x": "y"}), 400)


@pytest.mark.security(101)
@pytest.mark.parametrize(
    "identifier", [str(2**70), "-1", "1", "abc", "%00", "%ed%a0%80", "a" * 500]
)
async def test_ids(client: httpx.AsyncClient, ada: User, identifier: str) -> None:
    """Odd ids in paths are a 422, equally on both databases."""
    await log_in(client)
    headers = bearer((await get_tokens(client))["access_token"])
    check(await client.delete(f"/auth/sessions/{identifier}"), 422)
    check(await client.delete(f"/auth/token/families/{identifier}", headers=headers), 422)


@reaches_no_sql
@pytest.mark.security(119)
async def test_methods(client: httpx.AsyncClient, database: Any) -> None:
    """A wrong method is a 405 that names the right ones."""
    for path, method, allowed in (
        ("/auth/login", "GET", "POST"),
        ("/auth/token", "PUT", "POST"),
        ("/auth/sessions", "OPTIONS", "DELETE, GET"),
    ):
        answer = await client.request(method, path)
        check(answer, 405)
        assert answer.headers["allow"] == allowed
        assert answer.json()["code"] == "method_not_allowed"


@pytest.mark.security(33)
async def test_safe_methods(client: httpx.AsyncClient, app: FastAPI, ada: User) -> None:
    """GET, HEAD and OPTIONS change no row, whichever route they are sent to."""
    await log_in(client)
    headers = bearer((await get_tokens(client))["access_token"])

    async def dump() -> list[Any]:
        return [await table.select() for table in (User, Password, Session, RefreshFamily)]

    before = await dump()
    for path in app.openapi()["paths"]:
        url = path.format(session_id="x", family_id="x")
        for method in ("GET", "HEAD", "OPTIONS"):
            for sent in ({}, headers):
                await client.request(method, url, headers=sent)
    assert before == await dump()


@pytest.mark.security(105)
async def test_injection(client: httpx.AsyncClient, ada: User, caplog: Any) -> None:
    """Line breaks and escapes reach neither headers nor the log."""
    caplog.set_level("DEBUG", "piccolo_api_fastapi")
    evil = "ada\r\nSet-Cookie: a=b\x1b[31m"
    headers: Any = {"User-Agent": b"x\x1b[31my", "Content-Type": "application/json"}
    answer = await client.post("/auth/login", content=body(username=evil), headers=headers)
    check(answer, 401)
    assert "set-cookie" not in answer.headers
    assert "\x1b" not in caplog.text
    assert "Set-Cookie" not in caplog.text


@reaches_no_sql
@pytest.mark.security(118)
@pytest.mark.security(120)
async def test_unexpected_errors(app: FastAPI, client: httpx.AsyncClient, database: Any) -> None:
    """A bug of the application is a plain 500 problem that tells nothing."""

    @app.get("/bug")
    async def bug() -> None:
        raise RuntimeError(CANARY)

    @app.get("/number/{number}")
    async def number(number: int) -> int:
        return number

    answer = await client.get("/bug")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_server_error")
    assert CANARY not in answer.text
    answer = await client.get(f"/number/{CANARY}")
    assert answer.status_code == 422
    assert CANARY not in answer.text
    assert answer.json()["detail"][0]["type"] == "int_parsing"
    answer = await client.get("/nowhere")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.security(106)
@pytest.mark.parametrize(
    "target", ["//evil.test", "/\\evil.test", "https:evil.test", "%0d%0aX: y", "\r\nX: y"]
)
async def test_nobody_is_sent_elsewhere(client: httpx.AsyncClient, ada: User, target: str) -> None:
    """No route reads where to go next: neither answer nor header follows it."""
    credentials = {"username": "ada", "password": PASSWORD}
    for path, payload in (
        ("/auth/login", credentials),
        ("/auth/login", {**credentials, "next": target, "redirect_to": target}),
        ("/auth/logout", None),
    ):
        names = ("next", "redirect_to", "redirect_uri", "return_to")
        params: dict[str, str] = dict.fromkeys(names, target)
        answer = await client.post(path, json=payload, params=params)
        assert answer.status_code in {200, 204}
        assert "location" not in answer.headers
        assert "evil" not in answer.text + str(answer.headers)
        assert "x" not in answer.headers
