"""What is special of Google, Microsoft, Apple, GitHub and GitLab."""

import json
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from starlette.responses import JSONResponse

from piccolo_api_fastapi import (
    OIDC,
    Apple,
    AuthEvent,
    ConfigurationError,
    GitHub,
    GitLab,
    Google,
    Microsoft,
    OAuthAccount,
    OAuthProvider,
    ProviderIdentity,
    User,
)
from piccolo_api_fastapi.accounts.social.providers.microsoft import PERSONAL
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import new_client

from .conftest import MakeApp, begin, code_of, come_back, company, query_of, sign_in
from .hostile import CLIENT_ID, Provider, ec_key, jwk, rsa_key

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""What a provider sends does not depend on the database."""

CLIENT: dict[str, Any] = {"client_id": CLIENT_ID, "client_secret": "a secret"}
TENANT, OBJECT = "aaaabbbb-0000-cccc-1111-dddd2222eeee", "11112222-bbbb-3333-cccc-4444dddd5555"
OTHER = "ffffbbbb-0000-cccc-1111-dddd2222eeee"
TEMPLATE = "https://login.microsoftonline.com/{tenantid}/v2.0"


async def email_of(client: httpx.AsyncClient) -> str | None:
    """The verified address of the user who is signed in."""
    email: str | None = (await client.get("/auth/me")).json()["email"]
    return email


@on_sqlite
@pytest.mark.security(151)
@pytest.mark.parametrize(
    ("claims", "email"),
    [
        ({"email": "ada@gmail.com", "email_verified": True}, "ada@gmail.com"),
        ({"email": "ada@gmail.com", "email_verified": "true"}, "ada@gmail.com"),
        ({"email": "ada@gmail.com", "email_verified": "false"}, None),
        ({"email": "ada@gmail.com", "email_verified": False}, None),
        ({"email": "ada@gmail.com", "email_verified": 1}, None),
        ({"email": "ada@gmail.com"}, None),
        ({"email": "ada@example.com", "email_verified": True}, None),
        ({"email": "ada@example.com", "email_verified": True, "hd": ""}, None),
        ({"email": "ada@example.com", "email_verified": True, "hd": "other.com"}, None),
        (
            {"email": "ada@example.com", "email_verified": True, "hd": "example.com"},
            "ada@example.com",
        ),
        ({"email": "ada@example.com", "email_verified": False, "hd": "example.com"}, None),
        ({"email": "x@notgmail.com", "email_verified": True}, None),
        ({"email": "", "email_verified": True}, None),
        ({"email_verified": True, "hd": ""}, None),
    ],
)
async def test_google(
    make_app: MakeApp, provider: Provider, claims: dict[str, Any], email: str | None
) -> None:
    """Google is an authority for Gmail and for the domain of a Workspace, and for no other."""
    provider.issuer = "https://accounts.google.com"
    provider.claims = {"sub": "1", **claims}
    async with new_client(make_app(Google(**CLIENT))) as client:
        assert (await sign_in(client, provider, "google")).status_code == 303
        assert await email_of(client) == email


@on_sqlite
@pytest.mark.security(151)
async def test_workspace(make_app: MakeApp, provider: Provider) -> None:
    """The claim decides who is of the Workspace, not the parameter; and the issuer is exact."""
    provider.issuer = "https://accounts.google.com"
    async with new_client(make_app(Google(**CLIENT, hosted_domain="example.com"))) as client:
        assert query_of(await begin(client, "google"))["hd"] == "example.com"
        for claims in ({"hd": "other.com"}, {}, {"hd": ["example.com"]}):
            provider.claims = {"sub": "1", **claims}
            assert code_of(await sign_in(client, provider, "google")) == "provider_refused"
        provider.claims = {"sub": "1", "hd": "example.com", "iss": "accounts.google.com"}
        assert code_of(await sign_in(client, provider, "google")) == "provider_refused"
        provider.claims = {"sub": "1", "hd": "example.com"}
        assert (await sign_in(client, provider, "google")).status_code == 303


def microsoft_token(tenant: str = TENANT, **changed: Any) -> dict[str, Any]:
    """The claims of a user of a tenant."""
    issuer = TEMPLATE.replace("{tenantid}", tenant)
    return {"sub": "pairwise", "oid": OBJECT, "tid": tenant, "iss": issuer, **changed}


@on_sqlite
@pytest.mark.security(150)
@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        (microsoft_token(), None),
        (microsoft_token(OTHER), "tenant"),
        (microsoft_token(PERSONAL), "tenant"),
        (microsoft_token(tid="contoso.com"), "tenant"),
        (microsoft_token(tid=TENANT.upper()), "tenant"),
        (microsoft_token(tid=None), "tenant"),
        (microsoft_token(tid=[TENANT]), "tenant"),
        (microsoft_token(iss=TEMPLATE), "iss"),
        (microsoft_token(iss=TEMPLATE.replace("{tenantid}", OTHER)), "iss"),
        (microsoft_token(oid=None), "oid"),
        (microsoft_token(oid="ada"), "oid"),
    ],
)
@pytest.mark.parametrize("shared", [False, True])
async def test_microsoft(
    make_app: MakeApp,
    provider: Provider,
    events: list[AuthEvent],
    claims: dict[str, Any],
    reason: str | None,
    *,
    shared: bool,
) -> None:
    """The tenant must be an allowed one, and the issuer must be that of the tenant."""
    options: Any = {"tenant": "common", "tenants": [TENANT]} if shared else {"tenant": TENANT}
    provider.metadata = {"issuer": TEMPLATE if shared else TEMPLATE.replace("{tenantid}", TENANT)}
    provider.sends_issuer = False
    provider.claims = claims
    async with new_client(make_app(Microsoft(**CLIENT, **options))) as client:
        answer = await sign_in(client, provider, "microsoft")
    if reason is None:
        assert answer.status_code == 303, answer.text
        [row] = await OAuthAccount.select()
        assert (row["issuer"], row["subject"]) == (claims["iss"], OBJECT)
    else:
        assert code_of(answer) == "provider_refused"
        assert events[-1].data["reason"] == reason


@on_sqlite
@pytest.mark.security(150)
@pytest.mark.parametrize(
    ("claims", "trusted", "email"),
    [
        ({"email_verified": True}, False, None),
        ({"xms_edov": True}, False, None),
        ({"xms_edov": True}, True, "ada@example.com"),
        ({"xms_edov": 1}, True, "ada@example.com"),
        ({"xms_edov": "1"}, True, "ada@example.com"),
        ({"xms_edov": "true"}, True, "ada@example.com"),
        ({"xms_edov": 1.0}, True, None),
        ({"xms_edov": "0"}, True, None),
        ({"email_verified": True}, True, None),
    ],
)
async def test_nobody_is_an_address(
    make_app: MakeApp, provider: Provider, claims: Any, email: str | None, *, trusted: bool
) -> None:
    """An address that an administrator of a tenant set opens nothing."""
    provider.metadata = {"issuer": TEMPLATE}
    provider.sends_issuer = False
    provider.claims = microsoft_token(email="ada@example.com", **claims)
    options: Any = {"tenant": "organizations", "tenants": "any", "verified_domains": trusted}
    async with new_client(make_app(Microsoft(**CLIENT, **options))) as client:
        assert (await sign_in(client, provider, "microsoft")).status_code == 303
        assert await email_of(client) == email


@on_sqlite
@pytest.mark.security(150)
async def test_keys_of_tenants(make_app: MakeApp, provider: Provider) -> None:
    """A key of one tenant signs for no other."""
    provider.metadata = {"issuer": TEMPLATE}
    provider.sends_issuer = False
    provider.claims = microsoft_token()
    options: Any = {"tenant": "common", "tenants": "any"}
    for issuer, status in ((TEMPLATE.replace("{tenantid}", OTHER), 403), (TEMPLATE, 303), (7, 403)):
        provider.keys = [jwk(0, issuer=issuer)]
        async with new_client(make_app(Microsoft(**CLIENT, **options))) as client:
            assert (await sign_in(client, provider, "microsoft")).status_code == status


@on_sqlite
@pytest.mark.security(144)
async def test_issuer_of_a_tenant(make_app: MakeApp, provider: Provider) -> None:
    """`iss` of a callback may be that of any allowed tenant."""
    provider.metadata = {"issuer": TEMPLATE}
    provider.claims = microsoft_token()
    options: Any = {"tenant": "common", "tenants": [TENANT]}
    async with new_client(make_app(Microsoft(**CLIENT, **options))) as client:
        for tenant, status in ((OTHER, 403), ("common", 403), ("", 403), (TENANT, 303)):
            back = provider.authorize(await begin(client, "microsoft"))
            back["iss"] = TEMPLATE.replace("{tenantid}", tenant)
            assert (await come_back(client, back, "microsoft")).status_code == status


def apple_key() -> str:
    """A private key, as Apple gives one."""
    return ec_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def apple(provider: Provider) -> Apple:
    """Apple."""
    provider.issuer = "https://appleid.apple.com"
    provider.sends_issuer = False
    return Apple(client_id=CLIENT_ID, team_id="TEAM", key_id="KEY", key=apple_key())


@pytest.mark.security(152)
async def test_apple(
    make_app: MakeApp, provider: Provider, apple: Apple, clock: FrozenClock
) -> None:
    """The form is passed on; the unsigned user in it is ignored; the secret is a fresh JWT."""
    provider.claims = {"sub": "1", "email": "x@privaterelay.appleid.com", "email_verified": "true"}
    async with new_client(make_app(apple)) as client:
        url = await begin(client, "apple")
        assert query_of(url)["response_mode"] == "form_post"
        back = provider.authorize(url)
        user = {"email": "ada@example.com", "name": {"firstName": "Ada"}}
        form = {**back, "user": json.dumps(user)}
        async with new_client(client._transport.app) as cookieless:  # type: ignore[attr-defined]
            answer = await cookieless.post(
                "/auth/oauth/apple/callback",
                data=form,
                headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://appleid.apple.com"},
            )
        assert answer.status_code == 303, answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        location = answer.headers["location"]
        assert query_of(location) == back
        assert (await client.get(location)).headers["location"] == "/"
        assert await email_of(client) == "x@privaterelay.appleid.com"
    secret = provider.forms[-1]["client_secret"]
    public: Any = ec_key().public_key()
    claims = jwt.decode(
        secret, public, ["ES256"], {"verify_exp": False, "verify_iat": False}, audience=apple.issuer
    )
    now = int(clock.now.timestamp())
    assert (claims["iss"], claims["sub"], claims["iat"]) == ("TEAM", CLIENT_ID, now)
    assert claims["exp"] - now <= 300
    assert jwt.get_unverified_header(secret)["kid"] == "KEY"


@on_sqlite
@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("apple", {"error": "user_cancelled_authorize", "state": "s"}, 303),
        ("apple", {"code": "c" * 5000}, 422),
        ("apple", {"code": "c" * 20_000}, 413),
        ("apple", {}, 303),
        ("company", {"code": "c", "state": "s"}, 404),
        ("nowhere", {"code": "c", "state": "s"}, 404),
    ],
)
async def test_forms(
    make_app: MakeApp, apple: Apple, path: str, form: dict[str, str], status: int
) -> None:
    """Only a provider that sends forms may send one, of a limited size."""
    async with new_client(make_app(apple, company())) as client:
        answer = await client.post(f"/auth/oauth/{path}/callback", data=form, headers=FORM)
        assert answer.status_code == status, answer.text
        if status == 303:
            assert query_of(answer.headers["location"]) == form


FORM = {"Content-Type": "application/x-www-form-urlencoded"}

API, OAUTH = "https://api.github.com", "/login/oauth/access_token"


class GitHubServer(Provider):
    """GitHub: no ID token, but an API."""

    def __init__(self, clock: FrozenClock) -> None:
        super().__init__(clock, "https://github.com/login/oauth")
        self.user: Any = {"id": 583231, "login": "ada", "name": "Ada"}
        self.emails: Any = [{"email": "ada@example.com", "primary": True, "verified": True}]
        scope = "read:user,user:email"
        self.token: Any = {"access_token": "gho_x", "token_type": "bearer", "scope": scope}

    def _answer(self, path: str, form: dict[str, str]) -> JSONResponse:
        if path == OAUTH:
            self.forms.append(form)
            return JSONResponse(self.token)
        return JSONResponse({"/user": self.user, "/user/emails": self.emails}[path])


@pytest.fixture
def provider(clock: FrozenClock, request: pytest.FixtureRequest) -> Provider:
    """GitHub for its tests, and a provider of OpenID for all others."""
    is_github = request.node.originalname.startswith("test_github")
    return GitHubServer(clock) if is_github else Provider(clock)


@on_sqlite
@pytest.mark.security(153)
@pytest.mark.parametrize(
    ("emails", "email"),
    [
        ([{"email": "ada@example.com", "primary": True, "verified": True}], "ada@example.com"),
        (
            [
                {"email": "evil@example.com", "primary": False, "verified": False},
                {"email": "old@example.com", "primary": False, "verified": True},
                {"email": "ada@example.com", "primary": True, "verified": True},
            ],
            "ada@example.com",
        ),
        ([{"email": "evil@example.com", "primary": True, "verified": False}], None),
        ([{"email": "evil@example.com", "primary": False, "verified": True}], None),
        ([{"email": "evil@example.com", "primary": True, "verified": "true"}], None),
        ([{"email": "1+ada@users.noreply.github.com", "primary": True, "verified": True}], None),
        ([{"email": None, "primary": True, "verified": True}], None),
        ([{"primary": True, "verified": True}], None),
        ([], None),
        ({"message": "no"}, None),
        (["ada@example.com", 7], None),
        (None, None),
    ],
)
async def test_github_addresses(
    make_app: MakeApp, provider: GitHubServer, emails: Any, email: str | None
) -> None:
    """Only the address that is primary and verified counts."""
    provider.emails = emails
    async with new_client(make_app(GitHub(**CLIENT))) as client:
        assert (await sign_in(client, provider, "github")).status_code == 303
        assert await email_of(client) == email


@on_sqlite
@pytest.mark.security(153)
@pytest.mark.parametrize(
    ("token", "user", "status"),
    [
        ({"error": "bad_verification_code", "error_description": "no"}, None, 403),
        ({}, None, 403),
        ({"access_token": "x"}, None, 403),
        (None, {"login": "ada"}, 403),
        (None, {"id": "583231"}, 403),
        (None, {"id": 0}, 403),
        (None, {"id": True}, 403),
        (None, {"id": None}, 403),
        (None, [], 503),
    ],
)
async def test_github_refused(
    make_app: MakeApp, provider: GitHubServer, token: Any, user: Any, status: int
) -> None:
    """An error with the status 200 is one; without a number there is no user."""
    provider.token = provider.token if token is None else token
    provider.user = provider.user if user is None else user
    async with new_client(make_app(GitHub(**CLIENT))) as client:
        assert (await sign_in(client, provider, "github")).status_code == status
    assert await User.count() == 0


@pytest.mark.security(153)
async def test_github(make_app: MakeApp, provider: GitHubServer) -> None:
    """A user who was renamed is the same; whoever has the name now is another."""
    async with new_client(make_app(GitHub(**CLIENT))) as client:
        url = await begin(client, "github")
        assert url.startswith("https://github.com/login/oauth/authorize?")
        assert query_of(url)["scope"] == "read:user user:email"
        await come_back(client, provider.authorize(url), "github")
        assert provider.forms[-1]["client_secret"] == "a secret"
        assert provider.headers[-1]["authorization"] == "Bearer gho_x"
        provider.user = {"id": 583231, "login": "lovelace"}
        await sign_in(client, provider, "github")
        assert await User.count() == 1
        provider.user, provider.emails = {"id": 7, "login": "ada"}, []
        await sign_in(client, provider, "github")
        assert await User.count() == 2
        provider.user = {"id": 8, "login": "b"}
        provider.emails = [{"email": "ada@example.com", "primary": True, "verified": True}]
        provider.token["scope"] = "read:user"
        await sign_in(client, provider, "github")
        assert await email_of(client) is None
        back = {**provider.authorize(await begin(client, "github")), "iss": "https://github.com"}
        assert code_of(await come_back(client, back, "github")) == "provider_refused"


async def test_gitlab(make_app: MakeApp, provider: Provider) -> None:
    """GitLab is OpenID, at any server."""
    provider.claims = {"sub": "1", "email": "ada@example.com", "email_verified": True}
    for authoritative, email in ((False, None), (True, "ada@example.com")):
        provider.claims["sub"] = email or "1"
        gitlab = GitLab(**CLIENT, url=provider.issuer, authoritative=authoritative)
        async with new_client(make_app(gitlab)) as client:
            assert (await sign_in(client, provider, "gitlab")).status_code == 303
            assert await email_of(client) == email


class Custom(OAuthProvider):
    """A provider of an application."""

    name, title = "custom", "Custom"
    issuer = authorization_endpoint = "https://provider.example/authorize?kind=1"
    token_endpoint = "https://provider.example/token"
    found: Any = ProviderIdentity(subject="1", name="Ada\x00", email="no address")

    async def identity(self, web: Any, tokens: Any) -> ProviderIdentity:  # noqa: ARG002
        """Answer what the test says."""
        if isinstance(self.found, Exception):
            raise self.found
        identity: ProviderIdentity = self.found
        return identity


@on_sqlite
async def test_custom(make_app: MakeApp, provider: Provider) -> None:
    """What a provider of an application says is checked like all others."""
    provider.sends_issuer = False
    custom = Custom(**CLIENT)
    async with new_client(make_app(custom)) as client:
        url = await begin(client, "custom")
        assert url.startswith("https://provider.example/authorize?kind=1&")
        answer = await come_back(client, provider.authorize(url), "custom")
        assert answer.status_code == 303
        for found in (ProviderIdentity(subject=""), KeyError(), ProviderIdentity(subject="ä")):
            custom.found = found
            assert code_of(await sign_in(client, provider, "custom")) == "provider_refused"


@on_sqlite
@pytest.mark.parametrize("key", [rsa_key(0), ec_key()], ids=["RSA", "P-256"])
async def test_private_key_jwt(
    make_app: MakeApp, provider: Provider, clock: FrozenClock, key: Any
) -> None:
    """A client can authenticate by a signature (RFC 7523)."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    signs = company(client_secret=None, client_auth="private_key_jwt", private_key=pem)
    async with new_client(make_app(signs)) as client:
        assert (await sign_in(client, provider)).status_code == 303
    form = provider.forms[-1]
    claims = jwt.decode(
        form["client_assertion"],
        key.public_key(),
        ["RS256", "ES256"],
        {"verify_exp": False, "verify_iat": False},
        audience="https://provider.example/token",
    )
    assert claims["iss"] == claims["sub"] == form["client_id"] == CLIENT_ID
    assert claims["exp"] - claims["iat"] == 60


