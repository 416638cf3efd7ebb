"""The router of `/me`."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.accounts.schemas import CloseAccountIn
from piccolo_api_fastapi.accounts.service import Accounts
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.http.problems import shared_responses
from piccolo_api_fastapi.errors import AccountInUse, LastManager, SessionEnded, ValueTaken
from piccolo_api_fastapi.mail.delivery import Later
from piccolo_api_fastapi.mail.messages import AccountClosed

from .shared import PROOF, new_router, secret_of, taking


@configured
def me_router(accounts: Accounts[Any], *, operation_prefix: str | None = None) -> APIRouter:
    """
    The router of `GET /me`, `DELETE /me` and, if users may change columns, `PATCH /me`.

    ```python
    from fastapi import FastAPI

    from piccolo_api_fastapi import Accounts, SessionAuth, me_router

    app = FastAPI()
    accounts = Accounts(schemes=[SessionAuth()], extra=["first_name"])
    app.include_router(me_router(accounts), prefix="/auth")
    ```

    Args:
        accounts: The accounts that are shown, changed and closed.
        operation_prefix: The beginning of the operation ids in OpenAPI, such as `staff`. Default:
            the name of all schemes of `accounts`.

    Raises:
        ConfigurationError: `accounts` has no schemes.
    """
    router = new_router(accounts, operation_prefix)
    _add_get(router, accounts)
    if accounts.models.change is not None:
        _add_change(router, accounts, accounts.models.change)
    _add_close(router, accounts)
    return router


def _add_get(router: APIRouter, accounts: Accounts[Any]) -> None:
    @router.get(
        "/me",
        operation_id="get_me",
        summary="Who I am",
        response_model=accounts.models.me,
    )
    async def get_me(user: Annotated[Any, Depends(accounts.reader)], later: Later) -> BaseModel:
        """The signed-in user, and whether their address is verified."""
        later.add(accounts.send_owed, user)
        is_verified = await accounts.users.has_verified_email(user)
        return accounts.models.describe(user, email_verified=is_verified)


def _add_change(router: APIRouter, accounts: Accounts[Any], model: type[BaseModel]) -> None:
    async def change_me(body: Any, user: Annotated[Any, Depends(accounts.guard)]) -> BaseModel:
        """Columns that are missing from the body keep their values."""
        user = await accounts.update(user, body.model_dump(exclude_unset=True))
        is_verified = await accounts.users.has_verified_email(user)
        return accounts.models.describe(user, email_verified=is_verified)

    router.add_api_route(
        "/me",
        taking(model, change_me),
        methods=["PATCH"],
        operation_id="change_me",
        summary="Change my profile",
        response_model=accounts.models.me,
        responses=shared_responses(SessionEnded, ValueTaken),
    )


def _add_close(router: APIRouter, accounts: Accounts[Any]) -> None:
    last = () if accounts.users.roles is None else (LastManager,)

    @router.delete(
        "/me",
        operation_id="close_account",
        summary="Close my account",
        status_code=204,
        responses=shared_responses(*PROOF, AccountInUse, *last),
    )
    async def close_account(
        body: CloseAccountIn,
        later: Later,
        caller: Annotated[Identity[Any], Depends(accounts.guard.identity)],
        request: Request,
    ) -> None:
        """Delete the signed-in user and every row that refers to them."""
        await accounts.close(caller, secret_of(body.current_password), request)
        later.add(accounts.tell, AccountClosed, caller.user)
