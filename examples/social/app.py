"""A guest book whose visitors sign in with the toy provider, or with GitHub if you like."""

import html
import os
from typing import Annotated

import httpx
from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse

from examples.social import provider
from piccolo_api_fastapi import (
    OIDC,
    Accounts,
    ConsoleMail,
    Cookie,
    GitHub,
    Login,
    OAuthProvider,
    SessionAuth,
    SocialLogin,
    User,
    install,
    oauth_router,
    optional,
    public,
    session_router,
)

BASE_URL = "http://localhost:8000"

# Plain http, for the demo. On https, leave `cookie` out: the defaults are the safe ones.
session = SessionAuth(cookie=Cookie.insecure_for_http_on_localhost())
login = Login()
accounts = Accounts(mail=ConsoleMail(), base_url=BASE_URL, schemes=[session], login=login)

toy = OIDC(
    issuer=provider.ISSUER,
    client_id=provider.CLIENT_ID,
    client_secret=provider.CLIENT_SECRET,
    name="toy",
    title="the toy provider",
    authoritative=True,  # for the demo: it is an authority for nothing
)
providers: list[OAuthProvider] = [toy]
if "GITHUB_CLIENT_ID" in os.environ:
    providers.append(
        GitHub(
            client_id=os.environ["GITHUB_CLIENT_ID"],
            client_secret=os.environ["GITHUB_CLIENT_SECRET"],
        )
    )

app = FastAPI(title="Guest book")
install(app)
app.mount("/toy-provider", public(provider.app))

social = SocialLogin(
    accounts,
    providers,
    base_url=BASE_URL,
    sign_up=True,
    # The toy is asked in this very process. With real providers only, leave `http` out.
    http=httpx.AsyncClient(mounts={BASE_URL: httpx.ASGITransport(app=app)}),
)
app.include_router(session_router(session, login), prefix="/auth")
app.include_router(oauth_router(social, login, session), prefix="/auth")

BUTTON = """
<form method="post" action="/auth/oauth/{name}"><button>Sign in with {title}</button></form>
"""

WELCOME = """
<p>Hello, {name}.</p>
<button onclick="fetch('/auth/logout', {{method: 'POST'}}).then(() => location.reload())">
Sign out</button>
"""


@app.get("/", include_in_schema=False)
@public
async def guest_book(user: Annotated[User | None, Depends(optional(session))]) -> HTMLResponse:
    """A button for each provider, or the name of the visitor."""
    if user is not None:
        body = WELCOME.format(name=html.escape(user.username))
    else:
        body = "".join(BUTTON.format(name=one.name, title=one.title) for one in providers)
    page = f'<!doctype html><meta charset="utf-8"><title>Guest book</title>{body}'
    return HTMLResponse(page, headers={"Cache-Control": "no-store"})


@app.get("/me")
async def me(user: Annotated[User, Depends(session)]) -> dict[str, str]:
    """Who is signed in."""
    return {"email": user.email}
