"""Schemas of the OpenAPI document in words. Pure: no I/O."""

from collections.abc import Iterator, Mapping
from typing import Any

from monotron.web.openapi.parts import Member

Json = Mapping[str, Any]


class Schemas:
    """The schemas of a document."""

    def __init__(self, document: Json) -> None:
        self._document = document
        self._schemas: Mapping[str, Json] = document["components"]["schemas"]

    def resolved(self, node: Json) -> Json:
        """What an object refers to, and the members beside the reference; or the object itself."""
        if "$ref" not in node:
            return node
        target: Any = self._document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return {**self.resolved(target), **node}

    def objects(self, names: set[str]) -> dict[str, tuple[Member, ...]]:
        """Return the members of these objects, and of those that they contain, by name."""
        reachable = {each for name in names for each in self._reachable(_reference_to(name))}
        members = {name: self.members(name) for name in self._schemas if name in reachable}
        return {name: of for name, of in members.items() if of}

    def members(self, name: str) -> tuple[Member, ...]:
        """Return the members of an object; empty if the schema is not that of an object."""
        return self._members(self._schemas[name])

    def _members(self, schema: Json) -> tuple[Member, ...]:
        schema = self.resolved(schema)
        for alternative in schema.get("oneOf", ()):
            if members := self._members(alternative):
                return members
        inherited = [member for part in schema.get("allOf", ()) for member in self._members(part)]
        required = schema.get("required", ())
        own = [
            Member(name, self._type_of(each), self._description(each), name in required)
            for name, each in schema.get("properties", {}).items()
        ]
        return (*inherited, *own)

    def _description(self, schema: Json) -> str:
        return " ".join(self.resolved(schema).get("description", "").split())

    def _type_of(self, schema: Json) -> str:
        """The type of a value: `string or null`, `list of Entry`."""
        name, schema = name_of(schema), self.resolved(schema)
        if name is not None and self.members(name):
            return f"`{name}`"
        if schema.get("type") == "array":
            return f"list of {self._type_of(schema['items'])}"
        alternatives = (*schema.get("oneOf", ()), *schema.get("anyOf", ()))
        types = [self._type_of(each) for each in alternatives] or _types(schema)
        return " or ".join(dict.fromkeys(types))

    def _reachable(self, node: Any) -> Iterator[str]:
        """Yield the names of the schemas that a node refers to, directly or not."""
        if isinstance(node, list):
            for each in node:
                yield from self._reachable(each)
        if isinstance(node, dict):
            name = name_of(node)
            if name is not None:
                yield name
                yield from self._reachable(self._schemas[name])
            for each in node.values():
                yield from self._reachable(each)


def name_of(schema: Json) -> str | None:
    """The name of the schema that a reference refers to, or None."""
    _, is_schema, name = schema.get("$ref", "").partition("#/components/schemas/")
    return name if is_schema else None


def values_of(schema: Json) -> str:
    """The values that the schema of a parameter allows."""
    if "description" in schema:
        return str(schema["description"]).strip()
    if "enum" in schema:
        return ", ".join(map(quoted, schema["enum"]))
    if schema.get("type") == "boolean":
        return "`true`, `false`"
    if schema.get("type") == "integer":
        return f"{schema['minimum']} to {schema['maximum']}"
    return "text"


def quoted(value: object) -> str:
    """A value as code."""
    return f"`{'null' if value is None else value}`"


def _types(schema: Json) -> list[str]:
    types: str | list[str] = schema.get("type", [])
    constants = schema.get("enum", [schema["const"]] if "const" in schema else [])
    return ([types] if isinstance(types, str) else types) or list(map(quoted, constants))


def _reference_to(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}
