"""Checks of what browsers are told: cookies, trusted origins, passkeys and proxies."""

import os
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.routing import Mount

from piccolo_api_fastapi.access.csrf import SameOrigin
from piccolo_api_fastapi.audit.limits import limits_of_install
from piccolo_api_fastapi.audit.routes import application_in
from piccolo_api_fastapi.core.http.public_routes import all_routes, dependencies_of, is_guard
from piccolo_api_fastapi.core.http.route import AuthRoute
from piccolo_api_fastapi.login.mfa.passkeys import Passkeys
from piccolo_api_fastapi.schemes.sessions import SessionAuth

from .subject import Subject
from .values import Result, error, ok, warning

_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


async def is_installed(subject: Subject) -> AsyncIterator[Result]:
    """Look whether `install(app)` was called, for mounted applications with guards as well."""
    if not _is_installed(subject.app):
        yield warning(
            "install(app) was not called, so routes of your own answer with other errors and lose "
            "headers that guards and limits ask for. Call it."
        )
    else:
        yield ok("install(app) was called.")
    routes = (context.original_route for context in all_routes(subject.app.routes))
    for mount in (route for route in routes if isinstance(route, Mount)):
        inner = application_in(mount.app)
        if isinstance(inner, Starlette) and not _is_installed(inner) and _has_guards(inner):
            yield warning(
                f"install() was not called for the application that is mounted at {mount.path}, so "
                "its routes answer with other errors. Call it for this application too."
            )


async def has_secure_cookies(subject: Subject) -> AsyncIterator[Result]:
    """Compare the session cookies with the scheme of the pages."""
    schemes = {urlsplit(url).scheme for url in subject.base_urls}
    for session in subject.all(SessionAuth):
        cookie = session.cookie
        if "https" in schemes and not cookie.secure:
            yield error(
                f"The cookie {cookie.name} is also sent over plain http, and base_url is https. "
                "Use Cookie()."
            )
        elif "http" in schemes and cookie.secure:
            yield warning(
                f"The cookie {cookie.name} is Secure, and base_url is plain http, where some "
                "browsers do not keep it. Use Cookie.insecure_for_http_on_localhost()."
            )
        elif schemes:
            yield ok(f"The cookie {cookie.name} suits base_url.")
        elif not cookie.secure:
            yield warning(
                f"The cookie {cookie.name} is also sent over plain http. Use Cookie(), unless only "
                "http://localhost serves this application."
            )


async def has_same_site(subject: Subject) -> AsyncIterator[Result]:
    """Look for cookies that other sites make browsers send, without a reason."""
    for session in subject.all(SessionAuth):
        cookie, csrf = session.cookie, session.csrf
        if cookie.same_site == "none" and not cookie.partitioned and not csrf.trusted_origins:
            yield warning(
                f"The cookie {cookie.name} has SameSite=None, and no other origin is trusted. Use "
                "same_site='lax', or name the front end in SameOrigin(trusted_origins=[…])."
            )
        else:
            yield ok(f"The cookie {cookie.name} has a SameSite that is needed.")


async def has_https_origins(subject: Subject) -> AsyncIterator[Result]:
    """Look for trusted origins on plain http, which whoever is on the network can speak for."""
    for origin in sorted({one for csrf in subject.all(SameOrigin) for one in csrf.trusted_origins}):
        if _is_plain(origin):
            yield warning(
                f"{origin} is a trusted origin on plain http. Anybody on the network of a user "
                "can send requests in its name. Use https."
            )
        else:
            yield ok(f"{origin} is a trusted origin that can't be forged.")


async def trusts_proxies(_: Subject) -> AsyncIterator[Result]:
    """Look whether uvicorn is told to believe every client about its address."""
    trusted = os.environ.get("FORWARDED_ALLOW_IPS", "")
    if "*" in trusted:
        yield warning(
            "FORWARDED_ALLOW_IPS is '*', so clients choose the address that limits count. Name the "
            "proxies."
        )
    elif trusted:
        yield ok("FORWARDED_ALLOW_IPS names the proxies.")


async def has_origins_of_passkeys(subject: Subject) -> AsyncIterator[Result]:
    """Compare the origins of passkeys with the pages that links open."""
    for party in (passkeys.party for passkeys in subject.all(Passkeys)):
        for url in subject.base_urls:
            parts = urlsplit(url)
            origin = f"{parts.scheme}://{parts.netloc}"
            if origin in party.origins:
                yield ok(f"Passkeys are used on {origin}.")
            else:
                yield warning(
                    f"Passkeys can't be used on {origin}, where base_url is. Add it to origins."
                )


async def has_domain_of_passkeys(subject: Subject) -> AsyncIterator[Result]:
    """Look whether the pages are on the domain that passkeys are for."""
    for party in (passkeys.party for passkeys in subject.all(Passkeys)):
        for url in subject.base_urls:
            host = urlsplit(url).hostname or ""
            if host == party.id or host.endswith(f".{party.id}"):
                yield ok(f"{host} is on {party.id}, which passkeys are for.")
            elif any(urlsplit(origin).hostname == host for origin in party.origins):
                yield ok(f"{host} is a related origin of {party.id}, which passkeys are for.")
            else:
                yield error(
                    f"Passkeys are for {party.id}, and base_url is on {host}, where browsers "
                    "refuse them. Set rp_id to the domain of base_url, or add related_origins."
                )


def _is_installed(app: Any) -> bool:
    return limits_of_install(getattr(app, "user_middleware", ())) is not None


def _has_guards(app: Starlette) -> bool:
    """Return whether an application has guarded routes of its own. Prebuilt ones need nothing."""
    return any(
        is_guard(call)
        for context in all_routes(app.routes)
        if not isinstance(context.original_route, AuthRoute)
        and (dependant := getattr(context, "dependant", None)) is not None
        for call in dependencies_of(dependant, context.endpoint)
    )


def _is_plain(origin: str) -> bool:
    parts: Any = urlsplit(origin)
    return parts.scheme == "http" and parts.hostname not in _LOCAL_HOSTS
