"""The fast-forward of a store after a restore: nothing is assigned twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from contract.asking import BY, OTHER, SERIES, ask, ledger, put, put_any
from contract.conftest import DURABLE_STORES, make_store
from contract.test_audit import assign_versions, findings
from monotron.errors import MonotronError, SeriesExhausted
from monotron.model.semver import parse_line
from monotron.model.series import INT64_MAX, SeriesKey
from monotron.model.versions.requests import VersionRequest
from monotron.store import Store, open_store
from monotron.store.mongo import MongoStore
from monotron.store.sqlite.store import SqliteStore
from support.services import StoreServices

FAST_FORWARD = "fast-forward"


class TestSeries:
    def test_series_are_raised_and_get_a_ledger_entry(self, store: Store) -> None:
        for token in "abc":
            put_any(store, token)
        put(store, "a", series=OTHER)
        assert store.fast_forward(10, FAST_FORWARD).raised == 2
        assert ledger(store) == [("a", 1), ("b", 2), ("c", 3), (None, 13)]
        assert store.ledger_page(SERIES, None, 1)[0].assigned_by == FAST_FORWARD  # type: ignore[index]
        assert put_any(store, "d") == 14
        assert put(store, "b", series=OTHER) == 12
        assert findings(store) == []

    def test_tokens_keep_their_values(self, store: Store) -> None:
        put(store, "a")
        put(store, "b")
        store.fast_forward(10, FAST_FORWARD)
        assert [put_any(store, token) for token in "ab"] == [1, 2]
        assert store.peek([SERIES]) == [(*SERIES, None, 12)]

    @pytest.mark.parametrize("restart", [False, True])
    def test_deleted_series_are_raised_and_stay_deleted(self, store: Store, restart: bool) -> None:
        put(store, "a")
        store.delete(SERIES, restart=restart)
        store.attributes.merge(SERIES, "b", {"x": "1"})
        store.attributes.merge(OTHER, "b", {"x": "1"})
        assert store.fast_forward(10, FAST_FORWARD).raised == 2
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
        assert store.fast_forward(0, FAST_FORWARD) == (0, ())
        assert put(store, "b") == 2
        assert assign_versions(store, ("b", VersionRequest())) == ["0.0.2"]

    @pytest.mark.parametrize("stands", [INT64_MAX - 10, INT64_MAX - 3, INT64_MAX - 1, INT64_MAX])
    def test_series_stop_at_the_last_value(self, store: Store, stands: int) -> None:
        store.advance_to(SERIES, stands, BY)
        put(store, "a", series=OTHER)
        result = store.fast_forward(10, FAST_FORWARD)
        assert result.exhausted == (SERIES,)
        (answer,) = store.allocate([ask("a")])
        assert isinstance(answer, SeriesExhausted)
        assert put(store, "b", series=OTHER) == 12
        assert findings(store) == []

    def test_the_amount_may_be_the_highest_value(self, store: Store) -> None:
        put(store, "a")
        assign_versions(store, ("a", VersionRequest()))
        store.fast_forward(INT64_MAX, FAST_FORWARD)
        (answer,) = store.allocate([ask("b")])
        assert isinstance(answer, SeriesExhausted)
        assert findings(store) == []

    def test_a_second_fast_forward_raises_series_again(self, store: Store) -> None:
        for number in range(230):
            put(store, "a", series=SeriesKey(1, f"s{number}"))
        for times in range(1, 3):
            assert store.fast_forward(7, FAST_FORWARD).raised == 230
            assert store.high_water_marks([SeriesKey(1, "s129")]) == [1 + 7 * times]
        assert findings(store) == []

    def test_series_that_only_look_like_components_are_raised_like_others(
        self, store: Store
    ) -> None:
        for key in ("x-major", "x-minor-v", "x-patch-v1", "x-minor-v01", "-minor-v1"):
            put(store, "a", series=SeriesKey(1, key))
        assert store.fast_forward(5, FAST_FORWARD).raised == 5
        assert put(store, "b", series=SeriesKey(1, "x-major")) == 7


class TestVersions:
    def test_the_next_major_was_never_assigned(self, store: Store) -> None:
        assign_versions(store, ("a", VersionRequest("minor")), ("b", VersionRequest()))
        store.fast_forward(10, FAST_FORWARD)
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
        store.fast_forward(10, FAST_FORWARD)
        line = [
            VersionRequest("patch", line=parse_line("1.1")),
            VersionRequest("minor", line=parse_line("1")),
        ]
        assert assign_versions(store, ("d", line[0]), ("e", line[1])) == ["1.1.12", "1.13.0"]


Step = tuple[str, str, VersionRequest]
NAMES = ("shop", "api")
KEYS = [SeriesKey(1, key) for key in ("web", "shop-major", "api-patch-v0.1", "shop-minor-v1")]


def steps(random: Random, most: int, tokens: str) -> list[Step]:
    """Requests for versions of all kinds: with labels, on lines, promotions. Some are refused."""
    found: list[Step] = []
    for number in range(most):
        bump = random.choice(["major", "minor", "minor", "patch", "patch", "final"])
        label = random.choice([None, None, "rc", "beta"]) if bump != "final" else None
        numbers = [str(random.randrange(4)) for _ in range(random.randrange(3))]
        line = parse_line(".".join(numbers)) if numbers else None
        token = f"{tokens} {number % random.randrange(1, 50)}"
        wanted = VersionRequest(bump, label=label, line=line)  # type: ignore[arg-type]
        found.append((random.choice(NAMES), token, wanted))
    return found


def play(store: Store, played: Sequence[Step], random: Random) -> set[tuple[str, str]]:
    """Everything that was assigned, versions by name and values by key."""

    async def give() -> set[tuple[str, str]]:
        versions = StoreServices(store).versions
        given = set()
        for name, token, wanted in played:
            with suppress(MonotronError):
                answer = await versions.next(1, name, token, wanted)
                if not answer.reused:
                    given.add((name, str(answer.release.version)))
        return given

    given = asyncio.run(give())
    for number in range(random.randrange(8)):
        given.add(("web", str(put(store, f"{number}", series=KEYS[0]))))
    return given


def high_water_marks(store: Store) -> dict[str, int]:
    """The last values of all existing series."""
    entries = store.series_page(1, "", "", 10000)
    return {entry.key: entry.value for entry in entries}


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
    @pytest.mark.parametrize("seed", range(4))
    def test_no_value_and_no_version_is_assigned_twice_after_a_restore(
        self, original: Store, copy: Callable[[], Store], seed: int
    ) -> None:
        random = Random(seed)
        begun = [(name, "first", VersionRequest("minor")) for name in NAMES]
        given = play(original, begun, random) | {("web", str(put(original, "a", series=KEYS[0])))}
        given |= play(original, steps(random, random.randrange(30), "before"), random)
        restored = copy()
        then = high_water_marks(original)
        given |= play(original, steps(random, random.randrange(1, 40), "since"), random)
        now = high_water_marks(original)
        most = max(now[key] - then.get(key, 0) for key in now)
        restored.fast_forward(most, FAST_FORWARD)
        assert findings(restored) == []
        again = play(restored, steps(random, 60, "after"), random)
        again |= play(restored, steps(random, 30, "since"), random)
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
