"""Every page in each of its states, one after the other."""

from collections.abc import AsyncIterator
from datetime import timedelta

from piccolo_api_fastapi import Passkey, RecoveryCode, User
from piccolo_api_fastapi.mail import ResetPassword
from tests.conftest import PASSWORD
from tests.integration.virtual_authenticators import (
    add_authenticator,
    set_presence,
    set_user_verified,
)
from tests.pages.in_chromium.further_logins import by_email, by_provider
from tests.pages.in_chromium.site import Site, Visitor

LONG = '<b>"ÄÖÜ&\u202eشكرا' + "W" * 80
"""A value that breaks out of what does not hold it."""

TOKEN = LONG.replace("\u202e", "")
"""The same as the name of an API token, in which characters that turn the text are refused."""

STATES = 78
"""How many there are."""


async def create_users(site: Site, name: str = LONG) -> None:
    """
    Create `ada` and `keys`, who have a password; `mfa`, who gets codes by mail; `must`, who must
    enrol.

    Args:
        site: The site.
        name: The first name of them all.
    """
    for username in ("ada", "keys", "mfa", "must"):
        await site.users.create(username, PASSWORD, email=f"{username}@example.com")
    await User.update({User.first_name: name}, force=True)


async def gallery(visitor: Visitor, token: str = TOKEN) -> AsyncIterator[str]:
    """
    Show the pages, and yield the name of each once it is there.

    Args:
        visitor: A browser without a session; the users are those of `create_users`.
        token: The name of the API token.
    """
    visitor.token = token
    parts = (_strangers, _mail, by_email, _second_step, _account, _tokens, _factors, _lapsed)
    for part in (*parts, _passkeys, by_provider):
        async for state in part(visitor):
            yield state


async def _strangers(visitor: Visitor) -> AsyncIterator[str]:
    await visitor.go("/login?next=/home/x")
    yield "login"
    await visitor.submit("/login", username=LONG, password="wrong")
    yield "login, wrong password"
    await visitor.submit_unchecked("/login", username="", password="")
    yield "login, nothing typed"
    await visitor.go("/register")
    yield "register"
    fields = {"email": "nobody", "password": "short", "username": LONG, "first_name": LONG}
    await visitor.submit_unchecked("/register", **fields)
    yield "register, wrong values"
    await visitor.submit("/register", email="grace@example.com", password=PASSWORD, username="")
    yield "verify_email, after register"
    await visitor.submit("/verify-email", code="000000")
    yield "verify_email, wrong code"
    await visitor.go("/verify-email")
    yield "verify_email"
    await visitor.go("/nothing")
    yield "error, not found"
    await visitor.go("/logout")
    yield "logout, signed out"


async def _mail(visitor: Visitor) -> AsyncIterator[str]:
    await visitor.go("/forgot-password")
    yield "forgot_password"
    await visitor.submit_unchecked("/forgot-password", email="nobody")
    yield "forgot_password, wrong address"
    await visitor.submit("/forgot-password", email="ada@example.com")
    yield "forgot_password, done"
    await visitor.go((await visitor.site.mailed(ResetPassword)).link)
    yield "reset_password, by link"
    await visitor.submit_unchecked("/reset-password", password="short")
    yield "reset_password, short password"
    await visitor.go("/reset-password")
    yield "reset_password"
    await visitor.submit("/reset-password", token="wrong", password=PASSWORD)
    yield "forgot_password, wrong link"
    await visitor.go("/change-email")
    yield "confirm_email"
    await visitor.submit("/change-email", token="wrong")
    yield "confirm_email, wrong link"
    await visitor.go("/undo-email")
    yield "undo_email"
    await visitor.submit("/undo-email", token="wrong")
    yield "undo_email, wrong link"


async def _second_step(visitor: Visitor) -> AsyncIterator[str]:
    await visitor.log_in("mfa", PASSWORD)
    yield "login_mfa, by mail"
    await visitor.submit("/login/mfa/send")
    yield "login_mfa, sent"
    await visitor.submit("/login/mfa", code="000000")
    yield "login_mfa, wrong code"
    await visitor.log_in("must", PASSWORD)
    yield "totp, must enrol"


async def _account(visitor: Visitor) -> AsyncIterator[str]:
    await visitor.go("/logout")
    yield "logout"
    await visitor.submit("/logout")
    yield "login, logged out"
    await visitor.log_in("ada", PASSWORD)
    for page in ("", "/email", "/password", "/mfa", "/api-tokens", "/close", "/sessions"):
        await visitor.go(page)
        yield page.removeprefix("/") or "account"
    visitor.site.clock.advance(timedelta(minutes=6))  # from now on, a password is asked for
    fields = {"current_password": "wrong", "new_password": "short"}
    await visitor.go("/password")
    await visitor.submit_unchecked("/password", **fields)
    yield "password, wrong"


