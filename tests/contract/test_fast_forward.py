"""The fast-forward of a store after a restore: nothing is assigned twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from semver import Version

from contract.asking import BY, OTHER, SERIES, ask, ledger, put, put_any
from contract.conftest import DURABLE_STORES, make_store
from contract.test_audit import adopt, assign_versions, findings
from monotron.errors import MonotronError, SeriesExhausted, ValueWouldFall
from monotron.model.component_keys import COMPONENTS, component_key, component_value
from monotron.model.semver import ZERO_VERSION, Final, VersionName, parse_line
from monotron.model.series import FAST_FORWARD, INT64_MAX, SeriesKey
from monotron.model.versions.requests import VersionRequest
from monotron.store import Store, open_store
from monotron.store.mongo import MongoStore
from monotron.store.sqlite.store import SqliteStore
from support.services import StoreServices


class TestSeries:
    def test_series_are_raised_and_get_a_ledger_entry(self, store: Store) -> None:
        for token in "abc":
            put_any(store, token)
        put(store, "a", series=OTHER)
        assert store.fast_forward(10).raised == 2
        assert ledger(store) == [("a", 1), ("b", 2), ("c", 3), (None, 13)]
        assert store.ledger_page(SERIES, None, 1)[0].assigned_by == FAST_FORWARD  # type: ignore[index]
        assert put_any(store, "d") == 14
        assert put(store, "b", series=OTHER) == 12
        assert findings(store) == []

    def test_tokens_keep_their_values(self, store: Store) -> None:
        put(store, "a")
        put(store, "b")
        store.fast_forward(10)
        assert [put_any(store, token) for token in "ab"] == [1, 2]
        assert store.peek([SERIES]) == [(*SERIES, None, 12)]

    @pytest.mark.parametrize("restart", [False, True])
    def test_deleted_series_are_raised_and_stay_deleted(self, store: Store, restart: bool) -> None:
        put(store, "a")
        store.delete(SERIES, restart=restart)
        store.attributes.merge(SERIES, "b", {"x": "1"})
        store.attributes.merge(OTHER, "b", {"x": "1"})
        assert store.fast_forward(10).raised == 2
        assert store.peek([SERIES, OTHER]) == [None, None]
        assert findings(store) == []
        assert put(store, "a") == (11 if restart else 12)
        assert put(store, "a", series=OTHER) == 11
        assert store.attributes.all(SERIES, "b") == {"x": "1"}
        assert store.attributes.all(OTHER, "b") == {"x": "1"}
        assert findings(store) == []

    def test_an_amount_of_0_changes_nothing(self, store: Store) -> None:
        put(store, "a")
        assign_versions(store, ("a", VersionRequest()))
        assert store.fast_forward(0) == (0, ())
        assert put(store, "b") == 2
        assert assign_versions(store, ("b", VersionRequest())) == ["0.0.2"]

    @pytest.mark.parametrize("stands", [INT64_MAX - 10, INT64_MAX - 3, INT64_MAX - 1, INT64_MAX])
    def test_series_stop_at_the_last_value(self, store: Store, stands: int) -> None:
        store.advance_to(SERIES, stands, BY)
        put(store, "a", series=OTHER)
        result = store.fast_forward(10)
        assert result.exhausted == (SERIES,)
        (answer,) = store.allocate([ask("a")])
        assert isinstance(answer, SeriesExhausted)
        assert put(store, "b", series=OTHER) == 12
        assert findings(store) == []

    def test_the_amount_may_be_the_highest_value(self, store: Store) -> None:
        put(store, "a")
        assign_versions(store, ("a", VersionRequest()))
        store.fast_forward(INT64_MAX)
        (answer,) = store.allocate([ask("b")])
        assert isinstance(answer, SeriesExhausted)
        assert findings(store) == []

    def test_a_second_fast_forward_raises_series_again(self, store: Store) -> None:
        for number in range(230):
            put(store, "a", series=SeriesKey(1, f"s{number}"))
        for times in range(1, 3):
            assert store.fast_forward(7).raised == 230
            (entry,) = store.peek([SeriesKey(1, "s129")])
            assert entry is not None
            assert entry.value == 1 + 7 * times
        assert findings(store) == []

    def test_series_that_only_look_like_components_are_raised_like_others(
        self, store: Store
    ) -> None:
        for key in ("x-major", "x-minor-v", "x-patch-v1", "x-minor-v01", "-minor-v1"):
            put(store, "a", series=SeriesKey(1, key))
        assert store.fast_forward(5).raised == 5
        assert put(store, "b", series=SeriesKey(1, "x-major")) == 7


class TestVersions:
    def test_the_next_major_was_never_assigned(self, store: Store) -> None:
        assign_versions(store, ("a", VersionRequest("minor")), ("b", VersionRequest()))
        store.fast_forward(10)
        assert assign_versions(store, ("b", VersionRequest()), ("c", VersionRequest())) == [
            "0.1.1",
            "11.0.1",
        ]
        assert findings(store) == []

    def test_the_next_version_of_a_line_was_never_assigned(self, store: Store) -> None:
        assign_versions(
            store,
            ("a", VersionRequest("major")),
            ("b", VersionRequest("minor")),
            ("c", VersionRequest("major")),
        )
        store.fast_forward(10)
        line = [
            VersionRequest("patch", line=parse_line("1.1")),
            VersionRequest("minor", line=parse_line("1")),
        ]
        assert assign_versions(store, ("d", line[0]), ("e", line[1])) == ["1.1.12", "1.13.0"]

    def test_the_withdrawal_of_a_later_version_does_not_undo_it(self, store: Store) -> None:
        """The version on the raised line is the only one there, so the line does not count."""
        assign_versions(store, ("a", VersionRequest("major")))
        store.fast_forward(10)
        assert assign_versions(store, ("b", VersionRequest())) == ["12.0.1"]
        withdraw(store, "12.0.1")
        assert assign_versions(store, ("c", VersionRequest()), ("d", VersionRequest("major"))) == [
            "1.11.1",
            "13.0.0",
        ]
        assert findings(store) == []

    def test_the_withdrawal_of_the_raised_version_does_not_undo_it(self, store: Store) -> None:
        assign_versions(store, ("a", VersionRequest("minor")))
        store.fast_forward(10)
        withdraw(store, "11.0.0")
        withdraw(store, "0.12.0")
        assert assign_versions(
            store,
            ("b", VersionRequest()),
            ("c", VersionRequest("minor")),
            ("d", VersionRequest("major")),
        ) == ["0.1.12", "0.13.0", "12.0.0"]

    def test_later_adoptions_and_their_withdrawals_do_not_undo_it(self, store: Store) -> None:
        assign_versions(store, ("a", VersionRequest("minor")))
        store.fast_forward(10)
        for version in ("30.5.0", "11.7.0", "40.0.0"):
            adopt(store, version)
            withdraw(store, version)
        assert assign_versions(store, ("b", VersionRequest("major"))) == ["12.0.0"]
        assert findings(store) == []

    def test_a_calendar_name_continues_after_its_last_version_was_adopted(
        self, store: Store
    ) -> None:
        """The procedure of docs/operations.md."""
        (version,) = assign_versions(store, ("a", VersionRequest("calendar")))
        year, month, _ = map(int, version.split("."))
        store.fast_forward(10)
        with pytest.raises(ValueWouldFall):
            assign_versions(store, ("b", VersionRequest("calendar")))
        withdraw(store, f"{year + 11}.0.0")
        withdraw(store, f"{year}.{month + 11}.0")
        assert assign_versions(store, ("b", VersionRequest("calendar"))) == [f"{year}.{month}.13"]
        adopt(store, f"{year}.{month}.40")
        assert assign_versions(store, ("c", VersionRequest("calendar"))) == [f"{year}.{month}.41"]


def withdraw(store: Store, version: str) -> None:
    versions = StoreServices(store).versions
    asyncio.run(
        versions.withdraw(1, "shop", Version.parse(version), "wrong", ignore_commits=False, by=BY)
    )


Step = tuple[str, str, VersionRequest]
"""A name, a token, and what is requested for it. Without a token, the version is adopted."""

NAMES = ("shop", "api", "nightly")
KEYS = [SeriesKey(1, key) for key in ("web", "shop-major", "api-patch-v0.1", "shop-minor-v1")]

Assigned = set[tuple[str, str]]
"""Versions by name, and values by key."""


CHOSEN = ("exact", "calendar")
"""The bumps that do not count from the newest version."""


def steps(random: Random, most: int, tokens: str, without: Sequence[str] = ()) -> list[Step]:
    """Requests for versions of all kinds. Some are refused, and some tokens are repeated."""
    found: list[Step] = []
    for number in range(most):
        name = random.choice(NAMES)
        bumps = ["major", "minor", "minor", "patch", "patch", "final", "exact"]
        bumps += ["calendar"] * 6 if name == "nightly" else []
        bump = random.choice([each for each in bumps if each not in without])
        label = random.choice([None, None, "rc", "beta"])
        numbers = [str(random.randrange(4)) for _ in range(random.randrange(3))]
        line = parse_line(".".join(numbers)) if numbers else None
        wanted = VersionRequest(bump, new_if_withdrawn=random.random() < 0.5)  # type: ignore[arg-type]
        if bump == "exact":
            version = Final(random.randrange(5), random.randrange(5), random.randrange(20))
            wanted = wanted._replace(version=version)
        elif bump == "calendar":
            wanted = wanted._replace(label=label)
        else:
            wanted = wanted._replace(line=line, label=None if bump == "final" else label)
        token = f"{tokens} {number % random.randrange(1, 50)}"
        is_adopted = bump == "exact" and random.random() < 0.2
        found.append((name, "" if is_adopted else token, wanted))
    return found


def play(store: Store, played: Sequence[Step], random: Random, withdrawn: float = 0.2) -> Assigned:
    """Request versions and values, and withdraw some. Returns what was assigned or adopted."""

    async def give() -> Assigned:
        versions = StoreServices(store).versions
        given: list[tuple[str, Version]] = []
        for name, token, wanted in played:
            with suppress(MonotronError):
                if token:
                    answer = await versions.next(1, name, token, wanted)
                else:
                    answer = await versions.adopt(1, name, wanted.version or ZERO_VERSION, BY)
                if not answer.reused:
                    given.append((name, answer.release.version))
            if given and random.random() < withdrawn:
                chosen = random.choice(given)
                await versions.withdraw(1, *chosen, "wrong", ignore_commits=False, by=BY)
                if random.random() < 0.3:
                    with suppress(MonotronError):
                        await versions.reverse_withdrawal(1, *chosen, BY)
        return {(name, str(version)) for name, version in given}

    given = asyncio.run(give())
    for number in range(random.randrange(8)):
        given.add(("web", str(put(store, f"{number}", series=KEYS[0]))))
    return given


def high_water_marks(store: Store) -> dict[str, int]:
    """The last values of all existing series."""
    entries = store.series_page(1, "", "", 10000)
    return {entry.key: entry.value for entry in entries}


def largest_increase(then: dict[str, int], now: dict[str, int], since: Assigned) -> int:
    """The amount to fast-forward by: of series, and of the numbers of withdrawn versions."""
    increases = [value - then.get(key, 0) for key, value in now.items()]
    for name, text in since - {pair for pair in since if pair[0] == "web"}:
        version = Version.parse(text)
        target = Final.of(version)
        for component in COMPONENTS:
            key = component_key(VersionName(1, name), component, target).key
            increases.append(component_value(target, component) - then.get(key, 0))
    return max(increases)


@pytest.fixture(params=DURABLE_STORES)
def original(request: pytest.FixtureRequest) -> Iterator[Store]:
    store = make_store(request.param, request)
    yield store
    store.close()


@pytest.fixture
def copy(original: Store, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Creates a store with the current content of the original."""
    copies: list[Store] = []

    def make() -> Store:
        if isinstance(original, MongoStore):
            database = original._database
            other = original._client[f"{database.name}-copy{len(copies)}"]
            for name in database.list_collection_names():
                if documents := list(database[name].find()):
                    other[name].insert_many(documents)
            copies.append(MongoStore(other))
        else:
            original.backup(tmp_path / f"copy{len(copies)}.db")
            copies.append(open_store(f"sqlite:///{tmp_path}/copy{len(copies)}.db"))
        return copies[-1]

    yield make
    for store in copies:
        if isinstance(store, MongoStore):
            store._client.drop_database(store._database.name)
        elif isinstance(store, SqliteStore):
            store.close()


