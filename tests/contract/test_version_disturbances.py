"""Versions keep their guarantees if their series are counted, advanced and deleted directly."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from contract.asking import high_water_marks
from contract.version_machines import (
    NAME,
    ModelHost,
    accounts,
    numbers,
    plain_requests,
    run,
    tokens,
)
from contract.version_records import Parameters, line_of, version_request, view
from contract.version_series import COMPONENTS, ZERO, Number
from monotron.model.allocation import AllocationRequest
from monotron.model.semver import ZERO_VERSION, Final, Release, VersionName, sort_key_range
from monotron.model.series import ANYONE, INT64_MAX, Reuse, SeriesKey
from monotron.model.versions.requests import VersionRequest, VersionResult
from monotron.store import open_store

SUFFIXES = ["major", *(f"minor-v{major}" for major in range(3))]
SUFFIXES += [f"patch-v{major}.{minor}" for major in range(3) for minor in range(4)]
SUFFIXES += ["rc-v0.0.1", "rc-v0.1.0", "rc-v1.0.0", "rc-v1.1.0"]
suffixes = st.sampled_from(SUFFIXES)
counting_tokens = st.sampled_from(["h1", "h2", "h3"])
"""Tokens that are also assigned numbers directly in the series."""

REFUSALS = {
    "token_taken",
    "out_of_line",
    "line_not_found",
    "already_released",
    "invalid_bump",
    "series_exhausted",
}


class SeriesBefore(NamedTuple):
    """A series before a request."""

    value: int
    of_token: int
    """The last number of the token of the request; 0 without one."""
    advance: int
    """The value of the last advance; 0 if there was none."""


class DisturbedVersions(RuleBasedStateMachine):
    """Series are counted, advanced and deleted directly.

    A token keeps one version per label permanently, a version is assigned once, and it has a number
    of its token. The number is the next one of the series, or the one that the token was assigned
    directly: only if it is higher than every recorded version of the series, and no advance came
    later. So each version is higher than the recorded ones. A dry run always returns the next
    result.
    """

    host: ModelHost

    def __init__(self) -> None:
        super().__init__()
        self.account = next(accounts)
        self.releases: dict[tuple[str, str | None], Release] = {}
        self.records: dict[str, Release] = {}
        """All records, by their sort keys."""

        self.counted: set[str] = set()
        """The series that were counted or advanced directly."""

    def series(self, suffix: str) -> SeriesKey:
        return SeriesKey(self.account, f"{NAME}-{suffix}")

    @rule(suffix=suffixes, token=counting_tokens, reuse=st.sampled_from(Reuse))
    def count_directly(self, suffix: str, token: str, reuse: Reuse) -> None:
        self.counted.add(suffix)
        self.host.store.allocate([AllocationRequest(self.series(suffix), token, reuse, ANYONE)])

    @rule(suffix=suffixes, by=st.integers(1, 4))
    def advance_directly(self, suffix: str, by: int) -> None:
        self.counted.add(suffix)
        value = self.high_water_mark(suffix)
        self.host.store.advance_to(self.series(suffix), min(value + by, INT64_MAX), ANYONE)

    @rule(suffix=suffixes, restart=st.booleans())
    def delete_directly(self, suffix: str, restart: bool) -> None:
        self.host.store.delete(self.series(suffix), restart=restart)

    @rule(
        token=tokens | counting_tokens,
        parameters=plain_requests(),
        text=st.sampled_from(["fix: a", "feat: b", "feat!: c"]),
    )
    def next(self, token: str, parameters: Parameters, text: str) -> None:
        latest = self.latest()
        expected = self.put(token, parameters, text, dry_run=True)
        before = None
        if not isinstance(expected, str) and not expected.reused:
            before = self.read_series(expected.release)
        result = self.put(token, parameters, text)
        assert result == expected if isinstance(expected, str) else view(expected) == view(result)
        if isinstance(result, str):
            self.check_refusal(result, token, parameters, latest)
            return
        release, token_and_label = result.release, (token, parameters.label)
        assert result.latest.overall == (
            parameters.label is None and release.target == self.latest()
        )
        if result.reused:
            assert self.releases[token_and_label] == release
            return
        is_first = not self.records and latest == ZERO_VERSION
        if adopts := is_first and parameters.initial not in (None, ZERO):
            latest = Final(*parameters.initial)
            adopted = Release(release.name, None, latest)
            self.records[adopted.sort_key] = adopted
        assert token_and_label not in self.releases
        assert release.sort_key not in self.records
        assert (release.token, release.label) == token_and_label
        assert (release.line, release.metadata) == (line_of(parameters.line), parameters.metadata)
        assert release.bump == parameters.bump or parameters.bump == "auto"
        self.check_previous(release)
        self.check_successor(release, latest, parameters)
        assert before is not None
        self.check_number(release, before, latest, adopts=adopts)
        self.releases[token_and_label] = release
        self.records[release.sort_key] = release

    def put(
        self, token: str, parameters: Parameters, text: str, *, dry_run: bool = False
    ) -> VersionResult | str:
        request = version_request(parameters, dry_run=dry_run)
        return self.host.outcome(
            self.host.versions.next(self.account, NAME, token, request, text.encode())
        )

    def check_refusal(self, code: str, token: str, parameters: Parameters, latest: Final) -> None:
        if code == "value_would_fall":
            assert parameters.initial
            assert latest == ZERO_VERSION
            initial = Final(*parameters.initial)
            assert initial < self.beyond(initial)
            return
        assert code in REFUSALS
        if code == "token_taken":
            assert (token, parameters.label) in self.releases

    def key_of(self, release: Release) -> SeriesKey:
        """The series whose number the release has."""
        major, minor, _ = release.target
        if release.label:
            return self.series(f"{release.label.replace('-', '.')}-v{release.target}")
        suffixes = ("major", f"minor-v{major}", f"patch-v{major}.{minor}")
        return self.series(suffixes[component_of(release)])

    def read_series(self, release: Release) -> SeriesBefore:
        """The series of the release, before the release is assigned."""
        series, store = self.key_of(release), self.host.store
        entries = [store.entry(series, token) for token in (release.token, None)]
        (value,) = high_water_marks(store, [series])
        return SeriesBefore(value, *(entry.value if entry else 0 for entry in entries))

    def check_number(
        self, release: Release, before: SeriesBefore, latest: Final, *, adopts: bool
    ) -> None:
        """The number belongs to the token, and no number is skipped."""
        store, series = self.host.store, self.key_of(release)
        part = component_of(release)
        number = release.number if release.label else release.target[part]
        entry = store.entry(series, release.token)
        assert entry is not None
        assert entry.value == number
        assert high_water_marks(store, [series]) == [max(before.value, number)]
        parents = () if release.label else release.target[:part]
        recorded = [
            each.number if release.label else each.target[part]
            for each in self.records.values()
            if each.label == release.label
            and (each.target == release.target if release.label else each.target[:part] == parents)
        ]
        if release.bump == "final":
            return
        # An adoption by `initial` advances the series before.
        base = latest[part] if latest[:part] == parents and not release.label else 0
        usable = before.of_token > max(before.advance, *recorded, 0)
        if usable and not adopts:
            assert number == before.of_token
        elif number != before.of_token or not usable:
            assert number == max(before.value, base, *recorded, 0) + 1

    def check_previous(self, release: Release) -> None:
        """The previous version is the highest lower final version that is recorded."""
        finals = [each for each in self.finals() if each.target < release.target]
        if finals:
            highest = max(finals, key=lambda each: each.target)
            assert release.previous == highest.target
            assert release.previous_token == highest.token
        else:  # the series were counted directly
            assert release.previous is None or release.previous < release.target
            assert release.previous_token is None

    def check_successor(self, release: Release, latest: Final, parameters: Parameters) -> None:
        """The version is higher than those that it must follow, and has the right components."""
        target, line = release.target, release.line
        finals = [each.target for each in self.finals()]
        assert target not in finals
        if release.bump == "final":
            pre_releases = [each for each in self.records.values() if each.label]
            if parameters.promote:
                pre_releases = [each for each in pre_releases if each.label == parameters.promote]
            assert target in [each.target for each in pre_releases]
            assert target > max(self.of_its_line(target, finals), default=ZERO_VERSION)
            return
        assert line is None or line.covers(target)
        assert target > max((each for each in finals if covered(line, each)), default=ZERO_VERSION)
        channel = [
            each
            for each in self.records.values()
            if release.label and each.label == release.label and covered(line, each.target)
        ]
        assert all(each.sort_key < release.sort_key for each in channel)
        assert release.bump in COMPONENTS
        part = COMPONENTS.index(release.bump)
        bumped = Final(*(*target[: part + 1], *ZERO[part + 1 :]))
        open_targets = [each.target for each in channel]
        if target in open_targets:
            return
        assert target == bumped
        assert target[part] > 0
        if line is None and release.label:
            assert target == successor(latest, part)
        elif line is None:
            # Higher than the latest version, unless the token has a lower number already.
            assert target[:part] == latest[:part]

    def of_its_line(self, target: Final, finals: list[Final]) -> list[Final]:
        """The recorded versions of the minor line, or else of the major line, or else all.

        Series that were counted directly start a line as well.
        """
        for size, suffix in (2, f"patch-v{target.major}.{target.minor}"), (1, f"-v{target.major}"):
            of_line = [each for each in finals if each[:size] == target[:size]]
            if of_line or any(suffix in each for each in self.counted):
                return of_line
        return finals

    @rule(number=numbers)
    def adopt(self, number: Number) -> None:
        version = Final(*number)
        latest = self.latest()
        result = self.host.outcome(self.host.versions.adopt(self.account, NAME, version, ANYONE))
        if isinstance(result, str):
            assert result == "value_would_fall"
            assert version < max(latest, Final(0, 0, 1), self.beyond(version))
            return
        release = result.release
        assert version >= latest
        assert release.target == version == self.latest()
        assert result.latest.overall
        assert result.reused == (version.sort_key in self.records)
        if not result.reused:
            self.check_previous(release)
        assert self.records.setdefault(version.sort_key, release).token == release.token

    @rule(number=numbers)
    def at(self, number: Number) -> None:
        version = Final(*number)
        result = self.host.outcome(
            self.host.versions.at(self.account, NAME, Release(self.name, None, version).version)
        )
        if isinstance(result, str):
            assert result == "version_not_found"
            assert version.sort_key not in self.records
            assert version == ZERO_VERSION or version != self.latest()
        else:
            assert result.latest.overall == (version == self.latest())
            assert result.latest.overall or version.sort_key in self.records

    @rule(random=st.randoms(use_true_random=False))
    def repeat(self, random: Any) -> None:
        if not self.releases:
            return
        (token, label), release = random.choice(list(self.releases.items()))
        versions = self.host.versions
        again = VersionRequest(bump="auto", label=label)
        result = self.host.run(versions.next(self.account, NAME, token, again))
        assert result.reused
        assert result.release == release
        assert result.changed
        found = result._replace(changed=False, notes=())
        assert self.host.run(versions.at(self.account, NAME, release.version)) == found
        if label is None:
            assert self.host.run(versions.of_token(self.account, NAME, token, None)) == found

    @property
    def name(self) -> VersionName:
        return VersionName(self.account, NAME)

    def latest(self) -> Final:
        result = self.host.outcome(self.host.versions.latest(self.account, NAME))
        return ZERO_VERSION if isinstance(result, str) else result.release.target

    def finals(self) -> list[Release]:
        return [each for each in self.records.values() if each.label is None]

    def high_water_mark(self, suffix: str) -> int:
        return high_water_marks(self.host.store, [self.series(suffix)])[0]

    def beyond(self, version: Final) -> Final:
        """The latest version if the series were advanced to exactly this version."""
        minor = max(version.minor, self.high_water_mark(f"minor-v{version.major}"))
        patch = self.high_water_mark(f"patch-v{version.major}.{minor}")
        least = version.patch if minor == version.minor else 0
        return Final(version.major, minor, max(least, patch))

    @invariant()
    def the_records_are_the_assigned_versions(self) -> None:
        page = self.host.store.releases.page(self.name, sort_key_range(), None, 1000)
        assert [each.sort_key for each in page] == sorted(self.records, reverse=True)
        assert [each.token for each in page] == [self.records[each.sort_key].token for each in page]
        if finals := self.finals():
            assert self.latest() >= max(each.target for each in finals)


def component_of(release: Release) -> int:
    """The index of the counted component; for a promotion, the one that its target bumps."""
    if release.bump in COMPONENTS:
        return COMPONENTS.index(release.bump)
    _, minor, patch = release.target
    return 2 if patch else 1 if minor else 0


def covered(line: Any, version: Final) -> bool:
    return line is None or line.covers(version)


def successor(version: Final, part: int) -> Final:
    return Final(*(*version[:part], version[part] + 1, *ZERO[part + 1 :]))


def test_versions_keep_their_guarantees_on_sqlite() -> None:
    run(DisturbedVersions, open_store("sqlite://"), 60)


def test_versions_keep_their_guarantees_on_mongod(database_url: str) -> None:
    run(DisturbedVersions, open_store(database_url), 5)
