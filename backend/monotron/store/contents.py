"""What a store contains."""

from collections.abc import Mapping
from typing import NamedTuple


class StoreContents(NamedTuple):
    """The number of rows, and the size."""

    names: int
    series: int
    """Without deleted ones, and with those that count versions."""
    bytes: Mapping[str, int]
    """The size of each file, or of the database."""
