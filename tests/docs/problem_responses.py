"""The responses of an operation that are errors, for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monotron.errors import MonotronError

Json = dict[str, Any]


def error_classes() -> Iterator[type[MonotronError]]:
    """Yield the rows of the error table. Variants have the code of another row."""
    for error in MonotronError.__subclasses__():
        yield error
        yield from error.__subclasses__()


ERRORS = list(error_classes())


def error_texts(operation: Json, path: str, common: Json) -> dict[type[MonotronError], str]:
    """When the operation raises which errors, in the order of statuses.

    *common* is `x-common-errors`. A key is a code, or status and code if the code has several.
    """
    texts: Json = {}
    for group in _groups(operation, path):
        texts |= common[group]["codes"]
    texts |= operation.get("x-errors", {})
    by_error = {error_of(key): text for key, text in texts.items()}
    order = {error: (error.status, number) for number, error in enumerate(ERRORS)}
    return dict(sorted(by_error.items(), key=lambda item: order[item[0]]))


def _groups(operation: Json, path: str) -> Iterator[str]:
    """Yield the groups of common errors of an operation."""
    scope, is_optional = operation.get("x-required-scope"), "x-credentials" in operation
    yield "every"
    if not operation.get("x-served-while-draining"):
        yield "not-while-draining"
    if scope or operation.get("x-stored"):
        yield "stored"
    if not scope:
        return
    yield "authenticated"
    if not is_optional and (scope.endswith(":series") or scope == "any credentials"):
        yield "identity"
    if "{key}" in path or "{name}" in path:
        yield "named"
    yield "account" if "{account}" in path else "no-account"


def error_of(key: str) -> type[MonotronError]:
    """The error of a key of `x-errors`. Raises LookupError if it does not exist."""
    status, _, code = key.rpartition(" ")
    found = [error for error in ERRORS if error.code == code and status in ("", str(error.status))]
    if not found:
        raise LookupError(f"openapi.yaml: the error `{key}` does not exist")
    return found[0]


def problem_responses(texts: dict[type[MonotronError], str], *, is_write: bool) -> Json:
    """The responses with these errors, by status."""
    by_status: dict[int, dict[type[MonotronError], str]] = {}
    for error, text in texts.items():
        by_status.setdefault(error.status, {})[error] = text
    return {str(status): _response(of_status, is_write) for status, of_status in by_status.items()}


def _response(texts: dict[type[MonotronError], str], is_write: bool) -> Json:
    (status,) = {error.status for error in texts}
    schema = "WriteProblem" if is_write else "Problem"
    codes = [{"const": error.code, "description": text} for error, text in texts.items()]
    response: Json = {
        "description": ". ".join(error.title for error in texts) + ".",
        "content": {
            "application/problem+json": {
                "schema": {
                    "allOf": [{"$ref": f"#/components/schemas/{schema}"}],
                    "properties": {"status": {"const": status}, "code": {"oneOf": codes}},
                }
            }
        },
    }
    headers = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}
    if status in headers:
        name = headers[status]
        response["headers"] = {name: {"$ref": f"#/components/headers/{name}"}}
    return response
