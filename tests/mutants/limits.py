"""Mutants of rate limits: each is a fault that the tests named beside it have to find."""

_ALGORITHMS = "tests/rate_limiting/algorithms/test_algorithms.py"
_MEMORY = "tests/rate_limiting/stores/test_memory_store.py"
_GCRA = "rate_limiting/algorithms/gcra.py"
_STORE = "rate_limiting/stores/memory_store.py"

MUTANTS: list[tuple[str, str, str, str]] = [
    (_GCRA, "-(-limit.period // limit.amount)", "limit.period // limit.amount", _ALGORITHMS),
    (_GCRA, "limit.period * self.burst // limit.amount", "limit.period", _ALGORITHMS),
    (_GCRA, "0 if self.wait(tat, now, 1) else self.burst", "0", _ALGORITHMS),
    (
        _STORE,
        "with self._lock:\n            tables = self._tables.get(budget.id) or",
        "if True:\n            tables = self._tables.get(budget.id) or",
        _MEMORY,
    ),
    (_STORE, "if not verdict.allowed and table.rate.wait(state, now, cost) > 0:", "if 0:", _MEMORY),
    (
        _STORE,
        "if not verdict.allowed and table.rate.wait(state, now, cost) > 0:",
        "if not verdict.allowed:",
        _MEMORY,
    ),
    (_STORE, "        self.refused[key] = None\n        return", "        return", _MEMORY),
    (_STORE, "if self.rate.block or key not in self.new:", "if self.rate.block:", _MEMORY),
    (_STORE, "if len(self._tables) >= REMEMBERED:", "if False:", _MEMORY),
    (_STORE, "if _live(kept, now)", "if False", _MEMORY),
    (_STORE, "if _live(kept, now)", "if True", _MEMORY),
    (_STORE, "self.new, self.old = moving, self.new", "self.new, self.old = {}, self.new", _MEMORY),
    (_STORE, "self.refused = dict.fromkeys(moving)", "self.refused = {}", _MEMORY),
    (_STORE, "for key in refused if self._is_refused(key, now)", "for key in refused", _MEMORY),
    (_STORE, "[-self.half // 2 :]", "[:]", _MEMORY),
    (_STORE, "{}, self.new if in_time else {}", "{}, {}", _MEMORY),
    (_STORE, "{}, self.new if in_time else {}", "{}, self.new", _MEMORY),
    (_STORE, "self.new.pop(key, None)", "pass", _MEMORY),
    (_STORE, "self.old.pop(key, None)", "pass", _MEMORY),
    (_STORE, "self.refused.pop(key, None)", "pass", _MEMORY),
    (
        "schemes/jwt/access_tokens.py",
        'key = self.keys.get(header["kid"])',
        'key = self.keys.get((__import__("httpx").get("http://127.0.0.1:1/"), header["kid"])[1])',
        "tests/schemes/jwt/test_access_tokens.py",
    ),
    (
        "rate_limiting/keys.py",
        'f"credential:{identity.scheme}:{identity.credential_id}"',
        'f"credential:{identity.credential_id}"',
        "tests/rate_limiting/test_keys.py",
    ),
]
