"""Mutants of `accounts`: the guards of single statements, and what an unproved address loses."""

_VERIFICATION = "accounts/mailboxes/verification_queries.py"
_CHANGE = "accounts/mailboxes/change_queries.py"
_TESTS = "tests/accounts/mailboxes"

MUTANTS: list[tuple[str, str, str, str]] = [
    (
        _VERIFICATION,
        ' AND "used_at" IS NULL AND',
        " AND",
        f"{_TESTS}/test_queries.py",
    ),
    (
        _VERIFICATION,
        '"expires_at" > {} ',
        '("expires_at" > {} OR TRUE) ',
        f"{_TESTS}/test_queries.py",
    ),
    (
        _VERIFICATION,
        '"purpose" = {} AND "used_at"',
        '("purpose" = {} OR TRUE) AND "used_at"',
        f"{_TESTS}/test_queries.py",
    ),
    (
        _VERIFICATION,
        "        table.user == user, table.email == email, table.activates.eq(value=True)\n",
        "        table.user == user, table.activates.eq(value=True)\n",
        f"{_TESTS}/test_queries.py",
    ),
    (
        _VERIFICATION,
        "        table.email == email,\n        table.is_registered.eq(value=True),\n",
        "        table.is_registered.eq(value=True),\n",
        f"{_TESTS}/test_queries.py",
    ),
    (
        _VERIFICATION,
        "        table.user == user, table.verified_at.is_null()\n",
        "        table.user == user\n",
        f"{_TESTS}/test_queries.py",
    ),
    (
        _VERIFICATION,
        '    is_contested = row["is_contested"] or row["uncompared"] > 0\n',
        '    is_contested = row["is_contested"]\n',
        f"{_TESTS}/test_squatting.py",
    ),
    (
        _VERIFICATION,
        ' and row["verified_at"] is None\n',
        "\n",
        f"{_TESTS}/test_queries.py",
    ),
    (
        _VERIFICATION,
        ".where(key == user, users.last_login.is_null())",
        ".where(key == user)",
        f"{_TESTS}/test_queries.py",
    ),
    (
        _CHANGE,
        ".where(key == user, users.email == email)",
        ".where(key == user)",
        f"{_TESTS}/test_verification.py",
    ),
    (
        _CHANGE,
        ' AND "active" OR',
        " OR",
        f"{_TESTS}/test_change.py",
    ),
    (
        _CHANGE,
        '("email" = {{}} AND "active" OR {{}} = \\\'\\\')',
        '("email" = {{}} AND "active" OR {{}} <> \\\'-\\\')',
        f"{_TESTS}/test_change.py",
    ),
    (
        _CHANGE,
        'WHEN "username" LIKE {}',
        'WHEN "username" NOT LIKE {}',
        f"{_TESTS}/test_change.py",
    ),
    (
        _CHANGE,
        """WHERE lower("email") = {{}} AND {key} <> {{}} AND {key} IN""",
        """WHERE "email" = {{}} AND {key} <> {{}} AND {key} IN""",
        f"{_TESTS}/test_change.py",
    ),
    (
        _CHANGE,
        'AND "is_registered" \'\n',
        "'\n",
        f"{_TESTS}/test_queries.py",
    ),
    (
        _CHANGE,
        """        'AND "verified_at" IS NULL)',\n""",
        "        ')',\n",
        f"{_TESTS}/test_queries.py",
    ),
    (
        _CHANGE,
        "    if any(row",
        "    if False and any(row",
        f"{_TESTS}/test_change.py",
    ),
    (
        _CHANGE,
        ".where(table.digest == digest, table.undone_at.is_null(), table.expires_at > now)",
        ".where(table.digest == digest, table.expires_at > now)",
        f"{_TESTS}/test_queries.py",
    ),
    (
        _CHANGE,
        ".where(table.digest == digest, table.undone_at.is_null(), table.expires_at > now)",
        ".where(table.digest == digest, table.undone_at.is_null())",
        f"{_TESTS}/test_change.py",
    ),
    (
        _CHANGE,
        "    await table.delete().where(later, table.undone_at.is_null())\n",
        "    del later\n",
        f"{_TESTS}/test_change.py",
    ),
    (
        _CHANGE,
        ' & (table.created_at >= change["created_at"])',
        "",
        f"{_TESTS}/test_queries.py",
    ),
    (
        _CHANGE,
        "        table.undone_at.is_null(),\n        table.expires_at > now,\n",
        "        table.expires_at > now,\n",
        f"{_TESTS}/test_queries.py",
    ),
    (
        _CHANGE,
        "        table.undone_at.is_null(),\n        table.expires_at > now,\n",
        "        table.undone_at.is_null(),\n",
        f"{_TESTS}/test_queries.py",
    ),
    (
        _CHANGE,
        "        table.email == email,\n        table.created_at >= since,\n",
        "        table.created_at >= since,\n",
        f"{_TESTS}/test_queries.py",
    ),
    (
        _CHANGE,
        " & (since_column >= since)",
        "",
        f"{_TESTS}/test_undo_factors.py",
    ),
    (
        _CHANGE,
        "status.is_registered.eq(value=True), status.verified_at.is_null()",
        "status.is_registered.eq(value=True)",
        f"{_TESTS}/test_queries.py",
    ),
    (
        _CHANGE,
        "    if only_if_contested:\n",
        "    if not only_if_contested:\n",
        f"{_TESTS}/test_squatting.py",
    ),
    (
        "accounts/mailboxes/pacing_queries.py",
        """ OR "{column}" <= {{}}) {is_open}""",
        """ OR "{column}" <> {{}}) {is_open}""",
        f"{_TESTS}/test_verification.py",
    ),
    (
        "accounts/mailboxes/pacing_queries.py",
        'if sending == "verification" else ""',
        'if sending == "nothing" else ""',
        "tests/accounts/test_unverified.py",
    ),
    (
        "accounts/mailboxes/pacing.py",
        "            if attempt.has_failed:\n",
        "            if False:\n",
        f"{_TESTS}/test_verification.py",
    ),
    (
        "accounts/mailboxes/addresses.py",
        "        return last_login is None and await",
        "        return await",
        f"{_TESTS}/test_verification.py",
    ),
    (
        "accounts/mailboxes/verification.py",
        "            await reserve(self._status, user, now)\n",
        "",
        f"{_TESTS}/test_verification.py",
    ),
    (
        "accounts/mailboxes/verification.py",
        "            await tickets.burn(ticket)\n",
        "",
        f"{_TESTS}/test_verification.py",
    ),
    (
        "accounts/passwords.py",
        "                await self._tickets.burn(ticket)\n",
        "",
        "tests/accounts/test_reset.py",
    ),
    (
        "accounts/passwords.py",
        "                await mailboxes.addresses.hold(key, email)\n",
        "",
        "tests/accounts/test_reset.py",
    ),
    (
        "accounts/profile.py",
        "                await self._users.lock(key)\n",
        "",
        "tests/accounts/test_profile.py",
    ),
]
