"""OpenAPI tells the whole truth: who may call what, what is sent, what can go wrong."""

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Annotated, Any

import jsonschema_rs
import pytest
import schemathesis
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Depends, FastAPI, Security
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel

from examples.protected_app.app import app as protected_app
from piccolo_api_fastapi import (
    Accounts,
    AnyOf,
    ConsoleMail,
    JWTAuth,
    Key,
    KeyRing,
    Login,
    SessionAuth,
    User,
    Users,
    accounts_router,
    install,
    jwt_router,
    public,
    require,
    responses,
    session_router,
)
from piccolo_api_fastapi.core.http.problems import BODIES, PROBLEM_MEDIA_TYPE
from piccolo_api_fastapi.errors import NotFound
from tests.documents import expanded, found

# The document is the same on each database.
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

OPERATIONS = {
    "log_in": ("POST", "/auth/login"),
    "log_out": ("POST", "/auth/logout"),
    "list_sessions": ("GET", "/auth/sessions"),
    "end_session": ("DELETE", "/auth/sessions/{session_id}"),
    "end_other_sessions": ("DELETE", "/auth/sessions"),
    "create_token": ("POST", "/auth/token"),
    "revoke_token": ("POST", "/auth/token/revoke"),
    "list_families": ("GET", "/auth/token/families"),
    "end_family": ("DELETE", "/auth/token/families/{family_id}"),
    "end_other_families": ("DELETE", "/auth/token/families"),
    "get_jwks": ("GET", "/auth/.well-known/jwks.json"),
    "log_in_mfa": ("POST", "/auth/login/mfa"),
    "send_login_code": ("POST", "/auth/login/mfa/send"),
    "create_token_mfa": ("POST", "/auth/token/mfa"),
    "send_token_code": ("POST", "/auth/token/mfa/send"),
    "reauthenticate": ("POST", "/auth/reauthenticate"),
    "get_mfa": ("GET", "/auth/mfa"),
    "begin_totp": ("POST", "/auth/mfa/totp"),
    "confirm_totp": ("POST", "/auth/mfa/totp/confirm"),
    "remove_totp": ("DELETE", "/auth/mfa/totp"),
    "replace_recovery_codes": ("POST", "/auth/mfa/recovery-codes"),
}

TOKEN_ENDPOINT = {"create_token", "create_token_mfa", "send_token_code", "revoke_token"}

_document: list[dict[str, Any]] = []
"""Made once: it does not change."""


@pytest.fixture
def document(request: pytest.FixtureRequest, database: Any) -> dict[str, Any]:
    """What the test application says of itself, with the routes of asymmetric keys and scopes."""
    if not _document:
        parts = [request.getfixturevalue(name) for name in ("app", "users", "session")]
        _document.append(make_document(*parts))
    return deepcopy(_document[0])


def make_document(app: FastAPI, users: Users[User], session: SessionAuth[User]) -> dict[str, Any]:
    """The document of an application."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    asymmetric = FastAPI()
    install(asymmetric)
    keys = KeyRing(Key.from_pem(pem))
    asymmetric.include_router(jwt_router(JWTAuth(users, keys=keys)), prefix="/auth")
    jwks = asymmetric.openapi()

    @app.get("/verified")
    async def verified(_: Annotated[User, Depends(require(session, verified=True))]) -> None:
        return None

    @app.get("/scoped")
    async def scoped(_: Annotated[User, Security(session, scopes=["a", "b"])], number: int) -> None:
        return None

    document = app.openapi()
    path = OPERATIONS["get_jwks"][1]
    document["paths"][path] = jwks["paths"][path]
    for name in ("JWK", "JWKSet"):
        document["components"]["schemas"][name] = jwks["components"]["schemas"][name]
    return document


def operation(document: dict[str, Any], name: str) -> dict[str, Any]:
    """An operation of the prebuilt routers."""
    method, path = OPERATIONS[name]
    found: dict[str, Any] = expanded(document)["paths"][path][method.lower()]
    return found


def contents(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body that is documented, sent or answered, and where."""
    for path, item in expanded(document)["paths"].items():
        for method, entry in item.items():
            bodies = {"body": entry["requestBody"]} if "requestBody" in entry else {}
            for what, part in (bodies | entry["responses"]).items():
                for media_type, content in part.get("content", {}).items():
                    yield f"{method} {path} {what} {media_type}", content


