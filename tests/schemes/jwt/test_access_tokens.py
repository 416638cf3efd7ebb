"""Only the tokens that we would write ourselves are accepted."""

import base64
import hashlib
import hmac
import json
import socket
import urllib.request
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.requests import HTTPConnection

from piccolo_api_fastapi import JWTAuth, User, Users
from piccolo_api_fastapi.core.crypto.keys import Key, KeyRing
from piccolo_api_fastapi.errors import ConfigurationError, InvalidToken
from piccolo_api_fastapi.schemes.jwt import access_tokens
from piccolo_api_fastapi.schemes.jwt.access_tokens import AccessTokens, Claims
from piccolo_api_fastapi.testing import FrozenClock

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
AT = int(NOW.timestamp())
SECRET = b"a secret of more than thirty-two bytes"
KEY = Key.from_secret(SECRET, kid="k1")
TOKENS = AccessTokens(KeyRing(KEY), "issuer", "audience", timedelta(minutes=15))
HEADER = {"alg": "HS256", "kid": "k1", "typ": "at+jwt"}
PAYLOAD = {
    "iss": "issuer",
    "aud": "audience",
    "sub": "1",
    "sid": "family",
    "jti": "token",
    "iat": AT,
    "exp": AT + 900,
    "scope": "",
}


def b64(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def sign(header: Any, payload: Any, secret: bytes = SECRET, digest: str = "sha256") -> str:
    """A JWS by hand, so that everything but one thing can be right."""
    parts = [
        part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)
    ]
    body = ".".join(b64(part) for part in parts)
    return body + "." + b64(hmac.new(secret, body.encode(), getattr(hashlib, digest)).digest())


def refused(token: str, now: datetime = NOW) -> None:
    """Assert that a token is refused."""
    with pytest.raises(InvalidToken):
        TOKENS.decode(token, now)


def test_round_trip() -> None:
    """What is written is read; the hand-made one as well."""
    claims = Claims(
        "1", "family", "token", NOW, NOW + timedelta(minutes=15), frozenset({"a"}), {"x": 1}
    )
    assert claims == TOKENS.decode(TOKENS.encode(claims), NOW)
    assert TOKENS.decode(sign(HEADER, PAYLOAD), NOW).subject == "1"


def test_reserved_claims() -> None:
    """An extra claim can't replace one of ours."""
    claims = Claims("1", "f", "t", NOW, NOW, frozenset(), {"sub": "2"})
    with pytest.raises(ConfigurationError):
        TOKENS.encode(claims)


@pytest.mark.security(34)
@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE", ""])
def test_none(alg: str) -> None:
    """No spelling of `none`, with or without a signature."""
    token = sign({**HEADER, "alg": alg}, PAYLOAD)
    refused(token)
    refused(token.rpartition(".")[0] + ".")


@pytest.mark.security(35)
@pytest.mark.parametrize("alg", ["HS512", "hs256", "RS256", ["HS256"], 256, None, {}])
def test_other_algorithms(alg: Any) -> None:
    """The key has one algorithm."""
    refused(sign({**HEADER, "alg": alg}, PAYLOAD))
    refused(sign({**HEADER, "alg": alg}, PAYLOAD, digest="sha512"))


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The connections and look-ups of host names that are tried; none of them succeeds."""
    tried: list[str] = []

    def watch(owner: Any, name: str) -> None:
        def refuse(*arguments: Any, **_: Any) -> None:
            tried.append(f"{name}{arguments}")
            raise OSError(f"{name} is not allowed here")

        monkeypatch.setattr(owner, name, refuse)

    for method in ("connect", "connect_ex", "sendto"):
        watch(socket.socket, method)
    for function in ("getaddrinfo", "gethostbyname", "create_connection"):
        watch(socket, function)
    return tried


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "https://attacker.example/keys.json"])
def test_the_network_is_watched(url: str, network: list[str]) -> None:
    """A request of httpx, of urllib or of PyJWT's own client would not go unnoticed."""
    calls: list[Any] = [
        lambda: httpx.get(url),
        lambda: urllib.request.urlopen(url),  # noqa: S310 - ours
        lambda: jwt.PyJWKClient(url).get_jwk_set(),
    ]
    for count, call in enumerate(calls):
        assert len(network) == count
        with pytest.raises((OSError, httpx.HTTPError, jwt.PyJWTError)):
            call()


