"""Names and types that generators of clients take from the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from docs.openapi_document import Json
from support.openapi import GENERATED, OPERATIONS, parameters

SCHEMAS: Json = GENERATED["components"]["schemas"]


def subschemas(schema: Json, path: str) -> Iterator[tuple[str, Json]]:
    """Yield the schemas inside of a schema with their paths, but not what references refer to."""
    for word in ("allOf", "anyOf", "oneOf"):
        for number, each in enumerate(schema.get(word, ())):
            yield f"{path}.{word}[{number}]", each
            yield from subschemas(each, f"{path}.{word}[{number}]")
    for name, each in schema.get("properties", {}).items():
        yield f"{path}.{name}", each
        yield from subschemas(each, f"{path}.{name}")
    if "items" in schema:
        yield f"{path}.items", schema["items"]
        yield from subschemas(schema["items"], f"{path}.items")


INNER = [pair for name, schema in SCHEMAS.items() for pair in subschemas(schema, name)]


def test_no_two_components_of_different_kinds_have_one_name() -> None:
    names: list[str] = [
        name
        for kind in ("schemas", "parameters", "responses")
        for name in GENERATED["components"][kind]
    ]
    assert sorted(names) == sorted(set(names))


def test_every_object_inside_of_another_one_has_a_name() -> None:
    # The additional part of an object that extends another one has the name of the whole.
    anonymous = [path for path, schema in INNER if "properties" in schema and "allOf" not in path]
    assert anonymous == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_enumeration_of_a_parameter_has_a_name(name: str) -> None:
    for location in ("query", "header", "path"):
        for parameter in parameters(name, location).values():
            assert "enum" not in parameter["schema"], parameter["name"]


def test_every_alternative_has_a_type() -> None:
    # Generators consider a pattern without a type as any value, and an enumeration with `null` as
    # several.
    for path, schema in INNER:
        if re.search(r"(any|one)Of\[\d+\]$", path):
            assert {"$ref", "type", "const"} & schema.keys(), path
        assert None not in schema.get("enum", ()), path


def test_an_object_that_extends_another_one_has_its_members_inside_of_allof() -> None:
    for name, schema in SCHEMAS.items():
        assert not ("allOf" in schema and "properties" in schema), name


def test_every_operation_has_a_name_that_is_a_method() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)
    for name in names:
        # Programs that collect tests consider names that start with `test` as theirs.
        assert re.fullmatch(r"(?!test)[a-z]+([A-Z][a-z]+)*", name), name


def test_every_body_and_response_has_a_type() -> None:
    def contents() -> Iterator[tuple[str, Any]]:
        for name, operation in OPERATIONS.items():
            yield name, operation.get("requestBody", {}).get("content", {})
            for response in operation["responses"].values():
                yield name, response.get("content", {})

    for name, content in contents():
        for media in content.values():
            assert {"$ref", "type", "allOf"} & media["schema"].keys(), name


def test_text_in_a_request_is_also_accepted_as_bytes() -> None:
    # Not every generator supports `text/plain` in requests.
    bodies = [
        each["requestBody"]["content"] for each in OPERATIONS.values() if "requestBody" in each
    ]
    texts = [content for content in bodies if "text/plain" in content]
    assert len(texts) == 3
    assert all("application/octet-stream" in content for content in texts)


def test_every_64_bit_integer_states_its_format() -> None:
    for path, schema in [*INNER, *SCHEMAS.items()]:
        if schema.get("maximum", 0) > 2**53:
            assert schema.get("format") == "int64", path
