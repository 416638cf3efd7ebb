"""What `Accounts` takes and refuses."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    Accounts,
    ConfigurationError,
    JWTAuth,
    Login,
    MailLifetimes,
    SameOrigin,
    SessionAuth,
    User,
    Users,
    accounts_router,
    change_email_router,
    change_password_router,
    me_router,
    register_router,
    reset_password_router,
    verify_email_router,
)
from piccolo_api_fastapi.mail import VerifyEmail
from piccolo_api_fastapi.mail.links import Links
from piccolo_api_fastapi.testing import Outbox
from tests.conftest import SECRET
from tests.models import Customer

MAIL: dict[str, Any] = {"mail": Outbox(), "base_url": "https://app.example.com"}


@pytest.mark.parametrize(
    "options",
    [
        {"mail": Outbox()},
        {"base_url": "https://app.example.com"},
        {**MAIL, "base_url": "http://app.example.com"},
        {**MAIL, "base_url": "https://app.example.com?x"},
        {**MAIL, "base_url": "https://ada@app.example.com"},
        {**MAIL, "base_url": "app.example.com"},
        {**MAIL, "paths": {"sign-in": "/login"}},
        {**MAIL, "paths": {"reset": "reset"}},
        {**MAIL, "paths": {"reset": "/reset#x"}},
        {**MAIL, "reset_lifetime": timedelta(hours=2)},
        {"extra": ["nonsense"]},
        {"extra": ["id"]},
        {"extra": ["password"]},
        {"extra": ["admin"]},
        {"extra": ["email"]},
    ],
)
@pytest.mark.security(104)
def test_configuration(options: dict[str, Any]) -> None:
    """What makes no sense, or would let people do what they may not, raises at once."""
    with pytest.raises(ConfigurationError):
        Accounts(**options)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"product": "Movie club"}, "product="),
        ({"texts": {VerifyEmail: lambda _: ("", "")}, "links": "query"}, "texts=, links="),
        ({"paths": {"reset": "/reset"}}, "paths="),
        ({"lifetimes": MailLifetimes()}, "lifetimes="),
        ({"reset_lifetime": timedelta(minutes=5)}, "reset_lifetime="),
    ],
)
def test_without_mail(options: dict[str, Any], named: str) -> None:
    """Arguments that have no effect without mail are refused by name, with what to do."""
    with pytest.raises(ConfigurationError) as raised:
        Accounts(**options)
    assert str(raised.value) == (
        f"{named} need Accounts(mail=…, base_url=…). Leave them out if there is no mail."
    )


@pytest.mark.parametrize("name", ["verification", "code", "change", "login", "undo"])
@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(seconds=-1)])
def test_lifetimes_that_are_refused(name: str, lifetime: timedelta) -> None:
    """A link or a code that expires before it is sent helps nobody."""
    with pytest.raises(ConfigurationError, match=rf"^{name} must be positive"):
        MailLifetimes(**{name: lifetime})
    with pytest.raises(ConfigurationError, match=r"^reset_lifetime must be positive"):
        Accounts(**MAIL, reset_lifetime=lifetime)


def test_intervals() -> None:
    """Without an interval, each request sends mail. A negative one is refused."""
    assert MailLifetimes(interval=timedelta(0)).interval == timedelta(0)
    with pytest.raises(ConfigurationError, match=r"^interval must not be negative"):
        MailLifetimes(interval=timedelta(seconds=-1))


@pytest.mark.parametrize(
    "options",
    [
        {"schemes": [SessionAuth()]},
        {"schemes": [SessionAuth(Users(Customer)), JWTAuth(secret=SECRET)]},
        {"login": Login()},
    ],
)
def test_another_user_table(options: dict[str, Any]) -> None:
    """Whoever is signed in there would close the account of somebody with the same key here."""
    with pytest.raises(ConfigurationError):
        Accounts(Users(Customer), **options)
    assert Accounts(Users(Customer), schemes=[SessionAuth(Users(Customer))]).users.table is Customer


@pytest.mark.parametrize("name", ["nick", "id", "password", "admin"])
def test_unknown_column(name: str) -> None:
    """The error names the columns that there are."""
    with pytest.raises(ConfigurationError) as raised:
        register_router(Accounts(Users(Customer), extra=[name]))
    assert str(raised.value) == (
        f"extra={name!r} is not a column of Customer that users may change. "
        "Those are: first_name, last_name, phone, country."
    )


@pytest.mark.parametrize(
    "router",
    [
        verify_email_router,
        reset_password_router,
        change_email_router,
        change_password_router,
        me_router,
    ],
)
def test_routers(router: Any) -> None:
    """A router that needs mail or schemes says so."""
    with pytest.raises(ConfigurationError):
        router(Accounts())


def paths_of(accounts: Accounts[User]) -> set[str]:
    """The paths of all routes there are."""
    app = FastAPI()
    app.include_router(accounts_router(accounts))
    return set(app.openapi()["paths"])


def test_what_there_is() -> None:
    """The routes are those that the configuration allows."""
    schemes = [SessionAuth()]
    alone, by_mail = {"/register"}, {"/verify-email", "/verify-email/request"}
    by_mail |= {"/forgot-password", "/reset-password"}
    signed_in = {"/change-password", "/me"}
    both = {"/change-email", "/change-email/confirm", "/change-email/undo"}
    assert paths_of(Accounts()) == alone
    assert paths_of(Accounts(**MAIL)) == alone | by_mail
    assert paths_of(Accounts(schemes=schemes)) == alone | signed_in
    assert paths_of(Accounts(**MAIL, schemes=schemes)) == alone | by_mail | signed_in | both


@pytest.mark.parametrize(
    ("base_url", "link"),
    [
        ("https://app.example.com", "https://app.example.com/r#token=x"),
        ("https://example.com/app/", "https://example.com/app/r#token=x"),
        ("http://localhost:5173", "http://localhost:5173/r#token=x"),
        ("http://[::1]:80", "http://[::1]:80/r#token=x"),
    ],
)
@pytest.mark.security(89)
def test_links(base_url: str, link: str) -> None:
    """The secret is in the fragment, which no server and no `Referer` is told."""
    assert link == Links(base_url, {"reset": "/r"}).to("reset", "x")


def test_csrf() -> None:
    """What the session trusts may register, unless something else is said."""
    trusting = SameOrigin(trusted_origins=["https://app.example.com"])
    assert Accounts(schemes=[SessionAuth(csrf=trusting)]).csrf is trusting
    own = SameOrigin(strict=True)
    assert Accounts(schemes=[SessionAuth(csrf=trusting)], csrf=own).csrf is own
    assert Accounts().users.table is User
    users = Users()
    assert Accounts(users).users is users
