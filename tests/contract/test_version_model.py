"""The whole domain of versions against a dictionary of them, written from the contract.

Left alone, the domain does exactly what `Model` says. With somebody who counts, raises and deletes
its series by hand, and with crashes between a step and its record, it need only keep its promises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from semver import Version

from contract.mock import mongomock_store
from monotron.errors import MonotronError
from monotron.model.allocation import AllocationRequest
from monotron.model.semver import Line, Release, VersionName, pre_release
from monotron.model.series import ANYBODY, INT64_MAX, Reuse, SeriesKey
from monotron.services.versions import VersionRequest, VersionResult
from monotron.services.versions.types import Plan
from monotron.store import Store, open_store
from support.services import StoreServices

T = TypeVar("T")
Number = tuple[int, int, int]
LineOf = tuple[int, ...]
"""`(1,)` or `(1, 2)`."""

NOUGHT: Number = (0, 0, 0)
PARTS = ("major", "minor", "patch")
TEXTS = {
    "fix: a": "patch",
    "feat: b": "minor",
    "feat!: c": "major",
    "chore: d\0fix!: e\0feat: f": "major",
    " \n\0": None,
}
"""Commit messages, and the bump that they ask for."""
REASONS = {text: text for text in TEXTS} | {"chore: d\0fix!: e\0feat: f": "fix!: e"}


class Asked(NamedTuple):
    """The parameters of a PUT, and its body."""

    bump: str = "patch"
    label: str | None = None
    line: LineOf | None = None
    metadata: str | None = None
    initial: Number | None = None
    reuse: bool = False
    development: bool = True
    text: str = ""


@dataclass(frozen=True)
class Record:
    number: Number
    token: str | None
    label: str | None = None
    count: int = 0
    bump: str | None = None
    line: LineOf | None = None
    metadata: str | None = None
    previous: Number | None = None
    reason: str | None = None

    @property
    def place(self) -> tuple[Number, bool, str, int]:
        """SemVer §11, of what is given here: labels are ASCII, and numbers follow them."""
        return self.number, self.label is None, self.label or "", self.count


class Told(NamedTuple):
    record: Record
    latest: bool
    reused: bool


Codes = set[str]
"""Those of them that an error may have."""


class Model:
    """What the versions of one name should be, as long as nobody touches its series."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def finals(self, line: LineOf | None = None) -> list[Number]:
        return sorted(each.number for each in self.within(line) if each.label is None)

    def within(self, line: LineOf | None) -> list[Record]:
        size = len(line or ())
        return [each for each in self.records if each.number[:size] == (line or ())]

    def newest(self, line: LineOf | None = None) -> Number | None:
        """What counting on a line goes on from; None: there is nothing."""
        if finals := self.finals(line):
            return finals[-1]
        return NOUGHT if line is None else None

    def told(self, record: Record, *, reused: bool) -> Told:
        latest = record.label is None and record.number == self.finals()[-1]
        return Told(record, latest, reused)

    def next(self, token: str, asked: Asked, *, dry_run: bool = False) -> Told | Codes:
        for stands in self.records:
            if (stands.token, stands.label) == (token, asked.label):
                same = (stands.bump, stands.line) == (asked.bump, asked.line)
                if not (same or asked.bump == "auto" or asked.reuse):
                    return {"token_taken"}
                return self.told(stands, reused=True)
        before = list(self.records)
        found = self.promote(token, asked) if asked.bump == "final" else self.step(token, asked)
        if isinstance(found, Record):
            self.records.append(found)
            told = self.told(found, reused=False)
        if isinstance(found, set) or dry_run:
            self.records = before
        return told if isinstance(found, Record) else found

    def step(self, token: str, asked: Asked) -> Record | Codes:
        codes: Codes = set()
        bump = asked.bump if asked.bump != "auto" else TEXTS[asked.text]
        if bump is None:
            return {"invalid_bump"}
        if asked.initial and not self.records and asked.initial != NOUGHT:
            self.records.append(Record(asked.initial, None))
        newest = self.newest(asked.line)
        if newest is None:
            codes.add("line_not_found")
            newest = NOUGHT
        elif asked.bump == "auto" and bump == "major" and newest[0] == 0 and asked.development:
            bump = "minor"
        if bump not in PARTS[len(asked.line or ()) :]:
            codes.add("out_of_line")
        if codes:
            return codes
        part = PARTS.index(bump)
        if newest[part] == INT64_MAX:
            return {"series_exhausted"}
        target = (*newest[:part], newest[part] + 1, *NOUGHT[part + 1 :])
        count = 1 + max(
            (
                each.count
                for each in self.records
                if (each.number, each.label) == (target, asked.label)
            ),
            default=0,
        )
        return Record(
            target,
            token,
            asked.label,
            count if asked.label else 0,
            bump,
            asked.line,
            asked.metadata,
            self.below(target),
            REASONS[asked.text] if asked.bump == "auto" else None,
        )

    def promote(self, token: str, asked: Asked) -> Record | Codes:
        candidates = [each for each in self.within(asked.line) if each.label]
        own = [each for each in candidates if each.token == token]
        if not candidates:
            return {"line_not_found"} if self.newest(asked.line) is None else {"invalid_bump"}
        target = max(own or candidates, key=lambda each: each.place).number
        part = 2 if target[2] else 1 if target[1] else 0
        same_series = self.finals(target[:part])
        if target in same_series or any(each[part] >= target[part] for each in same_series):
            return {"already_released"}
        below = self.below(target)
        return Record(target, token, None, 0, "final", asked.line, asked.metadata, previous=below)

    def below(self, number: Number) -> Number | None:
        return max((each for each in self.finals() if each < number), default=None)

    def adopt(self, number: Number) -> Told | Codes:
        newest = self.newest()
        assert newest is not None
        if number < newest or number == NOUGHT:
            return {"value_would_fall"}
        for stands in self.records:
            if (stands.number, stands.label) == (number, None):
                return self.told(stands, reused=True)
        self.records.append(record := Record(number, None, previous=self.below(number)))
        return self.told(record, reused=False)

    def of_token(self, token: str, label: str | None) -> Told | Codes:
        mine = [
            each
            for each in self.records
            if each.token == token and (label is None or each.label == label)
        ]
        best = max(mine, key=lambda each: (each.label is None, each.place), default=None)
        return self.told(best, reused=True) if best else {"version_not_found"}

    def at(self, version: str) -> Told | Codes:
        for each in self.records:
            if written(each) == version:
                return self.told(each, reused=True)
        return {"version_not_found"}

    def latest(self) -> Told | Codes:
        finals = self.finals()
        return self.at(text(finals[-1])) if finals else {"version_not_found"}

    def page(self) -> list[Told]:
        ordered = sorted(self.records, key=lambda each: each.place, reverse=True)
        return [self.told(each, reused=True) for each in ordered]


