"""An event of a change is emitted in the transaction of the change, so that neither is lost."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import piccolo_api_fastapi

PACKAGE = Path(piccolo_api_fastapi.__file__).parent

IN_THE_CALLERS = {
    "accounts/mailboxes/verification.py": {"mark_verified"},
    "accounts/social/links.py": {"put"},
    "schemes/api_tokens/queries.py": {"_tell", "create", "rotate"},
    "schemes/jwt/queries.py": {"start"},
    "users/roles/definitions.py": {"_change", "_tell"},
}
"""Functions that are called in a transaction that the caller opened."""

WITHOUT_A_CHANGE = {
    "accounts/email_login/requests.py": {"request"},
    "accounts/passwords.py": {"request_reset"},
    "accounts/registration.py": {"register"},
    "accounts/social/exchange.py": {"_tell", "_unavailable", "address", "identity"},
    "core/events/events.py": {"telling"},
    "core/events/repeated.py": {"emit_counted"},
    "login/mfa/email_codes/service.py": {"_deliver", "send"},
    "login/mfa/guarded_secrets.py": {"decrypt", "decrypt_reserved"},
    "login/mfa/passkeys/service.py": {"_check", "identify", "verify_assertion"},
    "login/outcomes.py": {"fail", "refuse_unknown"},
    "mail/delivery/service.py": {"__call__", "_send", "retry", "send_kept"},
    "users/passwords/breached.py": {"__call__"},
    "users/passwords/guesses.py": {"_tell", "_tell_failure", "_tell_success", "attempt"},
}
"""
Functions that report a refusal or a failure. Guesses are counted before they are checked, and
stay counted if their event fails.
"""


def called_outside(node: ast.AST) -> Iterator[str]:
    """The names of the functions that code calls outside the transactions that it opens."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.AsyncWith):
            opened = " ".join(ast.unparse(item.context_expr) for item in child.items)
            if "transaction(" in opened:
                continue
        if isinstance(child, ast.Call):
            yield ast.unparse(child.func).removeprefix("self.")
        yield from called_outside(child)


def emitting_outside(source: str) -> set[str]:
    """The functions that emit outside a transaction, or call another of the module that does."""
    functions = {
        node.name: set(called_outside(node))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.AsyncFunctionDef)
    }
    found: set[str] = set()
    while more := {name for name in functions if functions[name] & {"emit", *found}} - found:
        found |= more
    return found


def test_events_are_emitted_in_a_transaction() -> None:
    """Whatever emits outside one is listed above, with the reason."""
    found = {
        path.relative_to(PACKAGE).as_posix(): emitting_outside(path.read_text("utf-8"))
        for path in PACKAGE.rglob("*.py")
    }
    assert {name: names for name, names in found.items() if names} == {
        **IN_THE_CALLERS,
        **WITHOUT_A_CHANGE,
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("async with store(), transaction(table):\n  await emit(event)", set()),
        ("async with transaction(table):\n  await change()\n await emit(event)", {"f"}),
        ("for row in await change():\n  await emit(event)", {"f"}),
        ("async with store():\n  await emit(event)", {"f"}),
        ("await self._tell(event)\nasync def _tell():\n await emit(event)", {"f", "_tell"}),
    ],
)
def test_the_test(body: str, expected: set[str]) -> None:
    """It finds an event beside the transaction, also if another function emits it."""
    assert emitting_outside(f"async def f():\n {body}") == expected
