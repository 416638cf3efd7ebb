"""What `install` adds to an OpenAPI document: shared errors, declared scopes, described tags."""

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from .operations import next_schemas
from .problems import BODIES, TOKEN_BODIES, schema_of
from .public_routes import CallableT, marked

TOKENS_OF = "__piccolo_api_fastapi_tokens_of__"

_TAGS: dict[str, str] = {}

_REFERENCE = "#/components/{}/{}"


def tag(name: str, description: str) -> str:
    """
    Describe a tag, for every document with an operation that has it. Returns its name.

    Args:
        name: The name.
        description: A sentence. An application's own description of the tag replaces it.
    """
    _TAGS[name] = description
    return name


def issues_tokens(scheme_name: str) -> Callable[[CallableT], CallableT]:
    """
    Mark the endpoint that issues the tokens of a scheme, for its `tokenUrl`.

    Args:
        scheme_name: The name of the scheme in OpenAPI.
    """
    return marked(TOKENS_OF, scheme_name)


def complete(document: dict[str, Any]) -> None:
    """
    Write what operations have in common once, and declare what they refer to.

    Args:
        document: The OpenAPI document, which is changed.
    """
    _share_bodies(document)
    _share_responses(document)
    _declare_scopes(document)
    _describe_tags(document)
    schemes = document.get("components", {}).get("securitySchemes", {})
    # Swagger's dialog lists them in this order. What a person can fill in comes first.
    ordered = sorted(schemes.items(), key=lambda scheme: scheme[1].get("type") != "oauth2")
    schemes.clear()
    schemes.update(ordered)


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the operations of a document."""
    for item in document.get("paths", {}).values():
        yield from (entry for entry in item.values() if isinstance(entry, dict))


def _error_responses(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the responses of each operation, with the status of an error."""
    for operation in operations(document):
        responses = operation.get("responses", {})
        yield from ((responses, status) for status in responses if status >= "4")


def _share_bodies(document: dict[str, Any]) -> None:
    """Refer to the bodies of errors, which routes describe in full."""
    every = (*BODIES.values(), *TOKEN_BODIES.values())
    models = {model.__name__: schema_of(model) for model in every}
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for responses, status in _error_responses(document):
        for content in responses[status].get("content", {}).values():
            schema = content.get("schema", {})
            options = [_shared(option, models, schemas) for option in schema.get("anyOf", [schema])]
            if "anyOf" in schema:
                schema["anyOf"] = options
            elif schema:
                content["schema"] = options[0]


def _shared(
    schema: dict[str, Any], models: dict[str, dict[str, Any]], schemas: dict[str, Any]
) -> dict[str, Any]:
    """Return a reference to the body that a schema is, or the schema if it is no such body."""
    for name, model in models.items():
        if schema == model:
            shared = _with_next_step(model | {"title": name}, schemas)
            while schemas.setdefault(name, shared) != shared:
                name = f"Auth{name}"  # noqa: PLW2901 - the application has a model of this name
            return {"$ref": _REFERENCE.format("schemas", name)}
    return schema


def _with_next_step(model: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Let the member `next` of a body refer to `NextStep`, whose discriminator needs that."""
    steps = next_schemas() if "next" in model["properties"] else {}
    if not steps or any(schemas.get(name, step) != step for name, step in steps.items()):
        return model  # without that member, or the application has a model of such a name
    schemas.update(deepcopy(steps))
    step = {"$ref": _REFERENCE.format("schemas", "NextStep")}
    return model | {"properties": model["properties"] | {"next": step}}


def _share_responses(document: dict[str, Any]) -> None:
    """Refer to the responses that are described by codes, and are the same everywhere."""
    shared: dict[str, Any] = document["components"].setdefault("responses", {})
    for responses, status in _error_responses(document):
        response = responses[status]
        if name := _name(response):
            while shared.get(name, response) != response:
                name += "2"  # the same codes with other sentences
            if name not in shared:
                shared[name] = deepcopy(response)  # other applications have parts of it, too
            responses[status] = {"$ref": _REFERENCE.format("responses", name)}
    if not shared:
        del document["components"]["responses"]


def _name(response: dict[str, Any]) -> str:
    """Return a name made of the codes of a response. It is empty without codes."""
    contents = response.get("content", {})
    codes = sorted({code for content in contents.values() for code in content.get("examples", ())})
    words = "_or_".join(codes).title()
    prefix = "" if "application/problem+json" in contents else "Token"
    return prefix + re.sub("[^A-Za-z0-9]", "", words) if words else ""


def _declare_scopes(document: dict[str, Any]) -> None:
    """List the scopes that operations ask for in the schemes that can grant them."""
    schemes = document.get("components", {}).get("securitySchemes", {})
    for operation in operations(document):
        for alternative in operation.get("security", ()):
            for scheme, scopes in alternative.items():
                for flow in schemes.get(scheme, {}).get("flows", {}).values():
                    for scope in scopes:
                        flow["scopes"].setdefault(scope, f"The scope `{scope}`.")


def _describe_tags(document: dict[str, Any]) -> None:
    """Describe the tags of the prebuilt operations, unless the application does."""
    used = {name for operation in operations(document) for name in operation.get("tags", ())}
    described = {entry["name"] for entry in document.get("tags", ())}
    ours = [name for name in _TAGS if name in used - described]
    if ours:
        tags = document.setdefault("tags", [])
        tags += [{"name": name, "description": _TAGS[name]} for name in ours]
