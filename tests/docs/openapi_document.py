"""Generates `openapi.json` from `openapi.yaml` (`make docs`).

The comment at the start of `openapi.yaml` describes what is added and expanded.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import yaml

from docs.problem_responses import error_texts, problem_responses
from monotron import __version__
from monotron.model.series import INT64_MAX
from monotron.web.openapi import DOCUMENT
from monotron.web.system import DOCUMENTATION_URL

SOURCE = DOCUMENT.with_suffix(".yaml")

METHODS = ("get", "put", "post", "delete", "patch")
ACCOUNT_REF = {"$ref": "#/components/parameters/AccountParameter"}
REQUEST_ID_REF = {"$ref": "#/components/parameters/RequestIdParameter"}
COMMON_HEADERS = (
    "X-Request-Id",
    "Cache-Control",
    "X-Content-Type-Options",
    "Referrer-Policy",
    "Cross-Origin-Resource-Policy",
)

LINK = re.compile(r"\]\((?!https?:)([\w-]+\.md(?:#[\w-]+)?)\)")
"""A link to a page of docs/, relative to this folder."""

Json = dict[str, Any]


def parse(source: str) -> Json:
    """Parse YAML. Raises ValueError if a member of a mapping is repeated, or has no value.

    Both are usually mistakes that YAML accepts: `{description: one, two}` has the member `two`.
    """
    _check_members(yaml.compose(source, yaml.CSafeLoader))
    document: Json = yaml.load(source, yaml.CSafeLoader)
    return json.loads(json.dumps(document))  # type: ignore[no-any-return]  # copies of aliases


def _check_members(node: yaml.Node | None) -> None:
    if isinstance(node, yaml.SequenceNode):
        for each in node.value:
            _check_members(each)
    if isinstance(node, yaml.MappingNode):
        names = [key.value for key, _ in node.value]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"openapi.yaml: `{name}` is repeated")
        for key, value in node.value:
            if value.value == "" and value.tag.endswith(":null"):
                raise ValueError(f"openapi.yaml: `{key.value}` has no value")
            _check_members(value)


def generated() -> Json:
    """Return the complete document."""
    document = parse(SOURCE.read_text(encoding="utf-8").replace("{int64}", int64_pattern()))
    common_errors = document["x-common-errors"]
    document["info"]["version"] = __version__
    document["paths"] = dict(_paths(document["paths"]))
    for path, _, operation in operations(document):
        texts = error_texts(operation, path, common_errors)
        _complete(operation, problem_responses(texts, is_write=operation.pop("x-is-write")))
    _share_responses(document)
    _rewrite_links(document)
    return document


def int64_pattern() -> str:
    """The regular expression of the integers from 0 to 9223372036854775807."""
    digits = str(INT64_MAX)
    lower = [
        f"{digits[:position]}[0-{int(digit) - 1}][0-9]{{{len(digits) - position - 1}}}"
        for position, digit in enumerate(digits)
        if position and digit != "0"
    ]
    return "|".join(["0|[1-9][0-9]{0,17}|[1-8][0-9]{18}", *lower, digits])


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Yield path, method and operation."""
    for path, item in document["paths"].items():
        for method in item:
            if method in METHODS:
                yield path, method, item[method]


def text(document: Json) -> str:
    """Write the document."""
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _paths(paths: Json) -> Iterator[tuple[str, Json]]:
    """Add the path with an account after each path that has this form, too."""
    with_account = {
        item[method]["operationId"]
        for item in paths.values()
        if item.get("x-account-form")
        for method in METHODS
        if method in item
    }
    for path, item in paths.items():
        for method in METHODS:
            if method in item:
                item[method]["x-is-write"] = method != "get"
        has_account_form = item.pop("x-account-form", False)
        item["parameters"] = [*item.get("parameters", []), REQUEST_ID_REF]
        yield path, item
        if has_account_form:
            copy = deepcopy(item)
            copy["parameters"].insert(0, ACCOUNT_REF)
            for method in METHODS:
                if method in copy:
                    _name_account(copy[method], with_account)
            yield path.replace("/v1/", "/v1/accounts/{account}/", 1), copy


def _name_account(operation: Json, with_account: set[str]) -> None:
    """Turn an operation into that of the path with an account."""
    operation["x-account-form-of"] = operation["operationId"]
    operation["operationId"] += "OfAccount"
    for response in operation["responses"].values():
        for link in response.get("links", {}).values():
            if link["operationId"] in with_account:
                link["operationId"] += "OfAccount"
                link["parameters"] = {"account": "$request.path.account", **link["parameters"]}


def _complete(operation: Json, problems: Json) -> None:
    """Add security, headers and the responses of errors to an operation."""
    scope = operation.get("x-required-scope")
    is_optional = operation.pop("x-credentials", None) == "optional"
    for expanded in ("x-errors", "x-served-while-draining", "x-stored"):
        operation.pop(expanded, None)
    operation["responses"] |= problems
    scopes = (scope, operation.get("x-also-required-scope"))
    roles = [each for each in scopes if each and ":" in each]
    schemes: list[Json] = [{"bearer": roles}, {"basic": roles}] if scope else []
    operation["security"] = [{}, *schemes] if is_optional else schemes
    for response in operation["responses"].values():
        headers = response.setdefault("headers", {})
        for name in (*COMMON_HEADERS, *(["Monotron-Key-Expires"] if scope else [])):
            headers.setdefault(name, {"$ref": f"#/components/headers/{name}"})


def _share_responses(document: Json) -> None:
    """Move responses that several operations have to the components."""
    uses = Counter(
        json.dumps(response)
        for _, _, operation in operations(document)
        for response in operation["responses"].values()
    )
    components = document["components"]["responses"]
    shared: dict[str, str] = {}
    for _, _, operation in operations(document):
        for status, response in operation["responses"].items():
            written = json.dumps(response)
            if status < "400" or uses[written] == 1:
                continue
            if written not in shared:
                number = sum(name.startswith(f"{status}-") for name in components) + 1
                shared[written] = f"{status}-{number}"
                components[shared[written]] = response
            operation["responses"][status] = {"$ref": f"#/components/responses/{shared[written]}"}


def _rewrite_links(node: Any) -> None:
    """Make links to pages of docs/ absolute."""
    if isinstance(node, list):
        for each in node:
            _rewrite_links(each)
    if isinstance(node, dict):
        for name, value in node.items():
            if name in ("description", "summary") and isinstance(value, str):
                node[name] = absolute_links(value)
            else:
                _rewrite_links(value)


def absolute_links(markdown: str) -> str:
    """Links to pages of docs/, such as `(versions.md#notes)`, with their address."""
    return LINK.sub(rf"]({DOCUMENTATION_URL}/\1)", markdown)


if __name__ == "__main__":
    DOCUMENT.write_text(text(generated()), encoding="utf-8")
