"""The checks of the versions in a store after a power failure."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from faults.version_aftermath import READS, skipped
from faults.version_load import INITIAL
from monotron.errors import MonotronError
from monotron.model.semver import Release, VersionName, sort_key_range
from monotron.model.versions.requests import Adopt, Assign, Reverse, Withdraw
from monotron.store import Store
from simulation.version_checker import violations
from simulation.version_history import Call, VersionHistory


def versions_until(history: VersionHistory, moment: float) -> VersionHistory:
    """Return what callers knew at the moment. Running requests are in doubt."""
    known = VersionHistory(time.monotonic)
    for call in history.calls:
        if call.called < moment:
            known.calls.append(call if call.returned < moment else Call(call.request, call.called))
    return known


class SurvivedVersions(NamedTuple):
    """The numbers of versions of a name."""

    answered: int
    """That callers knew to be assigned or adopted."""
    doubtful: int
    """Requests in doubt that may have assigned a version."""
    applied: int
    """How many of these did."""


def check_versions_after_cut(
    store: Store, name: VersionName, known: VersionHistory
) -> SurvivedVersions:
    """Compare the records with what callers knew, and retry the requests in doubt."""
    stored = records(store, name)
    answered = {
        result.release.version_text: result.release.token
        for call, result in known.answers()
        if not isinstance(call.request, READS)
    }
    found = {each.version_text: each.token for each in stored}
    assert answered.items() <= found.items(), "lost"
    requests = [call.request for call in known.calls if call.in_doubt]
    tokens = {request.token for request in requests if isinstance(request, Assign)}
    adopted = {f"{request.version}" for request in requests if isinstance(request, Adopt)}
    others = found.keys() - answered.keys() - {f"{INITIAL}"}
    for version in others:
        assert version in adopted if found[version] is None else found[version] in tokens
    assert skipped(stored) == []
    assert list(wrong_withdrawals(stored, known.calls)) == []
    for request in requests:
        # The histories do not have the commit messages of `auto`.
        if isinstance(request, Assign) and request.parameters.bump != "auto":
            call = known.call(request)
            [result] = store.releases.decide([request])
            if isinstance(result, MonotronError):
                known.refused(call, result)
            else:
                known.answered(call, result)
    assert list(violations(list(known.answers()), known.calls)) == []
    assert skipped(records(store, name)) == []
    return SurvivedVersions(len(answered), len(tokens) + len(adopted), len(others))


def records(store: Store, name: VersionName) -> list[Release]:
    return store.releases.page(name, sort_key_range(), None, 100_000)


def wrong_withdrawals(releases: Sequence[Release], calls: Sequence[Call]) -> Iterator[str]:
    """Yield versions whose withdrawal, or its reversal, was lost or never requested."""
    withdrawals: dict[str, list[Call]] = defaultdict(list)
    reversals: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if isinstance(call.request, Withdraw) and not call.refused:
            withdrawals[f"{call.request.version}"].append(call)
        elif isinstance(call.request, Reverse) and not call.refused:
            reversals[f"{call.request.version}"].append(call)
    for release in releases:
        version = release.version_text
        of_version = reversals[version]
        if release.withdrawn:
            possible = any(
                not any(each.result and each.called >= call.returned for each in of_version)
                for call in withdrawals[version]
            )
        else:
            possible = all(
                call.result is None or any(each.returned > call.called for each in of_version)
                for call in withdrawals[version]
            )
        if not possible:
            yield version
