"""What is probably a mistake, said once."""

import logging
import os
import re
import sys
import traceback

logger = logging.getLogger("piccolo_api_fastapi")

MESSAGES = {
    "charged_twice": "One request is charged twice by the same limit of %r. Use one RateLimit"
    " object in both places: it is charged once.",
    "per_request": "A RateLimit is made while a request is served (%s). Make it once, when the"
    " module is imported.",
    "forwarded": "A request carries %s, and no proxy is trusted, so all clients behind a proxy"
    " share its limits. Give install() a ClientAddress(trusted=…), or let the server rewrite the"
    " address.",
    "no_address": "A request has no client address, so limits by address let it pass (%s)."
    " Behind a Unix socket give install() a ClientAddress(trusted=1).",
    "evicted": "A MemoryStore forgets keys that still count (limit of %r): more clients are active"
    " than it may keep. Raise max_keys.",
    "workers": "There are %s workers, and each counts for itself in a MemoryStore, so that clients"
    " get as many times the limit. Use a RedisStore or a PiccoloStore.",
}

_said: set[str] = set()
_REQUEST_CODE = {"run_endpoint_function", "solve_dependencies"}


def report(name: str, detail: object) -> None:
    """Log one of the messages, if it has not been said by this process."""
    if name not in _said:
        _said.add(name)
        logger.warning(MESSAGES[name], detail)


def has_said(name: str) -> bool:
    """Whether there is nothing left to look for."""
    return name in _said


def check_workers() -> None:
    """Look for several workers in what the server was started with."""
    words = [*sys.argv, f"--workers={os.environ.get('WEB_CONCURRENCY', '')}"]
    text = " ".join(words).replace(" -w ", " --workers=").replace("--workers ", "--workers=")
    for count in re.findall(r"--workers=([0-9]{1,4})\b", text):
        if int(count) > 1:
            report("workers", count)


def check_is_made_once() -> None:
    """Look for a request among the callers of whoever makes a limit."""
    for frame, line in traceback.walk_stack(None):
        module = frame.f_globals.get("__name__", "")
        if module.startswith("fastapi.") and frame.f_code.co_name in _REQUEST_CODE:
            report("per_request", f"{module}, line {line}")
