"""All checks, in the order of the report."""

from . import browsers, database, indexes, keys, limits, mail, rows
from .values import Check

CHECKS = (
    Check("database", database.is_reachable, "docs/deploying.md#postgresql"),
    Check("tables", database.has_tables, "docs/deploying.md#upgrades", needs="database"),
    Check("migrations", database.has_migrated, "docs/deploying.md#upgrades", needs="database"),
    Check("sqlite", database.is_patient, "docs/performance.md#sqlite", needs="database"),
    Check("pool", database.has_pool, "docs/deploying.md#postgresql", needs="database"),
    Check("clock", database.has_our_time, "docs/deploying.md#several-workers", needs="database"),
    Check("expired_rows", rows.is_swept, "docs/deploying.md#clean-up", needs="tables"),
    Check("unsent_mail", rows.is_sent, "docs/mail.md#when-mail-fails", needs="tables"),
    Check("redis", limits.is_redis_up, "docs/rate_limiting.md#when-the-store-is-down"),
    Check("memory_store", limits.is_shared, "docs/deploying.md#rate-limits"),
    Check("jwt_secret", keys.has_strong_secrets, "docs/deploying.md#secrets"),
    Check("token_url", keys.has_token_url, "docs/errors.md#everywhere-the-same-install"),
    Check("encryption_keys", keys.can_decrypt, "docs/encryption.md#a-new-key", needs="tables"),
    Check("authenticators", keys.has_totp, "docs/encryption.md", needs="tables"),
    Check("older_keys", keys.is_reencrypted, "docs/encryption.md#a-new-key", needs="tables"),
    Check("install", browsers.is_installed, "docs/errors.md#everywhere-the-same-install"),
    Check("cookies", browsers.has_secure_cookies, "docs/sessions.md#the-cookie"),
    Check("same_site", browsers.has_same_site, "docs/deploying.md#https-and-cookies"),
    Check(
        "trusted_origins",
        browsers.has_https_origins,
        "docs/sessions.md#requests-from-other-sites",
    ),
    Check("proxies", browsers.trusts_proxies, "docs/deploying.md#proxies"),
    Check("console_mail", mail.is_delivered, "docs/mail.md#on-the-console"),
    Check("smtp", mail.can_send, "docs/mail.md#smtp"),
    Check("passkey_origins", browsers.has_origins_of_passkeys, "docs/passkeys.md#several-domains"),
    Check("passkey_domain", browsers.has_domain_of_passkeys, "docs/passkeys.md#several-domains"),
    Check("indexes", indexes.has_indexes, "docs/crud.md#queries", needs="tables"),
)