async def _tokens(visitor: Visitor) -> AsyncIterator[str]:
    await visitor.go("/api-tokens")
    await visitor.submit("/api-tokens", name=LONG)
    yield "reauthenticate"
    await visitor.submit("/reauthenticate", password="wrong")
    yield "reauthenticate, wrong password"
    await visitor.submit("/reauthenticate", password=PASSWORD)
    await visitor.submit_unchecked("/api-tokens", name="")
    yield "api_tokens, no name"
    await visitor.submit("/api-tokens", name=visitor.token)
    yield "api_token"
    await visitor.follow("/api-tokens")
    yield "api_tokens, one"


async def _factors(visitor: Visitor) -> AsyncIterator[str]:
    await visitor.go("/mfa/totp")
    yield "totp"
    await visitor.submit("/mfa/totp")
    yield "totp_scan"
    secret = (await visitor.text(".secret")).replace(" ", "")
    await visitor.submit("/mfa/totp/confirm", code="000000")
    yield "totp_again"
    await visitor.submit("/mfa/totp/confirm", code=visitor.site.code_of(secret))
    yield "recovery_codes"
    await visitor.go("/mfa")
    yield "mfa, enrolled"
    await visitor.go("/mfa/recovery-codes")
    yield "new_codes"
    await visitor.go("/logout")
    await visitor.submit("/logout")
    await visitor.log_in("ada", PASSWORD)
    yield "login_mfa, by app"
    await visitor.submit("/login/mfa", code=visitor.site.code_of(secret), method="totp")


async def _lapsed(visitor: Visitor) -> AsyncIterator[str]:
    visitor.site.clock.advance(timedelta(minutes=6))
    await visitor.go("/mfa/totp")
    await visitor.submit("/mfa/totp")
    yield "reauthenticate, by code"
    await visitor.go("/close")
    await visitor.submit_unchecked("/close", current_password="wrong")
    yield "close, wrong password"


PASSKEY = "form[data-verb]"


async def _pressed(visitor: Visitor) -> None:
    """Click on the button for passkeys, and wait until it says something."""
    await visitor.page.click(f"{PASSKEY} button")
    await visitor.page.wait(f"document.querySelector('{PASSKEY} [role=status]').innerText")


async def _passkeys(visitor: Visitor) -> AsyncIterator[str]:
    await visitor.go("/logout")
    await visitor.submit("/logout")
    await visitor.log_in("keys", PASSWORD)
    await visitor.go("/passkeys")
    yield "passkeys"
    if await visitor.page.run(f"document.querySelector('{PASSKEY}').hidden"):
        return  # the rest needs scripts
    synced = {"defaultBackupEligibility": True, "defaultBackupState": True}
    phone = await add_authenticator(visitor.page, **synced)
    await visitor.submit("/passkeys", name=visitor.token[:64])
    yield "passkey_codes"
    await visitor.follow("/passkeys")
    yield "passkeys, one"
    await _pressed(visitor)
    yield "passkeys, known"
    await visitor.follow("/passkeys/edit")
    yield "passkey"
    [passkey] = await Passkey.select(Passkey.id)
    await visitor.submit_unchecked(f"/passkeys/{passkey['id']}/rename", name="")
    yield "passkey, no name"
    await visitor.go("/passkeys/edit")
    yield "passkey, gone"
    visitor.site.clock.advance(timedelta(minutes=6))
    await visitor.go("/reauthenticate")
    await visitor.page.wait(f"!document.querySelector('{PASSKEY}').hidden")
    yield "reauthenticate, by passkey"
    await set_presence(visitor.page, phone, is_automatic=False)
    await visitor.go("/logout")
    await visitor.submit("/logout")
    await set_user_verified(visitor.page, phone, is_verified=False)
    await set_presence(visitor.page, phone, is_automatic=True)
    await _pressed(visitor)
    yield "login, cancelled"
    await visitor.submit("/login", username="keys", password=PASSWORD)
    yield "login_mfa, by passkey or code"
    await RecoveryCode.delete(force=True)
    await set_presence(visitor.page, phone, is_automatic=False)
    await visitor.log_in("keys", PASSWORD)
    yield "login_mfa, by passkey"
    await Passkey.delete(force=True)
    await visitor.go("/login")
    await set_user_verified(visitor.page, phone, is_verified=True)
    await set_presence(visitor.page, phone, is_automatic=True)
    async with visitor.page.loading():
        await visitor.page.click(f"{PASSKEY} button")
    yield "login, unknown passkey"
