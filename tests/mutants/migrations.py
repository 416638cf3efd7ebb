"""Mutants of migrations: what is checked of foreign hashes, and what is moved once."""

_FOREIGN = "tests/users/passwords/test_foreign.py"
_USERS = "tests/piccolo_app/from_fastapi_users/test_migration.py"
_TABLES = "tests/piccolo_app/from_fastapi_users/test_tables.py"
_ACCOUNTS = "tests/piccolo_app/from_fastapi_users/test_oauth_accounts.py"
_FOLDER = "piccolo_app/from_fastapi_users"

MUTANTS: list[tuple[str, str, str, str]] = [
    (
        "users/passwords/foreign.py",
        "    if not stored.startswith(PREFIX):\n        return None\n",
        "",
        _FOREIGN,
    ),
    ("users/passwords/foreign.py", "[:BCRYPT_BYTES]", "", _FOREIGN),
    (
        "users/passwords/foreign.py",
        "match is not None and int(match[1]) <= MAXIMUM_BCRYPT_COST",
        "match is not None",
        _FOREIGN,
    ),
    (
        "users/passwords/foreign.py",
        "return cost.memory_kib * cost.iterations <= MAXIMUM_WORK_KIB",
        "return True",
        _FOREIGN,
    ),
    (
        f"{_FOLDER}/migration.py",
        "if any(name in self._twice for name in _names(old)):",
        "if False:",
        _USERS,
    ),
    (f"{_FOLDER}/migration.py", "if old.key in before:", "if False:", _USERS),
    (f"{_FOLDER}/migration.py", " and not self._waits(old)", "", _USERS),
    (
        f"{_FOLDER}/migration.py",
        "if self.moved.without_password and not without_passwords:",
        "if False:",
        _USERS,
    ),
    (f"{_FOLDER}/ledger.py", " AND target = {{}} ", " AND {{}} <> '' ", _TABLES),
    (f"{_FOLDER}/oauth_accounts.py", "if old.key in before:", "if False:", _ACCOUNTS),
    (
        f"{_FOLDER}/oauth_accounts.py",
        '"email_verified": False',
        '"email_verified": True',
        _ACCOUNTS,
    ),
    (
        f"{_FOLDER}/oauth_accounts.py",
        "return key if await self._users.get(key) is not None else None",
        "return key",
        _ACCOUNTS,
    ),
    (
        "piccolo_app/from_piccolo_api/migration.py",
        "created_at=NEVER",
        "created_at=self._now",
        "tests/piccolo_app/from_piccolo_api/test_migration.py",
    ),
]