def test_it_is_openapi(document: dict[str, Any]) -> None:
    """The document conforms to the schema of OpenAPI 3.1, and its references lead somewhere."""
    assert document["openapi"].startswith("3.1")
    # Section 4.6 lets every URL be a relative one; the schema forgot this one.
    flow = document["components"]["securitySchemes"]["JWT"]["flows"]["password"]
    flow["tokenUrl"] = f"https://testserver/{flow['tokenUrl']}"
    schemathesis.openapi.from_dict(document).validate()
    OpenAPIV31SpecValidator(document).validate()
    references = set(re.findall(r"'#/components/(\w+)/(\w+)'", str(document)))
    assert references
    assert references <= {
        (kind, name) for kind, shared in document["components"].items() for name in shared
    }


def test_schemes(document: dict[str, Any]) -> None:
    """Both schemes are listed, and the token URL is where the token endpoint is."""
    schemes = document["components"]["securitySchemes"]
    assert set(schemes) == {"Session", "JWT"}
    session = {"type": "apiKey", "in": "cookie", "name": "__Host-session"}
    assert session.items() <= schemes["Session"].items()
    assert schemes["JWT"]["type"] == "oauth2"
    assert schemes["JWT"]["flows"]["password"]["tokenUrl"] == "auth/token"


@pytest.mark.parametrize("prefix", ["", "/auth", "/api/v1/accounts"])
def test_token_url(users: Users[User], prefix: str) -> None:
    """The token URL follows the prefix."""
    app = FastAPI()
    install(app)
    app.include_router(jwt_router(JWTAuth(users, secret="0" * 32)), prefix=prefix)
    flow = app.openapi()["components"]["securitySchemes"]["JWT"]["flows"]["password"]
    assert f"/{flow['tokenUrl']}" == f"{prefix}/token"
    assert f"/{flow['tokenUrl']}" in app.openapi()["paths"]


def test_operations(document: dict[str, Any]) -> None:
    """The prebuilt routers have these operations under stable ids, described, and no others."""
    found = {
        operation["operationId"]: (method.upper(), path)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if path.startswith("/auth")
    }
    assert found == OPERATIONS
    for name in OPERATIONS:
        entry = operation(document, name)
        assert entry["summary"]
        assert entry["description"]
        assert entry["tags"] in (["sessions"], ["tokens"], ["mfa"], ["step-up"])


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("log_in", "200 401 403 413 415 422 429 503"),
        ("log_out", "204 403 413 503"),
        ("list_sessions", "200 401 403 413 503"),
        ("end_session", "204 401 403 404 413 422 503"),
        ("end_other_sessions", "204 401 403 413 422 503"),
        ("create_token", "200 400 403 413 415 429 503"),
        ("revoke_token", "200 400 413 415 503"),
        ("list_families", "200 400 401 403 413 503"),
        ("end_family", "204 400 401 403 404 413 422 503"),
        ("end_other_families", "204 400 401 403 413 422 503"),
        ("get_jwks", "200 413 503"),
        ("log_in_mfa", "200 401 403 413 415 422 429 503"),
        ("send_login_code", "204 401 403 413 415 422 429 503"),
        ("create_token_mfa", "200 400 403 413 415 429 503"),
        ("send_token_code", "204 400 413 415 429 503"),
        ("reauthenticate", "204 400 401 403 413 415 422 429 503"),
        ("get_mfa", "200 400 401 403 413 503"),
        ("begin_totp", "200 400 401 403 413 503"),
        ("confirm_totp", "200 400 401 403 413 415 422 503"),
        ("remove_totp", "204 400 401 403 404 413 503"),
        ("replace_recovery_codes", "200 400 401 403 404 413 503"),
    ],
)
def test_statuses(document: dict[str, Any], name: str, statuses: str) -> None:
    """Each operation names the statuses it can answer, and none that it can't."""
    assert " ".join(sorted(operation(document, name)["responses"])) == statuses


@pytest.mark.parametrize("name", OPERATIONS)
def test_errors(document: dict[str, Any], name: str) -> None:
    """Each error is a problem with an example, and names the header that comes with it."""
    for status, entry in operation(document, name)["responses"].items():
        if status >= "400":
            is_token = name in TOKEN_ENDPOINT
            assert [*entry["content"]] == ["application/json" if is_token else PROBLEM_MEDIA_TYPE]
            for content in entry["content"].values():
                values = [example["value"] for example in content["examples"].values()]
                assert {str(value["status"]) for value in values} == {status}
                if is_token:
                    assert all(value["error"] and value["error_description"] for value in values)
            header = {"401": "WWW-Authenticate", "503": "Retry-After"}.get(status)
            if "insufficient_scope" in str(entry["content"]):
                header = "WWW-Authenticate"
            assert header is None or header in entry["headers"]


