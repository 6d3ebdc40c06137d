"""What MongoDB's profiler recorded in a test (the fixture `profiled`)."""

from typing import Any


def queries(profiled: Any) -> list[dict[str, Any]]:
    """What the profiler recorded about queries of collections with many documents."""
    found = list(profiled["system.profile"].find({"docsExamined": {"$exists": True}}))
    assert found
    return [each for each in found if each["ns"].rpartition(".")[2] != "system.profile"]
