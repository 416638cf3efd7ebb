"""What an ID token has to be: one list of everything that a hostile provider can send."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm

from piccolo_api_fastapi import AuthEvent, User
from piccolo_api_fastapi.accounts.social.providers import Refused
from piccolo_api_fastapi.accounts.social.providers.id_tokens import (
    Header,
    choose_key,
    read_header,
    verified_claims,
)
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import new_client

from .conftest import MakeApp, code_of, company, sign_in
from .hostile import CLIENT_ID, CLIENT_SECRET, Provider, ec_key, jwk, rsa_key, signed, unsigned

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""What a provider sends does not depend on the database."""

Tamper = Callable[[Provider], None]


def claims(reason: str, /, **changed: Any) -> Any:
    """Other claims; those that are `...` are missing."""

    def alter(found: dict[str, Any]) -> dict[str, Any]:
        whole = {**found, **changed}
        return {name: value for name, value in whole.items() if value is not ...}

    def tamper(provider: Provider) -> None:
        provider.alter_claims = alter

    return pytest.param(tamper, reason, id=f"{reason} {json.dumps(changed, default=str)[:50]}")


def times(reason: str, **changed: int) -> Any:
    """Times that are so many seconds from now."""

    def tamper(provider: Provider) -> None:
        now = int(provider.clock.now.timestamp())
        provider.alter_claims = lambda found: {
            **found,
            **{name: now + seconds for name, seconds in changed.items()},
        }

    return pytest.param(tamper, reason, id=f"{reason} {changed}")


def token(reason: str, name: str, sign: Callable[[Provider, dict[str, Any]], Any]) -> Any:
    """A token that is signed in another way."""

    def tamper(provider: Provider) -> None:
        provider.sign = sign

    return pytest.param(tamper, reason, id=name)


def keys(reason: str, name: str, *published: Any) -> Any:
    """Other published keys."""

    def tamper(provider: Provider) -> None:
        provider.keys = list(published)

    return pytest.param(tamper, reason, id=name)


def answer(reason: str, name: str, **changed: Any) -> Any:
    """Another answer of the token endpoint; what is `...` is missing."""

    def alter(found: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in {**found, **changed}.items() if value is not ...}

    def tamper(provider: Provider) -> None:
        provider.alter_answer = alter

    return pytest.param(tamper, reason, id=name)


B64: dict[str, Any] = {"alg": "RS256", "kid": "key-0", "b64": False}
NUMBERED: dict[str, Any] = {"alg": "RS256", "kid": 7}


def raw(payload: bytes) -> str:
    """A signed token whose payload is no claims."""
    return jwt.PyJWS().encode(payload, rsa_key(0), "RS256", {"kid": "key-0"})


def public_pem() -> bytes:
    """The public key, as a secret of HMAC."""
    return rsa_key(0).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def hmac_with(secret: bytes, found: dict[str, Any]) -> str:
    """A token signed with HMAC by a secret that others know."""
    import base64
    import hashlib
    import hmac

    head = unsigned({"alg": "HS256", "kid": "key-0"}, found).rstrip(".")
    mac = hmac.digest(secret, head.encode(), hashlib.sha256)
    return f"{head}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def other_issuer(provider: Provider) -> None:
    """A token of a second provider, with its own key beside the other."""
    provider.keys = [jwk(0), jwk(1)]
    provider.signing = 1
    provider.alter_claims = lambda found: {**found, "iss": "https://other.example"}


