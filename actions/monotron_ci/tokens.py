"""Tokens that cannot be meant: they would be equal in different builds."""

from __future__ import annotations

import re

from monotron_ci.errors import Failure

_REFERENCE = re.compile(r"(@|(FETCH_)?HEAD)([~^@{].*)?", re.IGNORECASE)
"""With a suffix, it is a relative revision such as `HEAD~1`."""

_VARIABLE = re.compile(
    r"\$[A-Za-z_]\w*|\$\{[^{}]*\}|\$\{\{[^{}]*\}\}|\$\([A-Za-z_][\w.]*\)|%[A-Za-z_][\w.]*%",
    re.ASCII,
)
"""A complete token only: `%2Fmain%` is a part of tags of Jenkins."""


def check_token(token: str) -> None:
    """Raise Failure if the token is empty, a reference that moves, or an unexpanded variable."""
    text = token.strip()
    if not text:
        raise Failure(
            "The token is empty.", "Use the commit hash. Check that the variable with it is set."
        )
    if _REFERENCE.fullmatch(text):
        raise Failure(f"{text} is a different commit in every build.", "Use the commit hash.")
    if _VARIABLE.fullmatch(text):
        raise Failure(
            f"The token {text[:100]!r} is a variable that was not expanded.",
            "All builds would share it. Check the name of the variable and the quoting, or use the "
            "commit hash.",
        )
