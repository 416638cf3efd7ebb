"""`RelyingParty`: the options of WebAuthn ceremonies, and the check of what browsers return."""

import hashlib
import ipaddress
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from piccolo_api_fastapi.errors import ConfigurationError

ALGORITHMS = (-8, -7, -257)
"""EdDSA, ES256 and RS256: what WebAuthn Level 3 section 5.4.5 advises to offer."""

CEREMONY_LIFETIME = timedelta(minutes=5)
"""How long a challenge is valid, and browsers wait for the user."""

_TIMEOUT = int(CEREMONY_LIFETIME.total_seconds() * 1000)

MOST_BYTES = 1023
"""The longest credential id (WebAuthn Level 3 section 4)."""


class Unproved(Exception):
    """What a browser returned proves nothing."""


@dataclass(frozen=True, slots=True)
class Ceremony:
    """
    What a browser needs to make or to use a passkey.

    Args:
        challenge: The token that is sent back with the result.
        options: The options, as JSON.
        expires_in: The lifetime of the challenge in seconds.
    """

    challenge: str = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)
    expires_in: int = int(CEREMONY_LIFETIME.total_seconds())


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """
    What a browser registered.

    Args:
        credential_id: The credential id in base64url.
        public_key: The public key (COSE) in base64url.
        sign_count: The counter.
        aaguid: The model of the authenticator.
        is_backup_eligible: Whether it can be synced.
        is_backed_up: Whether it is synced.
        verifies_user: Whether the user was verified.
    """

    credential_id: str
    public_key: str
    sign_count: int
    aaguid: str
    is_backup_eligible: bool
    is_backed_up: bool
    verifies_user: bool


@dataclass(frozen=True, slots=True)
class Signed:
    """
    What a passkey signed.

    Args:
        sign_count: The counter.
        is_backup_eligible: Whether it can be synced.
        is_backed_up: Whether it is synced.
        verifies_user: Whether the user was verified.
    """

    sign_count: int
    is_backup_eligible: bool
    is_backed_up: bool
    verifies_user: bool


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """
    The site, as browsers and authenticators know it.

    Args:
        id: The domain that passkeys are for.
        name: The name that authenticators show.
        origins: The origins of the pages on which passkeys are used.
    """

    id: str
    name: str
    origins: tuple[str, ...]

    def creation_options(
        self, challenge: str, user: Mapping[str, str], known: Sequence[Any], *, verifies: bool
    ) -> dict[str, Any]:
        """
        Return `PublicKeyCredentialCreationOptionsJSON`.

        Args:
            challenge: The token of the ceremony.
            user: The handle and the names of the user.
            known: The passkeys that the user has.
            verifies: Whether the passkey must verify the user and be found without a name.
        """
        need = "required" if verifies else "preferred"
        return {
            "rp": {"id": self.id, "name": self.name},
            "user": dict(user),
            "challenge": encoded(challenge_of(challenge)),
            "pubKeyCredParams": [{"type": "public-key", "alg": alg} for alg in ALGORITHMS],
            "timeout": _TIMEOUT,
            "excludeCredentials": _descriptors(known),
            "authenticatorSelection": {
                "residentKey": need,
                "requireResidentKey": verifies,
                "userVerification": need,
            },
            "attestation": "none",
            "extensions": {"credProps": True},
        }

    def request_options(
        self, challenge: str, known: Sequence[Any] = (), *, verifies: bool
    ) -> dict[str, Any]:
        """
        Return `PublicKeyCredentialRequestOptionsJSON`.

        Args:
            challenge: The token of the ceremony.
            known: The passkeys to choose from; none for a log-in without a name.
            verifies: Whether the passkey must verify the user.
        """
        return {
            "challenge": encoded(challenge_of(challenge)),
            "timeout": _TIMEOUT,
            "rpId": self.id,
            "allowCredentials": _descriptors(known),
            "userVerification": "required" if verifies else "preferred",
        }

    def verify_registration(
        self, credential: Mapping[str, Any], challenge: str, *, verifies: bool
    ) -> NewPasskey:
        """
        Check what `navigator.credentials.create()` returned (WebAuthn Level 3 section 7.1).

        Raises:
            Unproved: It is not what was asked for.
        """
        from webauthn import verify_registration_response
        from webauthn.helpers.structs import CredentialDeviceType

        try:
            self._check_client(credential)
            made = verify_registration_response(
                credential=dict(credential),
                expected_challenge=challenge_of(challenge),
                expected_rp_id=self.id,
                expected_origin=list(self.origins),
                require_user_verification=verifies,
            )
        except Exception:  # noqa: BLE001 - malformed CBOR raises errors of many kinds
            raise Unproved from None
        if encoded(made.credential_id) != credential["id"]:
            raise Unproved
        return NewPasskey(
            credential["id"],
            encoded(made.credential_public_key),
            made.sign_count,
            made.aaguid,
            made.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
            made.credential_backed_up,
            made.user_verified,
        )

    def verify_assertion(
        self, credential: Mapping[str, Any], challenge: str, public_key: str, *, verifies: bool
    ) -> Signed:
        """
        Check what `navigator.credentials.get()` returned (WebAuthn Level 3 section 7.2).

        The counter and the user handle are left to the caller, who knows the stored ones.

        Raises:
            Unproved: It is not what was asked for, or the signature is wrong.
        """
        from webauthn import verify_authentication_response
        from webauthn.helpers.structs import CredentialDeviceType

        try:
            self._check_client(credential)
            signed = verify_authentication_response(
                credential=dict(credential),
                expected_challenge=challenge_of(challenge),
                expected_rp_id=self.id,
                expected_origin=list(self.origins),
                credential_public_key=decoded(public_key),
                credential_current_sign_count=0,
                require_user_verification=verifies,
            )
        except Exception:  # noqa: BLE001 - malformed CBOR raises errors of many kinds
            raise Unproved from None
        return Signed(
            signed.new_sign_count,
            signed.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
            signed.credential_backed_up,
            signed.user_verified,
        )

    def _check_client(self, credential: Mapping[str, Any]) -> None:
        """Refuse ceremonies in a frame of another site, which the library lets pass."""
        client = json.loads(decoded(credential["response"]["clientDataJSON"]))
        if client.get("crossOrigin", False) is not False or "topOrigin" in client:
            raise Unproved
        if not 0 < len(decoded(credential["rawId"])) <= MOST_BYTES:
            raise Unproved