@pytest.mark.parametrize(
    ("name", "status", "code", "members"),
    [
        ("create_token", "403", "mfa_required", {"challenge", "methods", "expires_in", "next"}),
        (
            "begin_totp",
            "401",
            "insufficient_user_authentication",
            {"max_age", "acr_values", "next"},
        ),
        ("list_sessions", "403", "mfa_enrolment_required", {"next"}),
    ],
)
def test_members_of_errors(
    document: dict[str, Any], name: str, status: str, code: str, members: set[str]
) -> None:
    """What an error says beside a problem is in its schema and in its example."""
    [content] = operation(document, name)["responses"][status]["content"].values()
    schema = content["schema"]
    bodies = [found(document, option["$ref"]) for option in schema.get("anyOf", [schema])]
    [body] = [body for body in bodies if body["properties"]["code"].get("const") == code]
    assert members <= body["properties"].keys()
    assert members <= content["examples"][code]["value"].keys()


def test_own_input_errors(document: dict[str, Any]) -> None:
    """The 422 of the application's own routes is documented as `install` answers it."""
    answer = expanded(document)["paths"]["/scoped"]["get"]["responses"]["422"]
    assert list(answer["content"]) == [PROBLEM_MEDIA_TYPE]


@pytest.mark.parametrize("name", OPERATIONS)
def test_payloads_have_examples(document: dict[str, Any], name: str) -> None:
    """What is sent and what is answered is typed, with an example."""
    entry = operation(document, name)
    bodies = [entry["requestBody"]] if "requestBody" in entry else []
    bodies += [answer for status, answer in entry["responses"].items() if status == "200"]
    for body in bodies:
        for content in body["content"].values():
            schema = content["schema"]
            if name == "revoke_token" and not schema:
                continue  # RFC 7009 section 2.2: there is nothing to read in the answer
            for part in schema.get("oneOf", [schema.get("items", schema)]):
                model = document["components"]["schemas"][part["$ref"].rpartition("/")[2]]
                assert model["examples"], part


def test_examples_are_valid(document: dict[str, Any]) -> None:
    """Each example is what its own schema asks for."""
    pairs = [
        (where, content["schema"], example["value"])
        for where, content in contents(document)
        for example in content.get("examples", {}).values()
    ] + [
        (name, model, example)
        for name, model in document["components"]["schemas"].items()
        for example in model.get("examples", ())
    ]
    assert len(pairs) > 20
    for where, schema, example in pairs:
        whole = {"components": document["components"], "allOf": [schema]}
        validator = jsonschema_rs.validator_for(whole)
        assert validator.is_valid(example), (where, example)


@pytest.mark.parametrize(
    ("path", "alternatives", "statuses"),
    [
        ("/session", [{"Session": []}], "200 401 403 503"),
        ("/jwt", [{"JWT": []}], "200 400 401 403 503"),
        ("/claims", [{"JWT": []}], "200 400 401 403"),
        ("/me", [{"Session": []}, {"JWT": []}], "200 400 401 403 503"),
        ("/admin", [{"Session": ["admin"]}, {"JWT": ["admin"]}], "200 400 401 403 503"),
        ("/optional", [{"Session": []}, {"JWT": []}, {}], "200 400 401 403 503"),
        ("/scoped", [{"Session": ["a", "b"]}], "200 401 403 422 503"),
    ],
)
def test_guards(
    document: dict[str, Any], path: str, alternatives: list[dict[str, list[str]]], statuses: str
) -> None:
    """
    A guarded operation names its schemes, each an alternative, with the scopes it asks for.

    An optional one may go without. What its guard can answer is documented, and no more.
    """
    entry = document["paths"][path]["get"]
    assert entry["security"] == alternatives
    assert " ".join(sorted(entry["responses"])) == statuses


def test_guards_of_the_routers(document: dict[str, Any]) -> None:
    """Sessions are managed by session, and signed-in apps by token."""
    for name in ("list_sessions", "end_session", "end_other_sessions"):
        assert operation(document, name)["security"] == [{"Session": ["account"]}]
    for name in ("list_families", "end_family", "end_other_families"):
        assert operation(document, name)["security"] == [{"JWT": ["account"]}]


@pytest.mark.parametrize("name", ["log_in", "log_out", "create_token", "revoke_token", "get_jwks"])
def test_ways_in_are_open(document: dict[str, Any], name: str) -> None:
    """No login is needed to log in, or to ask for the keys."""
    assert "security" not in operation(document, name)


