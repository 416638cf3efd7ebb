"""Schemathesis sends the quickstart what its OpenAPI allows and what it forbids."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from examples.quickstart.app import app, users
from tests.conftest import PASSWORD, bearer, get_tokens, log_in, new_client


def make_schema() -> Any:
    """The operations of the quickstart."""
    return schemathesis.openapi.from_asgi("/openapi.json", app)


# What a schema can't say: a NUL is a 422 here, and a form that repeats a parameter a 400
# (RFC 6749 section 3.2). Strangers send both.
strangers = make_schema()
accepted = ["2xx", "400", "401", "403", "404", "422"]
strangers.config.checks.positive_data_acceptance.expected_statuses = accepted

signed_in = make_schema()
signed_in.config.generation.update(allow_x00=False, with_security_parameters=False)


@signed_in.hook  # type: ignore[untyped-decorator]
def filter_body(_: Any, body: Any) -> bool:
    """Leave out forms that repeat a parameter."""
    return not (
        isinstance(body, dict) and any(isinstance(item, list | dict) for item in body.values())
    )


bounded = settings(
    max_examples=15,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

pytestmark = [pytest.mark.security(107), pytest.mark.usefixtures("unlimited")]


@pytest.fixture
async def credentials(database_of_any_loop: Any) -> dict[str, dict[str, str]]:
    """Headers by which an administrator is let in, by each scheme."""
    await users.create("ada", PASSWORD, admin=True)
    async with new_client(app) as client:
        await log_in(client)
        cookies = "; ".join(f"{name}={text}" for name, text in client.cookies.items())
        tokens = await get_tokens(client)
    return {"cookie": {"Cookie": cookies}, "token": bearer(tokens["access_token"])}


@strangers.parametrize()  # type: ignore[untyped-decorator]
@bounded
def test_strangers(case: Any, database_of_any_loop: Any) -> None:
    """Whatever a stranger sends, bad credentials too: no 5xx, and nothing undocumented."""
    case.call_and_validate()


@pytest.mark.parametrize("scheme", ["cookie", "token"])
@signed_in.parametrize()  # type: ignore[untyped-decorator]
@bounded
def test_signed_in(case: Any, credentials: dict[str, dict[str, str]], scheme: str) -> None:
    """Whatever a user sends: no 5xx, nothing undocumented, and what is valid is accepted."""
    case.call_and_validate(headers=credentials[scheme])
