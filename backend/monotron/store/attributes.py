"""What a store promises of the attributes of tokens: strings by name, kept beside the series."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from monotron.errors import InvalidRequest
from monotron.model import SeriesKey

MOST_ATTRIBUTES = 64
"""Of one token of one series."""


class Attributes(ABC):
    """The attributes of all tokens. A token need not have a value, nor its series exist.

    They belong to the life of the series: `Store.delete` ends them too, also where the series
    keeps its height or never gave a value, and none of an old life is ever seen in a new one.
    They change nothing of what a series gives. Errors of the engine are raised as by `Store`.
    What is answered was so at some moment between call and return, and what one call was
    answered, every later call sees.
    """

    @abstractmethod
    def all(self, series: SeriesKey, token: str) -> dict[str, str]:
        """The attributes of the token, in the order of their names' code points."""

    @abstractmethod
    def merge(self, series: SeriesKey, token: str, attributes: Mapping[str, str]) -> dict[str, str]:
        """Set these attributes, and leave the others as they are. Answers all, durably set.

        Atomic: all of it, or with `InvalidRequest` nothing, where the token would have more than
        `MOST_ATTRIBUTES`. May be repeated after an error.
        """

    @abstractmethod
    def remove(self, series: SeriesKey, token: str, name: str | None) -> bool:
        """Remove the attribute of this name, or all with None. Answers whether there was one.

        Atomic, and may be repeated after an error.
        """


def merged(stands: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """What a token has once *given* is merged into what *stands*; `InvalidRequest` if too much."""
    together = {**stands, **given}
    if len(together) > MOST_ATTRIBUTES:
        raise InvalidRequest(
            f"The token would have {len(together)} attributes, and at most {MOST_ATTRIBUTES} are "
            "kept, so none was set. Remove some first, or put several into one."
        )
    return dict(sorted(together.items()))
