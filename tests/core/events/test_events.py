"""Events and their listeners."""

import asyncio
import logging
import re
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from piccolo_api_fastapi import AuthEvent, SessionAuth, User, Users, session_router, subscribe
from piccolo_api_fastapi.core.database.transactions import after_commit, engine_of, transaction
from piccolo_api_fastapi.core.events import events
from piccolo_api_fastapi.core.events import telemetry as telemetry_module
from piccolo_api_fastapi.core.events.declared import EVENTS
from piccolo_api_fastapi.core.events.events import Listener, emit, tell
from piccolo_api_fastapi.errors import Forbidden
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import PASSWORD, log_in, new_client


async def test_listeners(caplog: pytest.LogCaptureFixture, clock: FrozenClock) -> None:
    """Sync and async listeners are told until they leave; one that fails disturbs nobody."""
    told: list[str] = []

    def fails(_: AuthEvent) -> None:
        raise RuntimeError

    async def listens(event: AuthEvent) -> None:
        told.append(event.name)

    endings = [subscribe(fails), subscribe(listens), subscribe(lambda _: told.append("too"))]
    with caplog.at_level(logging.INFO, "piccolo_api_fastapi"):
        await emit(AuthEvent("authn_login_success", clock(), user=1))
    for end in endings:
        end()
    await emit(AuthEvent("authn_login_fail", clock()))
    assert told == ["authn_login_success", "too"]
    assert f"authn_login_success user=1 ip=- at={clock().isoformat()}" in caplog.text
    assert "A listener failed on authn_login_success" in caplog.text


def cancels(_: AuthEvent) -> None:
    """A listener that says it was cancelled, which nobody did."""
    raise asyncio.CancelledError


async def is_cancelled(_: AuthEvent) -> None:
    """Likewise, of what it waits for."""
    raise asyncio.CancelledError


async def fails_late(_: AuthEvent) -> None:
    """A listener that fails when it is awaited."""
    await asyncio.sleep(0)
    raise RuntimeError


async def hangs(_: AuthEvent) -> None:
    """A listener that never ends by itself."""
    await asyncio.Event().wait()


