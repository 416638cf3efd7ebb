"""Logging in by passkey, confirming with one, and adding, renaming and removing them."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi import Depends, FastAPI

from piccolo_api_fastapi import (
    ConfigurationError,
    Login,
    Pages,
    Passkey,
    Passkeys,
    Session,
    SessionAuth,
    User,
    Users,
    passkey_login_router,
)
from piccolo_api_fastapi.pages import PageSet, operations_of
from piccolo_api_fastapi.testing import FrozenClock, Outbox, SoftwareAuthenticator
from tests.conftest import PASSWORD, reaches_no_sql
from tests.pages.browsing import HEADERS, Browser, Page
from tests.pages.catalogue import FOLDERS, TEXTS
from tests.pages.conftest import ORIGIN, Parts, code_of, enrol, log_in

JSON = {**HEADERS, "accept": "application/json", "sec-fetch-dest": "empty"}


@pytest.fixture
def key() -> SoftwareAuthenticator:
    """The authenticator of the user's phone."""
    return SoftwareAuthenticator(ORIGIN)


async def begin(browser: Browser, path: str, **body: Any) -> dict[str, Any]:
    """Ask for options, as the script does."""
    response = await browser.client.post(f"/account{path}/options", json=body, headers=JSON)
    assert response.status_code == 200, response.text
    begun: dict[str, Any] = response.json()
    return begun


async def add(browser: Browser, key: SoftwareAuthenticator, name: str = "") -> Page:
    """Add a passkey, and return what follows."""
    await browser.open("/account/passkeys")
    begun = await begin(browser, "/passkeys")
    credential = json.dumps(key.create(begun["options"]))
    typed = {"name": name, "challenge": begun["challenge"], "credential": credential}
    return await browser.submit("/account/passkeys", **typed)


async def use(browser: Browser, key: SoftwareAuthenticator) -> Page:
    """Log in by the passkey, from the page to log in."""
    begun = await begin(browser, "/login/passkey")
    credential = key.get(begun["options"])
    given = {"credential": json.dumps(credential), "_credential_id": credential["id"]}
    return await browser.submit("/account/login/passkey", challenge=begun["challenge"], **given)


async def logged_in_with(browser: Browser, key: SoftwareAuthenticator) -> None:
    """Log in by password, and add a passkey."""
    await log_in(browser)
    await add(browser, key, "My phone")


async def test_life_of_a_passkey(
    browser: Browser, ada: User, key: SoftwareAuthenticator, clock: FrozenClock
) -> None:
    """Add one, see its recovery codes once, log in by it, rename it and remove it."""
    await log_in(browser)
    page = await browser.open("/account/passkeys")
    assert TEXTS["passkeys.none"] in page.text
    assert "/account/passkeys" in [it["href"] for it in page.tags("a")]
    page = await add(browser, key, "My phone")
    assert (page.status, page.title) == (201, TEXTS["passkey_codes.title"])
    assert page.message == TEXTS["done.passkey_added"]
    assert len(page.said("codes").split()) == 10
    assert [it["href"] for it in page.tags("a")][-1] == "/account/passkeys"
    clock.advance(timedelta(minutes=1))
    page = await add(browser, SoftwareAuthenticator(ORIGIN))
    assert (page.path, page.message) == ("/account/passkeys", TEXTS["done.passkey_added"])
    assert page.said("strong") == "My phonePasskey"
    await browser.open("/account/logout")
    await browser.press("/logout")
    await browser.open("/account/login?next=/home")
    page = await use(browser, key)
    assert page.path == "/home"
    await browser.open("/account/passkeys")
    [phone, _] = [it["href"] for it in browser.page.tags("a") if "edit" in it["href"]]
    page = await browser.open(phone)
    assert page.value("name") == "My phone"
    page = await browser.press("/rename")
    assert page.message == TEXTS["done.passkey_renamed"]
    await browser.open(phone)
    page = await browser.submit(action_of(browser, "/rename"), name="Old phone")
    assert "Old phone" in page.said("strong")
    await browser.open(phone)
    page = await browser.press("/remove")
    assert (page.path, page.message) == ("/account/passkeys", TEXTS["done.passkey_removed"])
    assert "data-removed" in next(it for it in page.tags("form") if "data-verb" in it)
    assert "Old phone" not in page.text
    assert await Passkey.count() == 1


