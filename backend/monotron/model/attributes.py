"""Attributes of tokens: bounds and merging. Pure: no I/O."""

from collections.abc import Mapping

from monotron.errors import InvalidRequest

MAX_ATTRIBUTES = 64
"""Of one token of one series."""


def merged(stands: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """What a token has once *given* is merged into what *stands*; `InvalidRequest` if too much."""
    together = {**stands, **given}
    if len(together) > MAX_ATTRIBUTES:
        raise InvalidRequest(
            f"The token would have {len(together)} attributes, and at most {MAX_ATTRIBUTES} are "
            "kept, so none was set. Remove some first, or put several into one."
        )
    return dict(sorted(together.items()))
