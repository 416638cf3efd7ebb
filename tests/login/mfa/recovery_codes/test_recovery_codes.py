"""Recovery codes, spent and guessed at."""

from datetime import timedelta

import pytest

from piccolo_api_fastapi import (
    TOTP,
    AuthEvent,
    RecoveryCode,
    TOTPSecret,
    User,
    Users,
    XChaCha20Poly1305,
    subscribe,
)
from piccolo_api_fastapi.errors import Forbidden, InvalidCode, NotFound, TooManyRequests
from piccolo_api_fastapi.login.mfa.one_time_codes import new_recovery_code
from piccolo_api_fastapi.testing import FrozenClock, assert_single_winner, race
from tests.conftest import KEY
from tests.login.mfa.totp.conftest import Phone


@pytest.fixture
def totp(users: Users[User]) -> TOTP:
    """The authenticators that the codes belong to."""
    return TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")


@pytest.fixture
async def codes(totp: TOTP, ada: User, clock: FrozenClock) -> list[str]:
    """Ada's recovery codes."""
    phone = Phone((await totp.begin(ada)).uri, clock)
    return await totp.confirm(ada, phone.code())


@pytest.mark.security(77)
async def test_at_rest(codes: list[str], ada: User) -> None:
    """Ten codes, one digest a row."""
    rows = await RecoveryCode.select()
    assert len(rows) == len(codes) == 10
    assert all(len(row["digest"]) == 64 and row["user"] == ada.id for row in rows)


@pytest.mark.security(78)
async def test_once(totp: TOTP, ada: User, codes: list[str]) -> None:
    """A code works once, and the count goes down; the event tells how many are left."""
    events: list[AuthEvent] = []
    stop = subscribe(events.append)
    await totp.recovery.verify(ada, codes[0])
    stop()
    assert [(event.name, event.data) for event in events] == [
        ("authn_recovery_code_used", {"left": 9})
    ]
    with pytest.raises(InvalidCode):
        await totp.recovery.verify(ada, codes[0])
    assert await totp.recovery.left(ada) == 9


async def test_a_refused_use(totp: TOTP, ada: User, codes: list[str]) -> None:
    """If a listener refuses the event before the commit, the code still works."""

    def refuse(event: AuthEvent) -> None:
        if event.name == "authn_recovery_code_used":
            raise Forbidden

    stop = subscribe(refuse, when="before_commit")
    with pytest.raises(Forbidden):
        await totp.recovery.verify(ada, codes[0])
    stop()
    assert await totp.recovery.left(ada) == 10
    await totp.recovery.verify(ada, codes[0])


@pytest.mark.security(78)
async def test_one_winner(totp: TOTP, ada: User, codes: list[str]) -> None:
    """Of 24 that present one code at once, one is let in."""

    async def use() -> bool:
        await totp.recovery.verify(ada, codes[0])
        return True

    assert await assert_single_winner(use)
    assert await totp.recovery.left(ada) == 9


@pytest.mark.security(78)
async def test_different_codes_at_once(totp: TOTP, ada: User, codes: list[str]) -> None:
    """Each of several presented at once is spent, and stays so (D-M4)."""
    waiting = list(codes[:4])
    results = await race(lambda: totp.recovery.verify(ada, waiting.pop()), 4)
    assert results == [None] * 4
    assert await totp.recovery.left(ada) == 6
    for code in codes[:4]:
        with pytest.raises(InvalidCode):
            await totp.recovery.verify(ada, code)


@pytest.mark.security(80)
async def test_as_typed(totp: TOTP, ada: User, codes: list[str]) -> None:
    """Case, spaces and dashes do not count (D-M11)."""
    await totp.recovery.verify(ada, codes[0].lower())
    await totp.recovery.verify(ada, codes[1].replace("-", ""))
    await totp.recovery.verify(ada, codes[2].replace("-", " "))


@pytest.mark.security(80)
async def test_budget(totp: TOTP, ada: User, codes: list[str], clock: FrozenClock) -> None:
    """A wrong one counts with the wrong codes of the app; a right one is let in all the same."""
    for _ in range(5):
        with pytest.raises(InvalidCode):
            await totp.recovery.verify(ada, new_recovery_code())
    with pytest.raises(TooManyRequests):
        await totp.recovery.verify(ada, new_recovery_code())
    with pytest.raises(TooManyRequests):
        await totp.verify(ada, "123456")
    await totp.recovery.verify(ada, codes[0])
    [row] = await TOTPSecret.select()
    assert (row["failed_count"], row["waits_until"]) == (0, 0)


@pytest.mark.security(70)
async def test_it_enables_again(
    totp: TOTP, ada: User, codes: list[str], clock: FrozenClock
) -> None:
    """When the app is disabled, a wrong one is wrong, and a right one ends that."""
    await TOTPSecret.update({TOTPSecret.failed_count: 100}, force=True)
    with pytest.raises(InvalidCode):
        await totp.recovery.verify(ada, new_recovery_code())
    await totp.recovery.verify(ada, codes[0])
    [row] = await TOTPSecret.select()
    assert row["failed_count"] == 0


@pytest.mark.security(25)
async def test_of_another(totp: TOTP, grace: User, codes: list[str]) -> None:
    """Somebody else's code is a wrong one, and stays good."""
    with pytest.raises(InvalidCode):
        await totp.recovery.verify(grace, codes[0])
    assert await RecoveryCode.count().where(RecoveryCode.used_at.is_null()) == 10


@pytest.mark.security(79)
async def test_replacing(totp: TOTP, ada: User, codes: list[str]) -> None:
    """New ones end the old ones, for those who have an app."""
    new = await totp.recovery.replace(ada)
    with pytest.raises(InvalidCode):
        await totp.recovery.verify(ada, codes[0])
    await totp.recovery.verify(ada, new[0])
    await totp.remove(ada)
    with pytest.raises(NotFound):
        await totp.recovery.replace(ada)
    await totp.begin(ada)
    with pytest.raises(NotFound):
        await totp.recovery.replace(ada)


async def test_replaced_at_once(totp: TOTP, ada: User, codes: list[str]) -> None:
    """Several at once leave ten codes, those of the last."""
    results = await race(lambda: totp.recovery.replace(ada), 8)
    assert all(isinstance(result, list) for result in results)
    assert await totp.recovery.left(ada) == 10


async def test_is_enrolled(totp: TOTP, ada: User, codes: list[str], clock: FrozenClock) -> None:
    """It is offered while there are codes."""
    assert await totp.recovery.is_enrolled(ada)
    clock.advance(timedelta(days=365))
    for code in codes:
        await totp.recovery.verify(ada, code)
    assert not await totp.recovery.is_enrolled(ada)
