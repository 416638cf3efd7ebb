"""`POST /csp`: what browsers report becomes events, and what strangers make up does no harm."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI

from piccolo_api_fastapi import (
    CSP,
    AuthEvent,
    MemoryStore,
    RateLimit,
    SessionAuth,
    User,
    csp_report_router,
    install,
    subscribe,
    use_store,
)
from piccolo_api_fastapi.csp.reports import LONGEST, MAXIMUM_REPORTS
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import end_second, new_client

OLD = {"Content-Type": "application/csp-report"}
NEW = {"Content-Type": "application/reports+json"}

FOUND = {
    "directive": "script-src-elem",
    "blocked": "inline",
    "document": "https://example.com/movies",
    "referrer": "https://example.com/",
    "source": "https://example.com/app.js",
    "line": 7,
    "disposition": "enforce",
}

# As Chromium 156 sends them, with secrets.
OLD_REPORT = {
    "document-uri": "https://example.com/movies?token=secret#secret",
    "referrer": "https://user:secret@example.com/?code=secret",
    "violated-directive": "script-src-elem",
    "effective-directive": "script-src-elem",
    "original-policy": "script-src 'nonce-secret'; report-uri /csp",
    "disposition": "enforce",
    "blocked-uri": "inline",
    "line-number": 7,
    "source-file": "https://example.com/app.js?secret",
    "status-code": 200,
    "script-sample": "let password = 'secret'",
}
NEW_REPORT = {
    "age": 53531,
    "body": {
        "blockedURL": "inline",
        "columnNumber": 39,
        "disposition": "enforce",
        "documentURL": "https://example.com/movies?token=secret#secret",
        "effectiveDirective": "script-src-elem",
        "lineNumber": 7,
        "originalPolicy": "script-src 'nonce-secret'; report-to csp",
        "referrer": "https://user:secret@example.com/?code=secret",
        "sample": "let password = 'secret'",
        "sourceFile": "https://example.com/app.js?secret",
        "statusCode": 200,
    },
    "type": "csp-violation",
    "url": "https://example.com/movies?token=secret",
    "user_agent": "Mozilla/5.0",
}


@pytest.fixture
def told() -> Iterator[list[AuthEvent]]:
    """The events from now on."""
    events: list[AuthEvent] = []
    unsubscribe = subscribe(events.append)
    yield events
    unsubscribe()


@pytest.fixture
async def browser(clock: FrozenClock) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without credentials."""
    use_store(MemoryStore(clock=clock))
    app = FastAPI()
    install(app)
    app.include_router(csp_report_router(clock=clock))
    async with new_client(app) as client:
        yield client


def data_of(event: AuthEvent) -> dict[str, Any]:
    """What an event tells of the violation."""
    return {name: event.data[name] for name in FOUND}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (OLD, {"csp-report": OLD_REPORT}),
        (NEW, [NEW_REPORT]),
        ({"Content-Type": "Application/CSP-Report; charset=utf-8"}, {"csp-report": OLD_REPORT}),
    ],
)
async def test_reports(
    browser: httpx.AsyncClient,
    told: list[AuthEvent],
    clock: FrozenClock,
    headers: dict[str, str],
    body: Any,
) -> None:
    """Both formats make the same event, without queries, fragments, users, samples or nonces."""
    answer = await browser.post("/csp", json=body, headers=headers)
    assert answer.status_code == 204
    assert answer.content == b""
    (event,) = told
    assert (event.name, event.outcome, event.at) == ("sys_csp_violation", "failure", clock.now)
    assert data_of(event) == FOUND
    assert event.data["reports"] == 1
    assert event.data["ip"] == "127.0.0.1"
    assert "secret" not in json.dumps(event.fields())


