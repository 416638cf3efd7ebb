"""Mutants of `core`: each must make the named tests fail."""

_ENCRYPTION = "tests/core/crypto/test_encryption.py"
_ADDRESS = "tests/core/http/test_client_address.py"
_COOKIES = "tests/core/http/test_cookies.py"
_SQLITE = "tests/core/database/test_sqlite.py"
_POSTGRES = "tests/core/database/test_postgres.py"

MUTANTS: list[tuple[str, str, str, str]] = [
    (
        "core/http/operations.py",
        "likeness > nearest[name][0]",
        "False",
        "tests/login/mfa/totp/test_next_steps.py",
    ),
    (
        "core/http/operations.py",
        "(users is None or route.user_table is users)",
        "True",
        "tests/login/mfa/totp/test_next_steps.py",
    ),
    ("core/crypto/encryption.py", "(CryptoError, ValueError)", "CryptoError", _ENCRYPTION),
    ("core/crypto/encryption.py", 'f"encryption {self.name}"', '"encryption"', _ENCRYPTION),
    ("core/crypto/encryption.py", 'name = "xc20p"', 'name = "xc20p2"', _ENCRYPTION),
    ("core/crypto/encryption.py", 'name = "fernet"', 'name = "fernet2"', _ENCRYPTION),
    (
        "core/crypto/encryption.py",
        "(nonce + sealed)",
        "(sealed + nonce)",
        _ENCRYPTION,
    ),
    (
        "core/crypto/encryption.py",
        'f"plain.{digest}.{base64.urlsafe_b64encode(plaintext).decode()}"',
        'f"plain.{digest}.{base64.b32encode(plaintext).decode()}"',
        _ENCRYPTION,
    ),
    ("core/crypto/keys.py", 'b"piccolo_api_fastapi " + purpose', "purpose", _ENCRYPTION),
    ("core/crypto/keys.py", "length=32", "length=33", _ENCRYPTION),
    ("core/crypto/keys.py", ", validate=True", "", _ENCRYPTION),
    ("core/http/cookies.py", "elif not self._is_neighbour(name):", "else:", _COOKIES),
    ("core/http/cookies.py", "is_prefixed and name.casefold()", "name.casefold()", _COOKIES),
    ("core/http/client_address.py", "not 16 <= ipv6_prefix", "not 17 <= ipv6_prefix", _ADDRESS),
    ("core/http/client_address.py", "not 16 <= ipv6_prefix", "not 15 <= ipv6_prefix", _ADDRESS),
    (
        "core/http/client_address.py",
        " or len(element) > LONGEST_ELEMENT",
        "",
        _ADDRESS,
    ),
    (
        "core/http/middleware.py",
        "scope.pop(CLIENT, None)",
        "pass",
        "tests/core/http/test_client.py",
    ),
    (
        "core/database/time_limit.py",
        "or is_plain(querystring.compile_string(self.engine_type)[0])",
        "",
        _POSTGRES,
    ),
    (
        "core/database/time_limit.py",
        "or is_plain(querystring.compile_string(self.engine_type)[0])",
        "or True",
        _POSTGRES,
    ),
    (
        "core/database/sqlite.py",
        "self.engine.current_transaction.reset(self.context)",
        "pass",
        _SQLITE,
    ),
    (
        "core/database/sqlite.py",
        "None if is_deferred else self.engine._writers()",
        "None",
        _SQLITE,
    ),
    (
        "core/database/user_tables.py",
        "_known_constructors.update((table.__init__, table.__setattr__))",
        "pass",
        "tests/core/database/test_user_tables.py",
    ),
    (
        "core/events/repeated.py",
        "repeats.add(located(event))\n        return None",
        "repeats.add(located(event))",
        "tests/access/test_refusal_events.py",
    ),
    (
        "core/database/existence.py",
        "        await refuse_reused_ids(user_table)\n",
        "",
        "tests/core/database/test_existence.py",
    ),
    (
        "core/database/time_limit.py",
        "        if not self._is_late:\n            self._is_late = True\n            return\n",
        "",
        "tests/core/database/test_time_limit.py",
    ),
    (
        "core/http/public_routes.py",
        "return dependant is not None and not any(",
        "return dependant is None or not any(",
        "tests/core/http/test_public_routes.py",
    ),
]