class TestAfterARestore:
    @pytest.mark.parametrize(
        ("without", "withdrawn"),
        [(CHOSEN, 0.3), ((), 0.0)],
        ids=["with withdrawals", "with exact and calendar versions"],
    )
    @pytest.mark.parametrize("seed", range(2))
    def test_no_value_and_no_version_is_assigned_twice_after_a_restore(
        self,
        original: Store,
        copy: Callable[[], Store],
        seed: int,
        without: Sequence[str],
        withdrawn: float,
    ) -> None:
        """Withdrawn versions are not assigned again, either: those are part of `given`."""
        random = Random(seed)
        begun = [(name, "first", VersionRequest("minor")) for name in NAMES]
        given = play(original, begun, random) | {("web", str(put(original, "a", series=KEYS[0])))}
        given |= play(original, steps(random, random.randrange(30), "before"), random)
        restored = copy()
        then = high_water_marks(original)
        since = play(original, steps(random, random.randrange(1, 40), "since"), random)
        given |= since
        restored.fast_forward(largest_increase(then, high_water_marks(original), since))
        assert findings(restored) == []
        again = play(restored, steps(random, 60, "after", without), random, withdrawn)
        again |= play(restored, steps(random, 30, "since", without), random, withdrawn)
        assert len(again) > 10
        assert again & given == set()
        assert findings(restored) == []

    def test_without_a_fast_forward_values_are_assigned_twice(
        self, original: Store, copy: Callable[[], Store]
    ) -> None:
        random = Random(1)
        play(original, [("shop", "first", VersionRequest())], random)
        restored = copy()
        lost = play(original, [("shop", "lost", VersionRequest())], random)
        assert lost & play(restored, [("shop", "other", VersionRequest())], random)
