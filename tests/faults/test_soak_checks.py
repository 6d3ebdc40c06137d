"""The checks of the soak detect what they look for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from semver import Version

from faults.history import History
from faults.live_exports import Exports
from faults.resources import MIN_SAMPLES, Resources, growth
from faults.soak import GROWTH_SECONDS, grown
from faults.version_aftermath import check, missed
from faults.version_http import NAME, Request, result_of, send
from faults.version_load import Known, adopt_initial
from faults.visits import Counters, Shown
from monotron.errors import MonotronError
from monotron.model.semver import Final
from monotron.model.versions.requests import (
    Adopt,
    Assign,
    GetOfToken,
    Reverse,
    VersionRequest,
    Withdraw,
)
from monotron.store import open_store
from simulation.version_history import VersionHistory
from support.http import Client
from support.server_thread import ServerThread
from support.store_contents import SERIES, apply, exported, put, version

STEADY = Resources(60_000, 10, 20)
KEY = SERIES[0].key


@pytest.mark.parametrize(
    ("last", "grown"),
    [
        (STEADY, ""),
        (Resources(67_000, 12, 28), ""),
        (Resources(69_000, 10, 20), "kilobytes grew from 60000 to 69000"),
        (Resources(60_000, 13, 20), "threads grew from 10 to 13"),
        (Resources(60_000, 10, 29), "descriptors grew from 20 to 29"),
    ],
    ids=str,
)
def test_growth_of_a_process_is_detected(last: Resources, grown: str) -> None:
    start = [Resources(40_000, 5, 10)] * 20
    assert growth([*start, *[STEADY] * 60, *[last] * 20]) == ([grown] if grown else [])


def test_a_few_samples_show_no_growth() -> None:
    assert growth([STEADY, *[Resources(90_000, 99, 99)] * (MIN_SAMPLES - 2)]) == []


@pytest.mark.parametrize(
    ("samples", "seconds", "expected"),
    [
        (MIN_SAMPLES, GROWTH_SECONDS, []),
        (MIN_SAMPLES - 1, GROWTH_SECONDS, [f"no server was sampled {MIN_SAMPLES} times"]),
        (MIN_SAMPLES - 1, GROWTH_SECONDS - 1, []),
    ],
)
def test_a_long_soak_without_enough_samples_of_a_server_is_an_error(
    samples: int, seconds: float, expected: list[str]
) -> None:
    of = {"server 0": [STEADY] * samples, "server 1": [STEADY], "mongod 0": [STEADY] * MIN_SAMPLES}
    assert grown(of, seconds) == expected


class TestCounters:
    TOTAL = 'monotron_values_assigned_total{result="new"}'

    def test_a_counter_that_decreases_is_detected(self) -> None:
        counters = Counters()
        for value in (1.0, 3.0, 2.0):
            counters.add("a", {self.TOTAL: value})
        assert counters.wrong == [f"{self.TOTAL} of process a was 3.0, then 2.0"]

    def test_a_counter_that_disappears_is_detected(self) -> None:
        counters = Counters()
        counters.add("a", {self.TOTAL: 1.0})
        counters.add("a", {})
        assert counters.wrong == [f"{self.TOTAL} of process a was 1.0, then none"]

    def test_each_process_has_its_own_counters(self) -> None:
        counters = Counters()
        for process, value in (("a", 3.0), ("b", 1.0), ("a", 4.0)):
            counters.add(process, {self.TOTAL: value, "monotron_store_up": -value})
        assert (counters.wrong, counters.processes) == ([], 2)
        assert counters.total("monotron_values_assigned_total", "new") == 5


class TestPages:
    def test_a_value_that_was_not_assigned_is_detected(self) -> None:
        shown = Shown()
        shown.values["a"] = {("T1", 1), ("T2", 1)}
        assert list(shown.wrong({"a": [("T1", 1)]}, {})) == [
            "a page showed the value 1 of 'T2' in a"
        ]

    def test_a_version_that_was_not_assigned_is_detected(self) -> None:
        shown = Shown()
        shown.versions["shop"] = {("0.1.0", "T1"), ("0.2.0", "T1")}
        assert list(shown.wrong({}, {"shop": {"0.1.0": "T1"}})) == [
            "a page showed the version 0.2.0 of 'T1' in shop"
        ]


class TestExports:
    @pytest.fixture
    def export(self, tmp_path: Path) -> Path:
        """An export with the values 1 and 2, and the version 0.1.0."""
        with closing(open_store(f"sqlite:///{tmp_path}/store.db")) as store:
            steps = (put(SERIES[0], "a"), put(SERIES[0], "b"), version("a", "minor"))
            file = tmp_path / "export.ndjson"
            file.write_bytes(exported(apply(store, *steps)))
        return file

    @pytest.fixture
    def history(self) -> History:
        history = History()
        for value, token in enumerate("ab", 1):
            history.answered(history.put(KEY, token, "any"), value, reused=False)
        return history

    def test_a_complete_export_is_accepted(self, export: Path, history: History) -> None:
        exports = Exports([KEY], history, {})
        for _ in range(2):
            exports.add(export, began=1e9)
        exports.check({KEY: [("b", 2), ("a", 1)]}, {("shop", "0.1.0"): "a"})
        assert exports.number == 2

    def test_a_value_that_an_export_lacks_is_detected(self, export: Path, history: History) -> None:
        history.answered(history.put(KEY, "c", "any"), 3, reused=False)
        with pytest.raises(AssertionError, match="an export lacks values"):
            Exports([KEY], history, {}).add(export, began=1e9)
        Exports([KEY], history, {}).add(export, began=0)

    def test_a_lost_value_is_detected(self, export: Path) -> None:
        exports = Exports([KEY], History(), {})
        exports.values = {(KEY, "c", 3)}
        with pytest.raises(AssertionError, match="lacks values of the export before"):
            exports.add(export, began=1e9)

    def test_a_value_that_no_ledger_has_is_detected(self, export: Path, history: History) -> None:
        exports = Exports([KEY], history, {})
        exports.add(export, began=1e9)
        with pytest.raises(AssertionError):
            exports.check({KEY: [("a", 1)]}, {("shop", "0.1.0"): "a"})


class TestVersions:
    @pytest.fixture
    def client(self) -> Iterator[Client]:
        with ServerThread("sqlite://") as server, server.client() as client:
            adopt_initial(client, NAME)
            yield client

    @pytest.fixture
    def history(self) -> VersionHistory:
        clock = iter(range(1000))
        return VersionHistory(lambda: next(clock))

    def ask(self, client: Client, history: VersionHistory, request: Request) -> dict[str, object]:
        """Send a request, and record its response."""
        call = history.call(request)
        members = send(client, request, "").json()
        history.answered(call, result_of(members, None))
        return members

    def requests(self, client: Client, history: VersionHistory) -> dict[str, object]:
        """Assign, look up, adopt and withdraw versions. Return the first response."""
        first = self.ask(client, history, Assign(NAME, "a", VersionRequest()))
        for request in (
            Assign(NAME, "b", VersionRequest("minor")),
            GetOfToken(NAME, "a", None),
            Adopt(NAME, Final(1, 4, 0), ""),
        ):
            self.ask(client, history, request)
        withdrawn = history.calls[1].result.release.version
        self.ask(client, history, Withdraw(NAME, withdrawn, "wrong", False, ""))
        return first

    def test_a_correct_history_is_accepted(self, client: Client, history: VersionHistory) -> None:
        self.requests(client, history)
        assert [each.version_text for each in check(history, client)] == [
            *("1.4.0", "1.3.0", "1.2.58", "1.2.57")
        ]

    def test_a_version_of_two_tokens_is_detected(
        self, client: Client, history: VersionHistory
    ) -> None:
        first = self.requests(client, history)
        call = history.call(Assign(NAME, "c", VersionRequest()))
        history.answered(call, result_of({**first, "token": "c"}, None))
        with pytest.raises(AssertionError, match=r"1\.2\.58 has the tokens 'a' and 'c'"):
            check(history, client)

    def test_a_lost_version_is_detected(self, client: Client, history: VersionHistory) -> None:
        first = self.requests(client, history)
        call = history.call(Assign(NAME, "c", VersionRequest("major")))
        history.answered(call, result_of({**first, "token": "c", "version": "2.0.0"}, None))
        with pytest.raises(AssertionError, match=r"2\.0\.0"):
            check(history, client)

    @pytest.mark.parametrize(
        ("token", "label", "is_missed"), [("b", None, True), ("b", "rc", False), ("c", None, False)]
    )
    def test_a_look_up_that_missed_a_version_is_detected(
        self,
        client: Client,
        history: VersionHistory,
        token: str,
        label: str | None,
        *,
        is_missed: bool,
    ) -> None:
        early = history.call(GetOfToken(NAME, token, label))
        self.requests(client, history)
        history.refused(early, MonotronError(""))
        assert check(history, client)
        history.refused(history.call(GetOfToken(NAME, token, label)), MonotronError(""))
        expected = [f"a look-up of '{token}' missed 1.3.0"] if is_missed else []
        assert list(missed(history)) == expected

    @pytest.mark.parametrize(
        "request_of",
        [lambda it: Withdraw(NAME, it, "wrong", False, ""), lambda it: Reverse(NAME, it, "")],
    )
    def test_a_version_that_a_withdrawal_does_not_find_is_an_error(
        self, client: Client, request_of: Callable[[Version], Request]
    ) -> None:
        known, request = Known(), request_of(Version(9, 9, 9))
        call, response = known.history.call(request), send(client, request, "")
        with pytest.raises(AssertionError, match="version_not_found"):
            known.record_response(call, response.status, response.json())

    def test_a_skipped_version_is_detected(self, client: Client, history: VersionHistory) -> None:
        self.requests(client, history)
        for _ in range(2):
            assert client.request("PUT", "/v1/series/shop-major/x?reuse=current").status == 200
            client.request("PUT", "/v1/series/shop-major/y?reuse=current")
        self.ask(client, history, Assign(NAME, "c", VersionRequest("major")))
        with pytest.raises(AssertionError, match=r"\['6\.0\.0'\]"):
            check(history, client)
