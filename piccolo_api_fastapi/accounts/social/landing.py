"""`Landing`: answers callbacks, each with a redirect."""

from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.access.person_only import InPerson
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.http.route import problem_response
from piccolo_api_fastapi.errors import (
    AccountExists,
    AuthError,
    Forbidden,
    LoginFlowUnknown,
    Unauthenticated,
)
from piccolo_api_fastapi.login import Challenge, Login
from piccolo_api_fastapi.login.issuing import Issuing

from .admission import Unconfirmed
from .arrivals import Begun, Entrant
from .browsers import CONFIRM
from .callbacks import callback_url, read_callback
from .entrances import OAUTH
from .providers import ProviderIdentity
from .service import SocialLogin


class Landing:
    """
    Answers the callbacks of a router.

    Args:
        social: The log-ins with providers.
        login: The login that follows.
        issuing: How the scheme signs users in.
        person: The guard by which users link accounts.
    """

    def __init__(
        self, social: SocialLogin[Any], login: Login[Any], issuing: Issuing, person: InPerson[Any]
    ) -> None:
        self._social = social
        self._login = login
        self._issuing = issuing
        self._person = person

    async def answer(self, name: str, request: Request) -> Response:
        """
        Answer a callback. Its parameters are in no other address than this one.

        Args:
            name: The name of the provider.
            request: The request.
        """
        try:
            async with store():
                callback = read_callback(request.query_params.multi_items())
                begun = await self._social.open(name, callback, request)
                response = await self._complete(begun, request)
        except AuthError as error:
            response = self._refusal(error, name, request)
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    async def _complete(self, begun: Begun, request: Request) -> Response:
        try:
            caller = await self._caller(begun, request) if begun.flow.credential else None
            here = callback_url(request, self._social.base_url, begun.provider.name)
            identity = await self._social.identify(begun, here)
            if caller is not None:
                response = await self._link(begun, identity, caller, request)
            else:
                response = await self._admit(begun, identity, request)
        except AuthError as error:
            if not begun.flow.app:
                raise
            return self._to_app(begun, error=error.code)
        self._social.cookies.forget(begun.provider.name, response)
        return response

    async def _caller(self, begun: Begun, request: Request) -> Identity[Any]:
        """The user who began a link, if their session is still alive."""
        try:
            caller = await self._person.identify(request)
        except (Unauthenticated, Forbidden):
            raise LoginFlowUnknown from None
        begun.check_caller(caller)
        return caller

    async def _link(
        self, begun: Begun, identity: ProviderIdentity, caller: Identity[Any], request: Request
    ) -> Response:
        response, links = _see_other(begun.flow.next), self._social.links
        async with transaction(links.table):
            await links.add(caller.user, begun.provider.name, identity, keep=caller.credential_id)
            begun.check_caller(await self._person.confirm(request))
            await self._person.renew(caller, request, response)
        return response

    async def _admit(self, begun: Begun, identity: ProviderIdentity, request: Request) -> Response:
        client = self._login.client(request)
        async with self._login.proving(OAUTH, client):
            entrant = await self._social.admit(begun, identity)
            if isinstance(entrant, Unconfirmed):
                return self._unconfirmed(begun, entrant, request)
            if begun.flow.app:
                return self._to_app(
                    begun, ticket=await self._social.entrances.hand_over(begun, entrant)
                )
            return await self._sign_in(begun, entrant, request)

    async def _sign_in(self, begun: Begun, entrant: Entrant, request: Request) -> Response:
        client, channel = self._login.client(request), self._issuing.channel
        outcome = await self._social.entrances.enter(self._login, entrant, client, channel=channel)
        to = begun.flow.next
        if isinstance(outcome, Challenge):
            step = {"challenge": outcome.token, "methods": " ".join(outcome.methods), "next": to}
            to = f"{self._social.paths['mfa']}#{urlencode(step)}"
        response = _see_other(to)
        await self._issuing.answer(self._login, request, response, outcome)
        return response

    def _unconfirmed(self, begun: Begun, link: Unconfirmed, request: Request) -> Response:
        """Let a user sign in as usual. The cookie is that of this browser and this account."""
        if begun.flow.app:
            return self._to_app(begun, error=AccountExists.code)
        response = self._refusal(AccountExists(), begun.provider.name, request)
        self._social.cookies.remember(CONFIRM, response, link.token)
        return response

    def _refusal(self, error: AuthError, provider: str, request: Request) -> Response:
        if (page := self._social.paths.get("error")) is None:
            return problem_response(error, request)
        return _see_other(f"{page}#{urlencode({'error': error.code, 'provider': provider})}")

    def _to_app(self, begun: Begun, **parameters: str) -> Response:
        return _see_other(f"{self._social.apps[begun.flow.app]}?{urlencode(parameters)}")


def _see_other(location: str) -> Response:
    # A location is ours, and has no character that could end the header.
    return Response(status_code=303, headers={"Location": quote(location, safe=_AS_IT_IS)})


_AS_IT_IS = ":/%#?=@[]!$&'()*+,;~"
