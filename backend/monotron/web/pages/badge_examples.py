"""How to create and to show the badge of a name, to be copied. Pure: no I/O."""

import json
import shlex
from typing import NamedTuple
from urllib.parse import quote

SHIELDS_URL = "https://img.shields.io/endpoint"


class BadgeExamples(NamedTuple):
    """How to show a badge."""

    path: str
    """The path of the image on this server."""
    markdown: str
    html: str
    shields: str
    """Markdown for the same badge, drawn by shields.io."""


def badge_examples(url: str, id: str) -> BadgeExamples:
    """*url* is that of this server, *id* that of the badge."""
    path = f"/badge/{id}.svg"
    data = quote(f"{url}/badge/{id}.json", safe="")
    return BadgeExamples(
        path,
        f"![version]({url}{path})",
        f'<img src="{url}{path}" alt="version">',
        f"![version]({SHIELDS_URL}?url={data})",
    )


def new_badge_command(url: str, name: str, *, is_open: bool) -> str:
    """The command that creates the badge of a name. *is_open*: the server needs no credentials."""
    request = f'--json {shlex.quote(json.dumps({"name": name}))} "{url}/v1/badges"'
    if is_open:
        return f"curl {request}"
    return f'echo "Authorization: Bearer $MONOTRON_API_KEY" | curl -H @- \\\n  {request}'