def action_of(browser: Browser, ending: str) -> str:
    """The action of the form that ends like this."""
    return next(form.action for form in browser.page.forms if form.action.endswith(ending))


async def test_synced(browser: Browser, ada: User) -> None:
    """A passkey that other devices have too is marked."""
    await log_in(browser)
    await add(browser, SoftwareAuthenticator(ORIGIN))
    assert TEXTS["passkeys.synced"] not in (await browser.open("/account/passkeys")).text
    await add(browser, SoftwareAuthenticator(ORIGIN, is_backup_eligible=True, is_backed_up=True))
    page = await browser.open("/account/passkeys")
    assert page.said("tag") == TEXTS["passkeys.synced"]


async def test_pages_without_passkeys(users: Users[User]) -> None:
    """Without `passkeys=`, no page has a button for them."""
    app = FastAPI()
    app.include_router(Pages(SessionAuth(users)).router)
    page = await Browser(app).open("/account/login")
    assert [form.action for form in page.forms] == ["/account/login"]
    assert next(it for it in page.tags("input"))["autocomplete"] == "username"
    assert len(list(page.tags("script"))) == 1
    assert (await Browser(app).open("/account/passkeys")).status == 404


@reaches_no_sql
async def test_what_a_script_needs(browser: Browser) -> None:
    """Forms for passkeys are hidden, and say where their options and their texts are."""
    page = await browser.open("/account/login?next=/home")
    [form] = [it for it in page.tags("form") if "data-verb" in it]
    assert form["data-options"] == "/account/login/passkey/options"
    assert (form["data-verb"], form["data-rp-id"], "hidden" in form) == ("get", "localhost", True)
    assert form["data-cancelled"] == TEXTS["passkeys.cancelled"]
    assert "data-unknown" not in form
    assert page.form("/account/login/passkey").fields[-1] == ("next", "/home")
    assert next(it for it in page.tags("input"))["autocomplete"] == "username webauthn"


async def test_a_refused_passkey(browser: Browser, ada: User, key: SoftwareAuthenticator) -> None:
    """The page to log in says so, and names the passkey for password managers."""
    await logged_in_with(browser, key)
    await browser.submit("/account/logout")
    stranger = SoftwareAuthenticator(ORIGIN)
    options = {"challenge": "bm9uY2U", "rp": {"id": "localhost"}, "user": {"id": "YWRh"}}
    strange = stranger.create(options)["id"]
    await browser.open("/account/login?next=/home")
    page = await use(browser, stranger)
    assert (page.status, page.title) == (401, TEXTS["login.title"])
    assert page.errors == [TEXTS["passkeys.error.invalid_credentials"]]
    [form] = [it for it in page.tags("form") if "data-verb" in it]
    assert form["data-unknown"] == strange
    assert page.value("next") == "/home"
    assert (await use(browser, key)).path == "/home"


async def test_a_passkey_that_is_not_looked_at(
    browser: Browser, ada: User, key: SoftwareAuthenticator
) -> None:
    """A form of another site, one that is malformed and one too many name no passkey."""
    await logged_in_with(browser, key)
    known = key.credentials[0].id.hex()
    path, given = "/account/login/passkey", {"_credential_id": known, "challenge": "tkt_x"}
    cross = {"sec-fetch-site": "cross-site"}
    refused = [Page(await browser.client.post(path, data=given, headers=cross))]
    refused.append(await browser.send(path, given))
    key.create({"challenge": "bm9uY2U", "rp": {"id": "localhost"}, "user": {"id": "YWRh"}})
    given["credential"] = json.dumps(key.get({"challenge": "bm9uY2U", "rpId": "localhost"}))
    while refused[-1].status != 429:
        refused.append(await browser.send(path, given))
        assert (f'data-unknown="{known}"' in refused[-1].text) is (refused[-1].status == 401)
    assert {403, 422, 401, 429} == {page.status for page in refused}


async def test_a_wrong_password_names_no_passkey(browser: Browser, ada: User) -> None:
    """A wrong password is still called a wrong password."""
    page = await log_in(browser, password="wrong horse")
    assert page.errors == [TEXTS["login.error.invalid_credentials"]]
    assert "data-unknown" not in page.text