CASES = [
    claims("nonce", nonce="another"),
    claims("nonce", nonce=...),
    claims("nonce", nonce=None),
    claims("nonce", nonce=7),
    claims("iss", iss="https://other.example"),
    claims("iss", iss="https://provider.example/"),
    claims("iss", iss=...),
    claims("iss", iss=["https://provider.example"]),
    claims("aud", aud="another"),
    claims("aud", aud="another", azp=CLIENT_ID),
    claims("aud", aud=...),
    claims("aud", aud=[]),
    claims("aud", aud={CLIENT_ID: 1}),
    claims("azp", aud=[CLIENT_ID, "another"]),
    claims("azp", azp="another"),
    claims("azp", azp=None),
    claims("azp", aud=[CLIENT_ID, "another"], azp="another"),
    claims("exp", exp=...),
    claims("exp", exp="4102444800"),
    claims("exp", exp=True),
    claims("exp", exp=10**400),
    claims("exp", exp=-1),
    times("exp", exp=-61),
    times("exp", exp=-60),
    claims("iat", iat=...),
    claims("iat", iat="now"),
    times("iat", iat=61),
    times("nbf", nbf=61),
    claims("nbf", nbf="soon"),
    claims("at-hash", at_hash="another"),
    claims("at-hash", at_hash=None),
    claims("sub", sub=""),
    claims("sub", sub=...),
    claims("sub", sub="a" * 256),
    claims("sub", sub=7),
    claims("sub", sub="adä"),
    claims("sub", sub="ada\n"),
    claims("sub", sub=["248289761001"]),
    token("alg", "alg none", lambda _, found: unsigned({"alg": "none"}, found)),
    token("alg", "alg None", lambda _, found: unsigned({"alg": "None", "kid": "key-0"}, found)),
    token("alg", "no alg", lambda _, found: unsigned({"kid": "key-0"}, found)),
    token("alg", "alg a list", lambda _, found: unsigned({"alg": ["RS256"]}, found)),
    token("alg", "HS256 by the secret", lambda _, found: hmac_with(CLIENT_SECRET.encode(), found)),
    token("alg", "HS256 by the public key", lambda _, found: hmac_with(public_pem(), found)),
    token(
        "alg",
        "RS512",
        lambda _, found: jwt.encode(found, rsa_key(0), "RS512"),
    ),
    token("alg", "ES256", lambda _, found: jwt.encode(found, ec_key(), "ES256")),
    token("signature", "another key", lambda _, found: signed(found, 1, kid="key-0")),
    token(
        "signature",
        "no signature",
        lambda _, found: unsigned({"alg": "RS256", "kid": "key-0"}, found) + "AA",
    ),
    token("crit", "crit", lambda _, found: signed(found, crit=["exp"])),
    token("crit", "b64", lambda _, found: unsigned(B64, found) + "AA"),
    token("unknown-key", "unknown kid", lambda _, found: signed(found, kid="key-9")),
    token("unknown-key", "a key in the header", lambda _, found: signed(found, 1, jwk=jwk(1))),
    token("unknown-key", "empty kid", lambda _, found: signed(found, kid="")),
    token("kid", "kid a number", lambda _, found: unsigned(NUMBERED, found) + "AA"),
    token("id-token", "a JWE", lambda _, found: signed(found) + ".a.b"),
    token("id-token", "no JSON", lambda *_: "e30.e30"),
    token("id-token", "no base64", lambda *_: "ä.e30.e30"),
    token("id-token", "odd base64", lambda *_: "e.e30.e30"),
    token("id-token", "header a list", lambda *_: "W10.e30.e30"),
    token(
        "id-token",
        "claims a list",
        lambda *_: raw(b"[]"),
    ),
    token(
        "id-token",
        "claims twice",
        lambda *_: raw(b'{"a":1,"a":2}'),
    ),
    token(
        "id-token",
        "claims NaN",
        lambda *_: raw(b'{"exp":NaN}'),
    ),
    token("id-token", "20 KB", lambda _, found: signed({**found, "x": "x" * 20_000})),
    keys("unknown-key", "a key for encryption", jwk(0, use="enc")),
    keys("unknown-key", "a key that only signs", jwk(0, key_ops=["sign"])),
    keys("unknown-key", "a key with operations of no type", jwk(0, key_ops="verify")),
    keys("unknown-key", "a key of another algorithm", jwk(0, alg="RS512")),
    keys("unknown-key", "a symmetric key", {"kty": "oct", "kid": "key-0", "k": "c2VjcmV0"}),
    keys("unknown-key", "two keys of one id", jwk(0), jwk(1, kid="key-0")),
    keys("unknown-key", "no keys"),
    keys("unknown-key", "keys that are none", 7, None, "key"),
    keys("signature", "half a key", {"kty": "RSA", "kid": "key-0", "n": "AQAB"}),
    keys("signature", "a key of numbers", {"kty": "RSA", "kid": "key-0", "n": 7, "e": 3}),
    answer("id-token", "no ID token", id_token=...),
    answer("tokens", "an ID token of another type", id_token=7),
    answer("tokens", "no access token", access_token=...),
    answer("tokens", "an empty access token", access_token=""),
    answer("tokens", "an access token with a line break", access_token="a\r\nb"),
    answer("tokens", "no type", token_type=...),
    answer("tokens", "a token with proof", token_type="DPoP"),
    answer("tokens", "scopes as a list", scope=["openid"]),
    answer("code", "an error with 200", error="invalid_grant"),
    pytest.param(other_issuer, "iss", id="another issuer with a key of its own"),
]


