"""What the state machines of versions share: the service on a store, and random requests."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from contract.version_records import TEXTS, Parameters
from monotron.errors import MonotronError
from monotron.model.series import INT64_MAX
from monotron.model.versions.requests import VersionResult
from monotron.store import Store
from support.services import StoreServices

T = TypeVar("T")


class Clock:
    """The clock of a store."""

    def __init__(self) -> None:
        self.today = date(2000, 1, 1)

    def __call__(self) -> float:
        return datetime.combine(self.today, time(12), UTC).timestamp()


class ModelHost:
    """The services of a store, called from outside their event loop."""

    def __init__(self, store: Store, runner: asyncio.Runner, clock: Clock | None) -> None:
        self.store = store
        self.clock = clock
        self.services = StoreServices(store)
        self.versions = self.services.versions
        self._runner = runner

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(call)

    def outcome(self, call: Coroutine[Any, Any, VersionResult]) -> VersionResult | str:
        """The result, or the code of the error and whether it may have been applied."""
        try:
            return self.run(call)
        except MonotronError as error:
            return error.code if error.applied == "no" else f"{error.code}, perhaps applied"


@contextmanager
def host_on(store: Store, clock: Clock | None = None) -> Iterator[ModelHost]:
    with asyncio.Runner() as runner:
        host = ModelHost(store, runner, clock)
        try:
            yield host
        finally:
            host.services.close()
            store.close()


dates = st.sampled_from(
    [date(2000, 1, 31), date(2000, 2, 1), date(2000, 12, 31), date(2001, 1, 1), date(2003, 3, 3)]
)
accounts = iter(range(1, 10_000_000))
NAME = "some.great/$ervice é"

small = st.integers(0, 3)
numbers = st.tuples(small, small, small) | st.sampled_from(
    [(0, 9, 9), (1, 2, 57), (2, INT64_MAX - 1, 0), (2, 0, INT64_MAX), (INT64_MAX, 1, INT64_MAX - 1)]
)
labels = st.sampled_from(["rc", "rc", "rc", "rc-1", "-rc", "RC", "beta", "major", "1a"])
lines = st.one_of(
    st.none(),
    st.none(),
    st.tuples(st.integers(0, 2)),
    st.tuples(st.integers(0, 2), st.integers(0, 3)),
)
tokens = st.sampled_from([f"t{number}" for number in range(24)] + ["$w", "é", "a.b"])


@st.composite
def plain_requests(draw: st.DrawFn) -> Parameters:
    """Requests whose versions follow from those before."""
    bump = draw(st.sampled_from(["patch", "patch", "minor", "minor", "major", "final", "auto"]))
    line = draw(lines)
    return Parameters(
        bump,
        None if bump == "final" else draw(st.none() | labels),
        draw(st.none() | labels) if bump == "final" else None,
        line,
        draw(st.sampled_from([None, None, "sha.1", "x-y"])),
        draw(st.none() | numbers),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.sampled_from(list(TEXTS))),
    )


@st.composite
def requests(draw: st.DrawFn) -> Parameters:
    """Requests of all kinds."""
    bump = draw(st.sampled_from(["plain", "plain", "plain", "plain", "auto", "exact", "calendar"]))
    plain = draw(plain_requests())._replace(renew=draw(st.booleans()))
    plain = plain._replace(required=plain.initial is None and draw(st.booleans()))
    match bump:
        case "exact":
            return Parameters(bump, version=draw(numbers.filter(any)), renew=plain.renew)
        case "calendar":
            formats = ["YY.M", "YY.M", "YY.M", "YYYY.M", "YYYY.MMDD", "YYYY"]
            calendar = draw(st.sampled_from(formats))
            return plain._replace(bump=bump, promote=None, line=None, calendar=calendar)
        case "auto":
            return plain._replace(bump=bump, promote=None, base=draw(st.none() | numbers))
    return plain


def run(
    machine: type[RuleBasedStateMachine], store: Store, examples: int, clock: Clock | None = None
) -> None:
    """Run a state machine with a class attribute `host` on the store."""
    with host_on(store, clock) as model_host:
        bound = type(machine.__name__, (machine,), {"host": model_host})
        run_state_machine_as_test(
            bound,
            settings=settings(
                max_examples=examples,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                database=None,
            ),
        )