async def test_of_older_browsers(browser: httpx.AsyncClient, told: list[AuthEvent]) -> None:
    """The directive may come with its sources, and most members may be missing."""
    report = {"violated-directive": "script-src 'self'", "disposition": "report"}
    answer = await browser.post("/csp", json={"csp-report": report}, headers=OLD)
    assert answer.status_code == 204
    assert data_of(told[0]) == dict.fromkeys(FOUND) | {
        "directive": "script-src",
        "disposition": "report",
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://a.example/b?c#d", "https://a.example/b"),
        ("http://A.example:8000/b", "http://a.example:8000/b"),
        ("https://user:password@a.example/", "https://a.example/"),
        ("https://[::1]:8000/a", "https://[::1]:8000/a"),
        ("https://a.example/\r\nauthn_login_success user=1", None),
        ("https://a.example/ b\u2028c\u202e", "https://a.example/%20b%E2%80%A8c%E2%80%AE"),
        ("https://a.example/<script>alert(1)</script>", None),
        ("https://a.example/" + "a" * 1000, ("https://a.example/" + "a" * 1000)[:LONGEST]),
        ("https://a.example:port/", None),
        ("https://[", None),
        ("https://", None),
        ("data:text/html,secret", "data"),
        ("blob:https://a.example/1", "blob"),
        ("chrome-extension://abc/secret", "chrome-extension"),
        ("eval", "eval"),
        ("wasm-eval", "wasm-eval"),
        ("", None),
        ("two words", None),
        ("SHOUTED", None),
        ("a1+:b", None),
        ("a" * 100, None),
        (3, None),
        (None, None),
        (["https://a.example"], None),
        ({}, None),
    ],
)
async def test_addresses(
    browser: httpx.AsyncClient, told: list[AuthEvent], value: Any, expected: str | None
) -> None:
    """No address breaks a line, carries markup, or tells more than scheme, host and path."""
    names = ("document-uri", "blocked-uri", "source-file", "referrer")
    answer = await browser.post(
        "/csp", json={"csp-report": dict.fromkeys(names, value)}, headers=OLD
    )
    assert answer.status_code == 204
    found = {told[0].data[name] for name in ("document", "blocked", "source", "referrer")}
    (text,) = found
    if isinstance(value, str) and ("\n" in value or "<" in value):
        assert text.isascii()
        assert not set(text) & set(" \r\n<>\"'")
    else:
        assert text == expected


@pytest.mark.parametrize("line", [-1, 0, True, 1.5, "7", 10**12, None, [7]])
async def test_lines(browser: httpx.AsyncClient, told: list[AuthEvent], line: Any) -> None:
    """A line is a number that can be one."""
    answer = await browser.post("/csp", json={"csp-report": {"line-number": line}}, headers=OLD)
    assert answer.status_code == 204
    assert told[0].data["line"] is None


@pytest.mark.parametrize("directive", ["", "no-such-src", "script-src\n", 3, None, {}])
async def test_directives(
    browser: httpx.AsyncClient, told: list[AuthEvent], directive: Any
) -> None:
    """A directive is one that there is."""
    report = {"effective-directive": directive}
    answer = await browser.post("/csp", json={"csp-report": report}, headers=OLD)
    assert answer.status_code == 204
    assert told[0].data["directive"] is None


SECRET = "echoed-secret"
WRONG: list[tuple[dict[str, str], bytes, int]] = [
    (OLD, b"", 422),
    (OLD, SECRET.encode(), 422),
    (OLD, b"\xff", 422),
    (OLD, b"[" * 20_000, 422),
    (OLD, b'{"csp-report": {}, "csp-report": {}}', 422),
    (OLD, b"[]", 422),
    (OLD, b"null", 422),
    (OLD, b"{}", 422),
    (OLD, f'{{"csp-report": "{SECRET}"}}'.encode(), 422),
    (OLD, b'{"csp-report": []}', 422),
    (OLD, json.dumps([NEW_REPORT]).encode(), 422),
    (NEW, b"{}", 422),
    (NEW, b"[1]", 422),
    (NEW, f'["{SECRET}"]'.encode(), 422),
    (NEW, json.dumps({"csp-report": OLD_REPORT}).encode(), 422),
    ({}, b"{}", 415),
    ({"Content-Type": "application/json"}, b'{"csp-report": {}}', 415),
    ({"Content-Type": f"text/{SECRET}"}, b'{"csp-report": {}}', 415),
    ({"Content-Type": "application/csp-report2"}, b'{"csp-report": {}}', 415),
    (OLD, b" " * (64 * 1024 + 1), 413),
    (NEW, b"[" + b" " * 64 * 1024 + b"]", 413),
]


