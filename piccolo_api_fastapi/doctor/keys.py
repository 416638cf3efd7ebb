"""Checks of keys: those that sign tokens, and those that encrypt secrets."""

import math
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

from piccolo_api_fastapi.audit.limits import limits_of_install
from piccolo_api_fastapi.core.crypto.encryption import Fernet, PlainText, XChaCha20Poly1305
from piccolo_api_fastapi.core.database.user_tables import bound
from piccolo_api_fastapi.core.http.openapi import TOKENS_OF
from piccolo_api_fastapi.core.http.public_routes import all_routes
from piccolo_api_fastapi.login.mfa.totp import TOTP, TOTPSecret
from piccolo_api_fastapi.schemes.jwt import JWTAuth

from .subject import Subject
from .values import Result, command_for, error, ok, warning

BITS = 72
"""What a random secret of 32 hexadecimals exceeds by the estimate of `_bits`."""

_PLACEHOLDER = re.compile(rb"secret|change.?me|password|example|insecure", re.IGNORECASE)

PAGE = 500


async def has_strong_secrets(subject: Subject) -> AsyncIterator[Result]:
    """Look whether the secrets of HS256 look random. Their length is checked when they are made."""
    for scheme in subject.all(JWTAuth):
        for key in scheme.keys:
            if not isinstance(key.signing, bytes):
                continue
            if _PLACEHOLDER.search(key.signing) or _bits(key.signing) < BITS:
                yield warning(
                    f"The secret of the key {key.kid} does not look random, so tokens may be "
                    "forged by guessing it. Make one with secrets.token_urlsafe(32)."
                )
            else:
                yield ok(f"The secret of the key {key.kid} looks random.")


def _bits(secret: bytes) -> float:
    """Estimate the entropy of a secret: by how often bytes occur, less what is repeated."""
    size = len(secret)
    bits = -sum(count * math.log2(count / size) for count in Counter(secret).values())
    parts = [secret[start : start + 3] for start in range(size - 2)]
    return bits * len(set(parts)) / len(parts)


async def has_token_url(subject: Subject) -> AsyncIterator[Result]:
    """Look whether Swagger asks for tokens where the route is. `install(app)` sees to that."""
    if limits_of_install(getattr(subject.app, "user_middleware", ())) is not None:
        return
    paths = dict(_token_paths(subject.app))
    for scheme in subject.all(JWTAuth):
        path = paths.get(scheme.scheme_name)
        flow: Any = scheme.model
        url = flow.flows.password.tokenUrl
        if path is not None and path.lstrip("/") != url.lstrip("/"):
            yield warning(
                f"The token_url of {scheme.scheme_name} is {url!r}, and its route is {path}. Call "
                f"install(app), or set token_url={path.lstrip('/')!r}."
            )
        elif path is not None:
            yield ok(f"The token_url of {scheme.scheme_name} is that of its route.")


def _token_paths(app: Any) -> Iterator[tuple[str, str]]:
    for context in all_routes(app.routes):
        if name := getattr(getattr(context, "endpoint", None), TOKENS_OF, None):
            yield name, context.path or ""


async def can_decrypt(subject: Subject) -> AsyncIterator[Result]:
    """Look for stored secrets whose key is not configured."""
    for totp in subject.all(TOTP):
        encryption = totp.encryption
        if isinstance(encryption, PlainText):
            yield error("PlainText encrypts nothing. Use XChaCha20Poly1305.from_environment().")
        elif isinstance(encryption, XChaCha20Poly1305 | Fernet):  # a key service knows its own keys
            keys = encryption._keys  # noqa: SLF001 - they are shown to nobody
            known = {f"{encryption.name}.{kid}" for kid in keys}
            lost = 0
            async for blobs in _blobs(totp.table):
                lost += sum(blob.rpartition(".")[0] not in known for blob in blobs)
            yield _found_keys(lost)


def _found_keys(lost: int) -> Result:
    if not lost:
        return ok("The keys of all secrets of authenticator apps are configured.")
    return error(
        f"{lost} secrets of authenticator apps are encrypted with a key that is not configured. "
        "Add it to AUTH_ENCRYPTION_KEYS, behind the current one."
    )


async def has_totp(subject: Subject) -> AsyncIterator[Result]:
    """Look for authenticator apps of users where the application has no `TOTP`, and no key."""
    known = {totp.table for totp in subject.all(TOTP)}
    for table in (bound(TOTPSecret, one) for one in subject.user_tables):
        count = await table.count().where(table.secret.is_not_null())
        if count and table not in known:
            yield error(
                f"{count} users have an authenticator app, and no TOTP is configured, so they "
                "can't log in. Pass one in Login(factors=[…]), with its encryption key."
            )
        elif count:
            yield ok(f"{count} users have an authenticator app, and a TOTP is configured.")


async def is_reencrypted(subject: Subject) -> AsyncIterator[Result]:
    """Count the stored secrets that are not encrypted with the current key."""
    for totp in subject.all(TOTP):
        if count := await totp.count_outdated(PAGE):
            yield warning(
                f"{count} secrets of authenticator apps are encrypted with an older key. Run "
                f"{command_for(totp.users.table, 'reencrypt')}."
            )
        else:
            yield ok("All secrets of authenticator apps are encrypted with the current key.")


async def _blobs(table: type[TOTPSecret]) -> AsyncIterator[list[str]]:
    """Yield the ciphertexts of a table, by pages."""
    last = None
    while True:
        query = table.select(table.id, table.secret, table.pending).order_by(table.id).limit(PAGE)
        rows = await (query if last is None else query.where(table.id > last))
        if not rows:
            return
        last = rows[-1]["id"]
        yield [blob for row in rows for blob in (row["secret"], row["pending"]) if blob]
