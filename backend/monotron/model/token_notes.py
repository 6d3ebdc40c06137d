"""Notes on tokens that are probably not what the caller meant. Pure: no I/O."""

import re

from monotron.model.printable_lines import printable_line

_REFERENCES = {"head", "@"}
_VARIABLE = re.compile(r"\$(?:[A-Za-z_{(])|\{\{|%[A-Za-z_][\w.]*%")
_SHORT_HASH = re.compile(r"(?=[0-9]*[a-f])[0-9a-f]{4,39}", re.IGNORECASE)
"""An abbreviated hash. git abbreviates to at least four digits. Decimal numbers are build ids."""

MAX_TOKEN_LENGTH = 60
"""The number of characters of the token in a note."""


def token_notes(token: str) -> tuple[str, ...]:
    """At most one note: on `HEAD`, a variable that was not expanded, or an abbreviated hash."""
    shown = printable_line(token, MAX_TOKEN_LENGTH)
    if token.lower() in _REFERENCES:
        return (
            f"The token {shown} is not a commit: it names another one after each commit. Pass the "
            "complete hash.",
        )
    if _VARIABLE.search(token):
        return (
            f"The token {shown} contains a variable that was not expanded. All builds would share "
            "one token. Check the quoting and the name of the variable.",
        )
    if _SHORT_HASH.fullmatch(token):
        return (
            f"The token {shown} is probably a short commit hash. Its complete hash is another "
            "token and gets another version. Pass the complete hash.",
        )
    return ()
