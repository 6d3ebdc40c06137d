"""The checks of the versions of a name after all faults."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from faults.version_http import NAME, result_of
from faults.version_load import INITIAL
from monotron.model.semver import Release, VersionName
from monotron.model.versions.requests import (
    Adopt,
    Assign,
    GetNewest,
    GetOfToken,
    Reverse,
    Withdraw,
)
from simulation.version_checker import violations
from simulation.version_history import VersionHistory
from simulation.version_withdrawals import Withdrawals
from support.http import Client

READS = (GetNewest, GetOfToken)


def records(client: Client, name: VersionName = NAME) -> list[Release]:
    """All records of the name."""
    found: list[Release] = []
    before = ""
    while True:
        page = client.request("GET", f"/v1/releases/{name.name}?limit=1000{before}").json()
        found += [result_of(each, None).release for each in page["releases"]]
        if page["next"] is None:
            return found
        before = f"&before={page['next']}"


def check(
    history: VersionHistory,
    client: Client,
    name: VersionName = NAME,
    copied: Collection[str] = (),
) -> list[Release]:
    """Compare the responses with each other, and with what a server returns now.

    *copied*: the tokens whose requests a proxy has sent once more. Return all records of the
    name, whose first version is `INITIAL`.
    """
    answers = list(history.answers())
    assert list(violations(answers, history.calls)) == []
    assert list(missed(history)) == []
    stored = records(client, name)
    answered = {
        result.release.version_text: result.release.token
        for call, result in answers
        if not isinstance(call.request, READS)
    }
    # The retry of an adoption is refused if a higher version was assigned meanwhile.
    adopted_in_doubt = {
        f"{call.request.version}"
        for call in history.calls
        if call.in_doubt and isinstance(call.request, Adopt)
    }
    found = {each.version_text: each.token for each in stored}
    versions = set(found)
    for version in adopted_in_doubt & found.keys() - answered.keys():
        assert found.pop(version) is None
    for version in found.keys() & answered_to_no_one(history, answered, found, copied):
        del found[version]
    assert found == answered | {f"{INITIAL}": None}
    for call, result in answers:
        is_read = isinstance(call.request, READS)
        assert not is_read or result.release.version_text in versions
    assert skipped(stored) == []
    withdrawals = Withdrawals(name, history.calls)
    for release in stored:
        if release.withdrawn:
            assert withdrawals.requested(release.version_text)
        elif withdrawals.requested(release.version_text):
            reversals = (call.request for call in history.calls if call.result)
            assert Reverse(name, release.version, "") in (
                each._replace(by="") for each in reversals if isinstance(each, Reverse)
            )
    return stored


def answered_to_no_one(
    history: VersionHistory,
    answered: Mapping[str, str | None],
    found: Mapping[str, str | None],
    copied: Collection[str],
) -> set[str]:
    """Second versions of *copied* tokens that a late copy may have assigned unnoticed.

    The copy requests a new version if the first one is withdrawn, and its outcome is unknown.
    """
    withdrawn = {
        f"{call.request.version}" for call in history.calls if isinstance(call.request, Withdraw)
    }
    tokens = {token for version, token in answered.items() if version in withdrawn} & {
        call.request.token
        for call in history.calls
        if call.in_doubt
        and isinstance(call.request, Assign)
        and call.request.token in copied
        and call.request.parameters.new_if_withdrawn
    }
    return {version for version in found.keys() - answered.keys() if found[version] in tokens}


def missed(history: VersionHistory) -> Iterator[str]:
    """Yield look-ups that found nothing, although their token had a version before.

    A version remains the one of its token, also if it is withdrawn.
    """
    known: dict[str | None, list[tuple[float, Release]]] = defaultdict(list)
    for call, result in history.answers():
        if isinstance(call.request, Assign) and result.changed:
            known[result.release.token].append((call.returned, result.release))
    for call in history.calls:
        if isinstance(call.request, GetOfToken) and call.error is not None:
            for returned, release in known[call.request.token]:
                if returned < call.called and call.request.label in (None, release.label):
                    yield f"a look-up of {call.request.token!r} missed {release.version_text}"


def withdrawn(releases: Iterable[Release]) -> int:
    """The number of versions that are withdrawn."""
    return sum(release.withdrawn is not None for release in releases)


def skipped(releases: Iterable[Release]) -> list[str]:
    """The versions that skip a number: no version has the number before."""
    numbers: dict[str, set[int]] = defaultdict(set)
    ends: list[tuple[str, Release, int]] = []
    for release in releases:
        major, minor, patch = release.target
        series = [("major", major), (f"minor-v{major}", minor), (f"patch-v{major}.{minor}", patch)]
        if release.label:
            series = [(f"{release.label}-v{release.target}", release.number)]
        for key, number in series:
            numbers[key].add(number)
        if release.bump != "exact" and release.token is not None:
            key, number = next(each for each in reversed(series) if each[1])
            ends.append((key, release, number))
    return [
        release.version_text
        for key, release, number in ends
        if number > 1 and number - 1 not in numbers[key]
    ]
