"""The names of an account with their newest versions, on every store."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import product
from unittest.mock import patch

import pytest

from contract.asking import BY, ask_any, put_any
from monotron.errors import MonotronError
from monotron.model.name_patterns import NamePatterns
from monotron.model.semver import VersionName, parse_final, parse_version
from monotron.model.series import SeriesKey
from monotron.model.versions.batch import Results
from monotron.model.versions.requests import Adopt, Assign, Request, VersionRequest, Withdraw
from monotron.services.versions import MAX_BATCH_SIZE
from monotron.store import Store
from support.services import StoreServices

ALL = NamePatterns(("*",))


@pytest.fixture
def services(store: Store) -> Iterator[StoreServices]:
    services = StoreServices(store)
    yield services
    services.close()


def decide(store: Store, *requests: Request) -> None:
    for request in requests:
        (result,) = store.releases.decide([request])
        assert not isinstance(result, MonotronError), result


def assign(
    token: str, bump: str = "minor", label: str | None = None, name: str = "shop", account: int = 1
) -> Assign:
    parameters = VersionRequest(bump, label, assigned_by=BY)  # type: ignore[arg-type]
    return Assign(VersionName(account, name), token, parameters)


def withdraw(version: str, name: str = "shop") -> Withdraw:
    return Withdraw(VersionName(1, name), parse_version(version), "wrong", False, BY)


def listed(services: StoreServices) -> list[tuple[str, str, str | None]]:
    """All names with their newest versions and its tokens."""
    results, after = asyncio.run(services.versions.names(1, ALL, "", "", 1000))
    assert after is None
    return [
        (each.release.name.name, each.release.version_text, each.release.token) for each in results
    ]


NEWEST: list[tuple[list[Request], tuple[str, str | None]]] = [
    ([assign("a")], ("0.1.0", "a")),
    ([assign("a"), assign("b", "major", "rc")], ("0.1.0", "a")),
    ([Adopt(VersionName(1, "shop"), parse_final("1.2.57"), BY)], ("1.2.57", None)),
    ([assign("a", label="rc"), assign("b", label="rc")], ("0.1.0-rc.2", "b")),
    ([assign("a", label="rc"), assign("b", "major", "beta")], ("1.0.0-beta.1", "b")),
    (
        [assign("a", label="rc"), assign("b", label="rc"), withdraw("0.1.0-rc.2")],
        ("0.1.0-rc.1", "a"),
    ),
    ([assign("a", label="rc"), assign("b"), withdraw("0.1.0")], ("0.1.0-rc.1", "a")),
]
"""Requests for a name, and its newest version and token."""

COUNTED = {
    "major": "3.0.0",
    "minor-v0": "0.3.0",
    "patch-v0.0": "0.0.3",
    "minor-v1": None,
    "patch-v0.1": None,
    "rc-v0.0.1": None,
}
"""The newest version if the series with this ending is at 3."""


class TestNewestVersion:
    def test_it_is_final_or_else_the_highest_pre_release(
        self, store: Store, services: StoreServices
    ) -> None:
        for number, (requests, _) in enumerate(NEWEST):
            name = VersionName(1, f"name-{number}")
            decide(store, *(request._replace(name=name) for request in requests))
        assert listed(services) == [
            (f"name-{number}", *newest) for number, (_, newest) in enumerate(NEWEST)
        ]

    def test_a_name_whose_versions_were_all_withdrawn_is_omitted(
        self, store: Store, services: StoreServices
    ) -> None:
        decide(store, assign("a"), withdraw("0.1.0"), assign("b", label="rc", name="api"))
        decide(store, withdraw("0.1.0-rc.1", "api"))
        assert listed(services) == []

    def test_it_is_counted_in_the_series_of_a_name_without_a_release(
        self, store: Store, services: StoreServices
    ) -> None:
        keys = [SeriesKey(1, f"of-{suffix}-{suffix}") for suffix in COUNTED]
        for series in keys:
            store.attributes.merge(series, "a", {"branch": "main"})  # a series without values
        assert listed(services) == []
        for token in "abc":
            store.allocate([ask_any(token, series) for series in keys])
        versions = [(f"of-{suffix}", version, None) for suffix, version in COUNTED.items()]
        expected = sorted(each for each in versions if each[1] is not None)
        assert listed(services) == expected
        # A deleted series counts as its high-water mark, as for the next version.
        for restart in False, True:
            for series in keys:
                store.delete(series, restart=restart)
            assert listed(services) == ([] if restart else expected)

    def test_a_series_that_was_counted_above_a_withdrawn_version_counts(
        self, store: Store, services: StoreServices
    ) -> None:
        decide(store, assign("a"), withdraw("0.1.0"))
        store.advance_to(SeriesKey(1, "shop-major"), 4, BY)
        assert listed(services) == [("shop", "4.0.0", None)]

    def test_keys_of_other_series_are_not_names(
        self, store: Store, services: StoreServices
    ) -> None:
        too_long = "n" * 201
        for key in (
            "-major",
            "major",
            "shop-majors",
            "shop-MAJOR",
            "shop-minor-v01",
            f"{too_long}-major",
        ):
            put_any(store, "a", SeriesKey(1, key))
        put_any(store, "a", SeriesKey(2, "shop-major"))
        decide(store, assign("a", account=2))
        assert listed(services) == []


NAMES = ["a", "a-", "a-b", "a-minor-v1", "ab", "a/b", "b", "é", "\uffee", "🙂"]


def test_pages_contain_every_name_once_in_order(store: Store, services: StoreServices) -> None:
    recorded, counted = NAMES[::2], NAMES[1::2]
    decide(store, *(assign("a", name=name) for name in recorded))
    decide(store, *(assign("a", label="rc", name=name) for name in recorded[:2]))
    suffixes = ("major", "minor-v0", "patch-v0.0", "patch-v1.0")
    keys = [f"{name}-{suffix}" for name in [*counted, *recorded] for suffix in suffixes]
    store.allocate([ask_any("b", SeriesKey(1, key)) for key in keys])
    for limit, prefix in product((1, 2, 3, 1000), ("", "a", "a-", "é", "none")):
        found: list[str] = []
        after: str | None = ""
        while after is not None:
            page, after = asyncio.run(services.versions.names(1, ALL, prefix, after, limit))
            assert len(page) <= limit
            found += [each.release.name.name for each in page]
            assert after is None or after == found[-1]
        assert found == [name for name in sorted(NAMES) if name.startswith(prefix)]


def test_a_long_page_is_complete(store: Store, services: StoreServices) -> None:
    """A call decides about `MAX_BATCH_SIZE` names at most, so that builds need not wait longer."""
    names = [f"name-{number:03}" for number in range(2 * MAX_BATCH_SIZE + 1)]
    for start in range(0, len(names), MAX_BATCH_SIZE):
        requests = [assign("a", name=name) for name in names[start : start + MAX_BATCH_SIZE]]
        store.releases.decide(requests)
    sizes, decide_all = [], store.releases.decide

    def counted(requests: Sequence[Request]) -> Results:
        sizes.append(len(requests))
        return decide_all(requests)

    with patch.object(store.releases, "decide", counted):
        assert [name for name, _, _ in listed(services)] == names
    assert max(sizes) <= MAX_BATCH_SIZE
