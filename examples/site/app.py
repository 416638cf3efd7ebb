"""A site with pages of its own, and those of the library in the same layout."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, Request, Security
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates

from piccolo_api_fastapi import (
    TOTP,
    Accounts,
    AnyOf,
    Brand,
    ConsoleMail,
    Cookie,
    Login,
    Pages,
    Passkeys,
    SessionAuth,
    TokenAuth,
    User,
    Users,
    install,
    optional,
    public,
    require,
)

HERE = Path(__file__).parent
HOST, PORT = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000"))

# An IP address can have no passkeys: browsers must open the site by this name.
ADDRESS = f"http://localhost:{PORT}"

# An example's key. Yours is secret: `piccolo piccolo_api_fastapi generate_encryption_key`.
os.environ.setdefault("AUTH_ENCRYPTION_KEYS", "YW4gZXhhbXBsZSdzIGtleSBvZiB0aGlydHktdHdvIGI=")

users = Users(scopes_of=lambda _: ["films:read"])

# Plain http, for the demo. On https, leave `cookie` out: the default is the safe one.
session = SessionAuth(users, cookie=Cookie.insecure_for_http_on_localhost())
tokens = TokenAuth(users)
totp = TOTP(users, issuer="Movie club")
passkeys = Passkeys(users, rp_id="localhost", rp_name="Movie club", origins=[ADDRESS])
login = Login(users, factors=[totp, passkeys])
accounts = Accounts(
    users,
    mail=ConsoleMail(),
    base_url=f"{ADDRESS}/account",  # ends with the prefix of the pages
    product="Movie club",
    schemes=[session],
    login=login,
    extra=["first_name", "last_name"],
)
pages = Pages(
    session,
    login,
    accounts=accounts,
    totp=totp,
    passkeys=passkeys,
    tokens=tokens,
    brand=Brand("Movie club", colors={"accent": "#7a1fa2"}, dark={"accent": "#d9a6f0"}),
    templates=HERE / "templates",
)

app = FastAPI(title="Movie club")
install(app)
app.include_router(pages.router)
pages.install(app)
app.mount("/static", public(StaticFiles(directory=HERE / "static")))

templates = Jinja2Templates(HERE / "templates")

FILMS = ["Metropolis", "Playtime", "Stalker"]

lately = require(session, within=timedelta(minutes=5))


@app.get("/", include_in_schema=False)
async def home(
    request: Request, user: Annotated[User | None, Depends(optional(session))]
) -> HTMLResponse:
    """The start page, for everybody."""
    return page(request, "home.html", user)


@app.get("/films", include_in_schema=False)
async def films(request: Request, user: Annotated[User, Depends(session)]) -> HTMLResponse:
    """For members. Others go to the page to log in, and come back."""
    return page(request, "films.html", user)


@app.get("/invoices", include_in_schema=False)
async def invoices(request: Request, user: Annotated[User, Depends(lately)]) -> HTMLResponse:
    """For members who have presented a factor in the last five minutes. Others are asked for it."""
    return page(request, "invoices.html", user)


@app.get("/api/films")
async def list_films(
    _: Annotated[User, Security(AnyOf(session, tokens), scopes=["films:read"])],
) -> list[str]:
    """The films as JSON, for scripts with an API token."""
    return FILMS


def page(request: Request, name: str, user: User | None) -> HTMLResponse:
    """A page of the site."""
    context = {"username": user and user.username, "films": FILMS}
    return templates.TemplateResponse(request, name, context)