@pytest.mark.parametrize("listener", [cancels, is_cancelled, fails_late, hangs])
async def test_listeners_are_isolated(
    listener: Listener,
    caplog: pytest.LogCaptureFixture,
    clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that hangs, or is cancelled, stops neither the caller nor the next listener."""
    monkeypatch.setattr(events, "LISTENER_SECONDS", 0.001)
    told: list[AuthEvent] = []
    endings = [subscribe(listener), subscribe(told.append)]
    await emit(AuthEvent("authn_login_success", clock()))
    for end in endings:
        end()
    assert len(told) == 1
    while not caplog.text:  # noqa: ASYNC110 - a log has no event
        await asyncio.sleep(0)
    assert "A listener failed on authn_login_success" in caplog.text


async def test_a_cancelled_caller(clock: FrozenClock) -> None:
    """Whoever cancels the caller cancels it, whatever listener it waits for."""
    waiting, ended = asyncio.Event(), asyncio.Event()

    async def waits(_: AuthEvent) -> None:
        waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    end = subscribe(waits)
    task = asyncio.create_task(emit(AuthEvent("authn_login_success", clock())))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await ended.wait()
    end()


@pytest.mark.parametrize(
    ("name", "outcome", "level"),
    [
        ("authn_login_success", "success", logging.INFO),
        ("authn_login_fail", "failure", logging.WARNING),
        ("authn_login_lock", "failure", logging.WARNING),
        ("authn_token_reuse", "failure", logging.CRITICAL),
        ("sys_captcha_unavailable", "failure", logging.WARNING),
        ("sys_rate_limit_store_down", "failure", logging.WARNING),
        ("sys_rate_limit_store_up", "success", logging.INFO),
        ("authn_code_not_sent", "failure", logging.WARNING),
        ("authn_passkey_clone_suspected", "failure", logging.WARNING),
        ("authn_secret_unreadable", "failure", logging.WARNING),
        ("user_deleted", "success", logging.WARNING),
        ("session_ended", "success", logging.INFO),
        ("nobody_declared_this", "success", logging.INFO),
    ],
)
@pytest.mark.security(116)
async def test_log(
    caplog: pytest.LogCaptureFixture, clock: FrozenClock, name: str, outcome: str, level: int
) -> None:
    """The log has the event, at the level of its gravity, and its fields as plain values."""
    event = AuthEvent(name, clock(), 7, {"ip": "203.0.113.7", "user": "not this"})
    with caplog.at_level(logging.INFO, "piccolo_api_fastapi"):
        await emit(event)
    [record] = caplog.records
    fields: Any = record.__dict__
    assert (record.levelno, fields["auth_event"]) == (level, event)
    assert fields["auth_fields"] == {
        "event": name,
        "at": "2026-01-01T00:00:00+00:00",
        "outcome": outcome,
        "user": "7",
        "ip": "203.0.113.7",
    }
    assert AuthEvent(name, clock()).fields()["user"] is None


def test_names_and_outcomes() -> None:
    """What is named a failure is declared as one, and nothing that failed is below a warning."""
    kinds = EVENTS.values()
    assert len({kind.outcome for kind in kinds}) == 2
    named = {kind.name for kind in kinds if re.search("_fail(_max)?$|_unavailable$", kind.name)}
    failed = {kind.name: kind.level for kind in kinds if kind.outcome == "failure"}
    assert named - set(failed) == set()
    assert set(failed.values()) == {None, logging.CRITICAL}


@pytest.fixture
def told() -> Iterator[list[str]]:
    """What listeners of the test were told."""
    heard: list[str] = []

    def refuse(event: AuthEvent) -> None:
        heard.append(f"before {event.name}")
        if event.name == "user_created" and event.data.get("refused", True):
            raise Forbidden

    endings = [
        subscribe(refuse, when="before_commit"),
        subscribe(lambda event: heard.append(f"after {event.name}")),
    ]
    yield heard
    for end in endings:
        end()


async def test_refusal(told: list[str], users: Users[User]) -> None:
    """A listener before the commit can refuse: the change is undone, and nobody else is told."""
    with pytest.raises(Forbidden):
        await users.create("bob", PASSWORD)
    assert told == ["before user_created"]
    assert await User.count() == 0


async def test_a_refused_logout(ada: User, users: Users[User]) -> None:
    """The refusal of a listener is the answer of the route."""

    async def never(event: AuthEvent) -> None:
        if event.name == "session_ended":
            raise Forbidden

    end = subscribe(never, when="before_commit")
    app = FastAPI()
    app.include_router(session_router(SessionAuth(users)), prefix="/auth")
    async with new_client(app) as client:
        await log_in(client)
        answer = await client.post("/auth/logout")
        end()
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert (await client.get("/auth/sessions")).status_code == 200


async def test_after_the_commit(told: list[str], database: Any, clock: FrozenClock) -> None:
    """Others are told once the outermost transaction is committed, and not if it is undone."""
    async with transaction(User):
        async with transaction(User):
            await emit(AuthEvent("one", clock()))
        await emit(AuthEvent("two", clock()))
        assert told == ["before one", "before two"]
    assert told[2:] == ["after one", "after two"]
    told.clear()

    async def fail() -> None:
        async with transaction(User):
            await emit(AuthEvent("three", clock()))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    await emit(AuthEvent("four", clock()))
    assert told == ["before three", "before four", "after four"]


async def test_a_task_that_outlives_its_transaction(database: Any) -> None:
    """What it says later is told at once: its transaction is over."""
    told: list[str] = []
    committed = asyncio.Event()

    async def tell() -> None:
        told.append("told")

    async def later() -> None:
        await committed.wait()
        await after_commit(tell)

    async with transaction(User):
        task = asyncio.create_task(later())
        await after_commit(tell)
        assert told == []
    assert told == ["told"]
    committed.set()
    await task
    assert told == ["told"] * 2


async def test_a_transaction_of_the_application(
    told: list[str], database: Any, clock: FrozenClock
) -> None:
    """In a transaction that Piccolo opened, nobody knows when it is committed: told at once."""
    async with engine_of(User).transaction():
        async with transaction(User):
            await emit(AuthEvent("one", clock()))
        assert told == ["before one", "after one"]


@pytest.fixture
def telemetry(monkeypatch: pytest.MonkeyPatch) -> tuple[InMemorySpanExporter, InMemoryMetricReader]:
    """What an application exports: spans, and metrics."""
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    spans = TracerProvider()
    spans.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", spans)
    monkeypatch.setattr(metrics, "get_meter", MeterProvider(metric_readers=[reader]).get_meter)
    telemetry_module._tools.cache_clear()
    return exporter, reader


async def test_telemetry(
    users: Users[User], ada: User, telemetry: tuple[InMemorySpanExporter, InMemoryMetricReader]
) -> None:
    """With telemetry on, events are on the span of the request, and counted; without who it was."""
    exporter, reader = telemetry
    app = FastAPI()
    app.include_router(session_router(SessionAuth(users)), prefix="/auth")
    async with new_client(app) as client:
        # A FastAPI older than its own telemetry opens no span.
        with trace.get_tracer("tests").start_as_current_span("logins"):
            await log_in(client)
            await log_in(client, password="wrong")
    telemetry_module._tools.cache_clear()
    events = [event for span in exporter.get_finished_spans() for event in span.events]
    assert {"authn_login_success", "authn_login_fail"} <= {event.name for event in events}
    for event in events:
        assert set(event.attributes or ()) == {"auth.event", "auth.outcome"}
    data: Any = reader.get_metrics_data()
    [metric] = data.resource_metrics[0].scope_metrics[0].metrics
    counted = {point.attributes["auth.event"]: point.value for point in metric.data.data_points}
    assert metric.name == "auth.events"
    assert counted["authn_login_success"] == 1
    assert counted["authn_login_fail"] == 1


async def test_without_telemetry(
    monkeypatch: pytest.MonkeyPatch, client: httpx.AsyncClient, ada: User
) -> None:
    """Where it is not installed nothing is missed."""
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    telemetry_module._tools.cache_clear()
    assert (await log_in(client)).status_code == 200
    telemetry_module._tools.cache_clear()


def test_time() -> None:
    """Events tell the time with its zone."""
    at = datetime(2026, 1, 1, tzinfo=timezone.utc)
    assert AuthEvent("x", at).fields()["at"].endswith("+00:00")


async def test_what_is_no_change(
    caplog: pytest.LogCaptureFixture, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what a limit did everybody is told, and nobody can stop it or hold it up."""
    told: list[str] = []
    event = AuthEvent("excess_rate_limit_exceeded", clock())
    hangs = asyncio.Event()

    def fails(_: AuthEvent) -> None:
        raise RuntimeError

    async def fails_later(_: AuthEvent) -> None:
        raise RuntimeError

    async def listens(_: AuthEvent) -> None:
        await hangs.wait()
        told.append("hung")

    endings = [subscribe(fails, when="before_commit"), subscribe(fails_later, when="before_commit")]
    endings += [subscribe(listens), subscribe(lambda _: told.append("at once"))]
    tell(event)
    assert told == ["at once"]
    monkeypatch.setattr(events, "TOLD_AT_ONCE", 1)
    tell(event)
    assert told == ["at once"]
    hangs.set()
    await asyncio.wait(set(events._telling))
    assert told == ["at once", "hung"]
    for end in endings:
        end()
    assert caplog.text.count("A listener failed") == 2
    assert "too slow" in caplog.text
