"""What MongoDB's profiler recorded in a test (the fixture `profiled`)."""

from typing import Any


def queries(profiled: Any) -> list[dict[str, Any]]:
    """What the profiler recorded about queries of collections with many documents.

    The store also renews its registration, at any moment.
    """
    found = list(profiled["system.profile"].find({"docsExamined": {"$exists": True}}))
    assert found
    others = ("system.profile", "registrations")
    return [each for each in found if each["ns"].partition(".")[2] not in others]
