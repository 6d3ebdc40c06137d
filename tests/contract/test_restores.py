"""Restores of older copies: nothing that was assigned since is assigned again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from semver import Version

from contract.asking import BY, put
from contract.conftest import DURABLE_STORES, make_store
from contract.test_audit import findings
from monotron.errors import MonotronError
from monotron.model.component_keys import COMPONENTS, component_key, component_value
from monotron.model.semver import ZERO_VERSION, Final, VersionName, parse_line
from monotron.model.series import SeriesKey
from monotron.model.versions.requests import VersionRequest
from monotron.store import Store, open_store
from monotron.store.mongo import MongoStore
from monotron.store.sqlite.store import SqliteStore
from support.services import StoreServices

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
