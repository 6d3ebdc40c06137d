"""The rules of versions in version_rules.md, and what its notation cannot express."""

import asyncio
import re
from pathlib import Path

import pytest
from semver import Version

from contract.version_notation import NAME, Notation, Row, check, rows
from monotron.errors import InvalidName, MonotronError, ValueWouldFall, VersionNotFound
from monotron.model.semver import VersionName, parse_final, sort_key_range
from monotron.model.series import ANYONE, INT64_MAX, SeriesKey
from monotron.model.versions.requests import VersionRequest, VersionResult
from monotron.store import Store
from support.services import StoreServices

TEXT = (Path(__file__).parent / "version_rules.md").read_text()
ROWS = rows(TEXT.replace("MAX", str(INT64_MAX)))


# The rules do not know the engine: on MongoDB, a sample shows that its answers are read alike.
@pytest.mark.parametrize(
    ("row", "durable_url"),
    [*((row, "sqlite-file") for row in ROWS), *((row, "mongod") for row in ROWS[::4])],
    ids=str,
    indirect=["durable_url"],
)
def test_a_rule_holds(row: Row, durable_store: Store) -> None:
    asyncio.run(check(row, durable_store))


@pytest.mark.parametrize(
    ("version", "series"),
    [
        ("1.4.2", {"major": 1, "minor-v1": 4, "patch-v1.4": 2}),
        ("0.0.7", {"patch-v0.0": 7}),
        ("2.0.0", {"major": 2}),
        ("2.0.5", {"major": 2, "patch-v2.0": 5}),
        ("2.3.0", {"major": 2, "minor-v2": 3}),
    ],
)
def test_an_adoption_advances_the_series_of_its_components(
    durable_store: Store, version: str, series: dict[str, int]
) -> None:
    notation = Notation(durable_store)
    assert asyncio.run(notation.version(version)) == version
    assert series_of(durable_store) == {suffix: (None, value) for suffix, value in series.items()}


def test_each_version_is_an_entry_of_one_series(durable_store: Store) -> None:
    changes = [
        ("a", {"patch-v0.0": ("a", 1)}),
        ("b?bump=major", {"major": ("b", 1)}),
        ("c?bump=minor", {"minor-v1": ("c", 1)}),
        ("d?bump=minor", {"minor-v1": ("d", 2)}),
        ("e", {"patch-v1.2": ("e", 1)}),
        ("f?bump=minor&prerelease=rc", {"rc-v1.3.0": ("f", 1)}),
        ("g?prerelease=beta", {"beta-v1.2.2": ("g", 1)}),
        ("f?bump=final", {"minor-v1": ("f", 3)}),
        ("h?line=1.2", {"patch-v1.2": ("h", 2)}),
        ("a", {}),
    ]

    async def run() -> None:
        notation = Notation(durable_store)
        expected: dict[str, tuple[str | None, int]] = {}
        for request, change in changes:
            await notation.result(request)
            expected |= change
            assert series_of(durable_store) == expected, request

    asyncio.run(run())


def test_a_prerelease_advances_a_restarted_series_to_the_records(durable_store: Store) -> None:
    async def run() -> None:
        notation = Notation(durable_store)
        for request in (
            "x?prerelease=rc",
            "y?prerelease=rc",
            "restart rc-v0.0.1",
            "a?prerelease=rc",
        ):
            await notation.prepare(request)

    asyncio.run(run())
    rows = durable_store.ledger_page(SeriesKey(1, f"{NAME}-rc-v0.0.1"), None, 10)
    assert rows is not None
    assert [(row.entry.token, row.entry.value) for row in rows] == [("a", 3), (None, 2)]


def test_names_are_compared_exactly(durable_store: Store) -> None:
    names = ["a", "A", "\u00e9", "e\u0301", "\u212b", "\u00c5", "a ", "a/b", "a_", "ab", "a%", "a."]

    async def run() -> None:
        versions = StoreServices(durable_store).versions
        for count, name in enumerate(names, 1):
            for token in map(str, range(count)):
                await versions.next(1, name, token, VersionRequest())
        for count, name in enumerate(names, 1):
            assert (await versions.latest(1, name)).release.version.patch == count

    asyncio.run(run())


