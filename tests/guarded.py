"""An application with the auth routes, for guards of every kind."""

from collections.abc import Callable

from fastapi import FastAPI

from piccolo_api_fastapi import JWTAuth, SessionAuth, User, install, jwt_router, session_router


def served(
    session: SessionAuth[User], jwt: JWTAuth[User], add: Callable[[FastAPI], None]
) -> FastAPI:
    """An application with the auth routes and what a test adds."""
    app = FastAPI()
    install(app)
    app.include_router(session_router(session), prefix="/auth")
    app.include_router(jwt_router(jwt), prefix="/auth")
    add(app)
    return app
