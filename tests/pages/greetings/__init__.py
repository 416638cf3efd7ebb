"""A feature from outside the package, with a page."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from piccolo_api_fastapi import SessionAuth
from piccolo_api_fastapi.core.http.router import AuthRouter
from piccolo_api_fastapi.pages import Action, Page, PageSet, Step, operations_of


class Greeting(BaseModel):
    """Whom to greet."""

    name: Annotated[str, Field(max_length=20)]


def greeting_router(session: SessionAuth[Any]) -> APIRouter:
    """Routes that greet."""
    router = AuthRouter(users=session.users.table)

    @router.get("/greeting", operation_id="get_greeting")
    async def get_greeting(user: Annotated[Any, Depends(session)]) -> Greeting:
        return Greeting(name=user.username)

    @router.post("/greeting", operation_id="greet")
    async def greet(user: Annotated[Any, Depends(session)], greeting: Greeting) -> Greeting:
        return greeting

    return router


def _weather(caller: Any) -> str:
    return f"Sunny, {caller.user.username if caller else 'stranger'}."


def greeting_pages(
    session: SessionAuth[Any], router: APIRouter | None = None, **changes: Any
) -> PageSet:
    """The page that greets, by the routes of a router."""
    api = operations_of(router or greeting_router(session))
    page = Page(name="greeting", path="/greeting", shows=api["get_greeting"], in_menu=True)
    action = Action(
        path="/greeting",
        operation=api["greet"],
        page="greeting",
        then=Step("greeting", done="greeted"),
        keeps=("name",),
    )
    given: dict[str, Any] = {
        "folder": Path(__file__).parent,
        "pages": (page,),
        "actions": (action,),
        "facts": {"weather": _weather},
    }
    return PageSet(**{**given, **changes})
