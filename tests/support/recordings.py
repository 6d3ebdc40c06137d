"""Responses that GitHub and GitLab document. Stand-ins must have the same form.

Each file in the folder `recorded` is one response: its source, its request, its status and headers,
and its document, shortened to what matters here. A list shows the form of each of its elements.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent / "recorded"


class Recording(NamedTuple):
    """A documented response."""

    source: str
    request: str
    status: int
    headers: Mapping[str, str]
    response: Any


def recording(name: str) -> Recording:
    document = json.loads((FOLDER / f"{name}.json").read_text())
    return Recording(*(document[field] for field in Recording._fields))


def undocumented(value: Any, documented: Any, path: str = "") -> Iterator[str]:
    """The members that the documentation does not have, or has with another type."""
    if documented is None or value is None:
        return  # null stands for any type
    if type(value) is not type(documented):
        yield f"{path or 'document'} is {type(value).__name__}, not {type(documented).__name__}"
    elif isinstance(value, dict):
        for name, member in value.items():
            if name in documented:
                yield from undocumented(member, documented[name], f"{path}.{name}")
            else:
                yield f"{path}.{name} is not documented"
    elif isinstance(value, list):
        for element in value:
            yield from undocumented(element, _merged(documented), f"{path}[]")


def missing(value: Any, members: str) -> Iterator[str]:
    """Which of *members*, such as `commits[].commit.message`, do not exist in a document.

    One with `?` need not exist in all elements of a list.
    """
    for path in members.split():
        found = [value]
        for name in re.findall(r"\w+|\[\]", path):
            if name == "[]":
                found = [element for each in found for element in each]
            else:
                found = [each.get(name) for each in found if isinstance(each, dict)]
        is_present = any(each is not None for each in found)
        if not is_present or (None in found and not path.endswith("?")):
            yield path


def _merged(elements: list[Any]) -> Any:
    """One element with the members of all of them."""
    if elements and all(isinstance(each, dict) for each in elements):
        return {name: member for each in elements for name, member in each.items()}
    return elements[0] if elements else None
