"""A passkey that is the only way in can't be removed."""

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    Passkey,
    Passkeys,
    PasswordPolicy,
    RecoveryCode,
    User,
    Users,
)
from piccolo_api_fastapi.errors import LastWayIn
from piccolo_api_fastapi.login.mfa.second_factor import Assertion
from piccolo_api_fastapi.testing import (
    FrozenClock,
    SoftwareAuthenticator,
    cheap_pbkdf2_hasher,
)
from tests.conftest import PASSWORD, new_client

from .conftest import ORIGIN, SITE, add, enter


@pytest.mark.security(135)
async def test_the_last_way_in(
    app: FastAPI,
    browser: httpx.AsyncClient,
    key: SoftwareAuthenticator,
    passkeys: Passkeys,
    ada: User,
) -> None:
    """Without a password the last passkey stays; a key without a PIN is no way in."""
    passkey = (await add(browser, key)).json()["id"]
    await passkeys.users.store_password(ada, None)
    async with new_client(app) as client:
        await enter(client, key)
        answer = await client.delete(f"/auth/passkeys/{passkey}")
        assert (answer.status_code, answer.json()["code"]) == (409, "last_way_in")
        assert (await client.get("/me")).status_code == 200
        assert (await client.get("/auth/passkeys")).json()[0]["id"] == passkey
        touched = (await add(client, SoftwareAuthenticator(ORIGIN))).json()["id"]
        await Passkey.update({Passkey.verifies_user: False}).where(Passkey.id == touched)
        assert (await client.delete(f"/auth/passkeys/{passkey}")).status_code == 409
        assert (await client.delete(f"/auth/passkeys/{touched}")).status_code == 204
        assert (await add(client, SoftwareAuthenticator(ORIGIN))).status_code == 201
        assert (await client.delete(f"/auth/passkeys/{passkey}")).status_code == 204


@pytest.mark.security(135)
async def test_users_who_never_had_a_password(passkeys: Passkeys, users: Users[User]) -> None:
    """Nor do they lose their last passkey, and an administrator does not remove it either."""
    eve = await users.create("eve")
    ceremony = await passkeys.begin(eve, None)
    made = SoftwareAuthenticator(ORIGIN).create(ceremony.options)
    row, codes = await passkeys.add(eve, Assertion(made, ceremony.challenge))
    assert len(codes) == 10
    with pytest.raises(LastWayIn):
        await passkeys.remove(eve, row.id)
    await users.set_password(eve, PASSWORD)
    await passkeys.remove(eve, row.id)
    assert await Passkey.count() == await RecoveryCode.count() == 0


@pytest.mark.security(135)
async def test_passwords_in_the_user_table(database: object, clock: FrozenClock) -> None:
    """In the interop mode the hash is there: it is another way in all the same."""
    users = Users(hasher=cheap_pbkdf2_hasher(), interop=True, clock=clock, policy=PasswordPolicy())
    passkeys = Passkeys(users, **SITE)
    for name, password in (("eve", None), ("ivy", PASSWORD)):
        user = await users.create(name, password)
        ceremony = await passkeys.begin(user, None)
        made = SoftwareAuthenticator(ORIGIN).create(ceremony.options)
        row, _ = await passkeys.add(user, Assertion(made, ceremony.challenge))
        if password is None:
            with pytest.raises(LastWayIn):
                await passkeys.remove(user, row.id)
        else:
            await passkeys.remove(user, row.id)


@pytest.mark.security(135)
async def test_disabled_users(
    browser: httpx.AsyncClient, key: SoftwareAuthenticator, passkeys: Passkeys, ada: User
) -> None:
    """An administrator removes the passkey of a disabled user who has a password."""
    passkey = (await add(browser, key)).json()["id"]
    await User.update({User.active: False}).where(User.id == ada.id)
    await passkeys.remove(ada, passkey)
    assert await Passkey.count() == 0