URLS = ["http://127.0.0.1:1/", "https://attacker.example/keys.json", "file:///etc/passwd"]
JWK = {"kty": "oct", "kid": "k1", "k": b64(SECRET)}
FOREIGN = [
    *[(name, url) for name in ("jku", "x5u", "jwk", "x5c", "kid", "iss") for url in URLS],
    ("jwk", JWK),
    ("jwk", {**JWK, "x5u": URLS[0]}),
    ("x5c", ["MIIB"]),
    ("x5t", "AAAA"),
]


@pytest.mark.security(37)
@pytest.mark.parametrize(("name", "value"), FOREIGN)
def test_keys_that_a_token_brings(name: str, value: Any, network: list[str]) -> None:
    """A token names no key but by its id, and nothing is fetched."""
    refused(sign({**HEADER, name: value}, PAYLOAD))
    refused(sign({**HEADER, name: value}, PAYLOAD, secret=b"another secret"))
    assert network == []


@pytest.mark.security(40)
@pytest.mark.parametrize("name", ["crit", "b64", "zip", "cty", "enc", "foo"])
def test_other_headers(name: str) -> None:
    """No header but ours."""
    refused(sign({**HEADER, name: "http://127.0.0.1:1/"}, PAYLOAD))


@pytest.mark.security(38)
@pytest.mark.parametrize(
    "kid", ["k2", 1, None, ["k1"], {}, "../k1", "' OR 1=1", "k1\x00", "k" * 10_000, ""]
)
def test_key_ids(kid: Any) -> None:
    """A key id is looked up and nothing else."""
    refused(sign({**HEADER, "kid": kid}, PAYLOAD))


@pytest.mark.security(41)
@pytest.mark.parametrize("typ", ["JWT", "jwt", "AT+JWT", None, 1, "application/at+jwt"])
def test_types(typ: Any) -> None:
    """Only `at+jwt`."""
    refused(sign({**HEADER, "typ": typ}, PAYLOAD))


@pytest.mark.security(41)
@pytest.mark.parametrize("name", ["alg", "kid", "typ"])
def test_missing_headers(name: str) -> None:
    """Each of the three headers is needed."""
    refused(sign({key: value for key, value in HEADER.items() if key != name}, PAYLOAD))


@pytest.mark.security(43)
@pytest.mark.parametrize("name", list(PAYLOAD))
def test_missing_claims(name: str) -> None:
    """Each claim is needed (D-J5)."""
    refused(sign(HEADER, {key: value for key, value in PAYLOAD.items() if key != name}))


@pytest.mark.security(42)
@pytest.mark.security(43)
@pytest.mark.security(45)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iss", "issue"),
        ("iss", "issuer2"),
        ("iss", ["issuer"]),
        ("iss", None),
        ("aud", "other"),
        ("aud", []),
        ("aud", ["audience", 1]),
        ("aud", {"audience": 1}),
        ("exp", None),
        ("exp", str(AT + 900)),
        ("exp", AT + 900.5),
        ("exp", True),
        ("exp", 10**400),
        ("exp", -1),
        ("exp", AT + 901),
        ("iat", "0"),
        ("iat", AT + 6),
        ("iat", None),
        ("nbf", AT + 6),
        ("nbf", None),
        ("nbf", "0"),
        ("sub", 1),
        ("sub", ""),
        ("sub", None),
        ("sub", "\ud800"),
        ("sub", "1\x00"),
        ("sid", 1),
        ("jti", None),
        ("scope", ["admin"]),
        ("scope", None),
    ],
)
def test_claim_values(name: str, value: Any) -> None:
    """A claim of another type or value is refused (D-J5, D-J6)."""
    refused(sign(HEADER, {**PAYLOAD, name: value}))


@pytest.mark.security(42)
def test_audience_list() -> None:
    """A list of audiences that has ours is fine (RFC 7519 section 4.1.3)."""
    token = sign(HEADER, {**PAYLOAD, "aud": ["other", "audience"]})
    assert TOKENS.decode(token, NOW).subject == "1"


