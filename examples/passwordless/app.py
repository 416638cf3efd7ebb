"""A site without passwords: everybody who can read their mail is in."""

from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse

from piccolo_api_fastapi import (
    Accounts,
    ConsoleMail,
    Cookie,
    EmailLogin,
    Login,
    SessionAuth,
    User,
    email_login_router,
    install,
    public,
    session_router,
)

# Plain http, for the demo. On https, leave `cookie` out: the defaults are the safe ones.
session = SessionAuth(cookie=Cookie.insecure_for_http_on_localhost())
login = Login()
accounts = Accounts(
    mail=ConsoleMail(),
    base_url="http://127.0.0.1:8000",
    product="The guest book",
    schemes=[session],
    login=login,
)
email_login = EmailLogin(
    accounts,
    sign_up=True,
    cookie=Cookie.insecure_for_http_on_localhost("insecure-email-login"),
)

app = FastAPI(title="Passwordless")
install(app)
app.include_router(session_router(session, login), prefix="/auth")
app.include_router(email_login_router(email_login, login, session), prefix="/auth")


@app.get("/me")
async def me(user: Annotated[User, Depends(session)]) -> dict[str, str]:
    """Who is signed in."""
    return {"email": user.email}


HEADERS = {
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}

POST = """
const post = async (path, body) => {
  const headers = {"Content-Type": "application/json"};
  const answer = await fetch(path, {method: "POST", headers, body: JSON.stringify(body)});
  const {status, detail} = await answer.json();
  document.querySelector("output").textContent = status === "confirm_code"
    ? "Type the code of the mail where you asked for it." : status ?? detail;
};
"""

ASK = f"""<!doctype html><meta charset="utf-8"><title>Sign in</title>
<form id="ask"><label>E-mail <input name="email" type="email" required></label>
<button>Send me a code</button></form>
<form id="code"><label>Code <input name="code" autocomplete="one-time-code" required></label>
<button>Sign in</button></form>
<output></output>
<script>{POST}
const value = (name) => document.querySelector(`[name=${{name}}]`).value;
document.querySelector("#ask").onsubmit = (event) => {{
  event.preventDefault();
  post("/auth/login/email", {{email: value("email")}});
}};
document.querySelector("#code").onsubmit = (event) => {{
  event.preventDefault();
  post("/auth/login/email/code", {{email: value("email"), code: value("code")}});
}};
</script>
"""

PRESS = f"""<!doctype html><meta charset="utf-8"><title>Sign in</title>
<button>Sign in to this browser</button>
<output></output>
<script>{POST}
document.querySelector("button").onclick = () => {{
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  post("/auth/login/email/link", {{token}});
}};
</script>
"""


@app.get("/", include_in_schema=False)
@public
async def ask_page() -> HTMLResponse:
    """The page that asks for mail, and takes the code."""
    return HTMLResponse(ASK, headers=HEADERS)


@app.get("/login-by-email", include_in_schema=False)
@public
async def press_page() -> HTMLResponse:
    """The page that the link opens. It sends nothing before the button is pressed."""
    return HTMLResponse(PRESS, headers=HEADERS)
