"""`Microsoft`: work, school and personal accounts (Entra ID)."""

import re
from collections.abc import Collection, Mapping
from typing import Any, Literal

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import ConfigurationError

from .answers import is_true, text
from .faults import Refused
from .identities import ProviderIdentity
from .oidc import OIDC

PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of all personal accounts."""

_SHARED = {"common", "organizations"}

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_HOST = "https://login.microsoftonline.com"


@configured
class Microsoft(OIDC):
    """
    Sign in with Microsoft.

    ```python
    from piccolo_api_fastapi import Microsoft

    microsoft = Microsoft(
        client_id="00001111-aaaa-2222-bbbb-3333cccc4444",
        client_secret="a secret of the provider",
        tenant="aaaabbbb-0000-cccc-1111-dddd2222eeee",
    )
    ```

    Users are known by the ids of their tenant and of their object. An address proves nothing:
    the administrators of a tenant can give a user any address.

    Args:
        client_id: The client id.
        client_secret: The client secret.
        tenant: The id of a tenant, or `organizations`, `consumers` or `common`.
        tenants: The ids of the tenants whose users may sign in, or `any`. Needed with
            `organizations` and `common`.
        verified_domains: Whether an address counts whose domain its tenant has verified. The
            application must ask for the optional claim `xms_edov`.
        options: As for `OIDC`: `name`, `title`, `scopes`, `max_age`, `parameters`.

    Raises:
        ConfigurationError: A value is missing or can't be used.
    """

    name, title = "microsoft", "Microsoft"

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        tenant: str,
        tenants: Collection[str] | Literal["any"] | None = None,
        verified_domains: bool = False,
        **options: Any,
    ) -> None:
        own = PERSONAL if tenant == "consumers" else tenant
        allowed = [own] if tenants is None and own not in _SHARED else tenants
        self._any_tenant = allowed == "any"
        self.tenants = frozenset(() if self._any_tenant else allowed or ())
        self.verified_domains = verified_domains
        if not self._any_tenant and not (self.tenants and all(map(_is_guid, self.tenants))):
            raise ConfigurationError(
                "Microsoft: tenant must be the id of a tenant; with common or organizations give "
                'tenants=[…] the ids of those that may sign in, or tenants="any".'
            )
        self._is_shared = tenant in _SHARED
        options = {"issuer": _issuer(own), **options}
        options = {"client_auth": "client_secret_post", **options}
        super().__init__(client_id=client_id, client_secret=client_secret, **options)

    @property
    def _published_issuer(self) -> str:
        return _issuer("{tenantid}") if self._is_shared else self.issuer

    def is_issuer(self, issuer: str) -> bool:
        """Whether `iss` in a callback is that of a tenant whose users may sign in."""
        tenant = issuer.removeprefix(f"{_HOST}/").removesuffix("/v2.0")
        return self._may_sign_in(tenant) and issuer == _issuer(tenant)

    def _may_sign_in(self, tenant: object) -> bool:
        return _is_guid(tenant) and (self._any_tenant or tenant in self.tenants)

    def _issuer_of(self, claims: Mapping[str, Any], key: Mapping[str, Any]) -> str:
        tenant = claims.get("tid")
        if not self._may_sign_in(tenant):
            raise Refused("tenant")
        issuer = _issuer(text(tenant))
        # A key of one tenant must not sign for another.
        if text(key.get("issuer", issuer)).replace("{tenantid}", text(tenant)) != issuer:
            raise Refused("key-issuer")
        return issuer

    def _identity_of(self, claims: Mapping[str, Any]) -> ProviderIdentity:
        subject = claims.get("oid")
        if not _is_guid(subject):
            raise Refused("oid")
        is_verified = self.verified_domains and _is_edov(claims.get("xms_edov"))
        return ProviderIdentity(
            subject=text(subject),
            issuer=text(claims["iss"]),
            email=text(claims.get("email")),
            email_verified=is_verified,
            name=text(claims.get("name")),
            amr=super()._identity_of(claims).amr,
        )


def _issuer(tenant: str) -> str:
    return f"{_HOST}/{tenant}/v2.0"


def _is_guid(value: object) -> bool:
    return isinstance(value, str) and _GUID.fullmatch(value) is not None


def _is_edov(value: object) -> bool:
    """Whether `xms_edov` is true, which comes as a Boolean, a number or text."""
    return is_true(value) or (value == 1 and isinstance(value, int)) or value == "1"
