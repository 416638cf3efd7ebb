"""Mutants of `accounts/email_login`: who may use a link or a code, how often, and what it ends."""

_QUERIES = "accounts/email_login/queries.py"
_REDEMPTION = "accounts/email_login/redemption.py"
_REQUESTS = "accounts/email_login/requests.py"
_SERVICE = "accounts/email_login/service.py"
_TESTS = "tests/accounts/email_login"

MUTANTS: list[tuple[str, str, str, str]] = [
    (
        _QUERIES,
        'substr("data", 1, 64) = {}',
        '(substr("data", 1, 64) = {} OR TRUE)',
        f"{_TESTS}/test_link.py",
    ),
    (
        _QUERIES,
        '"attempts" < {} RETURNING',
        '("attempts" < {} OR TRUE) RETURNING',
        f"{_TESTS}/test_sign_up.py",
    ),
    (
        _QUERIES,
        "table.created_at <= since",
        "table.created_at <= row.created_at",
        f"{_TESTS}/test_requests.py",
    ),
    (
        _QUERIES,
        " & table.used_at.is_null()",
        "",
        f"{_TESTS}/test_link.py",
    ),
    (
        _REDEMPTION,
        "self._allows_other_browsers or Pending.of(ticket).is_of(browser)",
        "self._allows_other_browsers or browser or not browser",
        f"{_TESTS}/test_link.py",
    ),
    (
        _REDEMPTION,
        "await self._addresses.hold(user, email)",
        "await self._addresses.lock(user)",
        f"{_TESTS}/test_ends.py",
    ),
    (
        _REDEMPTION,
        "codes.burn(ticket)\n                await self._prove",
        "codes.uphold(ticket)\n                await self._prove",
        f"{_TESTS}/test_ends.py",
    ),
    (
        _REDEMPTION,
        "codes.burn(ticket)\n                user = await",
        "codes.uphold(ticket)\n                user = await",
        f"{_TESTS}/test_sign_up.py",
    ),
    (
        _REDEMPTION,
        "if before.is_new or before.is_contested:",
        "if before.is_contested:",
        f"{_TESTS}/test_ends.py",
    ),
    (
        _REDEMPTION,
        "if await self._users.has_verified(user, email):",
        "if False:",
        f"{_TESTS}/test_link.py",
    ),
    (
        _REDEMPTION,
        "await reserve(self._addresses.status, user, now)",
        "await reserve(self._addresses.status, user, now) if user is None else None",
        f"{_TESTS}/test_code.py",
    ),
    (
        _REQUESTS,
        "return user.active or await self._mailboxes.addresses.waits(user)",
        "return True",
        f"{_TESTS}/test_requests.py",
    ),
    (
        _SERVICE,
        "if proof is None or proof.fingerprint != entrant.fingerprint:",
        "if proof is None:",
        f"{_TESTS}/test_ends.py",
    ),
    (
        _SERVICE,
        "if len(found) == 1 and",
        "if found and",
        f"{_TESTS}/test_link.py",
    ),
    (
        _SERVICE,
        "return self._presented(connection) or LOGIN_TOKEN.generate()",
        "return LOGIN_TOKEN.generate()",
        f"{_TESTS}/test_requests.py",
    ),
    (
        _REDEMPTION,
        "if ticket is None or ticket.user is not None:",
        "if ticket is not None and ticket.user is not None:",
        f"{_TESTS}/test_code.py",
    ),
    (
        _REDEMPTION,
        "async with transaction(self._users.table):\n            user = ticket.user",
        "if True:\n            user = ticket.user",
        f"{_TESTS}/test_ends.py",
    ),
    (
        _REQUESTS,
        "await self._users.lock(key)",
        "pass",
        f"{_TESTS}/test_requests.py",
    ),
]
