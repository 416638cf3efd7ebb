"""Warnings about probable mistakes, each logged once."""

import logging
import os
import re
import sys
import traceback

logger = logging.getLogger("piccolo_api_fastapi")

MESSAGES = {
    "charged_twice": "One request is charged twice by equal limits of scope %r. Use one RateLimit"
    " object in both places; FastAPI then calls it once.",
    "per_request": "A RateLimit is created during a request (%s). Create it once, when the"
    " module is imported.",
    "no_address": "A request has no client address (%s), so limits by address do not apply to it."
    " Behind a Unix socket, pass ClientAddress(trusted=1) to install().",
    "evicted": "A MemoryStore evicts keys that still count (scope %r), because more clients are"
    " active than max_keys allows. Raise max_keys.",
    "workers": "The server has %s workers, and each counts for itself in a MemoryStore, so clients"
    " get that many times the limit. Use a RedisStore or a PiccoloStore.",
}

_said: set[str] = set()
_REQUEST_CODE = {"run_endpoint_function", "solve_dependencies"}


def report(name: str, detail: object) -> None:
    """Log one of the messages, unless this process has logged it before."""
    if name not in _said:
        _said.add(name)
        logger.warning(MESSAGES[name], detail)


def has_said(name: str) -> bool:
    """Whether this process has logged a message."""
    return name in _said


def check_workers() -> None:
    """Warn if the command line or the environment names several workers."""
    words = [*sys.argv, f"--workers={os.environ.get('WEB_CONCURRENCY', '')}"]
    text = " ".join(words).replace(" -w ", " --workers=").replace("--workers ", "--workers=")
    for count in re.findall(r"--workers=([0-9]{1,4})\b", text):
        if int(count) > 1:
            report("workers", count)


def check_is_made_once() -> None:
    """Warn if the call stack shows that a limit is created during a request."""
    for frame, line in traceback.walk_stack(None):
        module = frame.f_globals.get("__name__", "")
        if module.startswith("fastapi.") and frame.f_code.co_name in _REQUEST_CODE:
            report("per_request", f"{module}, line {line}")
