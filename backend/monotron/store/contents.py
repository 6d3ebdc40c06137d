"""What a store contains, and the space that it uses."""

from collections.abc import Mapping
from typing import NamedTuple


class StoreContents(NamedTuple):
    """The numbers of rows."""

    names: int
    series: int
    """Without deleted ones, and with those that count versions."""


class StoreSize(NamedTuple):
    """The space that a store uses, and the space that is left, in bytes."""

    bytes: Mapping[str, int]
    """The size of each file, or of the database."""
    available: int | None = None
    """The free space of the disk of a file. None for a store in memory, or of another machine."""
