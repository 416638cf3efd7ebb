"""The default log line, and the formatter that writes lines of JSON."""

import json
import logging
import logging.config
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from piccolo_api_fastapi import AuthEvent, JSONFormatter, User
from piccolo_api_fastapi.core.events.events import emit
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import log_in

LOGGER = logging.getLogger("piccolo_api_fastapi")
EVENTS = Path(__file__).parents[3] / "docs" / "events.md"


@pytest.fixture
def written() -> Iterator[StringIO]:
    """What the logger writes, by the configuration of the documentation."""
    _, shown = re.findall(r"```json\n(.*?)```", EVENTS.read_text("utf-8"), re.DOTALL)
    stream = StringIO()
    configuration = json.loads(shown)
    configuration["handlers"]["stdout"]["stream"] = stream
    level, handlers = LOGGER.level, LOGGER.handlers[:]
    logging.config.dictConfig(configuration)
    yield stream
    LOGGER.setLevel(level)
    LOGGER.handlers[:] = handlers


async def test_default_line(
    client: httpx.AsyncClient, ada: User, caplog: pytest.LogCaptureFixture, clock: FrozenClock
) -> None:
    """It names the event, the user, the address and the time; without a request, what is known."""
    with caplog.at_level(logging.INFO, "piccolo_api_fastapi"):
        await log_in(client, password="wrong horse battery")
        await log_in(client)
        await emit(AuthEvent("user_updated", clock(), "a\n\x1b[31mb c"))
    failed, succeeded, outside = (caplog.messages[-3], *caplog.messages[-2:])
    place = f"ip=127.0.0.1 at={clock().isoformat()}"
    assert re.fullmatch(rf"authn_login_fail user=\S+ {re.escape(place)}", failed)
    assert succeeded == f"authn_login_success user={ada.id} {place}"
    assert outside == f"user_updated user=a??[31mb?c ip=- at={clock().isoformat()}"


async def test_json(
    client: httpx.AsyncClient, ada: User, written: StringIO, clock: FrozenClock
) -> None:
    """Each event is one line with all that it has."""
    headers = {"User-Agent": "curl\x7f/8"}
    await client.post("/auth/login", json={"username": "ada", "password": "wrong"}, headers=headers)
    line = json.loads(written.getvalue().splitlines()[-1])
    assert line["user"] in {None, str(ada.id)}
    assert {name: value for name, value in line.items() if name != "user"} == {
        "level": "WARNING",
        "logger": "piccolo_api_fastapi",
        "event": "authn_login_fail",
        "at": clock().isoformat(),
        "outcome": "failure",
        "ip": "127.0.0.1",
        "user_agent": "curl?/8",
        "factor": "password",
    }


async def test_data_of_the_same_name(written: StringIO, clock: FrozenClock) -> None:
    """What an event tells can't break a line, nor replace its level."""
    data: dict[str, Any] = {"level": "INFO", "event": "x", "note": "a\nb\u2028\x1b", "at": object}
    await emit(AuthEvent("authn_login_fail", clock(), object(), data))
    (line,) = written.getvalue().splitlines()
    assert "\x1b" not in line
    read = json.loads(line)
    assert (read["level"], read["event"]) == ("WARNING", "authn_login_fail")
    assert (read["note"], read["at"]) == ("a\nb\u2028\x1b", clock().isoformat())


def test_other_records() -> None:
    """Records that are no events have a time, a message and a traceback, on one line as well."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JSONFormatter())
    logger = logging.Logger("elsewhere")  # noqa: LOG001 - not in the tree of loggers
    logger.addHandler(handler)
    logger.info("Two\nlines of %s", "é")
    try:
        int("no\nnumber")
    except ValueError:
        logger.exception("It failed")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first.pop("at").endswith("+00:00")
    assert first == {"level": "INFO", "logger": "elsewhere", "message": "Two\nlines of é"}
    assert second["exception"].startswith("Traceback")
