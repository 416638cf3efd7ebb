"""URLs of issuers and resources, and of what is well known about them."""

from urllib.parse import urlsplit

from fastapi.openapi.models import OAuth2, OAuthFlowPassword, OAuthFlows

from piccolo_api_fastapi.errors import ConfigurationError


def checked_url(name: str, url: str) -> str:
    """
    Return a URL of the configuration without a slash at its end.

    Args:
        name: The name of the setting.
        url: Its value.

    Raises:
        ConfigurationError: It is not a URL with a host, or has a query, a fragment or quotes.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.netloc or set('?#"\\ {}') & set(url):
        raise ConfigurationError(
            f"{name} must be a URL such as https://api.example.com, not {url!r}."
        )
    return url.rstrip("/")


def well_known(url: str, name: str) -> str:
    """
    Return where a document about a URL is (RFC 8414 section 3.1, RFC 9728 section 3.1).

    Args:
        url: The issuer or the resource.
        name: The name of the document.
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/.well-known/{name}{parts.path}"


def metadata_of(resource: str) -> str:
    """
    Return where the metadata of an API is (RFC 9728 section 3.1).

    Raises:
        ConfigurationError: The resource is not a URL.
    """
    return well_known(checked_url("resource", resource), "oauth-protected-resource")


def password_flow(token_url: str) -> OAuth2:
    """The OpenAPI model of a scheme whose tokens are issued for a password."""
    return OAuth2(
        flows=OAuthFlows(password=OAuthFlowPassword(tokenUrl=token_url, scopes={})),
        description="Log in with a username and a password.",
    )