def relying_party(
    rp_id: str, rp_name: str, origins: Sequence[str], related_origins: Sequence[str]
) -> RelyingParty:
    """
    Make a relying party of the configuration.

    Raises:
        ConfigurationError: The domain can have no passkeys, or an origin is not one of its pages.
    """
    if not rp_name:
        raise ConfigurationError("rp_name must be the name of the site, which people are shown.")
    if rp_id != "localhost" and (_is_address(rp_id) or "." not in rp_id.strip(".")):
        raise ConfigurationError("rp_id must be a domain such as example.com, or localhost.")
    if rp_id != rp_id.lower() or not rp_id.isascii() or urlsplit(f"//{rp_id}").netloc != rp_id:
        raise ConfigurationError("rp_id must be a domain in lower case, without a port.")
    if not origins:
        raise ConfigurationError("origins must name the origins of the pages, and not be empty.")
    for origin in (*origins, *related_origins):
        _check_origin(origin)
    for origin in origins:
        host = urlsplit(origin).hostname or ""
        if host != rp_id and not host.endswith(f".{rp_id}"):
            raise ConfigurationError(
                f"{origin} is not on {rp_id}; if it has a domain of its own, name it in "
                "related_origins."
            )
    return RelyingParty(rp_id, rp_name, (*origins, *related_origins))


def _check_origin(origin: str) -> None:
    parts = urlsplit(origin)
    host, port = parts.hostname or "", "" if parts.port is None else f":{parts.port}"
    is_secure = parts.scheme == "https" or (parts.scheme == "http" and host == "localhost")
    if not is_secure or not host or f"{parts.scheme}://{host}{port}" != origin:
        raise ConfigurationError(
            "Each origin must be like https://example.com or http://localhost:8000."
        )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def challenge_of(token: str) -> bytes:
    """
    Return the WebAuthn challenge of a ticket. The table of tickets does not have it: it keeps
    another digest of the token.
    """
    return hashlib.sha256(f"webauthn {token}".encode()).digest()


def encoded(data: bytes) -> str:
    """Encode bytes in base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Decode base64url without padding."""
    return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))


def _descriptors(passkeys: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {
            "id": passkey.credential_id,
            "type": "public-key",
            **({"transports": passkey.transports.split()} if passkey.transports else {}),
        }
        for passkey in passkeys
    ]
