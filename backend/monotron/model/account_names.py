"""Names of accounts."""

import re

_ACCOUNT_NAME = re.compile(r"(?=[0-9-]*[a-z])[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")

ACCOUNT_NAME_RULE = (
    "1 to 64 lower-case letters, digits and hyphens, with at least one letter, and without a "
    "hyphen at the start or the end"
)


def is_account_name(text: str) -> bool:
    """Whether the text is a valid name. It has a letter, so it cannot be confused with an id."""
    return _ACCOUNT_NAME.fullmatch(text) is not None
