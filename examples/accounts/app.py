"""A site where people have accounts of their own."""

from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from piccolo_api_fastapi import (
    Accounts,
    ConsoleMail,
    Cookie,
    Login,
    SessionAuth,
    User,
    accounts_router,
    install,
    public,
    require,
    session_router,
)

# Plain http, for the demo. On https, leave `cookie` out: the default is the safe one.
session = SessionAuth(cookie=Cookie.insecure_for_http_on_localhost())
login = Login()
accounts = Accounts(
    mail=ConsoleMail(),
    base_url="http://127.0.0.1:8000",
    product="The comments",
    schemes=[session],
    login=login,
    extra=["first_name", "last_name"],
    active_before_verified=True,
)

app = FastAPI(title="Accounts")
install(app)
app.include_router(session_router(session, login), prefix="/auth")
app.include_router(accounts_router(accounts), prefix="/auth")

Verified = Annotated[User, Depends(require(session, verified=True))]


class Comment(BaseModel):
    """Something that somebody says."""

    author: str
    text: str


@app.post("/comments")
async def publish(text: str, user: Verified) -> Comment:
    """For those whose address is verified."""
    return Comment(author=user.username, text=text)


PAGE = """<!doctype html><meta charset="utf-8"><title>Verify</title>
<button>Yes, this is my address</button><p></p>
<script>
document.querySelector("button").onclick = async () => {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  const answer = await fetch("/auth/verify-email", {
    method: "POST",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify({token}),
  });
  document.querySelector("p").textContent = (await answer.json()).status;
};
</script>
"""


@app.get("/verify-email", include_in_schema=False)
@public
async def verify_email_page() -> HTMLResponse:
    """The page that the link leads to. The secret is in the fragment, which it alone knows."""
    headers = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
    return HTMLResponse(PAGE, headers=headers)