@pytest.mark.security(43)
@pytest.mark.parametrize("text", [b"NaN", b"1e400", b"Infinity", b"9" * 5000])
def test_numbers(text: bytes) -> None:
    """Numbers that JSON lacks, or that no time is."""
    raw = json.dumps({**PAYLOAD, "exp": "?"}).encode().replace(b'"?"', text)
    refused(sign(HEADER, raw))


@pytest.mark.security(44)
def test_boundaries() -> None:
    """Without a leeway `exp` itself is too late; the leeway, of 5 s by default, moves both ends."""
    token = sign(HEADER, PAYLOAD)
    parts = KeyRing(KEY), "issuer", "audience", timedelta(minutes=15)
    for leeway, tokens in (
        (0, AccessTokens(*parts, timedelta(0))),
        (5, TOKENS),
        (30, AccessTokens(*parts, timedelta(seconds=30))),
    ):
        for now in (NOW - timedelta(seconds=leeway), NOW + timedelta(seconds=899 + leeway)):
            assert tokens.decode(token, now).subject == "1"
        for now in (NOW - timedelta(seconds=leeway + 1), NOW + timedelta(seconds=900 + leeway)):
            with pytest.raises(InvalidToken):
                tokens.decode(token, now)


@pytest.mark.slow
@pytest.mark.security(44)
@pytest.mark.parametrize("behind", [0.1, 0.2, 0.5, 1.0, 5.0])
async def test_servers_whose_clocks_differ(
    users: Users[User], ada: User, clock: FrozenClock, behind: float
) -> None:
    """A server whose clock is seconds behind accepts the new tokens of another, by default."""
    connection = HTTPConnection({"type": "http", "headers": [], "client": ("127.0.0.1", 1)})
    for number in range(20):
        clock.advance(timedelta(milliseconds=50))
        pair = await JWTAuth(users, secret=SECRET).issue(ada, connection)
        late = JWTAuth(
            Users(clock=FrozenClock(clock.now - timedelta(seconds=behind))), secret=SECRET
        )
        header = (b"authorization", f"Bearer {pair.access_token}".encode())
        identity = await late.find(HTTPConnection({"type": "http", "headers": [header]}))
        assert identity is not None, number
        await late.refresh(pair.refresh_token)


@pytest.mark.security(46)
def test_duplicates() -> None:
    """A name twice is refused, in the header and in the claims."""
    header = b'{"alg":"HS256","kid":"k1","typ":"at+jwt","alg":"HS256"}'
    refused(sign(header, PAYLOAD))
    raw = json.dumps(PAYLOAD).encode()
    refused(sign(HEADER, raw[:-1] + b',"sub":"1"}'))


@pytest.mark.security(47)
@pytest.mark.parametrize(
    "token",
    [
        "",
        "garbage",
        "a.b",
        "a.b.c",
        "a.b.c.d.e",
        "..",
        sign(HEADER, PAYLOAD) + ".",
        sign(HEADER, PAYLOAD) + "=",
        sign(HEADER, PAYLOAD) + "\n",
        " " + sign(HEADER, PAYLOAD),
        sign(HEADER, b"[]"),
        sign(HEADER, b"1"),
        sign(HEADER, b"\xff\xfe"),
        sign(b"[]", PAYLOAD),
        sign(b"\xff", PAYLOAD),
        sign(HEADER, b"[" * 5000),
        sign(HEADER, {**PAYLOAD, "x": "x" * 9000}),
        "é.é.é",
        "x" * 10_000_000,
    ],
)
def test_malformed(token: str) -> None:
    """Anything that is no compact JWS of an object (D-J1)."""
    refused(token)


@pytest.mark.security(48)
def test_one_text() -> None:
    """The unused bits of base64 can't give a token a second text."""
    token = sign(HEADER, PAYLOAD)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]
    refused(twin)


@pytest.mark.security(35)
def test_wrong_secret() -> None:
    """A signature by another secret."""
    refused(sign(HEADER, PAYLOAD, secret=b"x" * 40))


