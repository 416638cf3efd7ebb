"""An API for a front end of your own, and the page that uses it."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from piccolo_api_fastapi import (
    TOTP,
    Accounts,
    ConsoleMail,
    Cookie,
    Login,
    RateLimit,
    SameOrigin,
    SessionAuth,
    User,
    Users,
    accounts_router,
    config_router,
    install,
    mfa_router,
    public,
    reauthentication_router,
    require,
    session_router,
)

HERE = Path(__file__).parent

# Where the front end is: here, or at `http://localhost:5173` with the development server of Vite.
FRONT_END = os.environ.get("FRONT_END", "http://localhost:8000")

# An example's key. Yours is secret: `piccolo piccolo_api_fastapi generate_encryption_key`.
os.environ.setdefault("AUTH_ENCRYPTION_KEYS", "YW4gZXhhbXBsZSdzIGtleSBvZiB0aGlydHktdHdvIGI=")

users = Users()
session = SessionAuth(
    users,
    # Plain http, for the demo. On https, leave `cookie` out: the default is the safe one.
    cookie=Cookie.insecure_for_http_on_localhost(),
    csrf=SameOrigin(trusted_origins=[FRONT_END]),
)
totp = TOTP(users, issuer="Movie club")
login = Login(users, factors=[totp], mfa_required=lambda user: user.admin)
accounts = Accounts(
    users,
    mail=ConsoleMail(),
    base_url=FRONT_END,
    product="Movie club",
    schemes=[session],
    login=login,
    active_before_verified=True,
)

app = FastAPI(title="A front end of your own")
install(app)
app.add_middleware(
    CORSMiddleware,
    allow_origins=[FRONT_END],
    allow_credentials=True,
    allow_methods=["*"],
    allow_headers=["Content-Type"],
    expose_headers=["Retry-After"],
)
for router in (
    session_router(session, login),
    reauthentication_router(login, session),
    mfa_router(totp, session),
    accounts_router(accounts),
    config_router(session),
):
    app.include_router(router, prefix="/auth")

Recent = Annotated[User, Depends(require(session, within=timedelta(minutes=5)))]
Verified = Annotated[User, Depends(require(session, verified=True))]


@app.post("/api/transfer")
async def transfer(_: Recent) -> str:
    """Needs a factor that the user presented in the last five minutes."""
    return "Transferred."


@app.post("/api/comments")
async def publish(_: Verified) -> str:
    """Needs a verified address."""
    return "Published."


@app.get("/api/quote", dependencies=[Depends(RateLimit("3/minute"))])
async def quote(_: Annotated[User, Depends(session)]) -> str:
    """Needs a user, at most three times a minute."""
    return "Of all the gin joints, in all the towns, in all the world …"


@app.get("/", include_in_schema=False)
@app.get("/verify-email", include_in_schema=False)
@app.get("/reset-password", include_in_schema=False)
@app.get("/change-email", include_in_schema=False)
@app.get("/undo-email", include_in_schema=False)
@public
async def page() -> FileResponse:
    """The page, which the links in mails open as well."""
    headers = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
    return FileResponse(HERE / "index.html", headers=headers)


app.mount("/static", public(StaticFiles(directory=HERE / "static")))
