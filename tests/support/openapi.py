"""The OpenAPI document, its references, and the validation of responses."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from jsonschema_rs import Draft202012Validator

from docs import openapi_document
from docs.openapi_document import Json
from monotron.web.problem import CONTENT_TYPE
from support.http import Response

GENERATED = openapi_document.generated()
"""The document, as it would be generated now."""

OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, method, operation in openapi_document.operations(GENERATED)
}


def resolved(node: Json) -> Json:
    """What an object refers to, with the members beside the reference; or the object itself."""
    if "$ref" not in node:
        return node
    target: Any = GENERATED
    for part in node["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return {**resolved(target), **{name: node[name] for name in node if name != "$ref"}}


def parameters(name: str, location: str) -> dict[str, Json]:
    """The parameters of an operation in its path, query or headers, by name."""
    path = name.partition(" ")[2]
    given = [
        *GENERATED["paths"][path].get("parameters", []),
        *OPERATIONS[name].get("parameters", []),
    ]
    return {each["name"]: each for each in map(resolved, given) if each["in"] == location}


HTTP_HEADERS = ("connection", "content-length", "content-type", "date")
"""Headers of HTTP itself, which OpenAPI does not describe."""


class Outcome(NamedTuple):
    """What distinguishes the responses of an operation."""

    status: int
    code: str = ""
    """The code of a problem document; empty for other responses."""

    def __str__(self) -> str:
        return f"{self.status} {self.code}".rstrip()


def documented(name: str) -> set[Outcome]:
    """The outcomes of an operation, according to the document."""
    return {
        Outcome(int(status), code)
        for status, response in OPERATIONS[name]["responses"].items()
        for code in _codes(resolved(response))
    }


def _codes(response: Json) -> list[str]:
    """The codes of a response."""
    content = response.get("content", {}).get(CONTENT_TYPE)
    if content is None:
        return [""]
    return [each["const"] for each in content["schema"]["properties"]["code"]["oneOf"]]


def outcome_of(response: Response) -> Outcome:
    """The outcome of a response."""
    if response.headers["Content-Type"] != CONTENT_TYPE:
        return Outcome(response.status)
    return Outcome(response.status, response.json()["code"])


def without_references(schema: Any) -> Any:
    """A schema in which every reference is replaced."""
    if isinstance(schema, list):
        return [without_references(each) for each in schema]
    if isinstance(schema, dict):
        return {name: without_references(each) for name, each in resolved(schema).items()}
    return schema


def schema_of(holder: Json) -> Json:
    """The schema of a parameter, a header or a media type, without references."""
    schema: Json = without_references(holder["schema"])
    return schema


def problem_with(response: Response, operation: str) -> str | None:
    """How the response differs from those of the operation; None if it does not.

    Members and headers that the document does not contain are differences, too.
    """
    documented = OPERATIONS[operation]["responses"].get(str(response.status))
    if documented is None:
        return f"status {response.status} is not documented"
    documented = resolved(documented)
    if problem := _problem_with_headers(response, documented["headers"]):
        return problem
    if "content" not in documented:
        return "a body is not documented" if response.body else None
    media_type = response.headers["Content-Type"].partition(";")[0]
    if media_type not in documented["content"]:
        return f"{media_type} is not documented"
    is_json = media_type.endswith("json")
    value = response.json() if is_json else response.body.decode(errors="replace")
    errors = _validator(operation, response.status, media_type).iter_errors(value)
    return next((f"{error.message} at {error.instance_path}" for error in errors), None)


def _problem_with_headers(response: Response, headers: Json) -> str | None:
    """How the headers differ from the documented ones; None if they do not."""
    known = {name.lower(): resolved(header) for name, header in headers.items()}
    missing = [
        name
        for name in headers
        if known[name.lower()].get("required") and name not in response.headers
    ]
    if missing:
        return f"missing headers: {missing}"
    for name, text in response.headers.items():
        if name.lower() in HTTP_HEADERS:
            continue
        if name.lower() not in known:
            return f"the header {name} is not documented"
        schema = schema_of(known[name.lower()])
        value = int(text) if schema.get("type") == "integer" else text
        if not Draft202012Validator(schema, validate_formats=True).is_valid(value):
            return f"invalid header {name}: {text}"
    return None


@cache
def _validator(operation: str, status: int, media_type: str) -> Draft202012Validator:
    content = resolved(OPERATIONS[operation]["responses"][str(status)])["content"][media_type]
    return Draft202012Validator(_closed(schema_of(content)), validate_formats=True)


def _closed(schema: Any) -> Any:
    """A schema that refuses members which it does not contain.

    The published one allows them, because later versions may add some.
    """
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: each if name == "allOf" else _closed(each) for name, each in schema.items()}
    if ("properties" in schema and "type" in schema) or "allOf" in schema:
        closed["unevaluatedProperties"] = False
    return closed
