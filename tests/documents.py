"""Reading OpenAPI documents."""

from copy import deepcopy
from typing import Any


def found(document: dict[str, Any], reference: str) -> Any:
    """What a reference leads to."""
    value: Any = document
    for name in reference.removeprefix("#/").split("/"):
        value = value[name]
    return value


def expanded(document: dict[str, Any]) -> dict[str, Any]:
    """A copy of a document whose responses are written out, each where it is given."""
    copy = deepcopy(document)
    for item in copy["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                if "$ref" in response:
                    shared = deepcopy(found(copy, response["$ref"]))
                    operation["responses"][status] = shared
    return copy
