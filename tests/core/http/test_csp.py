"""The value of the header `Content-Security-Policy`."""

from collections.abc import Callable
from typing import Any

import pytest

from piccolo_api_fastapi import ConfigurationError
from piccolo_api_fastapi.core.http.csp import NONCE, Policy

HASH = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy(default_src=["self"]), "default-src 'self'"),
        (Policy(default_src=["'self'"]), "default-src 'self'"),
        (Policy(default_src=["SELF", "'self'", "self"]), "default-src 'self'"),
        (Policy(object_src=[]), "object-src 'none'"),
        (Policy(object_src=["none"]), "object-src 'none'"),
        (Policy(script_src=[HASH, "unsafe-inline"]), f"script-src '{HASH}' 'unsafe-inline'"),
        (Policy(script_src=[f"'{HASH}'"]), f"script-src '{HASH}'"),
        (Policy(script_src=("https://a.example/js/",)), "script-src https://a.example/js/"),
        (Policy(img_src=["self", "data:", "*.a.example"]), "img-src 'self' data: *.a.example"),
        (Policy(script_src=["script"]), "script-src script"),
        (Policy(sandbox=[]), "sandbox"),
        (Policy(sandbox=["allow-forms"]), "sandbox allow-forms"),
        (
            Policy(require_trusted_types_for=["script"], trusted_types=["a", "allow-duplicates"]),
            "require-trusted-types-for 'script'; trusted-types a 'allow-duplicates'",
        ),
        (
            Policy(default_src=["self"], upgrade_insecure_requests=True),
            "default-src 'self'; upgrade-insecure-requests",
        ),
        (
            Policy(default_src=["self"], upgrade_insecure_requests=False),
            "default-src 'self'",
        ),
        (Policy(default_src=[], report_to="/csp"), "default-src 'none'; report-uri /csp"),
        (Policy(script_src=[NONCE]), "script-src 'none'"),
        (Policy(script_src=["nonce", "self"]), "script-src 'self'"),
    ],
)
def test_text(policy: Policy, expected: str) -> None:
    """Keywords and hashes are quoted once, and each source stands once, in the given order."""
    assert expected == str(policy) == policy.header()


def test_nonce() -> None:
    """The nonce takes the place of `NONCE` in every list, and goes without one."""
    policy = Policy(script_src=["self", NONCE], style_src=[NONCE])
    assert policy.has_nonce
    assert policy.header("abc_-1") == "script-src 'self' 'nonce-abc_-1'; style-src 'nonce-abc_-1'"
    assert policy.header() == "script-src 'self'; style-src 'none'"
    assert repr(policy) == "<Policy script-src 'self' 'nonce'; style-src 'nonce'>"
    assert not Policy(script_src=["self"]).has_nonce
    assert Policy(script_src=["self"]).header("abc") == "script-src 'self'"
    for wrong in ("", "a b", "a'; script-src *", "a\r\nX: 1", "ä", "a\n"):
        with pytest.raises(ValueError, match="base64"):
            policy.header(wrong)


MAKE: Any = Policy
"""`Policy` for arguments that type checkers refuse."""

WRONG: list[Any] = [
    "self; script-src *",
    "a,b",
    "https://a.example\r\nSet-Cookie: a=b",
    "a\nb",
    "a\r",
    "https://ä.example",
    "https://a.example https://b.example",
    "",
    "'self",
    "self'",
    "'",
    "'unsafe-inlin'",
    "'https://a.example'",
    "nonce-fixed",
    "'nonce-fixed'",
    "a\x00b",
    3,
    None,
    b"self",
]


