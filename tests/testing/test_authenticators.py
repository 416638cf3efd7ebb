"""The authenticator in software, against a library that verifies what it answers."""

import inspect
import json
from dataclasses import replace
from typing import Any, Literal

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from webauthn import verify_authentication_response, verify_registration_response
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, parse_authenticator_data
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import CredentialDeviceType
from webauthn.registration.verify_registration_response import VerifiedRegistration

from piccolo_api_fastapi.testing import SoftwareAuthenticator
from tests.test_docs import FENCE, execute
from tests.test_startup import loaded_by

# Older versions of webauthn say it in other words.
MALFORMED_CLIENT = "clientDataJSON was malformed|client_data_json"
MALFORMED_DATA = "(attestationObject|authenticatorData) was malformed|[Ll]eftover"

ORIGIN = "https://app.example.com"
CHALLENGE = b"a challenge of the server"
OTHER = bytes_to_base64url(b"a challenge of another server")
CREATION: dict[str, Any] = {
    "challenge": bytes_to_base64url(CHALLENGE),
    "rp": {"id": "example.com", "name": "Movies"},
    "user": {"id": bytes_to_base64url(b"handle"), "name": "ada", "displayName": "Ada"},
    "pubKeyCredParams": [{"type": "public-key", "alg": alg} for alg in (-7, -8, -257)],
}
REQUEST: dict[str, Any] = {"challenge": bytes_to_base64url(CHALLENGE), "rpId": "example.com"}


@pytest.fixture
def key() -> SoftwareAuthenticator:
    """An authenticator with one passkey."""
    key = SoftwareAuthenticator(ORIGIN)
    key.create(CREATION)
    return key


def registered(credential: dict[str, Any], rp_id: str = "example.com") -> VerifiedRegistration:
    """Verify a registration."""
    return verify_registration_response(
        credential=credential,
        expected_challenge=CHALLENGE,
        expected_rp_id=rp_id,
        expected_origin=ORIGIN,
    )


def signed_in(credential: dict[str, Any], public_key: bytes, count: int) -> VerifiedAuthentication:
    """Verify an assertion, after so many signatures."""
    return verify_authentication_response(
        credential=credential,
        expected_challenge=CHALLENGE,
        expected_rp_id="example.com",
        expected_origin=ORIGIN,
        credential_public_key=public_key,
        credential_current_sign_count=count,
    )


def client_data(credential: dict[str, Any]) -> dict[str, Any]:
    """The client data of a response."""
    value: dict[str, Any] = json.loads(base64url_to_bytes(credential["response"]["clientDataJSON"]))
    return value


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
def test_every_algorithm(algorithm: Literal["ES256", "EdDSA", "RS256"]) -> None:
    """The library accepts what it registers and signs, and each signature is counted."""
    key = SoftwareAuthenticator(ORIGIN, algorithm=algorithm)
    registration = registered(key.create(CREATION))
    assert (registration.sign_count, registration.fmt) == (1, "none")
    assert registration.aaguid == "00000000-0000-0000-0000-000000000000"
    for count in (1, 2):
        assertion = signed_in(key.get(REQUEST), registration.credential_public_key, count)
        assert registration.credential_id == assertion.credential_id
        assert count + 1 == assertion.new_sign_count


def test_it_answers_as_a_browser() -> None:
    """Its JSON has the members of `toJSON()`."""
    key = SoftwareAuthenticator(ORIGIN, algorithm="EdDSA")
    created = key.create(CREATION)
    assert created["id"] == created["rawId"] == bytes_to_base64url(key.credentials[0].id)
    assert (created["type"], created["authenticatorAttachment"]) == ("public-key", "platform")
    assert created["clientExtensionResults"] == {"credProps": {"rk": True}}
    response = created["response"]
    assert (response["transports"], response["publicKeyAlgorithm"]) == (["internal"], -8)
    public_key = load_der_public_key(base64url_to_bytes(response["publicKey"]))
    assert isinstance(public_key, Ed25519PublicKey)
    data = parse_authenticator_data(base64url_to_bytes(response["authenticatorData"]))
    assert data.attested_credential_data
    assert key.credentials[0].id == data.attested_credential_data.credential_id
    expected = {"challenge": CREATION["challenge"], "origin": ORIGIN, "crossOrigin": False}
    assert {"type": "webauthn.create", **expected} == client_data(created)
    assertion = key.get(REQUEST)
    assert {"type": "webauthn.get", **expected} == client_data(assertion)
    assert bytes_to_base64url(b"handle") == assertion["response"]["userHandle"]
    assert assertion["clientExtensionResults"] == {}