@pytest.mark.parametrize(
    ("path", "method", "guarded"),
    [
        ("/", "get", False),
        ("/health", "get", False),
        ("/auth/login", "post", False),
        ("/auth/logout", "post", False),
        ("/reports", "get", True),
        ("/me", "get", True),
        ("/auth/sessions", "get", True),
    ],
)
def test_guarded_as_a_whole(database: Any, path: str, method: str, *, guarded: bool) -> None:
    """In an application guarded as a whole, what is `public` is not said to need a login."""
    entry = protected_app.openapi()["paths"][path][method]
    schemes = [list(alternative) for alternative in entry.get("security", [])]
    assert schemes == ([["Session"]] if guarded else [])
    if path in {"/", "/health"}:
        assert set(entry["responses"]) == {"200"}


def test_public_asks_itself(session: SessionAuth[User], jwt: JWTAuth[User]) -> None:
    """A public endpoint that asks for a user itself says so, by the schemes it asks."""
    app = FastAPI(dependencies=[Depends(AnyOf(session, jwt))])
    install(app)

    @app.get("/")
    @public
    async def show(_: Annotated[User, Depends(jwt)]) -> None:
        return None

    entry = app.openapi()["paths"]["/"]["get"]
    assert entry["security"] == [{"JWT": []}]
    assert {"401", "403", "503"} <= set(entry["responses"])


def test_errors_are_shared(document: dict[str, Any]) -> None:
    """Each body of an error, and each response that several operations give, is there once."""
    for model in BODIES.values():
        body = document["components"]["schemas"][model.__name__]
        assert str(document).count(str(body["properties"])) == 1
    answers = [
        answer
        for item in document["paths"].values()
        for entry in item.values()
        for status, answer in entry["responses"].items()
        if status >= "400"
    ]
    assert all(answer.keys() == {"$ref"} for answer in answers)
    shared = document["components"]["responses"]
    assert shared["NotFound"]["content"][PROBLEM_MEDIA_TYPE]["schema"] == {
        "$ref": "#/components/schemas/ErrorBody"
    }
    assert len(shared) < len(answers) / 3


def mark(part: Any) -> None:
    """Add a member to each object in a document."""
    for one in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        mark(one)
    if isinstance(part, dict):
        part["x-changed"] = True


def test_documents_share_nothing(session: SessionAuth[User]) -> None:
    """Whoever changes the document of an application changes that of no other."""
    documents = []
    for _ in range(2):
        app = FastAPI()
        install(app)
        app.include_router(session_router(session, Login(session.users)), prefix="/auth")

        @app.get("/{number}", responses=responses(NotFound))
        async def show(number: int, _: Annotated[User, Depends(session)]) -> int:
            return number

        documents.append(app.openapi())
        assert "x-changed" not in str(documents[-1])
        mark(documents[-1])
    assert len(documents) == 2


def test_models_of_the_same_name(session: SessionAuth[User]) -> None:
    """An application may have an `ErrorBody` and a documented error of its own."""

    class ErrorBody(BaseModel):
        why: str

    app = FastAPI()
    install(app)

    @app.get("/", responses={404: {"model": ErrorBody, "description": "Nothing."}})
    async def show(_: Annotated[User, Depends(session)]) -> None:
        return None

    document = app.openapi()
    schemas = document["components"]["schemas"]
    assert schemas["ErrorBody"]["properties"].keys() == {"why"}
    answers = document["paths"]["/"]["get"]["responses"]
    [body] = found(document, answers["401"]["$ref"])["content"].values()
    assert body["schema"] == {"$ref": "#/components/schemas/AuthErrorBody"}
    assert "code" in schemas["AuthErrorBody"]["properties"]
    [own] = answers["404"]["content"].values()
    assert own["schema"] == {"$ref": "#/components/schemas/ErrorBody"}
    OpenAPIV31SpecValidator(document).validate()


def test_a_step_of_the_same_name(session: SessionAuth[User]) -> None:
    """An application may have a `NextStep` of its own; that of errors is then written out."""

    class NextStep(BaseModel):
        why: str

    app = FastAPI()
    install(app)

    @app.get("/")
    async def show(_: Annotated[User, Depends(session)]) -> NextStep:
        return NextStep(why="")

    document = app.openapi()
    schemas = document["components"]["schemas"]
    assert schemas["NextStep"]["properties"].keys() == {"why"}
    step = schemas["EnrolmentRequiredBody"]["properties"]["next"]
    actions = [part["properties"]["action"]["const"] for part in step["oneOf"]]
    assert "enrol_factor" in actions
    OpenAPIV31SpecValidator(document).validate()


