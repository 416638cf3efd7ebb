"""Mutants of what features declare: bound tables, expiry, factors, kept messages and events."""

_OUTSIDE = "tests/test_outside_feature.py"
_STEP_UP = "tests/login/mfa/totp/test_step_up.py"
_DELIVERY = "tests/mail/delivery/test_delivery.py"

MUTANTS: list[tuple[str, str, str, str]] = [
    (
        "mail/wording.py",
        "if len(words.subject.splitlines()) > 1:",
        "if False:",
        "tests/mail/test_wording.py",
    ),
    (
        "core/database/auth_tables.py",
        '{**column._meta.params, "references": target}',
        '{"references": target}',
        _OUTSIDE,
    ),
    (
        "core/database/auth_tables.py",
        "bind(target, user_table) if target in declared_tables() else None",
        "None",
        _OUTSIDE,
    ),
    (
        "core/database/auth_tables.py",
        " or (marked and not getattr(table, marked))",
        "",
        "tests/users/test_users.py",
    ),
    (
        "schemes/api_tokens/tables.py",
        " | cls.revoked_at.is_not_null()",
        "",
        "tests/schemes/api_tokens/test_service.py",
    ),
    ("mail/delivery/tables.py", " | (cls.attempts >= MAXIMUM_ATTEMPTS)", "", _DELIVERY),
    ("mail/delivery/service.py", "kind.is_kept and ", "", _DELIVERY),
    ("mail/delivery/service.py", " or kind.__name__ in self._relink", "", _DELIVERY),
    (
        "users/tables.py",
        " | (cls.failed_count == 0)",
        "",
        "tests/users/passwords/test_guesses.py",
    ),
    (
        "access/step_up.py",
        'name in _factors and _factors[name].worth != "first"',
        "name != PASSWORD",
        "tests/login/mfa/totp/test_worth.py",
    ),
    (
        "access/guards.py",
        "replace(identity, step_ups=step_ups)",
        "identity",
        "tests/login/mfa/passkeys/test_managing.py",
    ),
    ("access/step_up.py", "known & {self.factor}", "set(factors) & {self.factor}", _STEP_UP),
    ("access/step_up.py", "counting or [known]", "counting or [set(factors)]", _STEP_UP),
    ("access/step_up.py", "_factors.setdefault(name, kind) != kind", "False", _OUTSIDE),
    ("core/events/declared.py", "EVENTS.setdefault(kind.name, kind) != kind", "False", _OUTSIDE),
    (
        "mail/notices/service.py",
        "        await self._send.retry(event.user)\n",
        "",
        "tests/mail/notices/test_notices.py",
    ),
    (
        "audit/routes.py",
        " and module.startswith(_PACKAGE)",
        "",
        "tests/audit/test_findings.py",
    ),
]
