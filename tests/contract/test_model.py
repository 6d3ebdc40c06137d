"""A state machine of random puts, peeks, raises, deletes and attributes, against dictionaries."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from monotron.errors import SeriesExhausted, ValueWouldFall
from monotron.model.allocation import AllocationRequest
from monotron.model.series import INT64_MAX, Entry, Reuse, SeriesKey
from monotron.store import Store, open_store

KEYS = ["a", "$b", "c.d"]
names = st.sampled_from(["root", "key:mtk_k_AbCdEfGh", "github:acme/shop:123", "$by"])
tokens = st.sampled_from(["t", "u", "v", "$w", "é"])
keys = st.sampled_from(KEYS)
high_water_marks = st.one_of(
    st.integers(1, 20), st.sampled_from([2**53, INT64_MAX - 2, INT64_MAX - 1, INT64_MAX])
)


last_of_use = st.just(INT64_MAX) | st.integers(1, 20)


class Series:
    """The simplest model of a series."""

    def __init__(self) -> None:
        self.ledger: list[tuple[str | None, int, str]] = []
        self.height = 0
        self.attributes: dict[tuple[str, str], str] = {}
        """By token and name."""

    @property
    def current(self) -> str | None:
        return self.ledger[-1][0] if self.ledger else None

    def attributes_of(self, token: str) -> dict[str, str]:
        return {name: value for (of, name), value in self.attributes.items() if of == token}

    def last_values(self, token: str) -> int | None:
        return next((value for given, value, _ in reversed(self.ledger) if given == token), None)

    def put(self, token: str, reuse: Reuse, assigned_by: str, up_to: int) -> int | None:
        """The value, or None if the series is exhausted."""
        if token == self.current:
            return self.height
        known = self.last_values(token)
        if reuse is Reuse.ANY and known is not None:
            return known
        if self.height >= up_to:
            return None
        self.height += 1
        self.ledger.append((token, self.height, assigned_by))
        return self.height


def machine(open_fresh: Callable[[], Store]) -> type[RuleBasedStateMachine]:
    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.store = open_fresh()
            # A prefix of its own in each run, for stores that many runs share.
            self.account = next(accounts)
            self.model = {key: Series() for key in KEYS}

        def series(self, key: str) -> SeriesKey:
            return SeriesKey(self.account, key)

        @rule(
            key=keys,
            puts=st.lists(
                st.tuples(tokens, st.sampled_from(Reuse), names, last_of_use), min_size=1
            ),
        )
        def put(self, key: str, puts: list[tuple[str, Reuse, str, int]]) -> None:
            series = self.series(key)
            answers = self.store.allocate([AllocationRequest(series, *each) for each in puts])
            for (token, *asked), answer in zip(puts, answers, strict=True):
                before = self.model[key].height
                expected = self.model[key].put(token, *asked)
                if expected is None:
                    assert isinstance(answer, SeriesExhausted)
                else:
                    assert not isinstance(answer, Exception)
                    assert answer.entry == Entry(*series, token, expected)
                    assert answer.reused == (self.model[key].height == before)

        @rule(key=keys, height=high_water_marks, assigned_by=names)
        def advance_to(self, key: str, height: int, assigned_by: str) -> None:
            model = self.model[key]
            if height < model.height:
                with pytest.raises(ValueWouldFall):
                    self.store.advance_to(self.series(key), height, assigned_by)
                return
            given = self.store.advance_to(self.series(key), height, assigned_by)
            if height > model.height or not model.ledger:
                model.height = height
                model.ledger.append((None, height, assigned_by))
                assert not given.reused
            else:
                assert given.reused
            assert given.entry == Entry(*self.series(key), model.current, height)

        @rule(key=keys, restart=st.booleans())
        def delete(self, key: str, restart: bool) -> None:
            self.store.delete(self.series(key), restart=restart)
            self.model[key].ledger = []
            self.model[key].attributes = {}
            if restart:
                self.model[key].height = 0

        @rule(key=keys, token=tokens, given=st.dictionaries(tokens, names))
        def merge(self, key: str, token: str, given: dict[str, str]) -> None:
            model = self.model[key]
            model.attributes |= {(token, name): value for name, value in given.items()}
            answer = self.store.attributes.merge(self.series(key), token, given)
            assert answer == model.attributes_of(token)

        @rule(key=keys, token=tokens, name=tokens | st.none())
        def remove(self, key: str, token: str, name: str | None) -> None:
            model = self.model[key]
            going = [each for each in model.attributes_of(token) if name in (None, each)]
            for each in going:
                del model.attributes[token, each]
            answer = self.store.attributes.remove(self.series(key), token, name)
            assert answer == bool(going)

        @rule(key=keys, token=tokens)
        def attributes(self, key: str, token: str) -> None:
            found = self.store.attributes.all(self.series(key), token)
            assert found == self.model[key].attributes_of(token)

        @rule(key=keys, token=tokens)
        def entry(self, key: str, token: str) -> None:
            expected = self.model[key].last_values(token)
            entry = self.store.entry(self.series(key), token)
            assert (entry and entry.value) == expected

        @invariant()
        def the_store_holds_what_the_model_holds(self) -> None:
            alive = sorted(key for key in KEYS if self.model[key].ledger)
            listed = [
                Entry(self.account, key, self.model[key].current, self.model[key].height)
                for key in alive
            ]
            assert self.store.series_page(self.account, "", "", 10) == listed
            for key in KEYS:
                rows = self.store.ledger_page(self.series(key), None, 1000)
                kept = [
                    (row.entry.token, row.entry.value, row.assigned_by)
                    for row in reversed(rows or [])
                ]
                assert kept == self.model[key].ledger
                peeked = self.store.peek([self.series(key)])
                assert peeked == [entry for entry in listed if entry.key == key] or [None]

    return Machine


accounts = iter(range(1, 1_000_000))


def run(open_fresh: Callable[[], Store], examples: int) -> None:
    run_state_machine_as_test(
        machine(open_fresh),
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )


def test_sqlite_is_the_model(tmp_path_factory: pytest.TempPathFactory) -> None:
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('model')}/monotron.db")
    run(lambda: store, 100)
    store.close()


def test_mongod_is_the_model(database_url: str) -> None:
    store = open_store(database_url)
    run(lambda: store, 12)
    store.close()
