"""The base of response bodies, and what OpenAPI says of texts."""

from typing import Any, ClassVar

from pydantic import BaseModel, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class ResponseBody(BaseModel):
    """
    A body whose members are all there in every response: OpenAPI requires them.

    Those in `left_out` are missing if they are `None`.
    """

    left_out: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Require the members that have a default, too. A `status` tells the bodies apart."""
        schema = handler(core_schema)
        body = handler.resolve_ref_schema(schema)
        body["required"] = [name for name in body.get("properties", ()) if name not in cls.left_out]
        return schema


def shown(**keywords: Any) -> Any:
    """
    Describe a text in OpenAPI by keywords that the endpoint checks, not Pydantic.

    Args:
        keywords: The keywords of JSON Schema.
    """
    return Field(json_schema_extra=keywords)


NOT_EMPTY: Any = shown(minLength=1)
"""An empty text is answered like a wrong one."""
