"""The checks of the versions in a store after a power failure."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from faults.version_aftermath import READS, skipped
from faults.version_load import INITIAL
from monotron.errors import MonotronError
from monotron.model.semver import Release, VersionName, sort_key_range
from monotron.model.versions.requests import Adopt, Assign, Reverse, Withdraw
from monotron.store import Store
from simulation.version_checker import violations
from simulation.version_history import Call, VersionHistory


class SurvivedVersions(NamedTuple):
    """The numbers of versions of a name after a power failure."""

    answered: int
    """The versions that callers knew."""
    in_doubt: int
    """The tokens without a response, and adoptions without one."""
    applied: int
    """The versions in the store that only requests in doubt explain."""


def versions_until(history: VersionHistory, moment: float) -> VersionHistory:
    """Return what callers knew at the moment. Running requests are in doubt."""
    known = VersionHistory(time.monotonic)
    for call in history.calls:
        if call.called < moment:
            is_running = call.returned >= moment
            known.calls.append(Call(call.request, call.called) if is_running else call)
    return known


def check_versions_after_cut(
    store: Store, name: VersionName, known: VersionHistory
) -> SurvivedVersions:
    """Compare the records with what callers knew.

    Retry the assignments in doubt, except those from commit messages, which a history does not
    contain. Adoptions, withdrawals and reversals are not retried.
    """
    stored = records(store, name)
    found = {each.version_text: each.token for each in stored}
    assert list(lost_versions(stored, known)) == []
    answered = answered_versions(known)
    requests = dict.fromkeys(call.request for call in known.calls if call.in_doubt)
    tokens = {request.token for request in requests if isinstance(request, Assign)}
    adopted = {f"{request.version}" for request in requests if isinstance(request, Adopt)}
    others = found.keys() - answered.keys() - {f"{INITIAL}"}
    for version in others:
        assert version in adopted if found[version] is None else found[version] in tokens
    assert skipped(stored) == []
    assert list(wrong_withdrawals(stored, known.calls)) == []
    for request in requests:
        if isinstance(request, Assign) and request.parameters.bump != "auto":
            call = known.call(request)
            [result] = store.releases.decide([request])
            if isinstance(result, MonotronError):
                known.refused(call, result)
            else:
                known.answered(call, result)
    assert list(violations(list(known.answers()), known.calls)) == []
    assert skipped(records(store, name)) == []
    in_doubt = len(tokens - {*answered.values()}) + len(adopted - answered.keys())
    return SurvivedVersions(len(answered), in_doubt, len(others))


def answered_versions(known: VersionHistory) -> dict[str, str | None]:
    """The versions that callers were assigned, or adopted, withdrew or restored, by token."""
    return {
        result.release.version_text: result.release.token
        for call, result in known.answers()
        if not isinstance(call.request, READS)
    }


def lost_versions(stored: Iterable[Release], known: VersionHistory) -> Iterator[str]:
    """Yield versions that callers knew, also from a look-up, and that the store does not have."""
    found = {each.version_text: each.token for each in stored}
    seen = {result.release.version_text: result.release.token for _, result in known.answers()}
    if known.calls:
        seen[f"{INITIAL}"] = None
    for version, token in seen.items():
        if found.get(version, "lost") != token:
            yield version


def records(store: Store, name: VersionName) -> list[Release]:
    """All records of the name."""
    return store.releases.page(name, sort_key_range(), None, 100_000)


def wrong_withdrawals(releases: Iterable[Release], calls: Iterable[Call]) -> Iterator[str]:
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
