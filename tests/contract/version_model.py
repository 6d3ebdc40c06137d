"""A model of the versions of one name, written from docs/versions.md: a list of releases."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from monotron.model.semver import Final, Line
from monotron.model.series import INT64_MAX
from monotron.model.versions.requests import VersionRequest, VersionResult

Number = tuple[int, int, int]
LineNumber = tuple[int, ...]
"""`(1,)` or `(1, 2)`."""

ZERO: Number = (0, 0, 0)
COMPONENTS = ("major", "minor", "patch")
TEXTS = {
    "fix: a": "patch",
    "feat: b": "minor",
    "feat!: c": "major",
    "chore: d\0fix!: e\0feat: f": "major",
    " \n\0": None,
}
"""Commit messages, and the bump that they require."""
REASONS = {text: text for text in TEXTS} | {"chore: d\0fix!: e\0feat: f": "fix!: e"}


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


class Model:
    """The versions of one name whose series are not changed directly."""

    def __init__(self) -> None:
        self.records: list[ModelRelease] = []

    def finals(self, line: LineNumber | None = None) -> list[Number]:
        return sorted(each.number for each in self.within(line) if each.label is None)

    def within(self, line: LineNumber | None) -> list[ModelRelease]:
        size = len(line or ())
        return [each for each in self.records if each.number[:size] == (line or ())]

    def highest(self, line: LineNumber | None = None) -> Number | None:
        """The highest final version of a line; None if the line does not exist."""
        if finals := self.finals(line):
            return finals[-1]
        return ZERO if line is None else None

    def result(
        self, record: ModelRelease, *, reused: bool, changed: bool = False
    ) -> ExpectedResult:
        lines = (None, record.number[:1], record.number[:2])
        latest = tuple(
            record.label is None and record.number == self.finals(line)[-1] for line in lines
        )
        return ExpectedResult(record, latest, reused, changed)

    def next(
        self, token: str, parameters: Parameters, *, dry_run: bool = False
    ) -> ExpectedResult | ErrorCodes:
        for release in self.records:
            if (release.token, release.label) == (token, parameters.label):
                same = (release.bump, release.line) == (parameters.bump, parameters.line)
                if not (same or parameters.bump == "auto" or parameters.reuse):
                    return {"token_taken"}
                return self.result(release, reused=True, changed=True)
        before = list(self.records)
        if parameters.initial not in (None, ZERO) and not self.records:
            self.records.append(ModelRelease(parameters.initial, None))
        decide = self.promote if parameters.bump == "final" else self.bump
        outcome = decide(token, parameters)
        if isinstance(outcome, set):
            self.records = before
            return outcome
        self.records.append(outcome)
        expected = self.result(outcome, reused=False, changed=True)
        if dry_run:
            self.records = before
        return expected

    def bump(self, token: str, parameters: Parameters) -> ModelRelease | ErrorCodes:
        codes: ErrorCodes = set()
        bump = parameters.bump if parameters.bump != "auto" else TEXTS[parameters.text]
        if bump is None:
            return {"invalid_bump"}
        newest = self.highest(parameters.line)
        if newest is None:
            codes.add("line_not_found")
            newest = ZERO
        elif (
            parameters.bump == "auto"
            and bump == "major"
            and newest[0] == 0
            and parameters.development
        ):
            bump = "minor"
        if bump not in COMPONENTS[len(parameters.line or ()) :]:
            codes.add("out_of_line")
        if codes:
            return codes
        part = COMPONENTS.index(bump)
        if newest[part] == INT64_MAX:
            return {"series_exhausted"}
        target = (*newest[:part], newest[part] + 1, *ZERO[part + 1 :])
        release = ModelRelease(
            target,
            token,
            bump=bump,
            line=parameters.line,
            metadata=parameters.metadata,
            reason=REASONS[parameters.text] if parameters.bump == "auto" else None,
        )
        if parameters.label:
            channel = [
                each for each in self.within(parameters.line) if each.label == parameters.label
            ]
            # A channel never goes backwards, until its target is released.
            target = max([target, *(each.number for each in channel if each.number > newest)])
            counts = [each.count for each in channel if each.number == target]
            release = replace(
                release, number=target, label=parameters.label, count=max(counts, default=0) + 1
            )
        return self.after_previous(release)

    def promote(self, token: str, parameters: Parameters) -> ModelRelease | ErrorCodes:
        candidates = [
            each
            for each in self.within(parameters.line)
            if each.label and parameters.promote in (None, each.label)
        ]
        newest = self.highest(parameters.line)
        if not candidates:
            return {"line_not_found"} if newest is None else {"invalid_bump"}
        own = [each for each in candidates if each.token == token]
        targets_of_labels: dict[str | None, Number] = {}
        for each in own or [each for each in candidates if each.number > (newest or ZERO)]:
            highest = targets_of_labels.get(each.label, ZERO)
            targets_of_labels[each.label] = max(highest, each.number)
        if len(set(targets_of_labels.values())) > 1:
            return {"invalid_bump"}
        # If no pre-release is open, the newest one explains the refusal.
        target = (
            max(targets_of_labels.values(), default=None)
            or max(candidates, key=lambda each: each.precedence).number
        )
        if target <= self.highest_of_its_line(target):
            return {"already_released"}
        return self.after_previous(
            ModelRelease(
                target,
                token,
                bump="final",
                line=parameters.line,
                metadata=parameters.metadata,
            )
        )

    def highest_of_its_line(self, number: Number) -> Number:
        """The highest version of the minor line, or else of the major line, or else of the name."""
        finals = self.finals(number[:2]) or self.finals(number[:1]) or self.finals()
        return max(finals, default=ZERO)

    def after_previous(self, release: ModelRelease) -> ModelRelease:
        """The release with the highest final version below it, and the token of that version."""
        below = [
            each for each in self.records if each.label is None and each.number < release.number
        ]
        if not below:
            return release
        previous = max(below, key=lambda each: each.number)
        return replace(release, previous=previous.number, previous_token=previous.token)

    def adopt(self, number: Number) -> ExpectedResult | ErrorCodes:
        newest = self.highest()
        assert newest is not None
        if number < newest or number == ZERO:
            return {"value_would_fall"}
        for release in self.records:
            if (release.number, release.label) == (number, None):
                return self.result(release, reused=True, changed=True)
        self.records.append(record := self.after_previous(ModelRelease(number, None)))
        return self.result(record, reused=False, changed=True)

    def of_token(self, token: str, label: str | None) -> ExpectedResult | ErrorCodes:
        mine = [
            each
            for each in self.records
            if each.token == token and (label is None or each.label == label)
        ]
        best = max(mine, key=lambda each: (each.label is None, each.precedence), default=None)
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
        expected.latest,
        expected.reused,
        expected.changed,
    )
