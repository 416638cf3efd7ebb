"""Accounts: from the registration to a second factor."""

from datetime import datetime, timezone

from fastapi.testclient import TestClient

from piccolo_api_fastapi.mail import ResetPassword, VerifyEmail
from piccolo_api_fastapi.testing import Outbox, totp_code

ADA = {"username": "ada", "email": "ada@example.com", "password": "correct horse battery"}
CREDENTIALS = {"username": "ada", "password": ADA["password"]}


def register(client: TestClient, outbox: Outbox) -> None:
    """Register Ada, and verify her address."""
    assert client.post("/auth/register", json=ADA).status_code == 202
    token = outbox.token(VerifyEmail)
    assert client.post("/auth/verify-email", json={"token": token}).status_code == 200


def test_users_register_and_sign_in(client: TestClient, outbox: Outbox) -> None:
    """The address must be verified first. The session ends with the sign-out."""
    assert client.post("/auth/register", json=ADA).status_code == 202
    assert client.post("/auth/login", json=CREDENTIALS).status_code == 401
    register(client, outbox)
    assert client.post("/auth/login", json=CREDENTIALS).status_code == 200
    assert client.get("/auth/me").json()["username"] == "ada"
    assert client.post("/auth/logout").status_code == 204
    assert client.get("/auth/me").status_code == 401


def test_users_sign_in_by_jwt(client: TestClient, outbox: Outbox) -> None:
    """An access token opens the same routes, without a cookie."""
    register(client, outbox)
    tokens = client.post("/auth/token", data={"grant_type": "password", **CREDENTIALS}).json()
    header = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert client.get("/auth/me", headers=header).json()["username"] == "ada"


def test_users_choose_a_new_password(client: TestClient, outbox: Outbox) -> None:
    """The link in the mail sets one. The old password is refused."""
    register(client, outbox)
    assert client.post("/auth/forgot-password", json={"email": ADA["email"]}).status_code == 202
    new = {"token": outbox.token(ResetPassword), "password": "another horse battery"}
    assert client.post("/auth/reset-password", json=new).status_code == 204
    assert client.post("/auth/login", json=CREDENTIALS).status_code == 401
    credentials = {"username": "ada", "password": new["password"]}
    assert client.post("/auth/login", json=credentials).status_code == 200


def test_users_set_up_an_authenticator_app(client: TestClient, outbox: Outbox) -> None:
    """The next sign-in asks for its code, or for a recovery code."""
    register(client, outbox)
    client.post("/auth/login", json=CREDENTIALS)
    uri = client.post("/auth/mfa/totp").json()["otpauth_uri"]
    code = totp_code(uri, datetime.now(timezone.utc))
    confirmed = client.post("/auth/mfa/totp/confirm", json={"code": code})
    (recovery_code, *_) = confirmed.json()["recovery_codes"]
    client.post("/auth/logout")

    answer = client.post("/auth/login", json=CREDENTIALS).json()
    assert answer["status"] == "mfa_required"
    assert client.get("/auth/me").status_code == 401
    step = {"challenge": answer["challenge"], "code": recovery_code}
    assert client.post("/auth/login/mfa", json=step).status_code == 200
    assert client.get("/auth/me").status_code == 200


def test_browsers_have_pages(client: TestClient) -> None:
    """A browser that opens a guarded address is sent to the page to sign in."""
    answer = client.get("/admin/users", headers={"Accept": "text/html"})
    assert answer.url.path == "/account/login"
    assert "Notes" in answer.text
