"""`/api`: the reference of the API, rendered from its OpenAPI document."""

import asyncio
import json
import re
from collections.abc import Container
from functools import cache
from threading import Lock
from typing import Any, NamedTuple

from monotron.web.openapi import DOCUMENT
from monotron.web.openapi.parts import Operation
from monotron.web.openapi.reference import Reference
from monotron.web.pages.handler import PageHandler
from monotron.web.pages.templates import render
from monotron.web.permissions import NOTHING, requires
from monotron.web.query import Query

_rendering = Lock()


class Group(NamedTuple):
    """Operations on one kind of resource."""

    anchor: str
    name: str
    description: str
    operations: list[Operation]


def groups_of(reference: Reference) -> list[Group]:
    """The operations by tag, in the order of the document."""
    operations = list(reference.operations())
    return [
        Group(
            name.lower().replace(" ", "-"),
            name,
            description,
            [operation for operation in operations if operation.tag == name],
        )
        for name, description in reference.tags.items()
    ]


@cache
def render_reference() -> bytes:
    """Render the content of the page, which takes about 50 ms. It is kept."""
    # The parser in C would not let the event loop run for some milliseconds. With a function in
    # Python, it does.
    reference = Reference(json.loads(DOCUMENT.read_bytes(), object_pairs_hook=_members))
    objects = reference.objects()
    return render(
        "reference.html",
        introduction=reference.introduction,
        groups=groups_of(reference),
        common=reference.common_problems(),
        objects=objects,
        linked=lambda text: _linked(text, objects),
    )


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(pairs)


def _linked(type: str, objects: Container[str]) -> str:
    """The type of a member, with links to the objects in it."""
    return re.sub(r"`(\w+)`", lambda name: _link(name[1]) if name[1] in objects else name[0], type)


def _link(name: str) -> str:
    return f"[`{name}`](#{name})"


def _rendered_once() -> bytes:
    with _rendering:  # of simultaneous requests, one renders
        return render_reference()


class ApiPageHandler(PageHandler):
    """`/api`: all operations, with their parameters, bodies and errors."""

    section = "api"

    @requires(NOTHING)
    async def get(self) -> None:
        Query.parse(self.request.query)
        reference = await asyncio.to_thread(_rendered_once)
        self.reply_page("api.html", "API", reference=reference)


ROUTES = [("/api", ApiPageHandler)]