def test_signatures_are_not_counted() -> None:
    """Synchronised passkeys report 0 for ever."""
    key = SoftwareAuthenticator(ORIGIN, counts=False)
    registration = registered(key.create(CREATION))
    assertion = signed_in(key.get(REQUEST), registration.credential_public_key, 0)
    assert (registration.sign_count, assertion.new_sign_count) == (0, 0)


@pytest.mark.parametrize("is_set", [True, False])
def test_the_user_is_verified(*, is_set: bool) -> None:
    """Both responses say whether."""
    key = SoftwareAuthenticator(ORIGIN, verifies_user=is_set)
    registration = registered(key.create(CREATION))
    assertion = signed_in(key.get(REQUEST), registration.credential_public_key, 0)
    assert (is_set, is_set) == (registration.user_verified, assertion.user_verified)


@pytest.mark.parametrize(
    ("is_eligible", "is_backed_up", "device"),
    [
        (False, False, CredentialDeviceType.SINGLE_DEVICE),
        (True, False, CredentialDeviceType.MULTI_DEVICE),
        (True, True, CredentialDeviceType.MULTI_DEVICE),
    ],
)
def test_backups(*, is_eligible: bool, is_backed_up: bool, device: CredentialDeviceType) -> None:
    """Both responses say whether the passkey can be, and is, in other places."""
    key = SoftwareAuthenticator(ORIGIN, is_backup_eligible=is_eligible, is_backed_up=is_backed_up)
    registration = registered(key.create(CREATION))
    assertion = signed_in(key.get(REQUEST), registration.credential_public_key, 0)
    for verified in (registration, assertion):
        assert device == verified.credential_device_type
        assert is_backed_up == verified.credential_backed_up


def test_no_user_handle() -> None:
    """Some platforms omit it, but have it all the same."""
    key = SoftwareAuthenticator(ORIGIN, gives_user_handle=False)
    key.create(CREATION)
    assert "userHandle" not in key.get(REQUEST)["response"]
    assert key.credentials[0].user_handle == b"handle"


def test_the_host_is_the_default_rp_id() -> None:
    """As in a browser, when options have no RP ID."""
    key = SoftwareAuthenticator(ORIGIN)
    registered(key.create(CREATION | {"rp": {"name": "Movies"}}), "app.example.com")
    assert key.get({"challenge": CREATION["challenge"]})["id"]
    assert [credential.rp_id for credential in key.credentials] == ["app.example.com"]


def test_excluded_credentials(key: SoftwareAuthenticator) -> None:
    """It makes no second passkey where the first one is excluded; another's does not matter."""
    stored = {"type": "public-key", "id": bytes_to_base64url(key.credentials[0].id)}
    with pytest.raises(ValueError, match="already stored"):
        key.create(CREATION | {"excludeCredentials": [stored]})
    foreign = {"type": "public-key", "id": bytes_to_base64url(b"foreign")}
    key.create(CREATION | {"excludeCredentials": [foreign]})
    key.create(CREATION | {"excludeCredentials": [stored], "rp": {"id": "app.example.com"}})
    assert len(key.credentials) == 3


def test_it_chooses_among_passkeys(key: SoftwareAuthenticator) -> None:
    """It takes the newest one of those allowed."""
    newest = key.create(CREATION)
    key.create(CREATION | {"rp": {"id": "app.example.com"}})
    assert newest["id"] == key.get(REQUEST | {"allowCredentials": []})["id"]
    first = {"type": "public-key", "id": bytes_to_base64url(key.credentials[0].id)}
    assert first["id"] == key.get(REQUEST | {"allowCredentials": [first]})["id"]


def test_nothing_is_found(key: SoftwareAuthenticator) -> None:
    """Neither for another RP ID nor among those allowed."""
    foreign = {"type": "public-key", "id": bytes_to_base64url(b"foreign")}
    for options in ({"rpId": "example.org"}, {"allowCredentials": [foreign]}):
        with pytest.raises(LookupError, match="No credential"):
            key.get(REQUEST | options)


