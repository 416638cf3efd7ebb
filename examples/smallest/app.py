"""The smallest application: a login, and a route for those who are logged in."""

from typing import Annotated

from fastapi import Depends, FastAPI

from piccolo_api_fastapi import SessionAuth, User, session_router

session = SessionAuth()

app = FastAPI()
app.include_router(session_router(session), prefix="/auth")


@app.get("/me")
async def me(user: Annotated[User, Depends(session)]) -> dict[str, str]:
    """Who I am."""
    return {"username": user.username}
