"""Writes records that the rules of versions would not assign, and reads facts: in a real store."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from monotron.model.semver import Final, Release, VersionName
from monotron.model.versions.changes import Change
from monotron.model.versions.facts import Fact, RecordsOf, SummaryOf
from monotron.model.versions.requests import NOT_LATEST, Decision, VersionResult
from monotron.model.versions.state import State
from monotron.store import Store

UNUSED_NAME = VersionName(1, "a name without versions")


class AnyRequest(NamedTuple):
    """A request for a rule of a test."""

    name: VersionName


@contextmanager
def rule_of(store: Store, rule: Callable[[State, Any], Decision]) -> Iterator[None]:
    """Replace the rules of versions in stores of this type."""
    stores: Any = type(store.releases)
    original = stores.rule
    stores.rule = staticmethod(rule)
    try:
        yield
    finally:
        stores.rule = staticmethod(original)


def write(store: Store, *releases: Release) -> None:
    """Write these records in one transaction."""

    def rule(state: State, _: AnyRequest) -> Decision:
        state.need(
            *(SummaryOf(each.name) for each in releases),
            *(RecordsOf(each.name, each.token) for each in releases if each.token is not None),
        )
        return Decision(VersionResult(releases[0], NOT_LATEST, reused=False), Change((), releases))

    with rule_of(store, rule):
        (result,) = store.releases.decide([AnyRequest(releases[0].name)])  # type: ignore[list-item]
    assert isinstance(result, VersionResult), result


def read(store: Store, *facts: Fact[Any]) -> list[Any]:
    """The facts, read in one transaction."""
    values: list[Any] = []

    def rule(state: State, request: AnyRequest) -> Decision:
        state.need(*facts)
        values.extend(state.get(fact) for fact in facts)
        nothing = Release(request.name, None, Final(0, 0, 0))
        return Decision(VersionResult(nothing, NOT_LATEST, reused=False))

    with rule_of(store, rule):
        store.releases.decide([AnyRequest(UNUSED_NAME)])  # type: ignore[list-item]
    return values