@on_sqlite
@pytest.mark.security(146)
@pytest.mark.parametrize(("tamper", "reason"), CASES)
async def test_refused(
    client: httpx.AsyncClient,
    provider: Provider,
    events: list[AuthEvent],
    tamper: Tamper,
    reason: str,
) -> None:
    """Each is refused, for its own reason and in one answer; nobody is made or signed in."""
    tamper(provider)
    back = await sign_in(client, provider)
    assert (back.status_code, code_of(back)) == (403, "provider_refused")
    assert reason in [event.data["reason"] for event in events if event.name == "authn_oauth_fail"]
    assert await User.count() == 0
    assert (await client.get("/me")).status_code == 401


def rotated(provider: Provider) -> None:
    """Sign with a key that was published later."""
    provider.keys, provider.signing = [jwk(1), jwk(0)], 1


ACCEPTED = [
    claims("", aud=[CLIENT_ID]),
    claims("", aud=[CLIENT_ID, "another"], azp=CLIENT_ID),
    claims("", at_hash=...),
    claims("", sub="a" * 255),
    times("", exp=-59),
    times("", iat=60, nbf=60),
    keys("", "a key without a use", {name: jwk(0)[name] for name in ("kty", "n", "e", "kid")}),
    pytest.param(rotated, "", id="a rotated key"),
    token("", "no kid, one key", lambda _, found: signed(found, kid=None)),
]


@on_sqlite
@pytest.mark.security(146)
@pytest.mark.parametrize(("tamper", "reason"), ACCEPTED)
async def test_accepted(
    client: httpx.AsyncClient, provider: Provider, tamper: Tamper, reason: str
) -> None:
    """What the specification allows is accepted."""
    tamper(provider)
    back = await sign_in(client, provider)
    assert back.status_code == 303, back.text + reason


@on_sqlite
async def test_other_algorithms(make_app: MakeApp, provider: Provider) -> None:
    """An algorithm counts once it is configured, and only with a key of its kind."""
    provider.keys = [json.loads(ECAlgorithm.to_jwk(ec_key().public_key()))]
    provider.sign = lambda _, found: jwt.encode(found, ec_key(), "ES256")
    async with new_client(make_app(company(algorithms=["ES256"]))) as client:
        assert (await sign_in(client, provider)).status_code == 303
        provider.keys = [jwk(0)]
    async with new_client(make_app(company(algorithms=["ES256"]))) as client:
        assert code_of(await sign_in(client, provider)) == "provider_refused"


@on_sqlite
@pytest.mark.parametrize(
    ("since", "status"), [(0, 303), (660, 303), (661, 403), (-60, 303), (-61, 403), (None, 403)]
)
async def test_max_age(
    make_app: MakeApp, provider: Provider, clock: FrozenClock, since: int | None, status: int
) -> None:
    """A log-in at the provider that is older than asked for is refused."""
    then = None if since is None else int(clock.now.timestamp()) - since
    provider.claims |= {"auth_time": then}
    app = make_app(company(max_age=timedelta(minutes=10)))
    async with new_client(app) as client:
        assert (await sign_in(client, provider)).status_code == status


def test_pure() -> None:
    """The verification takes everything as arguments, and keeps nothing."""
    made = signed({"sub": "ada"})
    header = read_header(made, ["RS256", "HS256"])
    assert header == Header("RS256", "key-0")
    key = choose_key([jwk(1), jwk(0)], header)
    assert key is not None
    assert verified_claims(made, key, header) == {"sub": "ada"}
    with pytest.raises(Refused, match="alg"):
        read_header(hmac_with(b"secret", {}), ["HS256"])
