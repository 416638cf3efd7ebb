"""OpenAPI of the routes of passkeys: what is sent, what can go wrong, and an example of each."""

from typing import Any

import jsonschema_rs
import pytest
from fastapi import FastAPI
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.documents import expanded

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

STATUSES = {
    "begin_login_passkey": "200 403 413 429 503",
    "log_in_passkey": "200 401 403 413 415 422 429 503",
    "begin_token_passkey": "200 413 429 503",
    "create_token_passkey": "200 400 403 413 415 429 503",
    "begin_login_credential": "200 401 403 413 415 422 429 503",
    "log_in_mfa": "200 401 403 413 415 422 429 503",
    "begin_token_credential": "200 400 413 415 429 503",
    "create_token_mfa": "200 400 403 413 415 429 503",
    "begin_reauthentication": "200 400 401 403 413 415 422 429 503",
    "reauthenticate": "204 400 401 403 413 415 422 429 503",
    "list_passkeys": "200 400 401 403 413 503",
    "begin_passkey": "200 400 401 403 409 413 429 503",
    "add_passkey": "201 400 401 403 409 413 415 422 503",
    "rename_passkey": "200 400 401 403 404 413 415 422 503",
    "remove_passkey": "204 400 401 403 404 409 413 422 503",
}


@pytest.fixture
def operations(app: FastAPI) -> dict[str, Any]:
    """The operations by their ids."""
    document = expanded(app.openapi())
    return {
        operation["operationId"]: operation
        for item in document["paths"].values()
        for operation in item.values()
    }


@pytest.mark.parametrize(("name", "statuses"), STATUSES.items())
def test_statuses(operations: dict[str, Any], name: str, statuses: str) -> None:
    """Each operation names the statuses it can answer, and none that it can't."""
    assert " ".join(sorted(operations[name]["responses"])) == statuses


def test_examples(app: FastAPI) -> None:
    """The document is OpenAPI, and each example of a model is valid."""
    document = app.openapi()
    document["components"]["securitySchemes"]["JWT"]["flows"]["password"]["tokenUrl"] = "/token"
    OpenAPIV31SpecValidator(document).validate()
    models = document["components"]["schemas"]
    examples = [(model, one) for model in models.values() for one in model.get("examples", ())]
    assert len(examples) > 10
    for model, example in examples:
        whole = {"components": document["components"], "allOf": [model]}
        assert jsonschema_rs.validator_for(whole).is_valid(example), (model, example)


def test_what_apps_ask_for(app: FastAPI) -> None:
    """The body for tokens has `scope` and `client_id` as well; that for sessions does not."""
    models = app.openapi()["components"]["schemas"]
    assert set(models["PasskeyLoginIn"]["properties"]) == {"challenge", "credential"}
    more = {"challenge", "credential", "scope", "client_id"}
    assert set(models["PasskeyLoginForTokensIn"]["properties"]) == more


def test_the_second_step(app: FastAPI, operations: dict[str, Any]) -> None:
    """The second step takes a code or a credential, each with its schema."""
    body = operations["log_in_mfa"]["requestBody"]["content"]["application/json"]["schema"]
    names = {part["$ref"].rpartition("/")[2] for part in body["oneOf"]}
    assert names == {"MFAIn", "CredentialIn"}
