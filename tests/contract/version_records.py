"""The records of a model of versions, what is looked up in them, and how both are written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from contract.version_series import ZERO, Number, SeriesModel
from monotron.model.calendar_versions import CalendarFormat
from monotron.model.commit_rules import CommitRules
from monotron.model.semver import Final, Line
from monotron.model.versions.requests import VersionRequest, VersionResult

LineNumber = tuple[int, ...]
"""`(1,)` or `(1, 2)`."""

PreRelease = tuple[str, int]
"""A label and a number."""

NONE = "none"
TEXTS = {
    "fix: a": "patch",
    "feat: b": "minor",
    "feat!: c": "major",
    "chore: d\0fix!: e\0feat: f": "major",
    "docs: g": NONE,
    " \n\0": None,
}
"""Commit messages, and the bump that they require. Without messages, it is None."""
REASONS = {text: text for text in TEXTS} | {
    "chore: d\0fix!: e\0feat: f": "fix!: e",
    "docs: g": "No commit requests a version. The newest has the skipped type docs: docs: g",
}


class Parameters(NamedTuple):
    """The parameters of a PUT, and its body."""

    bump: str = "patch"
    label: str | None = None
    promote: str | None = None
    line: LineNumber | None = None
    metadata: str | None = None
    initial: Number | None = None
    reuse: bool = False
    development: bool = True
    text: str = ""
    version: Number | None = None
    base: Number | None = None
    renew: bool = False
    calendar: str = "YYYY.M"
    required: bool = False
    """Whether an initial version is required."""


@dataclass(frozen=True)
class ModelRelease:
    number: Number
    token: str | None
    label: str | None = None
    count: int = 0
    bump: str | None = None
    line: LineNumber | None = None
    metadata: str | None = None
    previous: Number | None = None
    previous_token: str | None = None
    reason: str | None = None
    base: str | None = None
    withdrawn: bool = False
    replaced: bool = False

    @property
    def version(self) -> tuple[Number, PreRelease | None]:
        return self.number, (self.label, self.count) if self.label else None

    @property
    def precedence(self) -> tuple[Number, bool, str, int]:
        """The order of SemVer §11: labels are ASCII and are followed by a number."""
        return self.number, self.label is None, self.label or "", self.count


class ExpectedResult(NamedTuple):
    record: ModelRelease
    latest: tuple[bool, bool, bool]
    """Of its name, of its major line, and of its minor line."""
    reused: bool
    changed: bool = False


ErrorCodes = set[str]
"""The codes that an error may have."""


class Records:
    """The versions of one name, and its series."""

    def __init__(self) -> None:
        self.records: list[ModelRelease] = []
        self.series = SeriesModel()

    @property
    def current(self) -> list[ModelRelease]:
        """The records that are not withdrawn."""
        return [each for each in self.records if not each.withdrawn]

    def finals(self, line: LineNumber | None = None) -> list[Number]:
        return sorted(each.number for each in self.within(line) if each.label is None)

    def within(self, line: LineNumber | None) -> list[ModelRelease]:
        size = len(line or ())
        return [each for each in self.current if each.number[:size] == (line or ())]

    def highest(self, line: LineNumber | None = None) -> Number | None:
        """The highest final version of a line; None if the line does not exist."""
        if finals := self.finals(line):
            return finals[-1]
        return ZERO if line is None else None

    def find(self, number: Number, pre: PreRelease | None = None) -> ModelRelease | None:
        """The record of a version, withdrawn or not."""
        return next((each for each in self.records if each.version == (number, pre)), None)

    def is_withdrawn(self, number: Number) -> bool:
        record = self.find(number)
        return record is not None and record.withdrawn

    def result(
        self, record: ModelRelease, *, reused: bool, changed: bool = False
    ) -> ExpectedResult:
        lines = (None, record.number[:1], record.number[:2])
        latest = tuple(
            record.label is None
            and not record.withdrawn
            and record.number == max(self.finals(line), default=None)
            for line in lines
        )
        return ExpectedResult(record, latest, reused, changed)

    def change(self, before: ModelRelease, after: ModelRelease) -> None:
        self.records[self.records.index(before)] = after

    def highest_of_its_line(self, number: Number) -> Number:
        """The highest version of the minor line, or else of the major line, or else of the name."""
        finals = self.finals(number[:2]) or self.finals(number[:1]) or self.finals()
        return max(finals, default=ZERO)

    def after_previous(self, release: ModelRelease) -> ModelRelease:
        """The release with the highest final version below it, and the token of that version."""
        below = [
            each for each in self.current if each.label is None and each.number < release.number
        ]
        if not below:
            return release
        previous = max(below, key=lambda each: each.number)
        return replace(release, previous=previous.number, previous_token=previous.token)

    def of_token(self, token: str, label: str | None) -> ExpectedResult | ErrorCodes:
        mine = [
            each
            for each in self.records
            if each.token == token and (label is None or each.label == label)
        ]
        best = max(
            mine,
            key=lambda each: (each.label is None, not each.withdrawn, each.precedence),
            default=None,
        )
        return self.result(best, reused=True) if best else {"version_not_found"}

    def at(self, version: str) -> ExpectedResult | ErrorCodes:
        for each in self.records:
            if written(each) == version:
                return self.result(each, reused=True)
        return {"version_not_found"}

    def latest(self) -> ExpectedResult | ErrorCodes:
        finals = self.finals()
        return self.at(text(finals[-1])) if finals else {"version_not_found"}

    def page(self) -> list[ExpectedResult]:
        ordered = sorted(self.records, key=lambda each: each.precedence, reverse=True)
        return [self.result(each, reused=True) for each in ordered]


def text(number: Number | None) -> str | None:
    return None if number is None else ".".join(map(str, number))


def written(record: ModelRelease) -> str:
    return f"{text(record.number)}" + (f"-{record.label}.{record.count}" if record.label else "")


def line_of(line: LineNumber | None) -> Line | None:
    return None if line is None else Line(*line)


def version_request(parameters: Parameters, *, dry_run: bool = False) -> VersionRequest:
    return VersionRequest(
        bump=parameters.bump,  # type: ignore[arg-type]
        label=parameters.label,
        promote=parameters.promote,
        line=line_of(parameters.line),
        metadata=parameters.metadata,
        initial=None if parameters.initial is None else Final(*parameters.initial),
        initial_required=parameters.required,
        version=None if parameters.version is None else Final(*parameters.version),
        calendar=CalendarFormat(parameters.calendar),
        commit_rules=CommitRules(skip_types=frozenset({"docs"})),
        base=None if parameters.base is None else Final(*parameters.base),
        new_if_withdrawn=parameters.renew,
        reuse_on_conflict=parameters.reuse,
        initial_development=parameters.development,
        dry_run=dry_run,
    )


View = tuple[object, ...]


def view(result: VersionResult) -> View:
    """A result without its timestamp."""
    release = result.release
    return (
        release.token,
        release.version_text,
        release.bump,
        release.line,
        release.metadata,
        None if release.previous is None else str(release.previous),
        release.previous_token,
        release.reason,
        release.base,
        None if release.withdrawn is None else release.withdrawn.replaced,
        result.latest,
        result.reused,
        result.changed,
    )


def expected_view(expected: ExpectedResult) -> View:
    record = expected.record
    return (
        record.token,
        written(record),
        record.bump,
        line_of(record.line),
        record.metadata,
        text(record.previous),
        record.previous_token,
        record.reason,
        record.base,
        record.replaced if record.withdrawn else None,
        expected.latest,
        expected.reused,
        expected.changed,
    )