@pytest.mark.parametrize("source", WRONG)
def test_wrong_sources(source: Any) -> None:
    """What would end the directive or the header, or what browsers ignore, is refused at once."""
    attempts: list[Callable[[], Any]] = [
        lambda: MAKE(script_src=[source]),
        lambda: MAKE(sandbox=[source]),
        lambda: MAKE(default_src=["self"]).adding(script_src=[source]),
    ]
    for make in attempts:
        with pytest.raises(ConfigurationError):
            make()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (MAKE, "A policy needs a directive"),
        (lambda: Policy(upgrade_insecure_requests=False), "A policy needs a directive"),
        (lambda: MAKE(script_src="self"), "script_src must be a list of str"),
        (lambda: MAKE(script_src=None), "script_src must be a list of str"),
        (lambda: Policy(script_src=["none", "self"]), "script_src has 'none' beside"),
        (lambda: MAKE(upgrade_insecure_requests="yes"), "upgrade_insecure_requests must be"),
        (lambda: Policy(script_src=["nonce-abc"]), "script_src: a nonce is for one request"),
    ],
)
def test_wrong_directives(make: Callable[[], Any], sentence: str) -> None:
    """The sentence names the directive and what is wrong."""
    with pytest.raises(ConfigurationError, match=sentence):
        make()


@pytest.mark.parametrize(
    "path", ["csp", "http://a.example", "/a;b", "/a,b", '/a"', "/a b", "/ä", "/a\n", "", 3, "/a\\"]
)
def test_wrong_endpoint(path: Any) -> None:
    """The address of reports is a path or an https URL that needs no escapes in a header."""
    with pytest.raises(ConfigurationError, match="report_to"):
        Policy(default_src=["self"], report_to=path)


def test_unknown_directives() -> None:
    """A directive that there is not is a `TypeError`, as an argument that there is not."""
    unknown: Any = {"script": ["self"]}
    with pytest.raises(TypeError, match="'script'"):
        Policy(**unknown)
    flag: Any = {"sandbox": ["allow-forms"]}
    with pytest.raises(TypeError, match="'sandbox'"):
        Policy(default_src=["self"]).adding(**flag)


ADDED = "https://a.example"


@pytest.mark.parametrize(
    ("policy", "more", "expected"),
    [
        (Policy(script_src=["self"]), {"script_src": [ADDED]}, f"script-src 'self' {ADDED}"),
        (Policy(script_src=[ADDED]), {"script_src": [ADDED]}, f"script-src {ADDED}"),
        (Policy(frame_src=[]), {"frame_src": [ADDED]}, f"frame-src {ADDED}"),
        (Policy(frame_src=["none"]), {"frame_src": []}, "frame-src 'none'"),
        (
            Policy(default_src=["self"]),
            {"connect_src": [ADDED]},
            f"default-src 'self'; connect-src 'self' {ADDED}",
        ),
        (
            Policy(default_src=[]),
            {"frame_src": [ADDED]},
            f"default-src 'none'; frame-src {ADDED}",
        ),
        (
            Policy(default_src=[], child_src=["self"]),
            {"frame_src": [ADDED]},
            f"default-src 'none'; child-src 'self'; frame-src 'self' {ADDED}",
        ),
        (
            Policy(default_src=[], script_src=["self"]),
            {"worker_src": ["blob:"], "script_src_elem": [ADDED]},
            (
                "default-src 'none'; script-src 'self'; worker-src 'self' blob:; "
                f"script-src-elem 'self' {ADDED}"
            ),
        ),
        # What nothing restricts must not become restricted.
        (Policy(object_src=[]), {"script_src": [ADDED]}, "object-src 'none'"),
        (Policy(default_src=["self"]), {"form_action": [ADDED]}, "default-src 'self'"),
        (
            Policy(default_src=["self"], form_action=["self"], report_to="/csp"),
            {"form_action": [ADDED]},
            f"default-src 'self'; form-action 'self' {ADDED}; report-uri /csp",
        ),
    ],
)
def test_adding(policy: Policy, more: Any, expected: str) -> None:
    """What was allowed stays so, and what was not restricted does not become so."""
    before = str(policy)
    assert expected == str(policy.adding(**more))
    assert before == str(policy)


def test_adding_keeps_the_rest() -> None:
    """The nonce, the endpoint of reports and the flags are those of the first policy."""
    policy = Policy(
        script_src=[NONCE], upgrade_insecure_requests=True, sandbox=[], report_to="/csp"
    ).adding(script_src=["self"])
    assert policy.header("abc") == (
        "script-src 'nonce-abc' 'self'; upgrade-insecure-requests; sandbox; report-uri /csp"
    )
    assert policy.report_to == "/csp"
