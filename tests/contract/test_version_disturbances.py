"""Versions keep their guarantees if their series are changed directly and servers crash."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from monotron.services.versions.types import Plan
from semver import Version

from contract.version_machines import NAME, ModelHost, accounts, numbers, requests, run, tokens
from contract.version_model import (
    COMPONENTS,
    ZERO,
    Number,
    Parameters,
    line_of,
    version_request,
    view,
)
from monotron.errors import MonotronError
from monotron.model.allocation import AllocationRequest
from monotron.model.semver import Release, VersionName
from monotron.model.series import ANYONE, INT64_MAX, Reuse, SeriesKey
from monotron.model.versions.requests import VersionRequest, VersionResult
from monotron.store import open_store

SUFFIXES = ["major", *(f"minor-v{major}" for major in range(3))]
SUFFIXES += [f"patch-v{major}.{minor}" for major in range(3) for minor in range(4)]
SUFFIXES += ["rc-v0.0.1", "rc-v0.1.0", "rc-v1.0.0", "rc-v1.1.0"]
suffixes = st.sampled_from(SUFFIXES)

REFUSALS = {
    "token_taken",
    "out_of_line",
    "line_not_found",
    "already_released",
    "invalid_bump",
    "series_exhausted",
}


class Crash(Exception):
    """The server crashed."""


class DisturbedVersions(RuleBasedStateMachine):
    """Series are counted, advanced and deleted directly, and servers crash.

    A token keeps one version per label permanently. A version is assigned once, and each version
    follows those before it. One exception: a token whose value was allocated before a crash can
    get a version below the latest, unless a later version was adopted since. A dry run always
    returns the next result.
    """

    host: ModelHost

    def __init__(self) -> None:
        super().__init__()
        self.account = next(accounts)
        self.releases: dict[tuple[str, str | None], Release] = {}
        self.versions: dict[Version, str | None] = {}
        self.interrupted: set[tuple[str, SeriesKey]] = set()
        """Tokens that may have a value of a series without a record."""

    def series(self, suffix: str) -> SeriesKey:
        return SeriesKey(self.account, f"{NAME}-{suffix}")

    @rule(suffix=suffixes, token=st.sampled_from(["h1", "h2", "h3"]), reuse=st.sampled_from(Reuse))
    def count_directly(self, suffix: str, token: str, reuse: Reuse) -> None:
        self.host.store.allocate([AllocationRequest(self.series(suffix), token, reuse, ANYONE)])

    @rule(suffix=suffixes, by=st.integers(1, 4))
    def advance_directly(self, suffix: str, by: int) -> None:
        (high_water_mark,) = self.host.store.high_water_marks([self.series(suffix)])
        self.host.store.advance_to(
            self.series(suffix), min(high_water_mark + by, INT64_MAX), ANYONE
        )

    @rule(suffix=suffixes, restart=st.booleans())
    def delete_directly(self, suffix: str, restart: bool) -> None:
        self.host.store.delete(self.series(suffix), restart=restart)

    @rule(
        token=tokens, parameters=requests(), text=st.sampled_from(["fix: a", "feat: b", "feat!: c"])
    )
    def next(self, token: str, parameters: Parameters, text: str) -> None:
        latest = self.latest()
        expected = self.put(token, parameters, text, dry_run=True)
        result = self.put(token, parameters, text)
        assert result == expected if isinstance(expected, str) else view(expected) == view(result)
        if isinstance(result, str):
            if result == "value_would_fall":
                assert parameters.initial
                assert latest is None
                assert Version(*parameters.initial) < self.beyond(Version(*parameters.initial))
                return
            assert result in REFUSALS
            if result == "token_taken":
                assert (token, parameters.label) in self.releases
            return
        release, token_and_label = result.release, (token, parameters.label)
        assert result.latest == (parameters.label is None and release.version == self.latest())
        if result.reused:
            assert self.releases[token_and_label] == release
            return
        if not latest and not self.versions and parameters.initial and parameters.initial != ZERO:
            latest = Version(*parameters.initial)
            self.versions[latest] = None
        assert token_and_label not in self.releases
        assert release.version not in self.versions
        assert (release.token, release.label) == token_and_label
        assert (release.line, release.metadata) == (line_of(parameters.line), parameters.metadata)
        assert release.bump == parameters.bump or parameters.bump == "auto"
        if (token, self.series_of(release)) in self.interrupted:
            self.check_value_from_before_a_crash(release)
        else:
            self.check_successor(release, latest or Version(0))
        self.releases[token_and_label] = release
        self.versions[release.version] = token

    def put(
        self, token: str, parameters: Parameters, text: str, *, dry_run: bool = False
    ) -> VersionResult | str:
        request = version_request(parameters, dry_run=dry_run)
        return self.host.outcome(
            self.host.versions.next(self.account, NAME, token, request, text.encode())
        )

    def series_of(self, release: Release) -> SeriesKey:
        """The series whose value the release has."""
        major, minor, _ = release.version.to_tuple()[:3]
        if release.label:
            label = release.label.replace("-", ".")
            return self.series(f"{label}-v{release.version.finalize_version()}")
        suffixes = ("major", f"minor-v{major}", f"patch-v{major}.{minor}")
        return self.series(suffixes[component_of(release)])

    def check_value_from_before_a_crash(self, release: Release) -> None:
        """The release is higher than all adopted versions that its series counts."""
        self.check_previous(release)
        if release.label:
            assert release.version.finalize_version() not in self.versions
            return
        parts = release.version.to_tuple()
        above = parts[: component_of(release)]
        for version, token in self.versions.items():
            if token is None and version.to_tuple()[: len(above)] == above:
                assert version < release.version

    def check_previous(self, release: Release) -> None:
        """The previous version is the highest lower final version that is recorded."""
        target = release.version.finalize_version()
        finals = [each for each in self.versions if each.prerelease is None and each < target]
        if finals:
            assert release.previous == max(finals)
        else:  # the series were counted directly
            assert release.previous is None or release.previous < target

    def check_successor(self, release: Release, latest: Version) -> None:
        version = release.version
        target = version.finalize_version()
        finals = [each for each in self.versions if each.prerelease is None]
        prereleases = [each for each in self.versions if each.prerelease is not None]
        assert target not in finals
        self.check_previous(release)
        if release.bump == "final":
            assert target in [each.finalize_version() for each in prereleases]
            return
        if release.label:
            same = [
                int(str(each.prerelease).split(".")[1])
                for each in prereleases
                if each.finalize_version() == target
                and str(each.prerelease).startswith(f"{release.label}.")
            ]
            assert int(str(version.prerelease).split(".")[1]) > max(same, default=0)
        assert release.bump in COMPONENTS
        part = COMPONENTS.index(release.bump)
        parts = target.to_tuple()[:3]
        assert parts[part] > 0
        assert parts[part + 1 :] == ZERO[part + 1 :]
        if release.line is None:
            assert target > max([latest, *finals])
            assert target == latest.next_version(release.bump)
        else:
            assert release.line.covers(target)
            assert all(each.to_tuple()[:3] < parts for each in finals if release.line.covers(each))

    @rule(token=tokens, parameters=requests())
    def next_and_crash_before_the_record(self, token: str, parameters: Parameters) -> None:
        """A value is allocated, and the server crashes before it records the version."""
        versions = self.host.versions

        def record(plan: Plan, *_: object) -> None:
            self.interrupted.add((token, plan.series))
            raise Crash

        versions._record = record  # type: ignore[assignment, method-assign]
        try:
            self.host.run(
                versions.next(
                    self.account,
                    NAME,
                    token,
                    version_request(parameters._replace(initial=None)),
                    b"feat: a",
                )
            )
        except MonotronError as error:
            code = error.code
            assert code in REFUSALS
        except Crash:
            pass
        finally:
            del versions._record

    @rule(number=numbers)
    def adopt(self, number: Number) -> None:
        version = Version(*number)
        latest = self.latest()
        result = self.host.outcome(self.host.versions.adopt(self.account, NAME, version, ANYONE))
        if isinstance(result, str):
            assert result == "value_would_fall"
            assert version < max(latest or Version(0, 0, 1), self.beyond(version))
            return
        assert not latest or version >= latest
        assert result.release.version == version == self.latest()
        assert result.latest
        assert result.reused == (version in self.versions)
        if not result.reused:
            self.check_previous(result.release)
        assert self.versions.setdefault(version, None) == result.release.token

    @rule(number=numbers)
    def at(self, number: Number) -> None:
        version = Version(*number)
        result = self.host.outcome(self.host.versions.at(self.account, NAME, version))
        if isinstance(result, str):
            assert result == "version_not_found"
            assert version not in self.versions
            assert version != self.latest()
        else:
            assert result.latest == (version == self.latest())
            assert result.latest or version in self.versions

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
        assert self.host.run(versions.at(self.account, NAME, release.version)) == result
        if label is None:
            assert self.host.run(versions.of_token(self.account, NAME, token, None)) == result

    def latest(self) -> Version | None:
        result = self.host.outcome(self.host.versions.latest(self.account, NAME))
        return None if isinstance(result, str) else result.release.version

    def beyond(self, version: Version) -> Version:
        """The latest version if the series were advanced to exactly this version."""

        def high_water_mark(suffix: str) -> int:
            return self.host.store.high_water_marks([self.series(suffix)])[0]

        minor = max(version.minor, high_water_mark(f"minor-v{version.major}"))
        patch = high_water_mark(f"patch-v{version.major}.{minor}")
        least = version.patch if minor == version.minor else 0
        return Version(version.major, minor, max(least, patch))

    @invariant()
    def the_records_are_the_assigned_versions(self) -> None:
        page = self.host.store.releases.page(VersionName(self.account, NAME), "\x7f", 1000)
        assert [each.version for each in page] == sorted(self.versions, reverse=True)
        assert {each.version: each.token for each in page} == self.versions
        if finals := [each for each in self.versions if each.prerelease is None]:
            latest = self.latest()
            assert latest is not None
            assert latest >= max(finals)


def component_of(release: Release) -> int:
    """The index of the counted component; for a promotion, the one that its target bumps."""
    if release.bump in COMPONENTS:
        return COMPONENTS.index(release.bump)
    _, minor, patch = release.version.to_tuple()[:3]
    return 2 if patch else 1 if minor else 0


def test_versions_keep_their_guarantees_on_sqlite() -> None:
    run(DisturbedVersions, open_store("sqlite://"), 60)


def test_versions_keep_their_guarantees_on_mongod(database_url: str) -> None:
    run(DisturbedVersions, open_store(database_url), 5)
