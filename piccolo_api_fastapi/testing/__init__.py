"""Tools for the tests of applications."""

from piccolo_api_fastapi.rate_limiting import no_rate_limits

from .authenticators import SoftwareAuthenticator
from .guarded import assert_guarded
from .kit import (
    FrozenClock,
    Outbox,
    acting_as,
    assert_single_winner,
    auc,
    captured_mail,
    cheap_hasher,
    cheap_hashing,
    cheap_pbkdf2_hasher,
    race,
    timing_auc,
    totp_code,
)
from .roles import give_role

__all__ = [
    "FrozenClock",
    "Outbox",
    "SoftwareAuthenticator",
    "acting_as",
    "assert_guarded",
    "assert_single_winner",
    "auc",
    "captured_mail",
    "cheap_hasher",
    "cheap_hashing",
    "cheap_pbkdf2_hasher",
    "give_role",
    "no_rate_limits",
    "race",
    "timing_auc",
    "totp_code",
]
