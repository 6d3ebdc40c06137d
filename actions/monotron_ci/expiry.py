"""The warning that an API key expires soon, which the service announces in a response header."""

from __future__ import annotations

import re
from collections.abc import Mapping

HEADER = "Monotron-Key-Expires"

_TIME = re.compile(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z", re.ASCII)


def expiry_warning(headers: Mapping[str, str]) -> str:
    """The warning for the user, or an empty text if the API key does not expire soon."""
    time = (headers.get(HEADER) or "").strip()
    if not _TIME.fullmatch(time):
        return ""
    return (
        f"the API key expires at {time}. Create a new one with `monotron key create`, and replace "
        "the stored secret"
    )
