"""Decides about the requests of a batch, each on top of the earlier ones."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from monotron.errors import MonotronError
from monotron.model.component_keys import COMPONENTS
from monotron.model.semver import ZERO_VERSION, Final, VersionName, sort_key
from monotron.model.versions.facts import (
    Fact,
    LastValueOf,
    Missing,
    RecordAt,
    RecordsOf,
    SummaryOf,
    component_head,
)
from monotron.model.versions.requests import (
    ALONE,
    Assign,
    Decision,
    GetNewest,
    GetOfToken,
    GetRelease,
    Request,
    VersionResult,
)
from monotron.model.versions.rules import decide
from monotron.model.versions.state import State

Results: TypeAlias = list[VersionResult | MonotronError]

Read: TypeAlias = Callable[[Iterable[Fact[Any]]], Mapping[Fact[Any], Any]]
"""Reads facts in the transaction of the batch."""

MAX_LOOKAHEADS = 4
"""How often the facts that later requests need are read together with those of the first one."""


def decide_all(
    state: State,
    requests: Sequence[Request],
    read: Read,
    rule: Callable[[State, Request], Decision] = decide,
) -> Results:
    """Decide about the requests in order of arrival, and apply their changes to the state.

    An error of one request is its result. *read* is called few times: what all requests need is
    read together. Raises `ValueError` if a request that must be alone is not.
    """
    if len(requests) > 1 and any(isinstance(request, ALONE) for request in requests):
        raise ValueError("a withdrawal, and its reversal, must be the only request of a batch")
    state.load(read(_unique(_first_facts(requests))))
    state.load(read(_unique(_likely_facts(state, requests))))
    results: Results = []
    lookaheads = 0
    for position, request in enumerate(requests):
        while True:
            try:
                decision = rule(state, request)
                state.apply(decision.change)
                results.append(decision.result)
            except MonotronError as error:
                results.append(error)
            except Missing as missing:
                facts = [*missing.facts]
                if lookaheads < MAX_LOOKAHEADS:
                    lookaheads += 1
                    for later in requests[position + 1 :]:
                        facts += _missing(state, later, rule)
                state.load(read(_unique(facts)))
                continue
            break
    return results


def _unique(facts: Iterable[Fact[Any]]) -> Iterable[Fact[Any]]:
    """The facts once each, in a fixed order: the simulator repeats a run exactly."""
    return dict.fromkeys(facts)


def _first_facts(requests: Iterable[Request]) -> Iterator[Fact[Any]]:
    """The facts that every request needs."""
    for request in requests:
        yield SummaryOf(request.name)
        if isinstance(request, Assign | GetOfToken):
            yield RecordsOf(request.name, request.token)


def _likely_facts(state: State, requests: Iterable[Request]) -> Iterator[Fact[Any]]:
    """Facts that most requests need. Which ones has no influence on the results."""
    newest: dict[VersionName, Final] = {}
    for request in requests:
        name = request.name
        base = newest.get(name) or state.get(SummaryOf(name)).newest or ZERO_VERSION
        yield from _heads(name, base)
        if isinstance(request, GetRelease):
            yield RecordAt(name, sort_key(request.version))
        elif isinstance(request, GetNewest) and base != ZERO_VERSION:
            yield RecordAt(name, base.sort_key)
        if not isinstance(request, Assign) or state.get(RecordsOf(name, request.token)):
            continue
        bump = (request.commits.bump if request.commits else None) or request.parameters.bump
        if bump in COMPONENTS:
            yield LastValueOf(component_head(name, bump, base).series, request.token)
        if bump == "minor":
            newest[name] = Final(base.major, base.minor + 1, 0)
        elif bump == "major":
            newest[name] = Final(base.major + 1, 0, 0)
        if name in newest:
            yield from _heads(name, newest[name])


def _heads(name: VersionName, version: Final) -> Iterator[Fact[Any]]:
    line = Final(version.major, version.minor, 0)  # the same objects for all patches
    for component in COMPONENTS:
        yield component_head(name, component, line)


def _missing(
    state: State, request: Request, rule: Callable[[State, Request], Decision]
) -> Sequence[Fact[Any]]:
    try:
        rule(state, request)
    except Missing as missing:
        return missing.facts
    except MonotronError:
        pass
    return ()