async def test_a_second_step(browser: Browser, ada: User, key: SoftwareAuthenticator) -> None:
    """After the password, the passkey is a second factor, beside the recovery codes."""
    await log_in(browser)
    codes = (await add(browser, key)).said("codes").split()
    await browser.submit("/account/logout")
    await browser.open("/account/login?next=/home")
    page = await browser.submit("/account/login", username="ada", password=PASSWORD)
    assert page.title == TEXTS["login_mfa.title"]
    assert "passkey" not in page.form("/account/login/mfa").names
    assert TEXTS["hint.recovery_code"] in page.text
    challenge = page.value("challenge") or ""
    begun = await begin(browser, "/login/mfa", challenge=challenge, method="passkey")
    wrong = key.get(begun["options"], signature=b"wrong")
    form = "/account/login/mfa/passkey"
    page = await browser.submit(form, credential=json.dumps(wrong))
    assert (page.status, page.errors) == (401, [TEXTS["passkeys.error.invalid_code"]])
    assert (page.title, page.value("next")) == (TEXTS["login.title"], "/home")
    page = await browser.submit("/account/login", username="ada", password=PASSWORD)
    challenge = page.value("challenge") or ""
    page = await browser.submit("/account/login/mfa", code="XXXX-XXXX")
    assert page.errors == [TEXTS["error.invalid_code"]]
    assert ("challenge", challenge) in page.form(form).fields
    begun = await begin(browser, "/login/mfa", challenge=challenge, method="passkey")
    page = await browser.submit(form, credential=json.dumps(key.get(begun["options"])))
    assert page.path == "/home"
    await browser.open("/account/logout")
    await browser.press("/logout")
    await log_in(browser)
    page = await browser.submit("/account/login/mfa", code=codes[0])
    assert page.path == "/"


async def test_a_second_step_with_other_factors(
    browser: Browser, ada: User, key: SoftwareAuthenticator, clock: FrozenClock
) -> None:
    """The code is of an app or a recovery code; the passkey is not among the choices."""
    await log_in(browser)
    phone, _ = await enrol(browser, clock)
    await add(browser, key)
    await browser.open("/account/logout")
    await browser.press("/logout")
    page = await log_in(browser)
    radios = [it["value"] for it in page.tags("input") if it["type"] == "radio"]
    assert radios == ["totp", "recovery_code"]
    assert "/account/login/mfa/passkey" in [form.action for form in page.forms]
    code = code_of(phone, clock)
    assert (await browser.submit("/account/login/mfa", code=code)).path == "/"


async def test_a_passkey_alone(browser: Browser, parts: Parts, ada: User) -> None:
    """A user whose recovery codes are used up is not asked for a code."""
    await logged_in_with(browser, SoftwareAuthenticator(ORIGIN))
    await parts.passkeys.recovery.erase(ada)
    await parts.passkeys.recovery.table.delete(force=True)
    await browser.open("/account/logout")
    await browser.press("/logout")
    page = await log_in(browser)
    assert [form.action for form in page.forms] == ["/account/login/mfa/passkey"]
    assert TEXTS["passkeys.unsupported"] in page.text


async def test_step_up(
    browser: Browser, ada: User, key: SoftwareAuthenticator, clock: FrozenClock
) -> None:
    """After a while, a change needs the passkey again; the way back is the same passkey."""
    await logged_in_with(browser, key)
    clock.advance(timedelta(hours=1))
    await browser.open("/account/passkeys")
    [edit] = [it["href"] for it in browser.page.tags("a") if "edit" in it["href"]]
    await browser.open(edit)
    page = await browser.submit(action_of(browser, "/rename"), name="Old phone")
    assert (page.path, page.value("next")) == ("/account/reauthenticate", edit)
    [form] = [it for it in page.tags("form") if "data-verb" in it]
    assert form["data-options"] == "/account/reauthenticate/options"
    begun = await begin(browser, "/reauthenticate")
    path = "/account/reauthenticate/passkey"
    wrong = json.dumps(key.get(begun["options"], signature=b"wrong"))
    page = await browser.submit(path, challenge=begun["challenge"], credential=wrong)
    assert page.errors == [TEXTS["passkeys.error.invalid_code"]]
    begun = await begin(browser, "/reauthenticate")
    signed = json.dumps(key.get(begun["options"]))
    page = await browser.submit(path, challenge=begun["challenge"], credential=signed)
    assert page.url == edit
    page = await browser.submit(action_of(browser, "/rename"), name="Old phone")
    assert page.message == TEXTS["done.passkey_renamed"]


