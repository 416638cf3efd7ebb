"""Mutants of Content Security Policies: each must make the named tests fail."""

_POLICY = "tests/core/http/test_csp.py"
_CSP = "tests/csp/test_csp.py"
_SWAGGER = "tests/csp/test_swagger.py"
_REPORTS = "tests/csp/test_reports.py"

MUTANTS: list[tuple[str, str, str, str]] = [
    ("core/http/csp.py", r"[!-+\--:<-~]+", r"[!-~]+", _POLICY),
    ("core/http/csp.py", r"[!#-+\--:<-\[\]-~]*", r"[!-~]*", _POLICY),
    ("core/http/csp.py", "if not _NONCE.fullmatch(nonce):", "if False:", _POLICY),
    ("core/http/csp.py", "if NONE in sources and len(sources) > 1:", "if False:", _POLICY),
    ("core/http/csp.py", 'bare.lower().startswith("nonce-")', "False", _POLICY),
    ("core/http/csp.py", "given[name] = _without(every, NONE)", "given[name] = every", _POLICY),
    ("core/http/csp.py", "if applying is not None:", "if True:", _POLICY),
    ("csp/dependencies.py", "answer.status == NOT_MODIFIED or", "", _CSP),
    ("csp/dependencies.py", " or self.header in headers", "", _CSP),
    ("csp/dependencies.py", "if answer.nonce is None:", "if True:", _CSP),
    ("csp/dependencies.py", "token_urlsafe(16)", "token_urlsafe(8)", _CSP),
    ("csp/dependencies.py", '.lower().startswith("text/html")', " is not None", _CSP),
    ("csp/dependencies.py", '"no-store" in {', '"" not in {', _CSP),
    ("csp/dependencies.py", 'scope.get("scheme") == "https"', "True", _CSP),
    ("csp/dependencies.py", "(docs if path in swagger.paths_of(app) else csp)", "csp", _SWAGGER),
    ("csp/swagger.py", "if not _PLAIN_PATH.fullmatch(prefix):", "if False:", _SWAGGER),
    ("csp/reports.py", "{parts.path}", "{parts.path}?{parts.query}", _REPORTS),
    ("csp/reports.py", "[:MAXIMUM_REPORTS]", "", _REPORTS),
    ("csp/reports.py", "[:LONGEST]", "", _REPORTS),
    ("csp/router.py", "maximum_body = 64 * 1024", "maximum_body = 128 * 1024", _REPORTS),
    ("core/http/middleware.py", "if self.prepare is not None:", "if False:", _CSP),
]
