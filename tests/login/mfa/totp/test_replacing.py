"""An authenticator that takes the place of another."""

import pytest

from piccolo_api_fastapi import TOTP, TOTPSecret, User, Users, XChaCha20Poly1305
from piccolo_api_fastapi.errors import WrongConfirmation
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import KEY

from .conftest import Phone, is_good


@pytest.mark.security(66)
async def test_a_code_of_a_replaced_app(
    users: Users[User], totp: TOTP, ada: User, phone: Phone, clock: FrozenClock
) -> None:
    """A code that was checked while the app was replaced is refused, and uses nothing up."""
    newer = Phone((await totp.begin(ada)).uri, clock)

    class Slow(XChaCha20Poly1305):
        """Decrypts a secret, and returns after another app has been confirmed."""

        async def decrypt(self, blob: str, associated_data: bytes) -> bytes:
            plaintext = await super().decrypt(blob, associated_data)
            await totp.confirm(ada, newer.code())
            return plaintext

    slow = TOTP(users, encryption=Slow(KEY), issuer="Movies")
    assert not await is_good(slow, ada, phone.code(1))
    assert await is_good(totp, ada, newer.code(1))


async def test_enrolled_once(totp: TOTP, ada: User, clock: FrozenClock) -> None:
    """A first code that was right enrols the secret that it was checked with, once."""
    first = await totp.check(ada, Phone((await totp.begin(ada)).uri, clock).code())
    second = await totp.check(ada, Phone((await totp.begin(ada)).uri, clock).code())
    with pytest.raises(WrongConfirmation):
        await totp.enrol(first)
    assert not await totp.is_enrolled(ada)
    assert len(await totp.enrol(second)) == 10
    with pytest.raises(WrongConfirmation):
        await totp.enrol(second)


@pytest.mark.security(70)
async def test_a_new_app_starts_afresh(totp: TOTP, ada: User, phone: Phone) -> None:
    """A confirmed app forgives the wrong codes of the one before it, and ends the waiting."""
    for _ in range(6):
        assert not await is_good(totp, ada, phone.wrong())
    [row] = await TOTPSecret.select()
    assert (row["failed_count"], row["waits_until"] > 0) == (5, True)
    newer = Phone((await totp.begin(ada)).uri, phone.clock)
    await totp.confirm(ada, newer.code())
    [row] = await TOTPSecret.select()
    assert (row["failed_count"], row["waits_until"]) == (0, 0)
    assert await is_good(totp, ada, newer.code(1))


async def test_one_order_of_locks(totp: TOTP, ada: User, statements: list[str]) -> None:
    """
    Whatever changes the app and the codes locks the user first, as the end of the account does,
    and then the app: no two of them deadlock.
    """
    app = await totp.begin(ada)
    confirmed = await totp.check(ada, Phone(app.uri, totp.users.clock).code())  # type: ignore[arg-type]
    codes = await totp.enrol(confirmed)
    app = await totp.begin(ada)
    confirmed = await totp.check(ada, Phone(app.uri, totp.users.clock).code())  # type: ignore[arg-type]
    for change in (
        totp.recovery.verify(ada, codes[0]),
        totp.enrol(confirmed),
        totp.recovery.replace(ada),
        totp.remove(ada),
    ):
        statements.clear()
        await change
        writes = [text for text in statements if not text.startswith(("SELECT", "BEGIN"))]
        assert writes[0].startswith('UPDATE "piccolo_user"'), writes
