"""`Policy`: the value of the header `Content-Security-Policy` (CSP Level 3)."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from typing_extensions import TypedDict, Unpack

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import ConfigurationError

NONCE = "'nonce'"
"""
The source that stands for the nonce of the request, in a list such as `script_src`. Where a
response has no nonce, this source is left out.
"""

NONE = "'none'"

_KEYWORDS = frozenset(
    {
        "none",
        "self",
        "strict-dynamic",
        "report-sample",
        "unsafe-inline",
        "unsafe-eval",
        "unsafe-hashes",
        "wasm-unsafe-eval",
        "inline-speculation-rules",
        "nonce",  # becomes that of the request
    }
)

_FURTHER_KEYWORDS = {
    "require_trusted_types_for": frozenset({"script"}),
    "trusted_types": frozenset({"allow-duplicates"}),
}

_HASH = re.compile(r"sha(256|384|512)-[A-Za-z0-9+/_-]+={0,2}")
_SOURCE = re.compile(r"[!-+\--:<-~]+")  # visible ASCII without `,` and `;`
_REPORT_TO = re.compile(r"(/|https://)[!#-+\--:<-\[\]-~]*")  # fits into a quoted string, too
_NONCE = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")


class Sources(TypedDict, total=False):
    """The directives that list the sources of a page."""

    base_uri: Sequence[str]
    child_src: Sequence[str]
    connect_src: Sequence[str]
    default_src: Sequence[str]
    font_src: Sequence[str]
    form_action: Sequence[str]
    frame_ancestors: Sequence[str]
    frame_src: Sequence[str]
    img_src: Sequence[str]
    manifest_src: Sequence[str]
    media_src: Sequence[str]
    object_src: Sequence[str]
    script_src: Sequence[str]
    script_src_attr: Sequence[str]
    script_src_elem: Sequence[str]
    style_src: Sequence[str]
    style_src_attr: Sequence[str]
    style_src_elem: Sequence[str]
    worker_src: Sequence[str]


class Directives(Sources, total=False):
    """All directives of a policy."""

    report_to: str
    require_trusted_types_for: Sequence[str]
    sandbox: Sequence[str]
    trusted_types: Sequence[str]
    upgrade_insecure_requests: bool


_SOURCES = Sources.__optional_keys__
_DIRECTIVES = Directives.__optional_keys__

DIRECTIVE_NAMES = frozenset(name.replace("_", "-") for name in _DIRECTIVES)
"""The directives as headers and reports name them."""

_WITHOUT_FALLBACK = frozenset({"base_uri", "default_src", "form_action", "frame_ancestors"})
_FALLBACKS = {
    "frame_src": ("child_src",),
    "script_src_attr": ("script_src",),
    "script_src_elem": ("script_src",),
    "style_src_attr": ("style_src",),
    "style_src_elem": ("style_src",),
    "worker_src": ("child_src", "script_src"),
}
"""The directives that apply instead of a missing one, before `default-src` (CSP section 6.8.3)."""


@configured
class Policy:
    """
    A Content Security Policy: which sources a page may load from, and where it may send.

    ```python
    from piccolo_api_fastapi.core.http.csp import NONCE, Policy

    policy = Policy(default_src=["self"], script_src=["self", NONCE], object_src=[])
    assert policy.header("r4nd0m") == (
        "default-src 'self'; script-src 'self' 'nonce-r4nd0m'; object-src 'none'"
    )
    ```

    Keywords and hashes are quoted, whether they are given with quotes or without. An empty list
    of sources is `'none'`.

    Args:
        directives: The directives, such as `script_src=["self"]`, in the order of the header.
            `report_to` is the path or URL for reports, which the header has as `report-uri`.

    Raises:
        ConfigurationError: A source is malformed or contradicts the others.
        TypeError: There is no such directive.
    """

    __slots__ = ("_given", "_plain", "_text", "report_to")

    def __init__(self, **directives: Unpack[Directives]) -> None:
        given = _checked(directives, _DIRECTIVES)
        if not given:
            raise ConfigurationError("A policy needs a directive, such as default_src=['self'].")
        self._given = given
        self.report_to: str | None = given.get("report_to")
        self._text = "; ".join(_written(name, value) for name, value in given.items())
        self._plain = "; ".join(
            _written(name, _without(value, NONCE)) for name, value in given.items()
        )

    @property
    def has_nonce(self) -> bool:
        """Return whether `NONCE` is among the sources."""
        return self._text != self._plain

    def header(self, nonce: str | None = None) -> str:
        """
        Return the value of the header.

        Args:
            nonce: The nonce of the response, or `None` to leave `NONCE` out.

        Raises:
            ValueError: The nonce is not base64.
        """
        if nonce is None:
            return self._plain
        if not _NONCE.fullmatch(nonce):
            raise ValueError("A nonce must be base64.")
        return self._text.replace(NONCE, f"'nonce-{nonce}'")

    def adding(self, **sources: Unpack[Sources]) -> "Policy":
        """
        Return a policy that allows further sources, and whatever this one allows.

        A directive that is missing here begins with the sources of the one that applies instead,
        such as `default_src`. If none does, everything is allowed already, and stays so.

        Args:
            sources: The further sources, such as `frame_src=["https://video.example.com"]`.

        Raises:
            ConfigurationError: A source is malformed.
            TypeError: There is no such list of sources.
        """
        given = dict(self._given)
        for name, further in _checked(sources, _SOURCES).items():
            instead = (
                () if name in _WITHOUT_FALLBACK else (*_FALLBACKS.get(name, ()), "default_src")
            )
            applying = next((given[found] for found in (name, *instead) if found in given), None)
            if applying is not None:
                every = dict.fromkeys([*applying, *further])  # each once, in their order
                given[name] = _without(every, NONE)
        return Policy(**cast("Directives", given))

    def __str__(self) -> str:
        return self.header()

    def __repr__(self) -> str:
        return f"<Policy {self._text}>"


def _checked(given: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """Return directives with quoted keywords."""
    if unknown := given.keys() - known:
        raise TypeError(f"There is no directive {min(unknown)!r}.")
    checked: dict[str, Any] = {}
    for name, value in given.items():
        if name == "report_to":
            checked[name] = _report_to(value)
        elif name == "upgrade_insecure_requests":
            if not isinstance(value, bool):
                raise ConfigurationError(f"{name} must be True or False.")
            if value:
                checked[name] = True
        else:
            checked[name] = _list(name, value)
    return checked


def _report_to(value: object) -> str:
    if not isinstance(value, str) or not _REPORT_TO.fullmatch(value):
        raise ConfigurationError("report_to must be a path such as '/csp', or an https URL.")
    return value


def _list(name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ConfigurationError(f"{name} must be a list of str. Put a single one into a list.")
    sources = tuple(dict.fromkeys(_source(name, source) for source in value))
    if NONE in sources and len(sources) > 1:
        raise ConfigurationError(f"{name} has 'none' beside other sources; remove one of them.")
    return sources


def _source(name: str, value: object) -> str:
    """Return a source as the header has it."""
    if not isinstance(value, str) or not _SOURCE.fullmatch(value):
        raise ConfigurationError(
            f"{name}: {value!r} must be one source in visible ASCII, without ';' and ','."
        )
    is_quoted = len(value) > 1 and value[0] == value[-1] == "'"
    bare = value[1:-1] if is_quoted else value
    if bare.lower() in _KEYWORDS | _FURTHER_KEYWORDS.get(name, frozenset()):
        return f"'{bare.lower()}'"
    if _HASH.fullmatch(bare):
        return f"'{bare}'"
    if bare.lower().startswith("nonce-"):
        raise ConfigurationError(f"{name}: a nonce is for one request; use NONCE.")
    if "'" in value:
        raise ConfigurationError(f"{name}: {value} is no keyword; hosts are not quoted.")
    return value


def _without(sources: Any, source: str) -> Any:
    """Return a list without a source. What is no list stays as it is."""
    if not isinstance(sources, Collection) or isinstance(sources, str):
        return sources
    return tuple(found for found in sources if found != source)


def _written(name: str, value: Any) -> str:
    """Return a directive as the header has it."""
    if name == "report_to":
        return f"report-uri {value}"
    if name in _SOURCES:
        value = value or (NONE,)
    return " ".join([name.replace("_", "-"), *(() if value is True else value)])
