"""From our types to the schemas of OpenAPI 3.1, which are JSON Schemas (draft 2020-12)."""

import inspect
from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec

Schema: TypeAlias = dict[str, Any]

REFERENCE = "#/components/schemas/"


def components_of(types: Iterable[type[msgspec.Struct]]) -> dict[str, Schema]:
    """The schemas of these types and of all that they are made of, by name.

    Every object is closed: a body with another member is refused (`bodies`), and an answer has the members of its type
    and no others. What is not a type of ours, such as the detail of an audit row, is open.
    """
    _, components = msgspec.json.schema_components(list(types), ref_template=REFERENCE + "{name}")
    for schema in components.values():
        schema.pop("title", None)
        if "description" in schema:
            schema["description"] = prose(schema["description"])
        schema["additionalProperties"] = False
    return dict(sorted(components.items()))


def reference(name: str) -> Schema:
    """A reference to the component of this name."""
    return {"$ref": REFERENCE + name}


def leave_out_defaults(schema: Schema) -> None:
    """Take the defaults out of the schema of a body.

    That a member may be left out says enough, and generators of clients take one with a default for one that must be
    sent.
    """
    for member in schema["properties"].values():
        member.pop("default", None)


def form_of(schema: Schema, ignored: tuple[str, ...], json_only: tuple[str, ...] = ()) -> Schema:
    """The schema of a form with the members of `schema` but for `json_only`, and with fields that mean nothing.

    A form knows no `null`: a field that is not there is left out.
    """
    properties = {
        name: _without_null(member) for name, member in schema["properties"].items() if name not in json_only
    }
    for name in ignored:
        properties[name] = {"type": "string", "description": "Means nothing here and is ignored."}
    return {**schema, "properties": properties}


def prose(docstring: str) -> str:
    """A docstring without `Raises`, each paragraph on one line."""
    text = inspect.cleandoc(docstring).partition("\nRaises:\n")[0]
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n")).strip()


def _without_null(member: Schema) -> Schema:
    kinds = [kind for kind in member.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return member
    rest = {name: value for name, value in member.items() if name not in ("anyOf", "default")}
    return {**kinds[0], **rest}
