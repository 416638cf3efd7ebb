"""Limits: so many in so much time, for requests and for whatever else is counted."""

from .defaults import no_rate_limits, use_store
from .dependencies import RateLimit
from .headers import Standing, legacy_headers, rate_limit_headers
from .keys import by_address, by_body, by_client_address, by_credential, by_user
from .memory_store import MemoryStore
from .quota import Quota

__all__ = [
    "MemoryStore",
    "Quota",
    "RateLimit",
    "Standing",
    "by_address",
    "by_body",
    "by_client_address",
    "by_credential",
    "by_user",
    "legacy_headers",
    "no_rate_limits",
    "rate_limit_headers",
    "use_store",
]