@pytest.mark.parametrize(
    "options",
    [
        {"issuer": ""},
        {"audience": ""},
        {"lifetime": timedelta(0)},
        {"lifetime": timedelta(days=2)},
        {"leeway": timedelta(minutes=2)},
        {"leeway": timedelta(seconds=-1)},
    ],
)
def test_configuration(options: dict[str, Any]) -> None:
    """Settings that make no sense raise."""
    settings = {"issuer": "i", "audience": "a", "lifetime": timedelta(minutes=1), **options}
    with pytest.raises(ConfigurationError):
        AccessTokens(KeyRing(KEY), **settings)


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens whose signature was checked."""
    tokens: list[str] = []
    real = jwt.PyJWS.decode

    def spy(self: jwt.PyJWS, token: Any, *args: Any, **options: Any) -> Any:
        tokens.append(token)
        return real(self, token, *args, **options)

    monkeypatch.setattr(jwt.PyJWS, "decode", spy)
    return tokens


@pytest.mark.security(44)
def test_known_tokens(checked: list[str]) -> None:
    """A signature is checked once; times at every use; another ring knows nothing of it."""
    tokens = AccessTokens(KeyRing(KEY), "issuer", "audience", timedelta(minutes=15))
    token = sign(HEADER, {**PAYLOAD, "nbf": AT + 15})
    for _ in range(2):
        with pytest.raises(InvalidToken):
            tokens.decode(token, NOW)
    assert tokens.decode(token, NOW + timedelta(seconds=10)).subject == "1"
    assert tokens.decode(token, NOW + timedelta(seconds=904)).subject == "1"
    with pytest.raises(InvalidToken):
        tokens.decode(token, NOW + timedelta(seconds=905))
    assert checked == [token]
    other = Key.from_secret("another secret of thirty-two bytes!!", kid="k1")
    for stranger in (
        AccessTokens(KeyRing(other), "issuer", "audience", timedelta(minutes=15)),
        AccessTokens(KeyRing(KEY), "issuer", "another audience", timedelta(minutes=15)),
    ):
        with pytest.raises(InvalidToken):
            stranger.decode(token, NOW + timedelta(seconds=10))


def test_only_good_tokens_are_known(checked: list[str]) -> None:
    """A refused token takes no room, and is refused again."""
    tokens = AccessTokens(KeyRing(KEY), "issuer", "audience", timedelta(minutes=15))
    for _ in range(2):
        with pytest.raises(InvalidToken):
            tokens.decode(sign(HEADER, PAYLOAD, secret=b"x" * 40), NOW)
    assert len(checked) == 2
    assert not tokens._known


def test_known_claims_are_nobodys(checked: list[str]) -> None:
    """Claims that could be changed are made anew; others can't be changed."""
    flat, deep = sign(HEADER, {**PAYLOAD, "x": 1}), sign(HEADER, {**PAYLOAD, "x": ["a"]})
    tokens = AccessTokens(KeyRing(KEY), "issuer", "audience", timedelta(minutes=15))
    tokens.decode(deep, NOW).extra["x"].append("b")
    assert tokens.decode(deep, NOW).extra == {"x": ["a"]}
    extra: Any = tokens.decode(flat, NOW).extra
    with pytest.raises(TypeError):
        extra["x"] = 2


def test_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest give way."""
    monkeypatch.setattr(access_tokens, "CACHE_SIZE", 3)
    tokens = AccessTokens(KeyRing(KEY), "issuer", "audience", timedelta(minutes=15))
    for number in range(5):
        tokens.decode(sign(HEADER, {**PAYLOAD, "jti": str(number)}), NOW)
    assert [verified.claims.token_id for verified in tokens._known.values()] == ["2", "3", "4"]


def test_both_names_of_ed25519() -> None:
    """A token says `EdDSA` or `Ed25519` (RFC 9864); either is accepted, whichever is written."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    claims = Claims("1", "f", "t", NOW, NOW + timedelta(minutes=15), frozenset())
    both = []
    for name in ("EdDSA", "Ed25519"):
        ring = KeyRing(Key.from_pem(pem, algorithm=name))
        both.append(AccessTokens(ring, "issuer", "audience", timedelta(minutes=15)))
    for writer, name in zip(both, ("EdDSA", "Ed25519"), strict=True):
        token = writer.encode(claims)
        assert jwt.get_unverified_header(token)["alg"] == name
        for reader in both:
            assert reader.decode(token, NOW) == claims
    refused(both[0].encode(claims))
