"""Schemathesis sends the routes of API tokens what their OpenAPI allows and what it forbids."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from examples.api_tokens.app import app, token, users
from tests.conftest import PASSWORD, bearer, log_in, new_client

schema = schemathesis.openapi.from_asgi("/openapi.json", app).include(path_regex="api-tokens")
# What a schema can't say: a scope that nobody has is a 403, a time in the past a 422, and the
# eleventh token a 409.
accepted = ["2xx", "400", "401", "403", "404", "409", "422"]
schema.config.checks.positive_data_acceptance.expected_statuses = accepted
schema.config.generation.update(with_security_parameters=False)

bounded = settings(
    max_examples=6,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

pytestmark = [pytest.mark.security(107), pytest.mark.usefixtures("unlimited")]


@pytest.fixture
async def headers(database_of_any_loop: Any) -> dict[str, dict[str, str]]:
    """What a person, a machine and a stranger send."""
    ada = await users.create("ada", PASSWORD, admin=True)
    async with new_client(app) as client:
        await log_in(client)
        cookies = "; ".join(f"{name}={text}" for name, text in client.cookies.items())
    machine = bearer((await token.create(ada, "report", scopes=["reports:read"])).secret)
    return {"person": {"Cookie": cookies}, "machine": machine, "stranger": {}}


@pytest.mark.parametrize("who", ["person", "machine", "stranger"])
@schema.parametrize()
@bounded
def test_routes(case: Any, headers: dict[str, dict[str, str]], who: str) -> None:
    """Whatever anybody sends: no 5xx, and nothing undocumented."""
    case.call_and_validate(headers=headers[who])
