"""The routes by which users link and unlink accounts at providers."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.access.person_only import InPerson
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.http.problems import shared_responses
from piccolo_api_fastapi.errors import (
    AlreadyLinked,
    LastWayIn,
    LoginFlowUnknown,
    NotFound,
    ProviderUnavailable,
    StepUpRequired,
    TooManyRequests,
)
from piccolo_api_fastapi.rate_limiting import RateLimit

from .browsers import CONFIRM
from .callbacks import callback_url
from .flows import BROWSER_TOKEN, Flow, browser_digest
from .schemas import BeginOut, LinkIn, OAuthAccountOut
from .service import SocialLogin

BEGINNINGS = RateLimit("30/minute", scope="oauth: begin")
"""Each stores a row."""


def add_links(
    router: APIRouter, social: SocialLogin[Any], person: InPerson[Any], caller: Any
) -> None:
    """
    Add the routes.

    Args:
        router: The router.
        social: The log-ins with providers.
        person: The guard.
        caller: The dependency that gives the caller, with a recent factor.
    """
    _add_list(router, social, person)
    _add_confirmation(router, social, person, caller)
    _add_link(router, social, caller)
    _add_removal(router, social, person, caller)


def _add_list(router: APIRouter, social: SocialLogin[Any], person: InPerson[Any]) -> None:
    @router.get("/oauth/accounts", operation_id="list_oauth_accounts", summary="My linked accounts")
    async def list_accounts(
        identity: Annotated[Identity[Any], Depends(person.identity)],
    ) -> list[OAuthAccountOut]:
        """List your accounts at providers, the oldest first."""
        return [OAuthAccountOut.of(row) for row in await social.links.list(identity.user)]


def _add_confirmation(
    router: APIRouter, social: SocialLogin[Any], person: InPerson[Any], caller: Any
) -> None:
    @router.post(
        "/oauth/confirm",
        operation_id="confirm_oauth_account",
        summary="Link the account that a login with a provider found unlinked",
        responses=shared_responses(StepUpRequired, LoginFlowUnknown, AlreadyLinked),
    )
    async def confirm_account(
        identity: Annotated[Identity[Any], Depends(caller)], request: Request, response: Response
    ) -> OAuthAccountOut:
        """
        Link the account at a provider with which you tried to sign in, in this browser and within
        ten minutes. All other sessions, apps and API tokens end.
        """
        token = social.cookies.read(CONFIRM, request)
        async with transaction(social.links.table):
            keep = identity.credential_id
            account = await social.links.confirm(identity.user, token, keep=keep)
            await person.confirm(request)
            await person.renew(identity, request, response)
        social.cookies.forget(CONFIRM, response)
        return OAuthAccountOut.of(account)


def _add_link(router: APIRouter, social: SocialLogin[Any], caller: Any) -> None:
    @router.post(
        "/oauth/{provider}/link",
        operation_id="link_oauth_account",
        summary="Link an account at a provider",
        dependencies=[Depends(BEGINNINGS)],
        responses=shared_responses(StepUpRequired, NotFound, ProviderUnavailable, TooManyRequests),
    )
    async def link(
        provider: str,
        identity: Annotated[Identity[Any], Depends(caller)],
        body: LinkIn,
        request: Request,
        response: Response,
    ) -> BeginOut:
        """
        Get the address of the provider to send the browser to. When it comes back, your session
        must be the same. All other sessions, apps and API tokens end then.
        """
        token = BROWSER_TOKEN.generate()
        flow = Flow(
            browser=browser_digest(token),
            next=social.next_path(body.next),
            credential=str(identity.credential_id),
        )
        here, user = callback_url(request, social.base_url, provider), primary_key(identity.user)
        url = await social.begin(provider, flow, token, here, user=user)
        social.cookies.remember(provider, response, token)
        return BeginOut(authorization_url=url)


def _add_removal(
    router: APIRouter, social: SocialLogin[Any], person: InPerson[Any], caller: Any
) -> None:
    @router.delete(
        "/oauth/accounts/{account_id}",
        operation_id="unlink_oauth_account",
        summary="Unlink an account at a provider",
        status_code=204,
        responses=shared_responses(StepUpRequired, NotFound, LastWayIn),
    )
    async def unlink(
        identity: Annotated[Identity[Any], Depends(caller)],
        account_id: UUID,
        request: Request,
        response: Response,
    ) -> None:
        """Unlink one of your accounts. All other sessions, apps and API tokens end."""
        async with transaction(social.links.table):
            await social.links.remove(identity.user, account_id, keep=identity.credential_id)
            await person.confirm(request)
            await person.renew(identity, request, response)
