"""Mutants of `schemes`: each must make the named tests fail."""

_SESSIONS = "tests/schemes/sessions"
_SESSION_QUERIES = "tests/schemes/sessions/test_queries.py"
_SESSION_SEPARATION = "tests/schemes/sessions/test_separation.py"
_JWT = "tests/schemes/jwt"
_JWT_QUERIES = "tests/schemes/jwt/test_queries.py"
_JWT_SEPARATION = "tests/schemes/jwt/test_separation.py"
_API_TOKENS = "tests/schemes/api_tokens/test_service.py"
_OUTAGE = "tests/integration/test_outage.py::test_outage_on_a_route_of_the_application"

MUTANTS: list[tuple[str, str, str, str]] = [
    (
        "schemes/devices/router.py",
        "if scheme.device_kind == kind",
        "if True",
        "tests/schemes/devices/test_router.py",
    ),
    (
        "schemes/sessions/queries.py",
        "table.user == user, table.expires_at > now, *conditions",
        "table.user == user, *conditions",
        _SESSION_QUERIES,
    ),
    (
        "schemes/sessions/queries.py",
        "live_of_all(own.table, user, now, own.condition)",
        "live_of_all(own.table, user, now)",
        _SESSION_SEPARATION,
    ),
    (
        "schemes/sessions/rotation_queries.py",
        "            own.condition,\n            table.expires_at > now,\n",
        "            own.condition,\n",
        _SESSION_QUERIES,
    ),
    (
        "schemes/sessions/queries.py",
        "table.id == session.id, table.last_seen_at <= now - TOUCH_INTERVAL",
        "table.last_seen_at <= now - TOUCH_INTERVAL",
        _SESSION_QUERIES,
    ),
    (
        "schemes/sessions/queries.py",
        "table.id == session.id, table.last_seen_at <= now - TOUCH_INTERVAL",
        "table.id == session.id",
        _SESSION_QUERIES,
    ),
    ("schemes/sessions/queries.py", '"created_at" DESC', '"last_seen_at" DESC', _SESSION_QUERIES),
    ("schemes/sessions/queries.py", '"created_at" DESC', '"expires_at" DESC', _SESSION_QUERIES),
    (
        "schemes/sessions/rotation_queries.py",
        "            own.condition,\n            table.expires_at > now,\n",
        "            table.expires_at > now,\n",
        _SESSION_SEPARATION,
    ),
    (
        "schemes/sessions/queries.py",
        "where(condition, own.condition)",
        "where(condition)",
        _SESSION_SEPARATION,
    ),
    (
        "schemes/sessions/queries.py",
        "(own.table.user == row.user) & own.condition",
        "own.table.user == row.user",
        _SESSION_SEPARATION,
    ),
    (
        "schemes/sessions/queries.py",
        "await own.table.delete().where(own.table.digest.is_in(list(replaces)), own.condition)",
        "pass",
        _SESSIONS,
    ),
    (
        "schemes/sessions/dependencies.py",
        "async with store(), transaction(self.table):",
        "async with transaction(self.table):",
        _OUTAGE,
    ),
    (
        "schemes/sessions/dependencies.py",
        "await self.users.uphold(held)",
        "pass",
        "tests/integration/test_contention.py",
    ),
    (
        "schemes/jwt/queries.py",
        "table.user == user, own.condition, table.expires_at > now, table.revoked_at.is_null()",
        "table.user == user, own.condition, table.revoked_at.is_null()",
        _JWT_QUERIES,
    ),
    (
        "schemes/jwt/rotation_queries.py",
        "table.expires_at > present,\n                table.revoked_at.is_null(),",
        "table.expires_at > present,",
        _JWT_QUERIES,
    ),
    (
        "schemes/jwt/queries.py",
        "table.revoked_at.is_null(),\n            table.factors == write_factors(before),",
        "table.revoked_at.is_null(),",
        _JWT_QUERIES,
    ),
    (
        "schemes/jwt/queries.py",
        "table.revoked_at.is_null(),\n            table.factors == write_factors(before),",
        "table.factors == write_factors(before),",
        _JWT_QUERIES,
    ),
    (
        "schemes/jwt/queries.py",
        "condition, own.condition, table.revoked_at.is_null())\n            .returning",
        "condition, own.condition)\n            .returning",
        _JWT_QUERIES,
    ),
    (
        "schemes/jwt/queries.py",
        "condition, own.condition, table.revoked_at.is_null())\n            .returning",
        "condition, table.revoked_at.is_null())\n            .returning",
        _JWT_SEPARATION,
    ),
    (
        "schemes/jwt/queries.py",
        "(own.table.user == row.user) & own.condition",
        "own.table.user == row.user",
        _JWT_SEPARATION,
    ),
    (
        "schemes/jwt/refresh_tokens.py",
        "self._context + body",
        "body",
        _JWT_SEPARATION,
    ),
    (
        "schemes/jwt/dependencies.py",
        "async with store(), transaction(self.table):",
        "async with transaction(self.table):",
        _OUTAGE,
    ),
    (
        "schemes/jwt/refresh_tokens.py",
        "if hmac.compare_digest(self._mac(mac_key, body), mac):",
        "if mac_key:",
        _JWT,
    ),
    (
        "schemes/jwt/scopes.py",
        "not asked <= may or ",
        "",
        _JWT,
    ),
    (
        "schemes/api_tokens/queries.py",
        "(table.digest == before.digest) & _is_live",
        "_is_live",
        _API_TOKENS,
    ),
    (
        "schemes/api_tokens/queries.py",
        "condition & table.revoked_at.is_null()",
        "condition",
        _API_TOKENS,
    ),
    (
        "schemes/api_tokens/dependencies.py",
        "check_scopes(await may(), sorted(row.scopes))",
        "await may()",
        _API_TOKENS,
    ),
    (
        "schemes/api_tokens/dependencies.py",
        "        if not is_active:\n            raise NotFound\n",
        "",
        _API_TOKENS,
    ),
    (
        "schemes/jwt/router.py",
        "async with captcha_attempt(request, login.limits):",
        "if True:",
        "tests/captcha/test_captcha.py",
    ),
    (
        "pages/callers.py",
        " and (scheme is None or _is_same(scheme, session))",
        "",
        "tests/pages/test_callers.py",
    ),
    (
        "schemes/api_tokens/router.py",
        "in_person(guard, token, mfa=None",
        "in_person(guard, mfa=None",
        "tests/schemes/api_tokens/test_router.py",
    ),
]
