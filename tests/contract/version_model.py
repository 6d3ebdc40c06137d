"""A model of the versions of one name, written from docs/versions.md."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from contract.version_records import (
    NONE,
    REASONS,
    TEXTS,
    ErrorCodes,
    ExpectedResult,
    ModelRelease,
    Parameters,
    PreRelease,
    Records,
    text,
)
from contract.version_series import COMPONENTS, ZERO, Number
from monotron.model.series import INT64_MAX


class Model(Records):
    """The versions of one name whose series are not changed directly."""

    def __init__(self) -> None:
        super().__init__()
        self.today = date(2000, 1, 1)

    def next(
        self, token: str, parameters: Parameters, *, dry_run: bool = False
    ) -> ExpectedResult | ErrorCodes:
        earlier = [
            each for each in self.records if (each.token, each.label) == (token, parameters.label)
        ]
        for release in earlier:
            if not release.withdrawn:
                same = (release.bump, release.line) == (parameters.bump, parameters.line)
                same = same and parameters.version in (None, release.number)
                if not (same or parameters.bump == "auto" or parameters.reuse):
                    return {"token_taken"}
                return self.result(release, reused=True, changed=True)
        if earlier and not parameters.renew:
            return {"version_withdrawn"}
        newest = self.highest(parameters.line)
        if parameters.base is not None and parameters.line and newest is None:
            return {"line_not_found"}
        if parameters.base not in (None, newest or ZERO):
            return {"base_outdated"}
        before = list(self.records), self.series.copy()
        is_refused = parameters.required and not self.current
        outcome: ModelRelease | ErrorCodes | None
        if parameters.initial not in (None, ZERO) and not self.current:
            outcome = self.new(self.adopted(parameters.initial))
        else:
            outcome = None
        if not isinstance(outcome, set):
            decide = {
                "final": self.promote,
                "exact": self.exact,
                "calendar": self.dated,
            }.get(parameters.bump, self.bump)
            outcome = decide(token, parameters)
        if isinstance(outcome, set) or outcome is None:
            self.records, self.series = before
            return self.nothing(parameters) if outcome is None else outcome
        if is_refused:
            self.records, self.series = before
            return {"initial_required"}
        if parameters.base is not None and outcome.label is None:
            base = "none" if parameters.base == ZERO else text(parameters.base)
            outcome = replace(outcome, base=base)
        for release in earlier:
            self.change(release, replace(release, replaced=True))
        self.records.append(outcome)
        expected = self.result(outcome, reused=False, changed=True)
        if dry_run:
            self.records, self.series = before
        return expected

    def nothing(self, parameters: Parameters) -> ExpectedResult:
        """No commit requests a version: the newest one is returned."""
        newest = self.highest(parameters.line) or ZERO
        release = self.find(newest) or ModelRelease(ZERO, None)
        expected = self.result(release, reused=True)
        record = replace(release, reason=REASONS[parameters.text])
        return expected._replace(record=record)

    def new(self, outcome: ModelRelease | ErrorCodes) -> ModelRelease | ErrorCodes:
        if not isinstance(outcome, set):
            self.records.append(outcome)
        return outcome

    def bump(self, token: str, parameters: Parameters) -> ModelRelease | ErrorCodes | None:
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
        if bump == NONE:
            return codes or None
        if bump not in COMPONENTS[len(parameters.line or ()) :]:
            codes.add("out_of_line")
        if codes:
            return codes
        reason = REASONS[parameters.text] if parameters.bump == "auto" else None
        release = ModelRelease(
            newest, token, bump=bump, line=parameters.line, metadata=parameters.metadata
        )
        return self.numbered(replace(release, reason=reason), COMPONENTS.index(bump), parameters)

    def numbered(
        self, release: ModelRelease, part: int, parameters: Parameters
    ) -> ModelRelease | ErrorCodes:
        """The release with the next number of a component, or of a label."""
        newest = release.number
        number = max(self.series.head(newest, part), newest[part]) + 1
        while self.find(target := (*newest[:part], number, *ZERO[part + 1 :])):  # type: ignore[arg-type]
            number += 1
        if number > INT64_MAX:
            return {"series_exhausted"}
        if parameters.label is None:
            self.series.assign(target, part)
            return self.after_previous(replace(release, number=target))
        # A channel never goes backwards, until its target is released.
        channel = [
            each.number
            for each in self.within(parameters.line)
            if each.label == parameters.label
            and each.number > newest
            and not self.is_withdrawn(each.number)
        ]
        target = max([target, *channel])
        counts = [
            each.count
            for each in self.records
            if (each.number, each.label) == (target, parameters.label)
        ]
        count = max(counts, default=0) + 1
        return self.after_previous(
            replace(release, number=target, label=parameters.label, count=count)
        )

    def dated(self, token: str, parameters: Parameters) -> ModelRelease | ErrorCodes:
        """A calendar version: a later period of the newest version continues."""
        today, newest = self.today, self.highest() or ZERO
        period = {
            "YYYY": (today.year,),
            "YY.M": (today.year - 2000, today.month),
            "YYYY.M": (today.year, today.month),
            "YYYY.MMDD": (today.year, 100 * today.month + today.day),
        }[parameters.calendar]
        size = len(period)
        if period < newest[:size]:
            record = self.find(newest)
            is_same_format = (newest[2] == 0) == (size == 1)
            if record is None or record.bump != "calendar" or not is_same_format:
                return {"value_would_fall"}
            period = newest[:size]
        start: Number = (*period, *ZERO[size:])  # type: ignore[assignment]
        if parameters.label is None:
            self.series.advance(start)
        base = max(self.highest(period) or start, start)
        release = ModelRelease(base, token, bump="calendar", metadata=parameters.metadata)
        return self.numbered(release, size, parameters)

    def exact(self, token: str, parameters: Parameters) -> ModelRelease | ErrorCodes:
        assert parameters.version is not None
        record = self.find(parameters.version)
        if record is not None:
            return {"version_withdrawn" if record.withdrawn else "already_released"}
        if parameters.version <= self.highest_of_its_line(parameters.version):
            return {"value_would_fall"}
        self.series.advance(parameters.version)
        return self.after_previous(ModelRelease(parameters.version, token, bump="exact"))

    def promote(self, token: str, parameters: Parameters) -> ModelRelease | ErrorCodes:
        candidates = [
            each
            for each in self.within(parameters.line)
            if each.label and parameters.promote in (None, each.label)
        ]
        newest = self.highest(parameters.line)
        if not candidates:
            return {"line_not_found"} if newest is None else {"invalid_bump"}
        possible = [each for each in candidates if not self.is_withdrawn(each.number)]
        own = [each for each in possible if each.token == token]
        targets_of_labels: dict[str | None, Number] = {}
        for each in own or [each for each in possible if each.number > (newest or ZERO)]:
            highest = targets_of_labels.get(each.label, ZERO)
            targets_of_labels[each.label] = max(highest, each.number)
        if len(set(targets_of_labels.values())) > 1:
            return {"invalid_bump"}
        # If no pre-release is open, the newest one explains the refusal.
        target = (
            max(targets_of_labels.values(), default=None)
            or max(candidates, key=lambda each: each.precedence).number
        )
        if self.is_withdrawn(target):
            return {"version_withdrawn"}
        part = max(index for index in range(3) if target[index])
        is_passed = self.find(target) or self.series.head(target, part) >= target[part]
        if is_passed or target <= self.highest_of_its_line(target):
            return {"already_released"}
        self.series.assign(target, part)
        return self.after_previous(
            ModelRelease(
                target,
                token,
                bump="final",
                line=parameters.line,
                metadata=parameters.metadata,
            )
        )

    def adopted(self, number: Number) -> ModelRelease | ErrorCodes:
        if self.is_withdrawn(number):
            return {"version_withdrawn"}
        self.series.advance(number)
        return self.after_previous(ModelRelease(number, None))

    def adopt(self, number: Number) -> ExpectedResult | ErrorCodes:
        newest = self.highest()
        assert newest is not None
        if number < newest or number == ZERO:
            return {"value_would_fall"}
        record = self.find(number)
        if record is not None and not record.withdrawn:
            return self.result(record, reused=True, changed=True)
        outcome = self.new(self.adopted(number))
        return (
            outcome
            if isinstance(outcome, set)
            else self.result(outcome, reused=False, changed=True)
        )

    def withdraw(self, number: Number, pre: PreRelease | None) -> ExpectedResult | ErrorCodes:
        record = self.find(number, pre)
        if record is None:
            return {"version_not_found"}
        after = replace(record, withdrawn=True)
        self.change(record, after)
        if pre is None and not record.withdrawn:
            self.series.withdraw(number, self.finals())
        return self.result(after, reused=record.withdrawn, changed=True)

    def reverse(self, number: Number, pre: PreRelease | None) -> ExpectedResult | ErrorCodes:
        record = self.find(number, pre)
        if record is None:
            return {"version_not_found"}
        if record.replaced:
            return {"token_taken"}
        after = replace(record, withdrawn=False)
        self.change(record, after)
        if pre is None and record.withdrawn:
            self.series.advance(number)
        return self.result(after, reused=not record.withdrawn, changed=True)
