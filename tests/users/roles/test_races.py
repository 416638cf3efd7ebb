"""Changes of roles at once, 24 callers each, on both databases."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from piccolo.engine.sqlite import SQLiteEngine

from piccolo_api_fastapi import AuthEvent, Role, Roles, TokenAuth, User, UserRole, Users
from piccolo_api_fastapi.errors import AuthError, Conflict, LastManager, NotFound
from piccolo_api_fastapi.testing import assert_single_winner, race
from piccolo_api_fastapi.users.roles import Actor
from tests.conftest import PASSWORD, bearer, get_tokens, log_in, new_client

pytestmark = pytest.mark.slow

N = 24


def kinds(results: list[Any]) -> Counter[str]:
    """How often there was what."""
    return Counter(type(result).__name__ for result in results)


async def at_once(calls: list[Callable[[], Awaitable[Any]]]) -> list[Any]:
    """The results of calls at once."""
    return await asyncio.gather(*(call() for call in calls), return_exceptions=True)


async def test_grants(roles: Roles, ada: User, events: list[AuthEvent]) -> None:
    """24 grants of one role are one row, and as many events, each of which knows the one before."""
    assert kinds(await race(lambda: roles.grant(ada, "reader"))) == {"UserRole": N}
    assert await UserRole.count() == 1
    told = [event.data["before"] for event in events if event.name == "authz_role_granted"]
    assert sorted(told) == ["", *["never"] * (N - 1)]


async def test_withdrawals(roles: Roles, ada: User, events: list[AuthEvent]) -> None:
    """Of 24 withdrawals one succeeds, and one is told."""
    await roles.grant(ada, "reader")

    async def withdraw() -> bool:
        await roles.withdraw(ada, "reader")
        return True

    assert await assert_single_winner(withdraw)
    assert [event.name for event in events].count("authz_role_withdrawn") == 1


async def test_grants_against_withdrawals(roles: Roles, ada: User) -> None:
    """What is left is what the last of them left; nothing fails but for what is not there."""
    calls: list[Callable[[], Awaitable[Any]]] = [
        lambda: roles.grant(ada, "reader"),
        lambda: roles.withdraw(ada, "reader"),
    ] * (N // 2)
    results = await at_once(calls)
    assert set(kinds(results)) <= {"UserRole", "NoneType", "NotFound"}
    granted, withdrawn = kinds(results)["UserRole"], kinds(results)["NoneType"]
    assert granted == N // 2
    assert withdrawn <= granted
    assert await UserRole.count() in {0, 1}


async def test_deletion_against_grants(roles: Roles, users: Users[User], database: Any) -> None:
    """A deleted role is granted to nobody, however close it was; no error of the database."""
    everybody = [await users.create(f"user{number}") for number in range(N)]
    for _ in range(1 if isinstance(database, SQLiteEngine) else 4):
        await roles.create("short", ["a"])
        calls: list[Callable[[], Awaitable[Any]]] = [
            lambda user=user: roles.grant(user, "short")  # type: ignore[misc]
            for user in everybody
        ]
        calls.insert(N // 2, lambda: roles.delete("short"))
        results = await at_once(calls)
        assert set(kinds(results)) <= {"UserRole", "NoneType", "NotFound", "Conflict"}, results
        assert await UserRole.count() == 0
        assert not await Role.exists().where(Role.name == "short")


async def test_deleted_users_against_grants(
    roles: Roles, users: Users[User], database: Any
) -> None:
    """Users are deleted while they are granted roles and grant some: no deadlock, no row left."""

    async def scopes() -> frozenset[str]:
        return frozenset({"*"})

    for turn in range(1 if isinstance(database, SQLiteEngine) else 4):
        ada, bob = [await users.create(f"{name}{turn}") for name in ("ada", "bob")]
        by_ada, by_bob = Actor(ada.id, scopes), Actor(bob.id, scopes)
        for name in ("reader", "editor"):
            await roles.grant(bob, name, by=by_ada)
            await roles.grant(ada, name, by=by_bob)

        async def delete(user: User = ada) -> None:
            await User.delete().where(User.id == user.id)

        calls: list[Callable[[], Awaitable[Any]]] = [
            lambda bob=bob, by=by_ada: roles.grant(bob, "reader", by=by),  # type: ignore[misc]
            lambda ada=ada, by=by_bob: roles.grant(ada, "reader", by=by),  # type: ignore[misc]
            lambda bob=bob: roles.withdraw(bob, "editor"),  # type: ignore[misc]
            lambda ada=ada: roles.withdraw(ada, "editor"),  # type: ignore[misc]
        ] * (N // 4)
        calls.insert(N // 2, delete)
        results = await at_once(calls)
        assert set(kinds(results)) <= {"UserRole", "NoneType", "NotFound"}, results
        assert not await UserRole.exists().where(UserRole.user == ada.id)
        assert not await UserRole.exists().where(UserRole.granted_by == ada.id)


@pytest.mark.security(184)
async def test_managers_withdraw_each_other(roles: Roles, users: Users[User]) -> None:
    """However many managers withdraw each other at once, one is left."""
    managers = [await users.create(f"manager{number}") for number in range(N)]
    for user in managers:
        await roles.grant(user, "manager")
    calls: list[Callable[[], Awaitable[Any]]] = [
        lambda user=user: roles.withdraw(user, "manager")  # type: ignore[misc]
        for user in managers
    ]
    results = await at_once(calls)
    assert kinds(results) == {"NoneType": N - 1, "LastManager": 1}
    assert await UserRole.count() == 1


@pytest.mark.security(184)
@pytest.mark.usefixtures("unlimited")
async def test_managers_leave_at_once(app: FastAPI, roles: Roles, users: Users[User]) -> None:
    """
    A manager closes the account, another gives up the role, a third loses it as the role is
    emptied: whichever comes last is refused.
    """
    for turn in range(3):
        await roles.sync(replace=True)
        await roles.create(f"second{turn}", ["roles:manage"])
        first, second = [await users.create(f"{name}{turn}", PASSWORD) for name in ("a", "b")]
        await roles.grant(first, "manager")
        await roles.grant(second, f"second{turn}")
        async with new_client(app) as client:
            await log_in(client, first.username)
            body = {"current_password": PASSWORD}

            async def close(client: httpx.AsyncClient = client, body: Any = body) -> int:
                return (await client.request("DELETE", "/auth/me", json=body)).status_code

            async def give_up(user: User = second, role: str = f"second{turn}") -> Any:
                return await roles.withdraw(user, role)

            async def empty(role: str = f"second{turn}") -> Any:
                return await roles.change(role, permissions=[])

            results = await at_once([close, give_up, empty])
        kept = [result for result in results if result == 409 or isinstance(result, LastManager)]
        assert kept, results
        assert not {500, 503}.intersection(result for result in results if type(result) is int)
        held = await roles.holders("roles:manage")
        assert len(held) == 1
        for user in held:
            await User.delete().where(User.id == user.id)


@pytest.mark.security(182)
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_a_role_is_widened_while_it_is_granted(roles: Roles, ada: User, grace: User) -> None:
    """A grant is of the role as it was judged: between judgement and grant, another widens it."""

    async def widened(permissions: list[str]) -> frozenset[str]:
        # In another connection, as another request does it.
        change = roles.change("reader", permissions=permissions)
        await Context().run(asyncio.get_running_loop().create_task, change)
        return frozenset({"movies:read", "roles:manage"})

    by = Actor(grace.id, lambda: widened(["movies:read", "movies:write"]))
    with pytest.raises(Conflict):
        await roles.grant(ada, "reader", by=by)
    assert await roles.roles_of(ada) == []
    await roles.sync(replace=True)
    by = Actor(grace.id, lambda: widened(["movies:read", "roles:manage"]))
    with pytest.raises(Conflict):
        await roles.change("reader", permissions=[], by=by)
    await roles.sync(replace=True)
    with pytest.raises(Conflict):
        await roles.delete("reader", by=Actor(grace.id, lambda: widened(["roles:manage"])))


@pytest.mark.security(182)
async def test_widening_against_grants(roles: Roles, users: Users[User], grace: User) -> None:
    """At no time does a grant by somebody with less follow the change that widens the role."""

    async def scopes() -> frozenset[str]:
        return frozenset({"movies:read"})

    everybody = [await users.create(f"user{number}") for number in range(N)]
    by = Actor(grace.id, scopes)
    calls: list[Callable[[], Awaitable[Any]]] = [
        lambda user=user: roles.grant(user, "reader", by=by)  # type: ignore[misc]
        for user in everybody
    ]
    calls.insert(
        N // 2, lambda: roles.change("reader", permissions=["movies:read", "movies:write"])
    )
    results = await at_once(calls)
    assert set(kinds(results)) <= {"UserRole", "Role", "InsufficientScope", "Conflict"}
    for user in everybody:
        with pytest.raises(AuthError):
            await roles.grant(user, "reader", by=by)


@pytest.mark.security(179)
async def test_requests_against_a_withdrawal(
    app: FastAPI, roles: Roles, ada: User, token: TokenAuth[User]
) -> None:
    """Of requests under way some may pass; no request that starts after the withdrawal does."""
    await roles.grant(ada, "editor")
    secret = bearer((await token.create(ada, "report", scopes=["movies:read"])).secret)
    async with new_client(app) as client:
        access = bearer((await get_tokens(client))["access_token"])
        await log_in(client)
        cookie = {"Cookie": f"__Host-session={client.cookies['__Host-session']}"}
        client.cookies.clear()
        withdrawn = False
        late: list[int] = []

        async def ask(headers: dict[str, str]) -> int:
            is_late = withdrawn
            status = (await client.get("/read", headers=headers)).status_code
            if is_late:
                late.append(status)
            return status

        async def several(headers: dict[str, str]) -> list[int]:
            return [await ask(headers) for _ in range(6)]

        async def withdraw() -> None:
            nonlocal withdrawn
            await asyncio.sleep(0)
            await roles.withdraw(ada, "editor")
            withdrawn = True

        everyone = [cookie, access, secret] * (N // 3)
        answers, _ = await asyncio.gather(
            asyncio.gather(*(several(headers) for headers in everyone)), withdraw()
        )
        for headers in everyone:
            assert await ask(headers) == 403
    assert set(late) == {403}
    assert {status for several in answers for status in several} <= {200, 403}


async def test_changes_at_once(roles: Roles, events: list[AuthEvent]) -> None:
    """Each change is made of what the one before left: the events are one chain."""
    events.clear()
    numbers = iter(range(N))
    results = await race(lambda: roles.change("reader", permissions=[f"movies:{next(numbers)}"]))
    assert set(kinds(results)) <= {"Role", "Conflict"}
    told = [(event.data["before"], event.data["after"]) for event in events]
    assert len(told) == kinds(results)["Role"]
    steps = dict(told)
    now = "movies:read"
    for _ in told:
        now = steps[now]
    assert (await roles.find("reader")).permissions == now


async def test_names_at_once(roles: Roles) -> None:
    """Of 24 roles with one name one is made."""
    results = await race(lambda: roles.create("critic", []))
    assert kinds(results) == {"Role": 1, "ValueTaken": N - 1}


async def test_seeds_at_once(roles: Roles, events: list[AuthEvent]) -> None:
    """24 workers that start store each role of the code once."""
    await Role.delete(force=True)
    events.clear()
    assert kinds(await race(roles.sync)) == {"NoneType": N}
    assert sorted(event.data["role"] for event in events) == [
        "editor",
        "manager",
        "reader",
        "root",
    ]
    with pytest.raises(NotFound):
        await roles.find("critic")
