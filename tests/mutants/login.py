"""Mutants of `login`: each must make the named tests fail."""

_TOTP = "tests/login/mfa/totp/test_totp.py"
_REPLACING = "tests/login/mfa/totp/test_replacing.py"
_TICKETS = "tests/login/tickets/test_service.py"
_UNKNOWN = "tests/login/mfa/totp/test_unknown_factors.py"
_LOGIN = "tests/login/mfa/totp/test_login.py"
_STOLEN = "tests/login/mfa/totp/test_stolen_credentials.py"
_OUTAGE = "tests/integration/test_outage.py"

MUTANTS: list[tuple[str, str, str, str]] = [
    ("login/outcomes.py", "        if proof.unknown:\n", "        if False:\n", _UNKNOWN),
    (
        "login/consistency.py",
        "if _kinds(first.factors) != _kinds(login.factors):",
        "if False:",
        "tests/login/test_consistency.py",
    ),
    ("login/factors.py", "method if method in self._names else", "method or", _LOGIN),
    (
        "login/reauthentication.py",
        'return f"credential {credential}"',
        'return f"user {primary_key(user)}"',
        "tests/login/test_protection.py",
    ),
    (
        "login/code_guesses.py",
        'f"code of credential {credential}"',
        'f"code of user {primary_key(user)}"',
        _STOLEN,
    ),
    (
        "login/code_guesses.py",
        "table.failed_count: table.failed_count - 1}",
        "table.failed_count: table.failed_count}",
        _STOLEN,
    ),
    (
        "login/mfa/recovery_codes/service.py",
        "            await self.users.lock(user)\n",
        "",
        _REPLACING,
    ),
    (
        "login/mfa/recovery_codes/service.py",
        "            await self.users.lock(key)\n",
        "",
        _REPLACING,
    ),
    ("core/database/failure_counters.py", "_BOTH} AND", "_BOTH} OR", _STOLEN),
    (
        "login/service.py",
        'f"{own_name(self.users.table)}\\n{one_name(identifier)}".lstrip()',
        "one_name(identifier)",
        "tests/examples/test_two_user_tables.py",
    ),
    (
        "login/mfa/totp/queries.py",
        "table.last_step: step,\n        **forgiven(table),\n",
        "table.last_step: step,\n",
        _REPLACING,
    ),
    ("login/mfa/totp/queries.py", "table.secret == secret, ", "", _REPLACING),
    ("login/mfa/totp/queries.py", ", table.last_step < step", "", _TOTP),
    ("login/mfa/totp/queries.py", ", table.pending == pending", "", _REPLACING),
    ("login/tickets/service.py", "table.purpose == self.purpose,\n", "", _TICKETS),
    ("login/tickets/service.py", "table.attempts < self.attempts,\n", "", _TICKETS),
    (
        "login/tickets/service.py",
        "table.id == ticket.id, table.used_at.is_null(), ",
        "table.id == ticket.id, ",
        _TICKETS,
    ),
    ("login/limits.py", "as quota, store():", "as quota:", _OUTAGE),
    (
        "login/limits.py",
        "async with store():  # an outage",
        "async with AsyncExitStack():  # an outage",
        _OUTAGE,
    ),
    (
        "login/challenges.py",
        "proof is None or proof.fingerprint != fingerprint",
        "proof is None",
        "tests/login/mfa/totp/test_challenges.py",
    ),
    (
        "login/challenges.py",
        "recheck=lambda: self.tickets.uphold(self.ticket),\n",
        "",
        "tests/login/mfa/totp",
    ),
    ("login/captcha.py", "attempt.keep_charges()", "pass", "tests/captcha/test_captcha.py"),
    (
        "login/captcha.py",
        "if status_of(request.scope) in NOT_TRIED:",
        "if False:",
        "tests/captcha/test_captcha.py",
    ),
    (
        "captcha/siteverify.py",
        'verdict.get("hostname") not in',
        'verdict.get("hostname", next(iter(self.hostnames))) not in',
        "tests/captcha/test_captcha.py",
    ),
    (
        "login/mfa/guarded_secrets.py",
        'f"{self.table._meta.tablename} {user}"',
        'f"{user}"',
        "tests/login/mfa/totp/test_secrets.py",
    ),
]
