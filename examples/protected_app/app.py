"""Every route needs a login, those that come later too; a few say that they are public."""

from typing import Annotated

from fastapi import Depends, FastAPI

from piccolo_api_fastapi import SessionAuth, User, install, public, session_router

current_user = SessionAuth()

app = FastAPI(dependencies=[Depends(current_user)])
install(app)
app.include_router(session_router(current_user), prefix="/auth")


@app.get("/")
@public
async def landing() -> dict[str, str]:
    """For everybody."""
    return {"message": "Log in at POST /auth/login."}


@app.get("/health")
@public
async def health() -> dict[str, str]:
    """For the load balancer."""
    return {"status": "ok"}


@app.get("/reports")
async def reports() -> dict[str, str]:
    """For those who are logged in, though nothing here says so."""
    return {"message": "All is well."}


@app.get("/me")
async def me(user: Annotated[User, Depends(current_user)]) -> dict[str, str]:
    """The current user."""
    return {"username": user.username}