def text(number: Number | None) -> str | None:
    return None if number is None else ".".join(map(str, number))


def written(record: Record) -> str:
    return f"{text(record.number)}" + (f"-{record.label}.{record.count}" if record.label else "")


def line_of(line: LineOf | None) -> Line | None:
    return None if line is None else Line(*line)


def wanted(asked: Asked, *, dry_run: bool = False) -> VersionRequest:
    return VersionRequest(
        bump=asked.bump,  # type: ignore[arg-type]
        label=asked.label,
        line=line_of(asked.line),
        metadata=asked.metadata,
        initial=None if asked.initial is None else Version(*asked.initial),
        reuse_on_conflict=asked.reuse,
        initial_development=asked.development,
        dry_run=dry_run,
    )


View = tuple[object, ...]


def seen(answer: VersionResult) -> View:
    """An answer, but for its time."""
    release = answer.release
    return (
        release.token,
        str(release.version),
        release.bump,
        release.line,
        release.metadata,
        None if release.previous is None else str(release.previous),
        release.reason,
        answer.latest,
        answer.reused,
    )


def expected(told: Told) -> View:
    record = told.record
    return (
        record.token,
        written(record),
        record.bump,
        line_of(record.line),
        record.metadata,
        text(record.previous),
        record.reason,
        told.latest,
        told.reused,
    )