@pytest.mark.parametrize(("headers", "body", "status"), WRONG)
async def test_malformed(
    browser: httpx.AsyncClient,
    told: list[AuthEvent],
    headers: dict[str, str],
    body: bytes,
    status: int,
) -> None:
    """Malformed reports are refused, echoed nowhere, and no event."""
    answer = await browser.post("/csp", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert SECRET not in answer.text
    assert told == []


async def test_a_chunked_body(browser: httpx.AsyncClient) -> None:
    """The cap holds for a body without a length, and stops the reading."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1024
            yield b" " * 1024

    answer = await browser.post("/csp", content=endless(), headers=OLD)
    assert answer.status_code == 413
    assert sent < 128 * 1024


async def test_several(browser: httpx.AsyncClient, told: list[AuthEvent]) -> None:
    """Reports of other kinds are ignored, and a body tells of a limited number of violations."""
    other = {"type": "deprecation", "body": {"id": "x"}}
    without = [{"type": "csp-violation"}, {"type": "csp-violation", "body": "x"}, {}]
    assert (await browser.post("/csp", json=[other, *without], headers=NEW)).status_code == 204
    assert told == []
    many = [
        {"type": "csp-violation", "body": {"documentURL": f"https://a.example/{number}"}}
        for number in range(MAXIMUM_REPORTS + 10)
    ]
    assert (await browser.post("/csp", json=many, headers=NEW)).status_code == 204
    assert len(told) == MAXIMUM_REPORTS


async def test_equal_reports(browser: httpx.AsyncClient, told: list[AuthEvent]) -> None:
    """Equal reports of one second are two events: the first, and the number of the others."""
    for _ in range(5):
        await browser.post("/csp", json={"csp-report": OLD_REPORT}, headers=OLD)
    end_second()
    assert [event.data["reports"] for event in told] == [1, 4]


async def test_limits(clock: FrozenClock) -> None:
    """The endpoint is limited by address, by 100 a minute unless another limit is given."""
    use_store(MemoryStore(clock=clock))
    limits: list[tuple[RateLimit | None, int]] = [(None, 100), (RateLimit("3/minute"), 3)]
    for limit, number in limits:
        app = FastAPI()
        install(app)
        app.include_router(csp_report_router(path="/reports", limit=limit))
        async with new_client(app) as client:
            answers = [
                (await client.post("/reports", json={"csp-report": {}}, headers=OLD)).status_code
                for _ in range(number + 1)
            ]
        assert answers == [204] * number + [429]


async def test_limit_of_reports(browser: httpx.AsyncClient, told: list[AuthEvent]) -> None:
    """The default limit counts reports, so that full bodies make no more events than small ones."""
    statuses = []
    for request in range(10):
        reports = [
            {"type": "csp-violation", "body": {"documentURL": f"https://a.example/{request}/{n}"}}
            for n in range(30)
        ]
        answer = await browser.post("/csp", json=reports, headers=NEW)
        statuses.append(answer.status_code)
    assert statuses == [204] * 3 + [429] * 7
    assert len([event for event in told if event.name == "sys_csp_violation"]) == 90
    malformed = [await browser.post("/csp", content=b"x", headers=OLD) for _ in range(11)]
    assert [answer.status_code for answer in malformed] == [422] * 10 + [429]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_guarded_applications(session: SessionAuth[User], told: list[AuthEvent]) -> None:
    """Browsers send reports without credentials, so guards of the application don't apply."""
    app = FastAPI(dependencies=[Depends(session), Depends(CSP.strict(report_to="/csp"))])
    app.include_router(csp_report_router())
    async with new_client(app) as client:
        headers = {**NEW, "Origin": "https://testserver", "Sec-Fetch-Site": "same-origin"}
        answer = await client.post("/csp", json=[NEW_REPORT], headers=headers)
        assert answer.status_code == 204
        assert (await client.get("/csp")).status_code == 405
    assert [event.name for event in told] == ["sys_csp_violation"]


def test_openapi() -> None:
    """The document shows both formats and every error."""
    app = FastAPI()
    install(app)
    app.include_router(csp_report_router())
    operation = app.openapi()["paths"]["/csp"]["post"]
    assert operation["operationId"] == "report_csp_violations"
    assert operation["tags"] == ["csp"]
    assert set(operation["requestBody"]["content"]) == {OLD["Content-Type"], NEW["Content-Type"]}
    assert set(operation["responses"]) == {"204", "413", "415", "422", "429", "503"}