async def test_adding_later(browser: Browser, ada: User, clock: FrozenClock) -> None:
    """Options need a recent factor; the form without any leads to where it is presented."""
    await log_in(browser)
    clock.advance(timedelta(hours=1))
    await browser.open("/account/passkeys?next=/home")
    response = await browser.client.post("/account/passkeys/options", json={}, headers=JSON)
    assert response.status_code == 401
    assert response.json()["code"] == "insufficient_user_authentication"
    page = await browser.submit("/account/passkeys", name="My phone")
    assert page.path == "/account/reauthenticate"
    page = await browser.submit("/account/reauthenticate", password=PASSWORD)
    assert page.url == "/account/passkeys?next=%2Fhome"


async def test_what_is_refused(
    browser: Browser, users: Users[User], ada: User, key: SoftwareAuthenticator
) -> None:
    """A passkey that exists, one that proves nothing, and names that are too long."""
    await logged_in_with(browser, key)
    begun = await begin(browser, "/passkeys")
    given = {"challenge": begun["challenge"], "name": "x"}
    wrong = key.create(begun["options"] | {"excludeCredentials": []}, origin="https://x.test")
    await browser.open("/account/passkeys")
    page = await browser.submit("/account/passkeys", credential=json.dumps(wrong), **given)
    assert (page.status, page.errors) == (422, [TEXTS["error.passkey_refused"]])
    assert page.value("name") == "x"
    begun = await begin(browser, "/passkeys")
    known = key.credentials[0].id
    options = begun["options"] | {"excludeCredentials": []}
    twice = json.dumps(key.create(options, credential_id=known))
    page = await browser.submit("/account/passkeys", challenge=begun["challenge"], credential=twice)
    assert (page.status, page.errors) == (409, [TEXTS["error.passkey_exists"]])
    await browser.open("/account/passkeys")
    [edit] = [it["href"] for it in browser.page.tags("a") if "edit" in it["href"]]
    await browser.open(edit)
    page = await browser.submit(action_of(browser, "/rename"), name="x" * 65)
    assert (page.status, page.title) == (422, TEXTS["passkey.title"])
    assert page.errors == [TEXTS["error.string_too_long"]]
    assert page.value("name") == "x" * 65


async def test_the_last_way_in(
    browser: Browser, users: Users[User], ada: User, key: SoftwareAuthenticator
) -> None:
    """A user without a password keeps the last passkey."""
    await logged_in_with(browser, key)
    session = await Session.select(Session.id).first()
    assert session
    await users.store_password(ada, None, keep=session["id"])
    await browser.open("/account/passkeys")
    [edit] = [it["href"] for it in browser.page.tags("a") if "edit" in it["href"]]
    await browser.open(edit)
    page = await browser.press("/remove")
    assert (page.status, page.errors) == (409, [TEXTS["error.last_way_in"]])
    assert page.value("name") == "My phone"


async def test_another_passkey(browser: Browser, ada: User) -> None:
    """One that there is not has no form; removing it twice is no error."""
    await log_in(browser)
    for query in ("", "?id=", f"?id={uuid4()}", "?id=%3Cscript%3E"):
        page = await browser.open(f"/account/passkeys/edit{query}")
        assert (page.status, TEXTS["passkey.gone"] in page.text) == (200, True)
        assert [form.action for form in page.forms] == ["/account/logout"]
    await add(browser, SoftwareAuthenticator(ORIGIN))
    assert TEXTS["passkey.gone"] in (await browser.open("/account/passkeys/edit")).text
    page = await browser.send(f"/account/passkeys/{uuid4()}/remove")
    assert page.message == TEXTS["done.passkey_removed"]
    page = await browser.send(f"/account/passkeys/{uuid4()}/rename", name="x")
    assert (page.status, TEXTS["passkey.gone"] in page.text) == (404, True)


