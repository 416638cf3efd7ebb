"""A cache of nginx in front of the application gives no page of one user to another."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from fastapi.responses import FileResponse

from examples.production.stack import free_port, listens, wait_until
from piccolo_api_fastapi import Cookie, SessionAuth, User, Users, install, optional, session_router
from tests.conftest import log_in
from tests.integration.serving import serving

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")

CONFIGURATION = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_cache_path {folder}/cache keys_zone=pages:1m;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass {address};
            proxy_set_header Host $http_host;
            proxy_cache pages;
            proxy_cache_valid 1h;
            add_header X-Cache $upstream_cache_status always;
        }}
    }}
}}
"""


@contextmanager
def caching(address: str, folder: Path) -> Iterator[str]:
    """The address of a cache in front of a server."""
    assert NGINX is not None
    for parent in (folder, *folder.parents[:3]):
        parent.chmod(0o755)
    (folder / "cache").mkdir()
    (folder / "cache").chmod(0o777)
    port = free_port()
    values = {"folder": folder, "port": port, "address": address}
    (folder / "nginx.conf").write_text(CONFIGURATION.format(**values))
    command = [NGINX, "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with subprocess.Popen(command) as nginx:
        try:
            wait_until(lambda: listens(port))
            yield f"http://127.0.0.1:{port}"
        finally:
            nginx.terminate()


def application(users: Users[User], folder: Path) -> FastAPI:
    """Pages and files of users, and a page that is the same for everybody."""
    session = SessionAuth(users, cookie=Cookie.insecure_for_http_on_localhost())
    app = FastAPI()
    install(app)
    app.include_router(session_router(session), prefix="/auth")

    @app.get("/page")
    async def page(user: Annotated[User, Depends(session)]) -> str:
        return user.username

    @app.get("/greeting")
    async def greeting(user: Annotated[User | None, Depends(optional(session))]) -> str:
        return user.username if user else "stranger"

    @app.get("/file")
    async def file(user: Annotated[User, Depends(session)]) -> FileResponse:
        path = folder / f"{user.username}.txt"
        path.write_text(user.username)
        return FileResponse(path)

    @app.get("/open")
    async def anyone() -> str:
        return "for everybody"

    return app


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_cache(users: Users[User], ada: User, grace: User, tmp_path: Path) -> None:
    """Each user gets a page and a file of their own, and a stranger gets none."""
    app = application(users, tmp_path)
    with serving(app) as server, caching(server, tmp_path) as address:
        clients = {name: httpx.AsyncClient(base_url=address) for name in ("ada", "grace", "nobody")}
        for name in ("ada", "grace"):
            assert (await log_in(clients[name], name)).status_code == 200
        seen: dict[Any, str] = {}
        for _ in range(2):
            for name, client in clients.items():
                for path in ("/page", "/file", "/greeting", "/open"):
                    answer = await client.get(path)
                    seen[name, path] = answer.text if answer.status_code == 200 else "refused"
        for client in clients.values():
            answer = await client.get("/open")
            assert answer.headers["x-cache"] == "HIT"  # the cache does keep what it may
            await client.aclose()
    for name in ("ada", "grace"):
        assert name in seen[name, "/page"]
        assert seen[name, "/file"] == name
        assert name in seen[name, "/greeting"]
    assert seen["nobody", "/page"] == seen["nobody", "/file"] == "refused"
    assert "stranger" in seen["nobody", "/greeting"]
