"""A page where a person enrols an authenticator app, and logs in with it from then on."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.responses import FileResponse

from piccolo_api_fastapi import (
    TOTP,
    Cookie,
    Login,
    SessionAuth,
    User,
    Users,
    install,
    mfa_router,
    public,
    reauthentication_router,
    require,
    session_router,
)

# An example's key. Yours is secret: `piccolo piccolo_api_fastapi generate_encryption_key`.
os.environ.setdefault("AUTH_ENCRYPTION_KEYS", "YW4gZXhhbXBsZSdzIGtleSBvZiB0aGlydHktdHdvIGI=")

users = Users()
totp = TOTP(users, issuer="Example")

# Plain http, for the demo. On https, leave `cookie` out: the default is the safe one.
session = SessionAuth(users, cookie=Cookie.insecure_for_http_on_localhost())
login = Login(users, factors=[totp])

app = FastAPI(title="A second factor")
install(app)
app.include_router(session_router(session, login), prefix="/auth")
app.include_router(mfa_router(totp, session), prefix="/auth")
app.include_router(reauthentication_router(login, session), prefix="/auth")


@app.get("/", include_in_schema=False)
@public
async def page() -> FileResponse:
    """The page."""
    return FileResponse(Path(__file__).parent / "page.html")


@app.get("/vault")
async def vault(
    user: Annotated[User, Depends(require(session, mfa=True, within=timedelta(minutes=5)))],
) -> dict[str, str]:
    """For those who presented a second factor in the last five minutes."""
    return {"message": f"Here is your gold, {user.username}."}
