"""Schemathesis sends the routes of accounts what their OpenAPI allows and what it forbids."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from examples.accounts.app import accounts, app
from tests.conftest import PASSWORD, log_in, new_client

bounded = settings(
    max_examples=10,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

pytestmark = [pytest.mark.security(107), pytest.mark.usefixtures("unlimited")]


def make_schema() -> Any:
    """The operations of accounts."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    # Secrets of links and codes can't be guessed, addresses have more rules than a schema says.
    accepted = ["2xx", "401", "403", "404", "409", "422", "429"]
    schema.config.checks.positive_data_acceptance.expected_statuses = accepted
    return schema


strangers, signed_in = make_schema(), make_schema()
signed_in.config.generation.update(allow_x00=False, with_security_parameters=False)


@pytest.fixture
async def cookie(database_of_any_loop: Any) -> dict[str, str]:
    """The cookie of a user who is signed in."""
    await accounts.users.create("ada", PASSWORD, email="ada@example.com")
    async with new_client(app) as client:
        await log_in(client)
        return {"Cookie": "; ".join(f"{name}={text}" for name, text in client.cookies.items())}


@strangers.parametrize()  # type: ignore[untyped-decorator]
@bounded
def test_strangers(case: Any, database_of_any_loop: Any) -> None:
    """Whatever a stranger sends: no 5xx, and nothing undocumented."""
    case.call_and_validate()


@signed_in.parametrize()  # type: ignore[untyped-decorator]
@bounded
def test_signed_in(case: Any, cookie: dict[str, str]) -> None:
    """Whatever a user sends: no 5xx, and nothing undocumented."""
    case.call_and_validate(headers=cookie)
