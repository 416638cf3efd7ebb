"""Mutants of `accounts/social`: who may come back, what is verified, and what a link needs."""

_TOKENS = "accounts/social/providers/id_tokens.py"
_SERVICE = "accounts/social/service.py"
_TESTS = "tests/accounts/social"

MUTANTS: list[tuple[str, str, str, str]] = [
    (_SERVICE, " or not flow.is_of(browser)", "", f"{_TESTS}/test_callbacks.py"),
    (_SERVICE, "await flows.burn(ticket)", "pass", f"{_TESTS}/test_callbacks.py"),
    (
        "accounts/social/exchange.py",
        "callback.issuer is None and endpoints.sends_issuer",
        "callback.issuer is None and not endpoints",
        f"{_TESTS}/test_callbacks.py",
    ),
    (
        "accounts/social/exchange.py",
        "callback.issuer is not None and not provider.is_issuer(callback.issuer)",
        "callback.issuer is not None and not provider",
        f"{_TESTS}/test_callbacks.py",
    ),
    (_TOKENS, "set(algorithms) & ALGORITHMS", "{algorithm}", f"{_TESTS}/test_id_tokens.py"),
    (_TOKENS, 'raise Refused("nonce")', "pass", f"{_TESTS}/test_id_tokens.py"),
    (_TOKENS, 'raise Refused("azp")', "pass", f"{_TESTS}/test_id_tokens.py"),
    (_TOKENS, 'raise Refused("at-hash")', "pass", f"{_TESTS}/test_id_tokens.py"),
    (
        "accounts/social/providers/oidc.py",
        'raise Down("issuer")',
        "pass",
        f"{_TESTS}/test_discovery.py",
    ),
    (
        "accounts/social/providers/web.py",
        '"follow_redirects": False',
        '"follow_redirects": True',
        f"{_TESTS}/test_discovery.py",
    ),
    (
        "accounts/social/providers/published.py",
        "self._value is keys and self._may_refetch(now)",
        "self._value is keys",
        f"{_TESTS}/test_discovery.py",
    ),
    (
        "accounts/social/decisions.py",
        'if now.owner == "verified" and linking',
        "if linking",
        f"{_TESTS}/test_decisions.py",
    ),
    (
        "accounts/social/admission.py",
        "await self._users.store_password(owner, None, everything=True)",
        "pass",
        f"{_TESTS}/test_decisions.py",
    ),
    (
        "accounts/social/arrivals.py",
        "raise LoginFlowUnknown",
        "return",
        f"{_TESTS}/test_linking.py",
    ),
    (
        "accounts/social/links.py",
        "            if ticket.user != key:\n                raise LoginFlowUnknown\n",
        "",
        f"{_TESTS}/test_linking.py",
    ),
    (
        "accounts/social/entrances.py",
        "secrets.compare_digest(challenge, challenge_of(verifier))",
        "challenge_of(verifier)",
        f"{_TESTS}/test_apps.py",
    ),
    (
        "accounts/social/targets.py",
        r"/(?![/\\])",
        "/",
        f"{_TESTS}/test_callbacks.py",
    ),
    (
        _SERVICE,
        "self._trusted.get(begun.provider.name, frozenset())",
        "frozenset().union(*self._trusted.values())",
        f"{_TESTS}/test_second_factor.py",
    ),
    (
        _SERVICE,
        'f"oauth {name}", lifetime=LIFETIME',
        '"oauth", lifetime=LIFETIME',
        f"{_TESTS}/test_callbacks.py",
    ),
    (
        "accounts/social/entrances.py",
        "if not await queries.use(self._table, entrant.account, self._users.clock()):",
        "if await queries.use(self._table, entrant.account, self._users.clock()) is ...:",
        f"{_TESTS}/test_second_factor.py",
    ),
    (
        "accounts/social/entrances.py",
        "if not await queries.is_linked(self._table, account):",
        "if False:",
        f"{_TESTS}/test_races.py",
    ),
]
