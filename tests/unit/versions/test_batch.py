"""A batch of requests for versions equals its requests one after the other, and reads little."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from semver import Version

from contract.version_notation import NAME, store_request
from monotron.errors import MonotronError
from monotron.model.quotas import Quotas
from monotron.model.semver import Final, VersionName, parse_version, sort_key_range
from monotron.model.series import SeriesKey
from monotron.model.versions.batch import decide_all
from monotron.model.versions.facts import Fact
from monotron.model.versions.requests import (
    ALONE,
    Adopt,
    Assign,
    GetNewest,
    GetOfToken,
    GetRelease,
    Request,
    Reverse,
    VersionRequest,
    Withdraw,
)
from monotron.model.versions.state import State
from monotron.runtime import Runtime
from monotron.store import Store, open_store

accounts = count(1)
NAME_OF_1 = VersionName(1, NAME)
QUOTAS = Quotas(series=6)


@pytest.fixture(scope="module")
def memory() -> Iterator[Store]:
    """A store that all examples share: each has an account of its own."""
    store = open_store("sqlite://", runtime=Runtime(clock=lambda: 1_700_000_000.0), quotas=QUOTAS)
    yield store
    assert not any(each.findings for each in store.audit())
    store.close()


VERSIONS = ["0.0.1", "0.1.0", "0.2.0", "1.0.0", "1.2.57", "1.2.58", "2.0.0", "1.0.0-rc.1"]
QUERIES = [
    "",
    "bump=minor",
    "bump=major",
    "bump=final",
    "bump=final&prerelease=rc",
    "bump=auto",
    "prerelease=rc",
    "prerelease=beta",
    "bump=minor&prerelease=rc",
    "bump=major&prerelease=rc",
    "line=1",
    "line=1&bump=minor",
    "line=1.2&prerelease=rc",
    "initial=1.2.57",
    "initial=1.2.57&bump=minor&prerelease=rc",
    "dry_run=true",
    "bump=minor&on_withdrawn=new",
    "version=2.0.0",
    "version=1.2.60",
    "bump=calendar",
    "bump=calendar&calendar=YYYY",
    "bump=auto&base=none",
    "bump=auto&base=1.2.57",
    "bump=auto&skip_types=feat",
]
tokens = st.sampled_from("abcdef")


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """A request for account 0."""
    name = VersionName(0, draw(st.sampled_from([NAME, NAME, NAME, "other"])))
    version = parse_version(draw(st.sampled_from(VERSIONS)))
    kind = draw(st.sampled_from([*["assign"] * 6, "adopt", "withdraw", "reverse", "get"]))
    if kind == "assign":
        request = store_request(0, f"{draw(tokens)}?{draw(st.sampled_from(QUERIES))}", "feat: a")
        return request._replace(name=name)
    if kind == "adopt":
        return Adopt(name, Final.of(version), "someone")
    if kind == "withdraw":
        return Withdraw(name, version, "wrong", draw(st.booleans()), "someone")
    if kind == "reverse":
        return Reverse(name, version, "someone")
    return draw(
        st.sampled_from(
            [
                GetNewest(name),
                GetOfToken(name, draw(tokens), draw(st.sampled_from([None, "rc"]))),
                GetRelease(name, version),
            ]
        )
    )


def batches() -> st.SearchStrategy[list[Request]]:
    """Batches for account 0. A withdrawal, and its reversal, is alone in its batch."""
    shared = requests().filter(lambda request: not isinstance(request, ALONE))
    return st.lists(shared, max_size=10) | requests().map(lambda request: [request])


def outcomes(store: Store, batches: Iterable[list[Request]], account: int) -> list[object]:
    """The results of all requests of the account; for an error, its code and text."""
    found: list[object] = []
    for batch in batches:
        own = [each._replace(name=each.name._replace(account=account)) for each in batch]
        for result in store.releases.decide(own):
            if isinstance(result, MonotronError):
                found.append((result.code, result.detail.replace(f"ccount {account}", "ccount")))
            else:
                release = result.release
                name = release.name._replace(account=0)
                found.append(result._replace(release=release._replace(name=name)))
    return found


def contents(store: Store, account: int) -> list[object]:
    """All records, heads and ledgers of the account."""
    keys = [entry.key for entry in store.series_page(account, "", "", 1000)]
    pages = [
        store.releases.page(VersionName(account, name), sort_key_range(), None, 1000)
        for name in (NAME, "other")
    ]
    return [
        [[release._replace(name=release.name._replace(account=0)) for release in p] for p in pages],
        keys,
        [
            [
                (row.entry.token, row.entry.value, row.assigned_by)
                for row in store.ledger_page(SeriesKey(account, key), None, 1000) or ()
            ]
            for key in keys
        ],
    ]


@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck), database=None)
@given(before=st.lists(requests(), max_size=6), batch=batches())
def test_a_batch_equals_its_requests_one_after_the_other(
    memory: Store, before: list[Request], batch: list[Request]
) -> None:
    together, alone = next(accounts), next(accounts)
    for account in (together, alone):
        outcomes(memory, [[each] for each in before], account)
    results = outcomes(memory, [batch], together)
    assert results == outcomes(memory, [[each] for each in batch], alone)
    assert contents(memory, together) == contents(memory, alone)


class CountingReader:
    """Facts of an empty store, and how often they are read."""

    def __init__(self) -> None:
        self.calls = 0

    def read(self, facts: Iterable[Fact[Any]]) -> Mapping[Fact[Any], Any]:
        self.calls += 1
        return {fact: fact.absent() for fact in facts}


@pytest.mark.parametrize(
    ("parameters", "max_reads"),
    [
        (VersionRequest(), 3),
        (VersionRequest("minor"), 3),
        (VersionRequest("major"), 3),
        (VersionRequest("patch", "rc"), 5),
        (VersionRequest(dry_run=True), 3),
    ],
    ids=["patch", "minor", "major", "pre-release", "dry-run"],
)
def test_a_batch_for_one_name_reads_a_few_times(parameters: VersionRequest, max_reads: int) -> None:
    reader = CountingReader()
    name = VersionName(1, "shop")
    batch = [Assign(name, f"{number}", parameters) for number in range(64)]
    results = decide_all(State(), batch, reader.read)
    assert not any(isinstance(each, MonotronError) for each in results)
    assert reader.calls <= max_reads


def test_a_batch_for_many_names_reads_a_few_times() -> None:
    reader = CountingReader()
    batch = [Assign(VersionName(1, f"{number}"), "a", VersionRequest()) for number in range(64)]
    results = decide_all(State(), batch, reader.read)
    assert {each.release.version_text for each in results} == {"0.0.1"}  # type: ignore[union-attr]
    assert reader.calls <= 3


@pytest.mark.parametrize(
    "request_",
    [Withdraw(NAME_OF_1, Version(1), "wrong", False, "me"), Reverse(NAME_OF_1, Version(1), "me")],
)
def test_a_withdrawal_does_not_share_a_batch(request_: Request) -> None:
    with pytest.raises(ValueError, match="only request"):
        decide_all(State(), [request_, GetNewest(NAME_OF_1)], CountingReader().read)
