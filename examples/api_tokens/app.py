"""
Reports that people read by cookie and scripts by API token.

    export PICCOLO_CONF=examples.api_tokens.piccolo_conf METRICS_TOKEN=$(openssl rand -hex 32)
    piccolo migrations forwards all
    piccolo piccolo_api_fastapi create_service_user nightly
    piccolo piccolo_api_fastapi create_api_token nightly cron --scopes=reports:read,reports:write
    piccolo piccolo_api_fastapi create_service_user metrics
    uvicorn examples.api_tokens.app:app

Then, with the token that was printed: `API_TOKEN=pat_… python -m examples.api_tokens.client`.
"""

import os
import secrets
from typing import Annotated

from fastapi import Depends, FastAPI, Security
from pydantic import BaseModel

from piccolo_api_fastapi import (
    AnyOf,
    Identity,
    SessionAuth,
    StaticTokens,
    TokenAuth,
    User,
    Users,
    install,
    is_service,
    session_router,
    token_router,
)


def scopes_of(user: User) -> list[str]:
    """Everybody may read reports; administrators and services may write them."""
    writes = user.admin or is_service(user)
    return ["reports:read", "reports:write"] if writes else ["reports:read"]


users = Users(scopes_of=scopes_of)
session = SessionAuth(users)
token = TokenAuth(users, max_per_user=10)
METRICS_TOKEN = os.environ.get("METRICS_TOKEN") or secrets.token_hex(32)
metrics = StaticTokens({"metrics": METRICS_TOKEN}, users)
current_user = AnyOf(session, token)

app = FastAPI(title="Reports")
install(app)
app.include_router(session_router(session), prefix="/auth")
app.include_router(token_router(token, session), prefix="/auth")

written: list[str] = []


class Report(BaseModel):
    """A report."""

    text: str


@app.get("/reports")
async def read(_: Annotated[User, Security(current_user, scopes=["reports:read"])]) -> list[Report]:
    """For people, and for tokens with the scope `reports:read`."""
    return [Report(text=text) for text in written]


@app.post("/reports", status_code=201)
async def write(
    report: Report,
    _: Annotated[User, Security(current_user, scopes=["reports:write"])],
) -> Report:
    """For those who may write, and for tokens that were given it."""
    written.append(report.text)
    return report


@app.get("/whoami")
async def whoami(
    identity: Annotated[Identity[User], Depends(current_user.identity)],
) -> dict[str, str]:
    """Who it is, and by which scheme."""
    return {"username": identity.user.username, "scheme": identity.scheme}


@app.get("/metrics")
async def show_metrics(_: Annotated[User, Depends(metrics)]) -> dict[str, int]:
    """For the monitoring, by its fixed secret."""
    return {"reports": len(written)}
