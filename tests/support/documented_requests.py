"""Requests of operations: the valid one, from the examples of the OpenAPI document, and others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple, Self
from urllib.parse import quote

from docs.openapi_document import Json
from support.credentials import JSON
from support.http import Client, Response
from support.openapi import OPERATIONS, parameters, resolved


class Request(NamedTuple):
    """A request of an operation."""

    method: str
    template: str
    """The path, with variables in braces."""
    values: Mapping[str, str]
    """The values of the variables."""
    body: str | None
    headers: Mapping[str, str]
    query: str = ""

    @property
    def path(self) -> str:
        """The path with its values, percent-encoded, and the query."""
        encoded = {name: quote(value, safe="") for name, value in self.values.items()}
        return self.template.format(**encoded) + self.query

    def changed(self, **values: str) -> Self:
        """The request with other values of these variables of its path."""
        return self._replace(values={**self.values, **values})

    def sent_with(self, **headers: str) -> Self:
        """The request with more headers; `_` in their names stands for `-`."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._replace(headers={**self.headers, **more})

    def send(self, client: Client) -> Response:
        return client.request(self.method, self.path, self.body, self.headers)


def valid_request(name: str, values: Mapping[str, str]) -> Request:
    """The request of an operation with its examples, except for these values in its path."""
    method, _, template = name.partition(" ")
    examples = {each: str(node["example"]) for each, node in parameters(name, "path").items()}
    known = {each: values.get(each, example) for each, example in examples.items()}
    body, headers = _content(OPERATIONS[name])
    return Request(method, template, known, body, headers)


def _content(operation: Json) -> tuple[str | None, Mapping[str, str]]:
    """The example of the body, and its Content-Type."""
    content = resolved(operation.get("requestBody", {})).get("content", {})
    for media_type, node in content.items():
        example = next(iter(node["examples"].values()))["value"]
        if media_type == JSON["Content-Type"]:
            return json.dumps(example), JSON
        return example, {"Content-Type": media_type}
    return None, {}


def send(client: Client, line: str, base: str = "/v1/") -> Response:
    """Send a request that is written as method, path below *base*, and JSON or text as body."""
    method, path, body = (*line.split(" ", 2), "")[:3]
    return client.request(method, base + path, body or None, JSON)
