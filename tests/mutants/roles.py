"""Mutants of roles and ownership: who may grant what, who stays a manager, whose rows."""

_ROLES = "tests/users/roles/test_roles.py"
_RACES = "tests/users/roles/test_races.py"
_ROUTER = "tests/users/roles/test_router.py"
_OWNED = "tests/access/test_ownership.py"

MUTANTS: list[tuple[str, str, str, str]] = [
    (
        "users/roles/queries.py",
        'AND (g."expires_at" IS NULL OR g."expires_at" > {})',
        "AND {} IS NOT NULL",
        _ROLES,
    ),
    (
        "users/roles/queries.py",
        '\'WHERE r."id" = {} AND r."permissions" = {} \'',
        "'WHERE r.\"id\" = {} AND {} IS NOT NULL '",
        _RACES,
    ),
    (
        "users/roles/queries.py",
        "'ORDER BY \"id\" FOR NO KEY UPDATE'",
        "'ORDER BY \"id\"'",
        _RACES,
    ),
    (
        "users/roles/queries.py",
        "grants.role.is_in(list(roles)), grants.expires_at.is_null(), grants.user.is_in(active)",
        "grants.role.is_in(list(roles)), grants.user.is_in(active)",
        _ROLES,
    ),
    (
        "users/roles/guarding.py",
        "missing and EVERYTHING not in held",
        "missing and not held",
        _ROLES,
    ),
    (
        "users/roles/grants.py",
        "if by is not None and by.key == user:",
        "if False:",
        _ROLES,
    ),
    (
        "users/roles/grants.py",
        "keeping_manager(self._own) if may_end else nullcontext()",
        "nullcontext()",
        _ROLES,
    ),
    (
        "users/roles/held.py",
        " - RESERVED  # Piccolo Admin checks no names",
        "",
        _ROLES,
    ),
    (
        "users/roles/router.py",
        "await emit_refusal(error, request, recent.now(), identity)",
        "pass",
        _ROUTER,
    ),
    (
        "accounts/profile.py",
        "async with self._users.keeping_manager():",
        "if True:",
        _ROUTER,
    ),
    (
        "access/ownership.py",
        "self.unless is not None and self.unless in identity.scopes",
        "self.unless is not None",
        _OWNED,
    ),
    (
        "access/ownership.py",
        "return super().__eq__(other) and _settings(self) == _settings(other)",
        "return super().__eq__(other)",
        _OWNED,
    ),
    (
        "access/permissions.py",
        "is_name and name not in RESERVED",
        "is_name",
        _ROLES,
    ),
    ("users/roles/router.py", "mfa=None, within=within)", "within=within)", _ROUTER),
    (
        "users/roles/router.py",
        "    if str(key) != text:\n        raise NotFound\n",
        "",
        _ROUTER,
    ),
    (
        "users/roles/definitions.py",
        'await self._tell(seed.name, None, "", seed.permissions)',
        "pass",
        _ROLES,
    ),
]