@reaches_no_sql
@pytest.mark.parametrize(
    "credential",
    ["", "x", "{", "[]", "null", '{"id": 1}', '{"a": 1, "a": 2}', '{"id": "\\ud800"}', "NaN"],
)
@pytest.mark.parametrize("path", ["/login/passkey", "/login/mfa/passkey"])
async def test_malformed(browser: Browser, path: str, credential: str) -> None:
    """What is no credential is refused, with an error that belongs to no input."""
    given = {"challenge": "tkt_x", "credential": credential, "_methods": "passkey"}
    page = await browser.send(f"/account{path}", given)
    assert page.status == 422
    assert page.errors
    assert not [it for it in page.tags("a") if it["href"].startswith("#field-c")]


async def test_an_expired_second_step(browser: Browser) -> None:
    """A challenge that is unknown leads back to the start, as for a code."""
    key = SoftwareAuthenticator(ORIGIN)
    key.create({"challenge": "bm9uY2U", "rp": {"id": "localhost"}, "user": {"id": "YWRh"}})
    signed = json.dumps(key.get({"challenge": "bm9uY2U", "rpId": "localhost"}))
    given = {"challenge": "tkt_x", "_methods": "passkey", "credential": signed}
    page = await browser.send("/account/login/mfa/passkey", given)
    assert (page.status, page.title) == (401, TEXTS["login.title"])
    assert page.errors == [TEXTS["error.invalid_ticket"]]


@reaches_no_sql
async def test_guard_that_a_script_lacks(users: Users[User]) -> None:
    """What a script asks for is not left open where the application guards it better."""
    session = SessionAuth(users)
    passkeys = Passkeys(users, rp_id="localhost", rp_name="Movies", origins=[ORIGIN])
    login: Login[User] = Login(users, factors=[passkeys])
    router = passkey_login_router(passkeys, login, session)
    begin = operations_of(router)["begin_login_passkey"]
    scripts = PageSet(folder=FOLDERS[0], pages=(), for_scripts=(begin,))
    app = FastAPI()
    app.include_router(Pages(session, more=[scripts]).router)
    app.include_router(router, dependencies=[Depends(session)])
    with pytest.raises(ConfigurationError, match="asks for more at /login/passkey/options"):
        await Browser(app).client.post("/account/login/passkey/options", json={}, headers=JSON)


@pytest.mark.security(27)
@pytest.mark.parametrize("path", ["/login/passkey", "/login/mfa", "/reauthenticate", "/passkeys"])
async def test_options_across_sites(browser: Browser, ada: User, path: str) -> None:
    """Another site can't ask for options either."""
    await log_in(browser)
    headers = {**JSON, "sec-fetch-site": "cross-site"}
    response = await browser.client.post(f"/account{path}/options", json={}, headers=headers)
    assert (response.status_code, response.json()["code"]) == (403, "cross_site_request")


async def test_enrolment_without_an_app(
    users: Users[User], outbox: Outbox, key: SoftwareAuthenticator
) -> None:
    """Where a second factor is required and there are no apps, a passkey is added."""
    await users.create("ada", PASSWORD)
    session = SessionAuth(users)
    passkeys = Passkeys(users, rp_id="localhost", rp_name="Movies", origins=[ORIGIN])
    login: Login[User] = Login(users, factors=[passkeys], mfa_required=True)
    app = FastAPI()
    pages = Pages(session, login, passkeys=passkeys)
    app.include_router(pages.router)
    pages.install(app)
    browser = Browser(app)
    await browser.open("/account/login?next=/account/sessions")
    page = await browser.submit("/account/login", username="ada", password=PASSWORD)
    assert page.url == "/account/passkeys?next=%2Faccount%2Fsessions"
    page = await browser.open("/account/sessions")
    assert page.url == "/account/passkeys?next=%2Faccount%2Fsessions"
    begun = await begin(browser, "/passkeys")
    given = {
        "challenge": begun["challenge"],
        "credential": json.dumps(key.create(begun["options"])),
    }
    page = await browser.submit("/account/passkeys", **given)
    assert page.title == TEXTS["passkey_codes.title"]
    assert [it["href"] for it in page.tags("a")][-1] == "/account/sessions"
    assert (await browser.open("/account/sessions")).path == "/account/sessions"


def test_configuration(users: Users[User]) -> None:
    """The login must know the passkeys, and nothing else may have their paths."""
    passkeys = Passkeys(users, rp_id="localhost", rp_name="Movies", origins=[ORIGIN])
    with pytest.raises(ConfigurationError, match="factors="):
        Pages(SessionAuth(users), passkeys=passkeys)
