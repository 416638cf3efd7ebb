"""Rate limits for requests, and for anything else that an application counts."""

from .dependencies import FailureLimit, RateLimit
from .events import EVENTS
from .headers import Standing, legacy_headers, rate_limit_headers
from .keys import by_address, by_body, by_client_address, by_credential, by_user
from .limiter import Quota, no_rate_limits, use_store
from .stores.memory_store import MemoryStore
from .stores.piccolo_store import PiccoloStore
from .stores.redis_store import RedisStore
from .stores.tables import RateLimitState

__all__ = [
    "EVENTS",
    "FailureLimit",
    "MemoryStore",
    "PiccoloStore",
    "Quota",
    "RateLimit",
    "RateLimitState",
    "RedisStore",
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
