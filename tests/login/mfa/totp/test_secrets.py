"""The secrets of authenticator apps, encrypted."""

from datetime import timedelta
from typing import Any

import pytest

from piccolo_api_fastapi import (
    TOTP,
    AuthEvent,
    ConfigurationError,
    TOTPSecret,
    User,
    Users,
    XChaCha20Poly1305,
    generate_key,
    subscribe,
)
from piccolo_api_fastapi.errors import (
    SecretUnreadable,
)
from piccolo_api_fastapi.login.mfa.email_codes.tables import SentCode
from piccolo_api_fastapi.login.mfa.guarded_secrets import GuardedSecrets
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import KEY

from .conftest import Phone, is_good

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.mark.security(65)
async def test_ciphertext_of_another(
    totp: TOTP, users: Users[User], ada: User, grace: User, phone: Phone
) -> None:
    """A secret copied to another row opens nothing: 503 and an event, no failure counted (D-M9)."""
    mine = Phone((await totp.begin(grace)).uri, phone.clock)
    await totp.confirm(grace, mine.code())
    [row] = await TOTPSecret.select(TOTPSecret.secret).where(TOTPSecret.user == ada.id)
    await TOTPSecret.update({TOTPSecret.secret: row["secret"]}).where(TOTPSecret.user == grace.id)
    events: list[AuthEvent] = []
    stop = subscribe(events.append)
    with pytest.raises(SecretUnreadable):
        await totp.verify(grace, phone.code())
    stop()
    assert [(event.name, event.user) for event in events] == [("authn_secret_unreadable", grace.id)]
    assert sum(row["failed_count"] for row in await TOTPSecret.select()) == 0


@pytest.mark.security(65)
async def test_ciphertext_of_another_table(users: Users[User], ada: User) -> None:
    """A secret that is moved to another table cannot be decrypted there, even for its user."""
    totp, email = (
        GuardedSecrets(table, XChaCha20Poly1305(KEY), users.clock)
        for table in (TOTPSecret, SentCode)
    )
    blob = await totp.encrypt(ada.id, b"secret")
    assert await totp.decrypt(ada.id, blob) == b"secret"
    with pytest.raises(SecretUnreadable):
        await email.decrypt(ada.id, blob)


@pytest.mark.security(65)
async def test_secret(totp: TOTP, ada: User) -> None:
    """160 random bits, other ones each time."""
    secrets = {(await totp.begin(ada)).secret for _ in range(3)}
    assert len(secrets) == 3
    assert all(len(secret) * 5 == 160 for secret in secrets)


@pytest.mark.security(114)
async def test_key_rotation(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """Codes go on working while keys change; under a key that is gone it is a 503 (D-M9)."""
    old, new = generate_key(), generate_key()
    before, during, after = (
        TOTP(users, encryption=XChaCha20Poly1305(keys), issuer="Movies")
        for keys in (old, f"{new},{old}", new)
    )
    phone = Phone((await before.begin(ada)).uri, clock)
    await before.confirm(ada, phone.code())
    await before.begin(ada)  # begun again, and never confirmed
    clock.advance(MINUTE)
    assert await is_good(during, ada, phone.code())
    clock.advance(MINUTE)
    with pytest.raises(SecretUnreadable):
        await after.verify(ada, phone.code())
    with pytest.raises(SecretUnreadable):
        await after.reencrypt()
    assert await during.reencrypt(batch=1) == 2
    assert await during.reencrypt() == 0
    assert await is_good(after, ada, phone.code())


async def test_reencryption_does_not_overwrite(
    totp: TOTP, users: Users[User], ada: User, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret that is replaced while it is encrypted anew stays replaced."""
    rotated = TOTP(users, encryption=XChaCha20Poly1305(f"{generate_key()},{KEY}"), issuer="M")
    decrypt = rotated._secrets.decrypt

    async def slowly(*arguments: Any) -> Any:
        await TOTPSecret.update({TOTPSecret.secret: "replaced"}, force=True)
        return await decrypt(*arguments)

    monkeypatch.setattr(rotated._secrets, "decrypt", slowly)
    assert await rotated.reencrypt() == 0
    [row] = await TOTPSecret.select()
    assert row["secret"] == "replaced"


@pytest.mark.security(114)
def test_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key comes from the environment; without one nothing starts."""
    monkeypatch.setenv("AUTH_ENCRYPTION_KEYS", KEY)
    assert TOTP(issuer="Movies").users.table is User
    monkeypatch.delenv("AUTH_ENCRYPTION_KEYS")
    with pytest.raises(ConfigurationError):
        TOTP(issuer="Movies")
