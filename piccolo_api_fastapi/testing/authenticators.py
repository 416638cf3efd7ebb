"""A passkey authenticator in software, for tests without a browser."""

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    PrivateKey: TypeAlias = EllipticCurvePrivateKey | Ed25519PrivateKey | RSAPrivateKey

ALGORITHM_IDS = {"ES256": -7, "EdDSA": -8, "RS256": -257}
"""RFC 9053 section 2, RFC 8812 section 2."""

PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40
"""The flags of the authenticator data: WebAuthn section 6.1."""


@dataclass(slots=True)
class StoredCredential:
    """A passkey with its private key."""

    id: bytes
    private_key: "PrivateKey" = field(repr=False)
    rp_id: str
    user_handle: bytes | None
    sign_count: int = 0


@dataclass
class SoftwareAuthenticator:
    """
    A browser with an authenticator, which creates passkeys and signs in with them.

    ```python
    from piccolo_api_fastapi.testing import SoftwareAuthenticator

    key = SoftwareAuthenticator("https://example.com")
    user = {"id": "YWRh", "name": "ada", "displayName": "Ada"}
    passkey = key.create({"challenge": "bm9uY2U", "rp": {"name": "Movies"}, "user": user})
    options = {"challenge": "YW5vdGhlcg", "rpId": "example.com"}
    assert key.get(options)["id"] == passkey["id"]
    phished = key.get(options, origin="https://example.com.evil.test")
    ```

    Options and responses are JSON, as in the browser: what `parseCreationOptionsFromJSON` takes and
    what `credential.toJSON()` returns. The options' `pubKeyCredParams`, `userVerification` and
    `timeout` are ignored.

    For hostile tests, keyword arguments of both methods replace any value of a response before it
    is signed: `type`, `challenge`, `origin`, `cross_origin` and `top_origin` of the client data
    (None omits the member), or all of it (`client_data`); `rp_id`, `flags` and `sign_count` of the
    authenticator data, and `extra` bytes at its end; `credential_id` and `user_handle`. They are
    bytes, numbers and texts; `challenge` is a text as in the options.

    Args:
        origin: The origin of the page. Its host is the RP ID if the options have none.
        algorithm: The algorithm of new credentials.
        verifies_user: Whether responses say that the user was verified.
        is_backup_eligible: Whether they say that the credential can be backed up.
        is_backed_up: Whether they say that it is backed up.
        counts: Whether signatures are counted. The registration is number 1.
        gives_user_handle: Whether assertions have the user handle.
        credentials: The stored credentials, oldest first. Copies of them make a clone.
    """

    origin: str
    _: KW_ONLY
    algorithm: Literal["ES256", "EdDSA", "RS256"] = "ES256"
    verifies_user: bool = True
    is_backup_eligible: bool = False
    is_backed_up: bool = False
    counts: bool = True
    gives_user_handle: bool = True
    credentials: list[StoredCredential] = field(default_factory=list)

    def create(self, options: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        """
        Create a passkey, as `navigator.credentials.create()` does.

        Args:
            options: A `PublicKeyCredentialCreationOptionsJSON`.
            changes: Values to replace: those of the class, of which `credential_id` and
                `user_handle` are also stored; `aaguid` and `algorithm_id` (COSE) of the attested
                data; `attestation_format` and `attestation_statement`.

        Raises:
            ValueError: A credential of `excludeCredentials` is stored.
            TypeError: There is no value of that name.
        """
        rp_id = options["rp"].get("id") or self._host()
        if self._stored(rp_id, options.get("excludeCredentials") or ()):
            raise ValueError("A credential of excludeCredentials is already stored.")
        private_key, handle = _new_key(self.algorithm), _decode(options["user"]["id"])
        passkey = StoredCredential(secrets.token_bytes(32), private_key, rp_id, handle)
        attestation = {
            "aaguid": bytes(16),
            "algorithm_id": ALGORITHM_IDS[self.algorithm],
            "attestation_format": "none",
            "attestation_statement": {},
        }
        values = _changed(self._values(passkey, "create", options) | attestation, changes)
        passkey.id, passkey.user_handle = values["credential_id"], values["user_handle"]
        self.credentials.append(passkey)

        public_key, cose_key = _public_keys(private_key, values["algorithm_id"])
        attested = values["aaguid"] + len(passkey.id).to_bytes(2, "big") + passkey.id
        data = _authenticator_data(values, attested + _cbor(cose_key))
        statement = values["attestation_statement"]
        made = {"fmt": values["attestation_format"], "attStmt": statement, "authData": data}
        response = {
            "clientDataJSON": _encode(_client_data(values)),
            "attestationObject": _encode(_cbor(made)),
            "authenticatorData": _encode(data),
            "publicKey": _encode(public_key),
            "publicKeyAlgorithm": values["algorithm_id"],
            "transports": ["internal"],
        }
        return _credential(passkey.id, response, {"credProps": {"rk": True}})

    def get(self, options: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        """
        Sign in with the newest passkey allowed, as `navigator.credentials.get()` does.

        Args:
            options: A `PublicKeyCredentialRequestOptionsJSON`.
            changes: Values to replace: those of the class, and `signature`. None is stored.

        Raises:
            LookupError: No credential is stored for the RP ID, or none of `allowCredentials`.
            TypeError: There is no value of that name.
        """
        rp_id = options.get("rpId") or self._host()
        stored = self._stored(rp_id, options.get("allowCredentials") or None)
        if not stored:
            raise LookupError(f"No credential that the options allow is stored for {rp_id}.")
        defaults = self._values(stored[-1], "get", options) | {"signature": None}
        if not self.gives_user_handle:
            defaults["user_handle"] = None
        values = _changed(defaults, changes)
        client_data, data = _client_data(values), _authenticator_data(values)
        signature = values["signature"]
        if signature is None:
            signature = _sign(stored[-1].private_key, data + sha256(client_data).digest())
        response = {
            "clientDataJSON": _encode(client_data),
            "authenticatorData": _encode(data),
            "signature": _encode(signature),
        }
        if values["user_handle"] is not None:
            response["userHandle"] = _encode(values["user_handle"])
        return _credential(values["credential_id"], response, {})

    def _host(self) -> str:
        return str(urlsplit(self.origin).hostname)

    def _stored(
        self, rp_id: str, listed: Iterable[Mapping[str, Any]] | None
    ) -> list[StoredCredential]:
        """Return the credentials of an RP ID, only those in the list if there is one."""
        own = [credential for credential in self.credentials if credential.rp_id == rp_id]
        if listed is None:
            return own
        ids = {_decode(descriptor["id"]) for descriptor in listed}
        return [credential for credential in own if credential.id in ids]

    def _values(
        self, credential: StoredCredential, ceremony: str, options: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Count the use of a credential, and return the values of its response."""
        credential.sign_count += self.counts
        flags = {
            VERIFIED: self.verifies_user,
            ELIGIBLE: self.is_backup_eligible,
            BACKED_UP: self.is_backed_up,
            ATTESTED: ceremony == "create",
        }
        return {
            "type": f"webauthn.{ceremony}",
            "challenge": options["challenge"],
            "origin": self.origin,
            "cross_origin": False,
            "top_origin": None,
            "client_data": None,
            "rp_id": credential.rp_id,
            "flags": PRESENT + sum(flag for flag, is_set in flags.items() if is_set),
            "sign_count": credential.sign_count,
            "extra": b"",
            "credential_id": credential.id,
            "user_handle": credential.user_handle,
        }


def _changed(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Replace values. A misspelt name is refused, since its hostile test would prove nothing."""
    if unknown := changes.keys() - values.keys():
        raise TypeError(f"Unknown: {sorted(unknown)}. The names are {', '.join(values)}.")
    return values | changes


def _client_data(values: Mapping[str, Any]) -> bytes:
    whole: bytes | None = values["client_data"]
    if whole is not None:
        return whole
    members = {name: values[name] for name in ("type", "challenge", "origin")}
    members |= {"crossOrigin": values["cross_origin"], "topOrigin": values["top_origin"]}
    present = {name: value for name, value in members.items() if value is not None}
    return json.dumps(present, separators=(",", ":")).encode()


def _authenticator_data(values: Mapping[str, Any], attested: bytes = b"") -> bytes:
    head = sha256(values["rp_id"].encode()).digest() + bytes([values["flags"]])
    return b"".join([head, values["sign_count"].to_bytes(4, "big"), attested, values["extra"]])


def _credential(
    id_: bytes, response: Mapping[str, Any], extensions: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "id": _encode(id_),
        "rawId": _encode(id_),
        "type": "public-key",
        "authenticatorAttachment": "platform",
        "response": response,
        "clientExtensionResults": extensions,
    }


def _new_key(algorithm: str) -> "PrivateKey":
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 2048)


def _public_keys(private_key: "PrivateKey", algorithm_id: int) -> tuple[bytes, dict[int, Any]]:
    """Return the public key as DER, and as a COSE key (RFC 9053 section 7, RFC 8230)."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = private_key.public_key()
    if isinstance(public, ec.EllipticCurvePublicKey):
        point = public.public_numbers()
        members = {-1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        cose_key = {1: 2, 3: algorithm_id, **members}
    elif isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        n, e = numbers.n.to_bytes(256, "big"), numbers.e.to_bytes(3, "big")
        cose_key = {1: 3, 3: algorithm_id, -1: n, -2: e}
    else:
        cose_key = {1: 1, 3: algorithm_id, -1: 6, -2: public.public_bytes_raw()}
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), cose_key


def _sign(private_key: "PrivateKey", data: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256

    if isinstance(private_key, ec.EllipticCurvePrivateKey):
        return private_key.sign(data, ec.ECDSA(SHA256()))
    if isinstance(private_key, rsa.RSAPrivateKey):
        return private_key.sign(data, padding.PKCS1v15(), SHA256())
    return private_key.sign(data)


def _cbor(value: Any) -> bytes:
    """Encode integers, bytes, text and maps, whose order is kept (RFC 8949)."""
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    return _head(5, len(value)) + b"".join(_cbor(k) + _cbor(v) for k, v in value.items())


def _head(major: int, number: int) -> bytes:
    if number < 24:  # noqa: PLR2004 - RFC 8949 section 3
        return bytes([major << 5 | number])
    power = next(power for power in range(4) if number < 256**2**power)
    return bytes([major << 5 | 24 + power]) + number.to_bytes(2**power, "big")


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
