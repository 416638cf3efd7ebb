"""
Virtual authenticators of Chromium, which create passkeys and sign in with them.

The page must be one of `http://localhost` or of https: an IP address is never a relying party.
"""

from typing import Any

from .browser import Page


async def add_authenticator(page: Page, **options: Any) -> str:
    """
    Add an authenticator that says yes to everything, and return its id.

    Args:
        page: The tab, in which it stays.
        options: Options of `WebAuthn.VirtualAuthenticatorOptions` that replace these, or that are
            not among them. For an assertion without user verification set `hasUserVerification`
            to False, for a synchronised passkey `defaultBackupEligibility` and
            `defaultBackupState` to True.
    """
    await page.call("WebAuthn.enable")
    defaults = {
        "protocol": "ctap2",
        "ctap2Version": "ctap2_1",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    answer = await page.call("WebAuthn.addVirtualAuthenticator", options=defaults | options)
    authenticator: str = answer["authenticatorId"]
    assert authenticator
    return authenticator


async def credentials_of(page: Page, authenticator: str) -> list[dict[str, Any]]:
    """Return the stored credentials, with ids, keys and handles in base64 (not base64url)."""
    answer = await page.call("WebAuthn.getCredentials", authenticatorId=authenticator)
    credentials: list[dict[str, Any]] = answer["credentials"]
    return credentials


async def remove_credential(page: Page, authenticator: str, credential_id: str) -> None:
    """Remove a credential by its id, in base64."""
    params = {"authenticatorId": authenticator, "credentialId": credential_id}
    await page.call("WebAuthn.removeCredential", **params)


async def add_credential(page: Page, authenticator: str, credential: dict[str, Any]) -> None:
    """Add a credential; one of `credentials_of` with a lower `signCount` is a clone."""
    params = {"authenticatorId": authenticator, "credential": credential}
    await page.call("WebAuthn.addCredential", **params)


async def set_user_verified(page: Page, authenticator: str, *, is_verified: bool) -> None:
    """Let the verification of the user succeed or fail from now on."""
    params = {"authenticatorId": authenticator, "isUserVerified": is_verified}
    await page.call("WebAuthn.setUserVerified", **params)


async def set_presence(page: Page, authenticator: str, *, is_automatic: bool) -> None:
    """Let somebody touch the authenticator when it is asked, or nobody."""
    params = {"authenticatorId": authenticator, "enabled": is_automatic}
    await page.call("WebAuthn.setAutomaticPresenceSimulation", **params)