@on_sqlite
async def test_basic(make_app: MakeApp, provider: Provider) -> None:
    """Both parts of the credentials are form-encoded first (RFC 6749 section 2.3.1)."""
    async with new_client(make_app()) as client:
        await sign_in(client, provider)
    sent = [one["authorization"] for one in provider.headers if "authorization" in one]
    assert sent == [httpx.BasicAuth("movies", "a+secret+%2F+of+the+client")._auth_header]
    assert "client_secret" not in provider.forms[-1]


GOOD: dict[str, Any] = {"issuer": "https://provider.example", **CLIENT, "name": "company"}

WRONG: list[tuple[Any, dict[str, Any], str]] = [
    (OIDC, {**GOOD, "issuer": "http://provider.example"}, "https"),
    (OIDC, {**GOOD, "issuer": "https://provider.example#a"}, "https"),
    (OIDC, {**GOOD, "name": "Com pany"}, "name"),
    (OIDC, {**GOOD, "name": "accounts"}, "name"),
    (OIDC, {**GOOD, "name": "a" * 25}, "name"),
    (OIDC, {**GOOD, "client_id": ""}, "client_id"),
    (OIDC, {**GOOD, "client_secret": None}, "client_secret"),
    (OIDC, {**GOOD, "algorithms": ["none"]}, "algorithms"),
    (OIDC, {**GOOD, "algorithms": ["HS256"]}, "algorithms"),
    (OIDC, {**GOOD, "algorithms": []}, "algorithms"),
    (OIDC, {**GOOD, "scopes": ["email"]}, "openid"),
    (OIDC, {**GOOD, "client_auth": "private_key_jwt"}, "private_key"),
    (OIDC, {**GOOD, "private_key": "no key"}, "private_key"),
    (OIDC, {**GOOD, "authoritative": "example.com"}, "authoritative"),
    (Microsoft, {**CLIENT, "tenant": "common"}, "tenants"),
    (Microsoft, {**CLIENT, "tenant": "contoso.com"}, "tenant"),
    (Microsoft, {**CLIENT, "tenant": "common", "tenants": ["contoso.com"]}, "tenants"),
    (Apple, {"client_id": "x", "team_id": "t", "key_id": "k", "key": "no key"}, "private_key"),
    (OAuthProvider, CLIENT, "name"),
]


@pytest.mark.parametrize(("kind", "options", "word"), WRONG)
def test_wrong_settings(kind: Any, options: dict[str, Any], word: str) -> None:
    """What can't be used is refused when it is made."""
    with pytest.raises(ConfigurationError, match=word):
        kind(**options)


def test_settings() -> None:
    """What can be used is accepted."""
    assert Microsoft(**CLIENT, tenant="consumers").tenants == {PERSONAL}
    assert OIDC(**GOOD, max_age=timedelta(minutes=1)).max_age == 60
    assert OIDC(**{**GOOD, "issuer": "http://localhost:4000"}).title == "Company"
    named = GitHub(**CLIENT, name="work", title="Work", parameters={"prompt": "login"})
    assert (named.name, named.title, named.parameters) == ("work", "Work", {"prompt": "login"})
