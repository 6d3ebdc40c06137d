"""Lists of the API, read page by page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import click

from monotron.cli.command import Function
from monotron.cli.options import integer
from monotron_ci.client import Client

MAX_PAGE_SIZE = 1000
"""The maximum of `limit` in the API."""

Document = dict[str, Any]
"""A JSON object of the API, as described in docs/api.md. That of a new API key has its secret."""

IsValid = Callable[[Document], bool]

prefix_option = click.option(
    "--prefix", metavar="TEXT", default="", help="List only those that start with TEXT."
)


def limit_option(items: str) -> Callable[[Function], Function]:
    """The option `--limit` of a list of *items*."""
    return click.option(
        "--limit",
        metavar="N",
        type=integer("n", 1, 999_999),
        default=100,
        show_default=True,
        help=f"List at most N {items}.",
    )


def read_list(
    client: Client,
    path: str,
    member: str,
    is_valid: IsValid,
    query: Mapping[str, str] = {},
    *,
    limit: int | None = None,
    cursor: str = "after",
) -> list[Document]:
    """The items of all pages, or the first *limit* ones.

    *member* of a page has its items, and the parameter *cursor* continues after its `next`. Raises
    NoResponse for an item that is not valid, or of another account than that of the client.
    """
    items: list[Document] = []
    position: str | int | None = None
    while True:
        size = MAX_PAGE_SIZE if limit is None else min(MAX_PAGE_SIZE, limit - len(items))
        start = {} if position is None else {cursor: str(position)}
        parameters = urlencode({**query, "limit": str(size), **start})
        response = client.request("GET", f"{path}?{parameters}")
        page = response.json()
        found = page.get(member) if isinstance(page, dict) else None
        if not isinstance(found, list):
            raise client.foreign_response(response)
        for item in found:
            if not isinstance(item, dict) or not is_valid(item):
                raise client.foreign_response(response)
            client.check_account(item)
        items += found
        previous, position = position, page.get("next")
        if position is None or len(items) == limit:
            return items
        if not isinstance(position, str | int) or position == previous:
            raise client.foreign_response(response)