def test_an_adopted_version_that_was_counted_manually_does_not_precede_itself(
    durable_store: Store,
) -> None:
    async def run() -> VersionResult:
        notation = Notation(durable_store)
        await notation.prepare("major=1")
        return await notation.result("1.0.0")

    assert asyncio.run(run()).release.previous is None


@pytest.mark.parametrize(("series", "beyond"), [("minor-v1", "1.2.0"), ("patch-v1.0", "1.0.2")])
def test_a_refused_adoption_names_the_manually_counted_version(
    durable_store: Store, series: str, beyond: str
) -> None:
    async def run() -> None:
        notation = Notation(durable_store)
        await notation.prepare(f"{series}=2")
        with pytest.raises(ValueWouldFall, match=f"already at {beyond}"):
            await notation.versions.adopt(1, NAME, parse_final("1.0.0"), ANYONE)

    asyncio.run(run())


def test_a_name_without_versions_has_no_release_0_0_0(durable_store: Store) -> None:
    versions = StoreServices(durable_store).versions
    with pytest.raises(VersionNotFound):
        asyncio.run(versions.at(1, NAME, Version(0)))


@pytest.mark.parametrize(
    ("before", "request_", "reason"),
    [
        ([], "0.0.0", "Versions start after it"),
        (["1.4.2"], "1.4.1", "is already at 1.4.2"),
        (["1.4.2"], "a?line=2", "has no 2.x release"),
        (["1.4.2", "x?bump=major&prerelease=rc"], "a?line=2", "the highest one is 2.0.0-rc.1"),
        ([], "a?version=0.0.0", "Versions start after it"),
        (["1.4.2"], "a?version=1.3.0", "must be higher than 1.4.2"),
        (["1.4.2", "a?version=2.5.0"], "a", "(`version=2.5.0`). This request has `bump=patch`"),
        ([], "a?bump=auto&base=1.4.2", "`base` is 1.4.2, but 'some-great-service' has no version"),
        (
            ["1.4.2"],
            "a?bump=auto&base=none",
            "`base` is `none`, but the newest version of 'some-great-service' is 1.4.2",
        ),
        (
            ["1.4.2", "x?bump=major"],
            "a?bump=auto&base=2.0.0&line=1.4",
            "`base` is 2.0.0, but the newest version on line 1.4 is 1.4.2",
        ),
        (
            ["1.4.2", "a?bump=minor&prerelease=rc", "1.5.1"],
            "a?bump=final",
            "1.5.0 or a newer version of its line is already released",
        ),
        (
            ["1.4.2", "a?bump=minor&prerelease=beta", "b?bump=major&prerelease=rc"],
            "c?bump=final",
            "1.5.0-beta.1, 2.0.0-rc.1",
        ),
    ],
)
def test_a_refused_request_states_the_reason(
    durable_store: Store, before: list[str], request_: str, reason: str
) -> None:
    async def run() -> None:
        notation = Notation(durable_store)
        for each in before:
            await notation.prepare(each)
        with pytest.raises(MonotronError, match=re.escape(reason)):
            await notation.result(request_)

    asyncio.run(run())


def test_a_name_too_long_for_a_label_does_not_adopt_the_initial_version(
    durable_store: Store,
) -> None:
    last = INT64_MAX - 1
    request = VersionRequest(label="x" * 20, initial=parse_final(f"{last}.{last}.{last}"))

    async def run() -> None:
        versions = StoreServices(durable_store).versions
        with pytest.raises(InvalidName):
            await versions.next(1, "x" * 200, "a", request)

    asyncio.run(run())
    assert durable_store.series_page(1, "", "", 10) == []
    assert durable_store.releases.page(VersionName(1, "x" * 200), sort_key_range(), None, 10) == []


def series_of(store: Store) -> dict[str, tuple[str | None, int]]:
    """The token and value of each series, by what follows the name in its key."""
    entries = store.series_page(1, f"{NAME}-", "", 1000)
    return {entry.key.removeprefix(f"{NAME}-"): (entry.token, entry.value) for entry in entries}