class Domain:
    """The domain of versions on a store, asked from outside its loop."""

    def __init__(self, store: Store, runner: asyncio.Runner) -> None:
        self.store = store
        self.services = StoreServices(store)
        self.series, self.versions = self.services.series, self.services.versions
        self._runner = runner

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(call)

    def ask(self, call: Coroutine[Any, Any, VersionResult]) -> VersionResult | str:
        """The answer, or the code of the error, which says that nothing was done."""
        try:
            return self.run(call)
        except MonotronError as error:
            return error.code if error.applied == "no" else f"{error.code}, perhaps applied"


@contextmanager
def domain_on(store: Store) -> Iterator[Domain]:
    with asyncio.Runner() as runner:
        domain = Domain(store, runner)
        try:
            yield domain
        finally:
            domain.services.close()
            domain.store.close()


accounts = iter(range(1, 10_000_000))
NAME = "some.great/$ervice é"

small = st.integers(0, 3)
numbers = st.tuples(small, small, small) | st.sampled_from(
    [(0, 9, 9), (1, 2, 57), (2, INT64_MAX - 1, 0), (2, 0, INT64_MAX), (INT64_MAX, 1, INT64_MAX - 1)]
)
labels = st.sampled_from(["rc", "RC", "beta", "major", "1a"])
lines = st.one_of(
    st.none(),
    st.none(),
    st.tuples(st.integers(0, 2)),
    st.tuples(st.integers(0, 2), st.integers(0, 3)),
)
tokens = st.sampled_from([f"t{number}" for number in range(24)] + ["$w", "é", "a.b"])


@st.composite
def requests(draw: st.DrawFn) -> Asked:
    bump = draw(st.sampled_from(["patch", "patch", "minor", "minor", "major", "final", "auto"]))
    line = draw(lines)
    return Asked(
        bump,
        None if bump == "final" else draw(st.none() | labels),
        line,
        draw(st.sampled_from([None, None, "sha.1", "x-y"])),
        draw(st.none() | numbers),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.sampled_from(list(TEXTS))),
    )


class Alone(RuleBasedStateMachine):
    """Nobody else touches the series: every answer is known before it is asked for."""

    domain: Domain

    def __init__(self) -> None:
        super().__init__()
        # An account of its own in each run: many runs share a store.
        self.account = next(accounts)
        self.model = Model()

    def check(self, answer: VersionResult | str, told: Told | Codes) -> None:
        if isinstance(told, set):
            assert answer in told
        else:
            assert not isinstance(answer, str), answer
            assert seen(answer) == expected(told)
            assert answer.release.product == VersionName(self.account, NAME)

    def put(self, token: str, asked: Asked, *, dry_run: bool = False) -> VersionResult | str:
        versions = self.domain.versions
        request = wanted(asked, dry_run=dry_run)
        return self.domain.ask(
            versions.next(self.account, NAME, token, request, asked.text.encode())
        )

    @rule(token=tokens, asked=requests())
    def next(self, token: str, asked: Asked) -> None:
        told = self.model.next(token, asked)
        self.check(self.put(token, asked), told)

    @rule(token=tokens, asked=requests())
    def dry_run(self, token: str, asked: Asked) -> None:
        told = self.model.next(token, asked, dry_run=True)
        self.check(self.put(token, asked, dry_run=True), told)

    @rule(number=numbers)
    def adopt(self, number: Number) -> None:
        told = self.model.adopt(number)
        call = self.domain.versions.adopt(self.account, NAME, Version(*number), ANYBODY)
        self.check(self.domain.ask(call), told)

    @rule(token=tokens, label=st.none() | labels)
    def of_token(self, token: str, label: str | None) -> None:
        call = self.domain.versions.of_token(self.account, NAME, token, label)
        self.check(self.domain.ask(call), self.model.of_token(token, label))

    @rule(number=numbers, pre=st.none() | st.tuples(labels, st.integers(1, 2)))
    def at(self, number: Number, pre: tuple[str, int] | None) -> None:
        version = Version(*number) if pre is None else pre_release(Version(*number), *pre)
        call = self.domain.versions.at(self.account, NAME, version)
        self.check(self.domain.ask(call), self.model.at(str(version)))

    @rule(limit=st.integers(1, 4))
    def pages(self, limit: int) -> None:
        page = self.model.page()
        if not page:
            return
        before: Version | None = None
        for begin in range(0, len(page), limit):
            answers, before = self.domain.run(
                self.domain.versions.page(self.account, NAME, before, limit)
            )
            told = page[begin : begin + limit]
            assert [seen(answer) for answer in answers] == [expected(each) for each in told]
            last = begin + limit >= len(page)
            assert before == (None if last else answers[-1].release.version)
        assert before is None

    @invariant()
    def the_records_and_the_latest_are_the_models(self) -> None:
        versions = self.domain.versions
        self.check(self.domain.ask(versions.latest(self.account, NAME)), self.model.latest())
        if told := self.model.page():
            answers, _ = self.domain.run(versions.page(self.account, NAME, None, 1000))
            assert [seen(answer) for answer in answers] == [expected(each) for each in told]


