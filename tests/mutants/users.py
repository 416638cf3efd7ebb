"""Mutants of `users`: guards in single statements, and what a new password ends."""

_USERS = "tests/users/test_users.py"
_UNKNOWN = "tests/login/mfa/totp/test_unknown_factors.py"
_GUESSES = "tests/users/passwords/test_guesses.py"

MUTANTS: list[tuple[str, str, str, str]] = [
    ("users/passwords/queries.py", 'condition & _has(refused, key, "NOT ")', "condition", _UNKNOWN),
    ("users/passwords/service.py", "        if proof.unknown:\n", "        if False:\n", _UNKNOWN),
    (
        "users/passwords/service.py",
        "return not await queries.has_factor(",
        "return await queries.has_factor(",
        _UNKNOWN,
    ),
    (
        "users/queries.py",
        "name.is_username_of(row) or",
        "",
        "tests/users/test_folding.py",
    ),
    (
        "users/lookup.py",
        "folded_email(stored) == self.email",
        "False",
        "tests/users/test_folding.py",
    ),
    (
        "users/lookup.py",
        """stored == self.username or folded_username(stored) == self.username""",
        "True",
        "tests/users/test_folding.py",
    ),
    ("users/lookup.py", "if row.pop(name)", "if row.pop(name) and False", _UNKNOWN),
    ("users/passwords/queries.py", " & table.active.eq(value=True)", "", _USERS),
    (
        "users/passwords/queries.py",
        "condition = condition & (table.password == column)",
        "pass",
        _USERS,
    ),
    ("users/passwords/queries.py", ", table.password == old", "", _USERS),
    ("users/passwords/queries.py", " & (table.hash == old)", "", _USERS),
    ("users/passwords/queries.py", "values.append(table.superseded)", "pass", _USERS),
    ("users/lookup.py", " and fingerprint(column) != superseded", "", _USERS),
    ("users/passwords/service.py", "if account.was_changed_by_piccolo:", "if False:", _USERS),
    (
        "users/passwords/service.py",
        "await self._guesses.forgive(key)\n            everything",
        "everything",
        _GUESSES,
    ),
    ("users/passwords/service.py", "as guess, store():", "as guess:", _GUESSES),
    (
        "users/passwords/guesses.py",
        "table.key == guess.key, mine",
        "table.key == guess.key",
        _GUESSES,
    ),
    ("users/passwords/guesses.py", ' AND g."checking_until" <= {now} ', " ", _GUESSES),
    ("users/passwords/guesses.py", 'AND g."failed_count" < {MOST_FAILURES}', "", _GUESSES),
    (
        "users/credentials.py",
        "issubclass(table, self._kept) and not everything",
        "issubclass(table, self._kept)",
        "tests/users/test_service_users.py",
    ),
    (
        "users/passwords/hasher.py",
        " or not (is_pbkdf2(encoded) or is_argon2id(encoded))",
        "",
        "tests/users/passwords/test_hasher.py",
    ),
    (
        "users/characters.py",
        "        and not _is_invisible(character)\n",
        "",
        "tests/users/test_characters.py",
    ),
]
