"""Hashes of commits. Tokens are free text, and git would take some of them for options."""

from __future__ import annotations

import re

_HASH = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def is_hash(value: object) -> bool:
    """Whether the value is the complete hash of a commit. Nothing else may reach git."""
    return isinstance(value, str) and _HASH.fullmatch(value) is not None