def test_an_application_without_errors(database: Any) -> None:
    """Nothing is shared where there is nothing to share."""
    app = FastAPI()
    install(app)

    @app.get("/")
    async def show() -> None:
        return None

    assert "responses" not in app.openapi().get("components", {})
    assert "tags" not in app.openapi()


def test_without_install(session: SessionAuth[User]) -> None:
    """Without `install` the document is valid, too, and repeats the bodies."""
    app = FastAPI()
    app.include_router(session_router(session), prefix="/auth")
    OpenAPIV31SpecValidator(app.openapi()).validate()


def test_scopes_are_declared(document: dict[str, Any]) -> None:
    """The scopes that operations ask for are those of the scheme that grants them."""
    scopes = document["components"]["securitySchemes"]["JWT"]["flows"]["password"]["scopes"]
    asked = [
        scope
        for item in document["paths"].values()
        for entry in item.values()
        for alternative in entry.get("security", ())
        for scope in alternative.get("JWT", ())
    ]
    assert asked
    assert set(asked) == scopes.keys()
    assert all(scopes.values())


def test_swagger_asks_for_a_password_first(document: dict[str, Any]) -> None:
    """Swagger's dialog begins with what a person can fill in."""
    assert [*document["components"]["securitySchemes"]] == ["JWT", "Session"]


def test_tags_are_described(document: dict[str, Any]) -> None:
    """Each tag of the routers has a sentence, once."""
    tags = {entry["name"]: entry["description"] for entry in document["tags"]}
    assert tags.keys() == {"sessions", "tokens", "mfa", "step-up"}
    assert len(tags) == len(document["tags"])
    assert all(description.endswith(".") for description in tags.values())


def test_own_tags(session: SessionAuth[User]) -> None:
    """What an application says of a tag stays."""
    app = FastAPI(openapi_tags=[{"name": "sessions", "description": "Mine"}])
    install(app)
    app.include_router(session_router(session), prefix="/auth")
    assert app.openapi()["tags"] == [{"name": "sessions", "description": "Mine"}]


@pytest.mark.parametrize("separate", [True, False])
def test_status_tells_bodies_apart(session: SessionAuth[User], *, separate: bool) -> None:
    """The bodies of a login are told apart by a `status` that all of them must have."""
    app = FastAPI(separate_input_output_schemas=separate)
    install(app)
    app.include_router(session_router(session), prefix="/auth")
    document = app.openapi()
    answer = document["paths"]["/auth/login"]["post"]["responses"]["200"]
    schema = answer["content"]["application/json"]["schema"]
    assert schema["discriminator"]["propertyName"] == "status"
    for status, reference in schema["discriminator"]["mapping"].items():
        body = found(document, reference)
        assert body["properties"]["status"]["const"] == status
        assert "status" in body["required"]


def test_inputs_say_what_they_need(document: dict[str, Any]) -> None:
    """Empty texts, the parameters of each grant, and one of two bodies are in the schemas."""
    schemas = document["components"]["schemas"]

    def accepts(name: str, **body: str) -> bool:
        whole = {"components": document["components"], "$ref": f"#/components/schemas/{name}"}
        return jsonschema_rs.validator_for(whole).is_valid(body)

    assert not accepts("LoginIn", username="", password="x")
    assert not accepts("MFAIn", challenge="", code="1")
    password = {"grant_type": "password", "username": "ada"}
    assert accepts("TokenForm", **password, password="x")
    assert not accepts("TokenForm", **password)
    assert accepts("TokenForm", grant_type="refresh_token", refresh_token="rt_x")
    assert not accepts("TokenForm", grant_type="refresh_token", username="ada")
    assert "null" not in str(schemas["TokenForm"])
    body = operation(document, "reauthenticate")["requestBody"]["content"]["application/json"]
    whole = {"components": document["components"], **body["schema"]}
    validator = jsonschema_rs.validator_for(whole)
    assert validator.is_valid({"password": "x"})
    assert validator.is_valid({"code": "1"})
    assert not validator.is_valid({"password": "x", "code": "1"})
    assert not validator.is_valid({"method": "totp"})


def test_columns_of_accounts(users: Users[User]) -> None:
    """Further columns are plain JSON Schema, and what people send has its format."""
    app = FastAPI()
    install(app)
    accounts = Accounts(users, mail=ConsoleMail(), base_url="https://a.test", extra=["first_name"])
    app.include_router(accounts_router(accounts), prefix="/auth")
    document = app.openapi()
    assert "'extra'" not in str(document)
    register = document["components"]["schemas"]["RegisterIn"]
    assert register["properties"]["email"]["format"] == "email"
    assert register["properties"]["password"]["minLength"] == 8
    OpenAPIV31SpecValidator(document).validate()
