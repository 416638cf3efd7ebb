"""Checks of what browsers are told."""

from pathlib import Path
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.staticfiles import StaticFiles
from fastapi.testclient import TestClient
from starlette.responses import Response

from piccolo_api_fastapi import (
    Accounts,
    Cookie,
    Login,
    Passkeys,
    SameOrigin,
    SessionAuth,
    accounts_router,
    install,
    passkey_router,
    session_router,
)
from piccolo_api_fastapi.testing import Outbox
from tests.doctor.examining import endpoint, found, severities

LOCAL = Cookie.insecure_for_http_on_localhost()
FOREIGN = Cookie(same_site="none")


def site(base_url: str | None = "https://app.example.com", **options: Any) -> FastAPI:
    """An application with sessions and accounts, whose links open `base_url`."""
    session = SessionAuth(**options)
    mail = None if base_url is None else Outbox()
    app = FastAPI()
    app.include_router(session_router(session))
    app.include_router(accounts_router(Accounts(mail=mail, base_url=base_url, schemes=[session])))
    return app


async def test_install() -> None:
    """`install(app)` was called, or not."""
    app = FastAPI()
    assert await severities(app, "install") == ["warning"]
    assert await severities(app.router, "install") == ["warning"]
    install(app)
    assert await severities(app, "install") == ["ok"]


async def test_install_of_mounted_applications(tmp_path: Path) -> None:
    """A mounted application needs its own if it has guarded routes that are not prebuilt."""
    app, admin, prebuilt, api = FastAPI(), FastAPI(), FastAPI(), FastAPI()
    install(app)
    session = SessionAuth()
    admin.get("/")(endpoint)
    admin.router.add_route("/plain", lambda _: Response())
    prebuilt.include_router(session_router(session))
    api.get("/", dependencies=[Depends(session)])(endpoint)
    app.mount("/files", StaticFiles(directory=tmp_path))
    app.mount("/admin", admin)
    app.mount("/prebuilt", prebuilt)
    app.mount("/router", api.router)  # has the handlers of the application around it
    assert await severities(app, "install") == ["ok"]
    app.mount("/api", api)
    [_, line] = await found(app, "install")
    assert line.startswith("warning: install() was not called for the application that is mounted ")
    assert " at /api, so " in line
    install(api)
    assert await severities(app, "install") == ["ok"]
    assert TestClient(app).get("/api/").json()["code"] == "not_authenticated"


@pytest.mark.parametrize(
    ("base_url", "cookie", "expected"),
    [
        ("https://app.example.com", None, ["ok"]),
        ("https://app.example.com", LOCAL, ["error"]),
        ("http://localhost:8000", LOCAL, ["ok"]),
        ("http://localhost:8000", None, ["warning"]),
        (None, LOCAL, ["warning"]),
        (None, None, []),
    ],
)
async def test_cookies(base_url: str | None, cookie: Cookie | None, expected: list[str]) -> None:
    """The cookie suits the scheme of the pages, or https if that is not known."""
    assert await severities(site(base_url, cookie=cookie), "cookies") == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "ok"),
        ({"cookie": Cookie(same_site="strict")}, "ok"),
        ({"cookie": FOREIGN}, "warning"),
        ({"cookie": Cookie(same_site="none", partitioned=True)}, "ok"),
        ({"cookie": FOREIGN, "csrf": SameOrigin(trusted_origins=["https://a.example"])}, "ok"),
        ({"cookie": FOREIGN, "csrf": SameOrigin(trusted_origins=["https://*.a.example"])}, "ok"),
    ],
)
async def test_same_site(options: Any, expected: str) -> None:
    """A cookie that other sites make browsers send needs a reason."""
    assert await severities(site(**options), "same_site") == [expected]


async def test_trusted_origins() -> None:
    """Origins on plain http are pointed out, as they were given; those of this machine are not."""
    origins = [
        "https://a.example",
        "http://b.example:8080",
        "http://localhost:3000",
        "http://[::1]:3000",
        "capacitor://localhost",
        "http://*.c-d.example",
        "https://*.e.example",
    ]
    app = FastAPI()
    app.get("/", dependencies=[Depends(SameOrigin(trusted_origins=origins))])(endpoint)
    lines = await found(app, "trusted_origins")
    assert {line.split()[1] for line in lines} == set(origins)
    wrong = {line.split()[1] for line in lines if line.startswith("warning: ")}
    assert wrong == {"http://b.example:8080", "http://*.c-d.example"}


@pytest.mark.parametrize(
    ("trusted", "expected"), [("", []), ("*", ["warning"]), ("10.0.0.2", ["ok"])]
)
async def test_proxies(monkeypatch: pytest.MonkeyPatch, trusted: str, expected: list[str]) -> None:
    """Uvicorn believes named proxies, or everybody."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
    assert await severities(FastAPI(), "proxies") == expected


@pytest.mark.parametrize(
    ("base_url", "origins", "domain"),
    [
        ("https://example.com", "ok", "ok"),
        ("https://app.example.com", "warning", "ok"),
        ("https://example.co.uk", "ok", "ok"),
        ("https://badexample.com", "warning", "error"),
    ],
)
async def test_passkeys(base_url: str, origins: str, domain: str) -> None:
    """The pages are among the origins of passkeys, and on their domain or on a related one."""
    app = site(base_url)
    passkeys = Passkeys(
        rp_id="example.com",
        rp_name="Movies",
        origins=["https://example.com"],
        related_origins=["https://example.co.uk"],
    )
    app.include_router(session_router(SessionAuth(), Login(factors=[passkeys])))
    app.include_router(passkey_router(passkeys, SessionAuth()))
    assert await severities(app, "passkey_origins") == [origins]
    assert await severities(app, "passkey_domain") == [domain]