# Series by hand


SCOPES = ["major", *(f"minor-v{major}" for major in range(3))]
SCOPES += [f"patch-v{major}.{minor}" for major in range(3) for minor in range(4)]
SCOPES += ["rc-v0.0.1", "rc-v0.1.0", "rc-v1.0.0", "rc-v1.1.0"]
scopes = st.sampled_from(SCOPES)

MAY_GO_WRONG = {
    "token_taken",
    "out_of_line",
    "line_not_found",
    "already_released",
    "invalid_bump",
    "series_exhausted",
}


class Crash(Exception):
    """The process ended here."""


class Disturbed(RuleBasedStateMachine):
    """Somebody counts, raises and deletes the series by hand, and servers crash.

    Whatever they do: a token has one version in a channel, for ever; a version is given once; and
    what is given follows what stood there before. Only a token that had a number from before,
    by a crash, may be given a lower version than the latest: that of its number, unless somebody
    has started from a later one. What is to be given can be asked for before.
    """

    domain: Domain

    def __init__(self) -> None:
        super().__init__()
        self.account = next(accounts)
        self.given: dict[tuple[str, str | None], Release] = {}
        self.versions: dict[Version, str | None] = {}
        self.interrupted: set[tuple[str, SeriesKey]] = set()
        """Tokens that may have a number of a series without a record."""

    def series(self, scope: str) -> SeriesKey:
        return SeriesKey(self.account, f"{NAME}-{scope}")

    @rule(scope=scopes, token=st.sampled_from(["h1", "h2", "h3"]), reuse=st.sampled_from(Reuse))
    def count_by_hand(self, scope: str, token: str, reuse: Reuse) -> None:
        self.domain.store.allocate([AllocationRequest(self.series(scope), token, reuse, ANYBODY)])

    @rule(scope=scopes, by=st.integers(1, 4))
    def raise_by_hand(self, scope: str, by: int) -> None:
        (height,) = self.domain.store.high_water_marks([self.series(scope)])
        self.domain.store.advance_to(self.series(scope), min(height + by, INT64_MAX), ANYBODY)

    @rule(scope=scopes, restart=st.booleans())
    def delete_by_hand(self, scope: str, restart: bool) -> None:
        self.domain.store.delete(self.series(scope), restart=restart)

    @rule(token=tokens, asked=requests(), text=st.sampled_from(["fix: a", "feat: b", "feat!: c"]))
    def next(self, token: str, asked: Asked, text: str) -> None:
        latest = self.latest()
        told = self.put(token, asked, text, dry_run=True)
        answer = self.put(token, asked, text)
        assert answer == told if isinstance(told, str) else seen(told) == seen(answer)
        if isinstance(answer, str):
            if answer == "value_would_fall":
                assert asked.initial
                assert latest is None
                assert Version(*asked.initial) < self.ahead(Version(*asked.initial))
                return
            assert answer in MAY_GO_WRONG
            if answer == "token_taken":
                assert (token, asked.label) in self.given
            return
        release = answer.release
        channel = (token, asked.label)
        assert answer.latest == (asked.label is None and release.version == self.latest())
        if answer.reused:
            assert self.given[channel] == release
            return
        if not latest and not self.versions and asked.initial and asked.initial != NOUGHT:
            latest = Version(*asked.initial)
            self.versions[latest] = None
        assert channel not in self.given
        assert release.version not in self.versions
        assert (release.token, release.label) == channel
        assert (release.line, release.metadata) == (line_of(asked.line), asked.metadata)
        assert release.bump == asked.bump or asked.bump == "auto"
        if (token, self.series_of(release)) in self.interrupted:
            self.check_number_from_before(release)
        else:
            self.check_successor(release, latest or Version(0))
        self.given[channel] = release
        self.versions[release.version] = token

    def put(
        self, token: str, asked: Asked, text: str, *, dry_run: bool = False
    ) -> VersionResult | str:
        request = wanted(asked, dry_run=dry_run)
        return self.domain.ask(
            self.domain.versions.next(self.account, NAME, token, request, text.encode())
        )

    def series_of(self, release: Release) -> SeriesKey:
        """The series that the release is a step of."""
        major, minor, _ = release.version.to_tuple()[:3]
        if release.label:
            return self.series(f"{release.label}-v{release.version.finalize_version()}")
        scopes = ("major", f"minor-v{major}", f"patch-v{major}.{minor}")
        return self.series(scopes[bumped(release)])

    def check_number_from_before(self, release: Release) -> None:
        """It lies above all that was adopted where its series counts."""
        self.check_previous(release)
        if release.label:
            assert release.version.finalize_version() not in self.versions
            return
        parts = release.version.to_tuple()
        above = parts[: bumped(release)]
        for version, token in self.versions.items():
            if token is None and version.to_tuple()[: len(above)] == above:
                assert version < release.version

    def check_previous(self, release: Release) -> None:
        """The highest final version below, of those that somebody has."""
        target = release.version.finalize_version()
        finals = [each for each in self.versions if each.prerelease is None and each < target]
        if finals:
            assert release.previous == max(finals)
        else:  # counted by hand
            assert release.previous is None or release.previous < target

    def check_successor(self, release: Release, latest: Version) -> None:
        version = release.version
        target = version.finalize_version()
        finals = [each for each in self.versions if each.prerelease is None]
        pres = [each for each in self.versions if each.prerelease is not None]
        assert target not in finals
        self.check_previous(release)
        if release.bump == "final":
            assert target in [each.finalize_version() for each in pres]
            return
        if release.label:
            same = [
                int(str(each.prerelease).split(".")[1])
                for each in pres
                if each.finalize_version() == target
                and str(each.prerelease).startswith(f"{release.label}.")
            ]
            assert int(str(version.prerelease).split(".")[1]) > max(same, default=0)
        assert release.bump in PARTS
        part = PARTS.index(release.bump)
        parts = target.to_tuple()[:3]
        assert parts[part] > 0
        assert parts[part + 1 :] == NOUGHT[part + 1 :]
        if release.line is None:
            assert target > max([latest, *finals])
            assert target == latest.next_version(release.bump)
        else:
            assert release.line.covers(target)
            assert all(each.to_tuple()[:3] < parts for each in finals if release.line.covers(each))

    @rule(token=tokens, asked=requests())
    def next_and_crash_before_the_record(self, token: str, asked: Asked) -> None:
        """The number is taken, if there is one for this token, and nobody is told."""
        versions = self.domain.versions

        def record(plan: Plan, *_: object) -> None:
            self.interrupted.add((token, plan.series))
            raise Crash

        versions._record = record  # type: ignore[assignment, method-assign]
        try:
            self.domain.run(
                versions.next(
                    self.account, NAME, token, wanted(asked._replace(initial=None)), b"feat: a"
                )
            )
        except MonotronError as error:
            code = error.code
            assert code in MAY_GO_WRONG
        except Crash:
            pass
        finally:
            del versions._record

    @rule(number=numbers)
    def adopt(self, number: Number) -> None:
        version = Version(*number)
        latest = self.latest()
        answer = self.domain.ask(self.domain.versions.adopt(self.account, NAME, version, ANYBODY))
        if isinstance(answer, str):
            assert answer == "value_would_fall"
            assert version < max(latest or Version(0, 0, 1), self.ahead(version))
            return
        assert not latest or version >= latest
        assert answer.release.version == version == self.latest()
        assert answer.latest
        assert answer.reused == (version in self.versions)
        if not answer.reused:
            self.check_previous(answer.release)
        assert self.versions.setdefault(version, None) == answer.release.token

    @rule(number=numbers)
    def at(self, number: Number) -> None:
        version = Version(*number)
        answer = self.domain.ask(self.domain.versions.at(self.account, NAME, version))
        if isinstance(answer, str):
            assert answer == "version_not_found"
            assert version not in self.versions
            assert version != self.latest()
        else:
            assert answer.latest == (version == self.latest())
            assert answer.latest or version in self.versions

    @rule(which=st.randoms(use_true_random=False))
    def repeat(self, which: Any) -> None:
        if not self.given:
            return
        (token, label), release = which.choice(list(self.given.items()))
        versions = self.domain.versions
        again = VersionRequest(bump="auto", label=label)
        answer = self.domain.run(versions.next(self.account, NAME, token, again))
        assert answer.reused
        assert answer.release == release
        assert self.domain.run(versions.at(self.account, NAME, release.version)) == answer
        if label is None:
            assert self.domain.run(versions.of_token(self.account, NAME, token, None)) == answer

    def latest(self) -> Version | None:
        answer = self.domain.ask(self.domain.versions.latest(self.account, NAME))
        return None if isinstance(answer, str) else answer.release.version

    def ahead(self, version: Version) -> Version:
        """Where the series would stand, were they raised to the version and no further."""

        def height(scope: str) -> int:
            return self.domain.store.high_water_marks([self.series(scope)])[0]

        minor = max(version.minor, height(f"minor-v{version.major}"))
        patch = height(f"patch-v{version.major}.{minor}")
        least = version.patch if minor == version.minor else 0
        return Version(version.major, minor, max(least, patch))

    @invariant()
    def what_was_given_is_what_is_recorded(self) -> None:
        page = self.domain.store.releases.page(VersionName(self.account, NAME), "\x7f", 1000)
        assert [each.version for each in page] == sorted(self.versions, reverse=True)
        assert {each.version: each.token for each in page} == self.versions
        if finals := [each for each in self.versions if each.prerelease is None]:
            latest = self.latest()
            assert latest is not None
            assert latest >= max(finals)


def bumped(release: Release) -> int:
    """Which component was counted; a promotion counts the one that its target bumps."""
    if release.bump in PARTS:
        return PARTS.index(release.bump)
    _, minor, patch = release.version.to_tuple()[:3]
    return 2 if patch else 1 if minor else 0


def run(machine: type[Alone | Disturbed], store: Store, examples: int) -> None:
    with domain_on(store) as domain_:

        class Machine(machine):  # type: ignore[valid-type, misc]
            domain = domain_

        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                database=None,
            ),
        )


MACHINES = pytest.mark.parametrize("machine", [Alone, Disturbed])
Machine = type[Alone | Disturbed]


@MACHINES
def test_on_sqlite(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> None:
    run(machine, open_store(f"sqlite:///{tmp_path_factory.mktemp('model')}/monotron.db"), 20)


@MACHINES
def test_on_sqlite_in_memory(machine: Machine) -> None:
    run(machine, open_store("sqlite://"), 60)


@MACHINES
def test_on_mongomock(machine: Machine) -> None:
    run(machine, mongomock_store(), 15)


@MACHINES
def test_on_mongod(machine: Machine, database_url: str) -> None:
    run(machine, open_store(database_url), 5)
