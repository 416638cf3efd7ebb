"""`RelyingParty`: the options of WebAuthn ceremonies, and the check of what browsers return."""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .values import CEREMONY_LIFETIME, NewPasskey, Signed

ALGORITHMS = (-8, -7, -257)
"""EdDSA, ES256 and RS256: what WebAuthn Level 3 section 5.4.5 advises to offer."""

_TIMEOUT = int(CEREMONY_LIFETIME.total_seconds() * 1000)

MOST_BYTES = 1023
"""The longest credential id (WebAuthn Level 3 section 4)."""


class Unproved(Exception):
    """What a browser returned proves nothing."""


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
        from webauthn.helpers.cose import COSEAlgorithmIdentifier
        from webauthn.helpers.structs import CredentialDeviceType

        try:
            self._check_client(credential)
            made = verify_registration_response(
                credential=_known_members(credential),
                supported_pub_key_algs=[COSEAlgorithmIdentifier(alg) for alg in ALGORITHMS],
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
                credential=_known_members(credential),
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


def _known_members(credential: Mapping[str, Any]) -> dict[str, Any]:
    """
    What the library reads. It refuses values of other members that it does not know, which count
    as missing (WebAuthn Level 3 section 5.1).
    """
    return {name: credential[name] for name in ("id", "rawId", "type", "response")}


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
