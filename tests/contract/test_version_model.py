"""Versions without disturbances equal the model: every response is known in advance."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from semver import Version

from contract.version_machines import (
    NAME,
    Clock,
    ModelHost,
    accounts,
    dates,
    labels,
    numbers,
    requests,
    run,
    tokens,
)
from contract.version_model import Model
from contract.version_records import (
    ErrorCodes,
    ExpectedResult,
    Parameters,
    PreRelease,
    expected_view,
    version_request,
    view,
)
from contract.version_series import Number
from monotron.model.semver import Final, VersionName
from monotron.model.series import ANYONE
from monotron.model.versions.requests import VersionResult
from monotron.runtime import Runtime
from monotron.store import open_store


class UndisturbedVersions(RuleBasedStateMachine):
    """No one changes the series directly, so the model predicts every result."""

    host: ModelHost

    def __init__(self) -> None:
        super().__init__()
        # Many runs share a store, so each has an account of its own.
        self.account = next(accounts)
        self.model = Model()
        if self.host.clock is not None:
            self.host.clock.today = self.model.today

    def check(self, result: VersionResult | str, expected: ExpectedResult | ErrorCodes) -> None:
        if isinstance(expected, set):
            assert result in expected
        else:
            assert not isinstance(result, str), result
            assert view(result) == expected_view(expected)
            assert result.release.name == VersionName(self.account, NAME)

    def put(
        self, token: str, parameters: Parameters, *, dry_run: bool = False
    ) -> VersionResult | str:
        versions = self.host.versions
        request = version_request(parameters, dry_run=dry_run)
        return self.host.outcome(
            versions.next(self.account, NAME, token, request, parameters.text.encode())
        )

    def possible(self, parameters: Parameters) -> Parameters:
        """The parameters, without a calendar version if the clock cannot be set."""
        is_calendar = parameters.bump == "calendar" and self.host.clock is None
        return parameters._replace(bump="patch") if is_calendar else parameters

    @rule(token=tokens, parameters=requests())
    def next(self, token: str, parameters: Parameters) -> None:
        parameters = self.possible(parameters)
        expected = self.model.next(token, parameters)
        self.check(self.put(token, parameters), expected)

    @rule(token=tokens, parameters=requests())
    def dry_run(self, token: str, parameters: Parameters) -> None:
        parameters = self.possible(parameters)
        expected = self.model.next(token, parameters, dry_run=True)
        self.check(self.put(token, parameters, dry_run=True), expected)

    @rule(number=numbers)
    def adopt(self, number: Number) -> None:
        expected = self.model.adopt(number)
        call = self.host.versions.adopt(self.account, NAME, Final(*number), ANYONE)
        self.check(self.host.outcome(call), expected)

    @rule(data=st.data(), kept=st.booleans())
    def withdraw(self, data: st.DataObject, kept: bool) -> None:
        version, number, label = self.version(data)
        expected = self.model.withdraw(number, label)
        call = self.host.versions.withdraw(
            self.account, NAME, version, "wrong", ignore_commits=kept, by=ANYONE
        )
        self.check(self.host.outcome(call), expected)

    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        version, number, label = self.version(data)
        expected = self.model.reverse(number, label)
        call = self.host.versions.reverse_withdrawal(self.account, NAME, version, ANYONE)
        self.check(self.host.outcome(call), expected)

    def version(self, data: st.DataObject) -> tuple[Version, Number, PreRelease | None]:
        """A version that exists, most often, with its number and pre-release."""
        records = self.model.records
        number, pre = data.draw(numbers), None
        if records and data.draw(st.integers(0, 9)):
            number, pre = data.draw(st.sampled_from(records)).version
        return Version(*number, None if pre is None else "{}.{}".format(*pre)), number, pre

    @precondition(lambda self: self.host.clock is not None)
    @rule(day=dates)
    def set_clock(self, day: date) -> None:
        assert self.host.clock is not None
        self.host.clock.today = self.model.today = day

    @rule(token=tokens, label=st.none() | labels)
    def of_token(self, token: str, label: str | None) -> None:
        call = self.host.versions.of_token(self.account, NAME, token, label)
        self.check(self.host.outcome(call), self.model.of_token(token, label))

    @rule(number=numbers, pre=st.none() | st.tuples(labels, st.integers(1, 2)))
    def at(self, number: Number, pre: tuple[str, int] | None) -> None:
        version = Version(*number, None if pre is None else "{}.{}".format(*pre))
        call = self.host.versions.at(self.account, NAME, version)
        self.check(self.host.outcome(call), self.model.at(str(version)))

    @rule(limit=st.integers(1, 4))
    def pages(self, limit: int) -> None:
        page = self.model.page()
        if not page:
            return
        before: Version | None = None
        for begin in range(0, len(page), limit):
            results, next_page = self.host.run(
                self.host.versions.page(self.account, NAME, before, limit)
            )
            expected = page[begin : begin + limit]
            assert [view(result) for result in results] == [
                expected_view(each) for each in expected
            ]
            last = begin + limit >= len(page)
            assert next_page == (None if last else results[-1].release.version_text)
            before = results[-1].release.version

    @invariant()
    def the_records_and_the_latest_match_the_model(self) -> None:
        versions = self.host.versions
        self.check(self.host.outcome(versions.latest(self.account, NAME)), self.model.latest())
        if expected := self.model.page():
            results, _ = self.host.run(versions.page(self.account, NAME, None, 1000))
            assert [view(result) for result in results] == [
                expected_view(each) for each in expected
            ]


def test_versions_match_the_model_on_sqlite() -> None:
    clock = Clock()
    run(UndisturbedVersions, open_store("sqlite://", runtime=Runtime(clock=clock)), 60, clock)


def test_versions_match_the_model_on_mongod(database_url: str) -> None:
    run(UndisturbedVersions, open_store(database_url), 5)
