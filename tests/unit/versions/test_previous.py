"""`previous` of a version is a version that exists."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from monotron.model.calendar_versions import CalendarFormat
from monotron.model.semver import VersionName
from monotron.model.versions.batch import decide_all
from monotron.model.versions.facts import Fact
from monotron.model.versions.requests import Assign, VersionRequest, VersionResult
from monotron.model.versions.state import State


def nothing(facts: Iterable[Fact[Any]]) -> Mapping[Fact[Any], Any]:
    """Read the facts of an empty store."""
    return {fact: fact.absent() for fact in facts}


@pytest.mark.parametrize("format_", CalendarFormat)
@pytest.mark.parametrize("label", [None, "rc"])
def test_nothing_precedes_the_first_calendar_version(
    format_: CalendarFormat, label: str | None
) -> None:
    parameters = VersionRequest("calendar", label, calendar=format_)
    (result,) = decide_all(State(), [Assign(VersionName(1, "a"), "t", parameters)], nothing)
    assert isinstance(result, VersionResult)
    assert result.release.previous is None