BOTH: list[tuple[dict[str, Any], str]] = [
    ({"origin": "https://app.example.com.evil.test"}, "origin"),
    ({"origin": None}, MALFORMED_CLIENT),
    ({"challenge": OTHER}, "challenge"),
    ({"type": "payment.get"}, "client data type"),
    ({"client_data": b"{}"}, MALFORMED_CLIENT),
    ({"client_data": b""}, MALFORMED_CLIENT),
    ({"rp_id": "example.org"}, "RP ID hash"),
]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        *BOTH,
        ({"type": "webauthn.get"}, "client data type"),
        ({"extra": b"\x00"}, MALFORMED_DATA),
        ({"flags": 0x05}, MALFORMED_DATA),
        ({"flags": 0x44}, "not present"),
        ({"flags": 0x55}, "backed up"),
        ({"credential_id": b""}, "credential ID"),
        ({"algorithm_id": -65535}, "Unsupported credential public key alg"),
        ({"attestation_format": "packed"}, "missing signature"),
        ({"attestation_format": "unheard-of"}, "attestation type"),
        ({"attestation_statement": {"alg": -7, "sig": b"forged"}}, "unexpected attestation"),
    ],
    ids=str,
)
def test_hostile_registrations(changes: dict[str, Any], reason: str) -> None:
    """Each value can be replaced, and the library refuses the registration because of it."""
    key = SoftwareAuthenticator(ORIGIN)
    with pytest.raises(WebAuthnException, match=reason):
        registered(key.create(CREATION, **changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        *BOTH,
        ({"type": "webauthn.create"}, "client data type"),
        ({"extra": b"\x00"}, MALFORMED_DATA),
        ({"flags": 0x04}, "not present"),
        ({"flags": 0x15}, "backed up"),
        ({"sign_count": 1}, "sign count"),
        ({"signature": b"forged"}, "signature"),
    ],
    ids=str,
)
def test_hostile_assertions(changes: dict[str, Any], reason: str) -> None:
    """So it does the assertion; the next one without changes passes."""
    key = SoftwareAuthenticator(ORIGIN)
    registration = registered(key.create(CREATION))
    with pytest.raises(WebAuthnException, match=reason):
        signed_in(key.get(REQUEST, **changes), registration.credential_public_key, 1)
    assert signed_in(key.get(REQUEST), registration.credential_public_key, 1).new_sign_count == 3


def test_changes_that_the_library_accepts(key: SoftwareAuthenticator) -> None:
    """What it leaves to its caller is replaced and signed, too."""
    framed = {"cross_origin": True, "top_origin": "https://evil.test"}
    created = key.create(CREATION, credential_id=b"i" * 1024, aaguid=b"a" * 16, **framed)
    registration = registered(created)
    assert b"i" * 1024 == registration.credential_id == key.credentials[-1].id
    assert registration.aaguid == "61616161-6161-6161-6161-616161616161"
    answer = key.get(REQUEST, credential_id=b"other", user_handle=b"grace", sign_count=9, **framed)
    assert signed_in(answer, registration.credential_public_key, 1).new_sign_count == 9
    expected = (bytes_to_base64url(b"other"), bytes_to_base64url(b"grace"))
    assert expected == (answer["id"], answer["response"]["userHandle"])
    for credential in (created, answer):
        data = client_data(credential)
        assert (data["crossOrigin"], data["topOrigin"]) == (True, "https://evil.test")
    assert "crossOrigin" not in client_data(key.get(REQUEST, cross_origin=None))


def test_a_user_handle_is_stored() -> None:
    """A registration does not tell it, so that changing it changes the assertions."""
    key = SoftwareAuthenticator(ORIGIN)
    key.create(CREATION, user_handle=b"grace")
    assert bytes_to_base64url(b"grace") == key.get(REQUEST)["response"]["userHandle"]


def test_misspelt_changes(key: SoftwareAuthenticator) -> None:
    """They are refused, as is what the ceremony does not have."""
    with pytest.raises(TypeError, match="orgin"):
        key.get(REQUEST, orgin="https://evil.test")
    with pytest.raises(TypeError, match="signature"):
        key.create(CREATION, signature=b"")
    assert len(key.credentials) == 1


def test_a_clone() -> None:
    """It has a copy of the credentials, and counts by itself."""
    key = SoftwareAuthenticator(ORIGIN)
    registration = registered(key.create(CREATION))
    clone = SoftwareAuthenticator(ORIGIN, credentials=[replace(key.credentials[0])])
    for authenticator in (key, clone):
        answer = authenticator.get(REQUEST)
        assert signed_in(answer, registration.credential_public_key, 1).new_sign_count == 2


def test_private_keys_are_not_shown(key: SoftwareAuthenticator) -> None:
    """A failed test prints the authenticator."""
    assert "private_key" not in repr(key)


async def test_the_example_runs() -> None:
    """That of the docstring."""
    block = FENCE.search(inspect.getdoc(SoftwareAuthenticator) or "")
    assert block
    await execute(block["body"], "SoftwareAuthenticator", {})


@pytest.mark.slow
def test_cryptography_is_loaded_at_first_use() -> None:
    """The kit is imported by tests that need none of it."""
    [loaded] = loaded_by("import piccolo_api_fastapi.testing")
    assert "cryptography" not in loaded
