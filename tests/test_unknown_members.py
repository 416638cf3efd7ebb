"""Members that a route does not know are refused where ignoring them would change the meaning."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from piccolo_api_fastapi import APIToken, User
from tests.conftest import PASSWORD, log_in
from tests.test_schemathesis import app as everything

FORMS = {
    "/auth/token",
    "/auth/token/revoke",
    "/auth/oauth/{provider}",
    "/auth/oauth/{provider}/callback",
}
"""
RFC 6749 section 3.2 and RFC 7009 section 2.1: parameters that are not known are ignored. Buttons
to sign in are forms, and providers send forms back.
"""

OPEN = {"/auth/login"}
"""Forms carry more than a login asks for, such as where to go next, and none of it matters."""


def schemas_of(document: dict[str, Any], schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The object schemas that a body may have."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    alternatives = schema.get("oneOf", schema.get("anyOf"))
    if alternatives is None:
        yield schema
    else:
        for alternative in alternatives:
            yield from schemas_of(document, alternative)


def test_every_json_body_is_closed() -> None:
    """The body of each prebuilt route says so in OpenAPI, which the same model checks."""
    document = everything.openapi()
    checked = 0
    for path, operations in document["paths"].items():
        for method, entry in operations.items():
            content = entry.get("requestBody", {}).get("content", {})
            assert path in FORMS or content.keys() <= {"application/json"}
            for kind in content.keys() & {"application/json"}:
                for schema in schemas_of(document, content[kind]["schema"]):
                    is_open = schema.get("additionalProperties", True)
                    assert is_open is (path in OPEN), (method, path)
                    checked += 1
    assert checked > 15


@pytest.mark.security(104)
async def test_second_step(client: httpx.AsyncClient, ada: User) -> None:
    """A factor that is named by another name is not replaced by any that fits."""
    body = {"challenge": "tkt_x", "code": "123456", "factor": "totp"}
    answer = await client.post("/auth/login/mfa", json=body)
    assert answer.status_code == 422
    [item] = answer.json()["detail"]
    assert (item["loc"], item["type"]) == (["body", "factor"], "extra_forbidden")
    answer = await client.post("/auth/token/mfa", json=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_forms(client: httpx.AsyncClient, ada: User) -> None:
    """The token endpoint ignores what it does not know, as OAuth has it."""
    form = {"grant_type": "password", "username": "ada", "password": PASSWORD, "audience": "x"}
    assert (await client.post("/auth/token", data=form)).status_code == 200


@pytest.mark.parametrize("body", ['{"everything": true}', '{"everything"', "everything=true", "[]"])
async def test_no_body(client: httpx.AsyncClient, ada: User, body: str) -> None:
    """A body where there is none to be read ends nothing, instead of less than was meant."""
    await log_in(client)
    answer = await client.request("DELETE", "/auth/sessions", content=body)
    assert answer.status_code == 422
    assert [item["type"] for item in answer.json()["detail"]] == ["body_unexpected"]
    assert "everything" not in answer.text
    for empty in ("", " ", "{}", "null"):
        answer = await client.request("DELETE", "/auth/sessions", content=empty)
        assert answer.status_code == 204
    assert await APIToken.count() == 0
