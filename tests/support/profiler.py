"""What MongoDB's profiler recorded in a test (the fixture `profiled`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def profiling(profiled: Any) -> Iterator[None]:
    """Record all operations of the block."""
    profiled.command("profile", 2)
    try:
        yield
    finally:
        profiled.command("profile", 0)


def queries(profiled: Any) -> list[dict[str, Any]]:
    """What the profiler recorded about queries of collections with many documents.

    The store also renews its registration, at any moment.
    """
    found = list(profiled["system.profile"].find({"docsExamined": {"$exists": True}}))
    assert found
    others = ("system.profile", "registrations")
    return [each for each in found if each["ns"].partition(".")[2] not in others]
