"""A process is killed at each step of an import."""

from __future__ import annotations

from contextlib import closing
from io import BytesIO
from itertools import count

import pytest

from contract.asking import high_water_marks
from contract.test_audit import findings
from faults.killed_import import INCREASE, abort_transactions, engine_of, killed_before
from faults.tier import WHOLE
from monotron.errors import StartupError
from monotron.store import open_store
from monotron.store.export_format import ExportReader
from support.store_contents import EVERY_KIND, SERIES, apply, exported

STRIDES = {"sqlite": 1 if WHOLE else 12, "mongod": 1 if WHOLE else 4}
"""How many steps later the next kill is."""

MIN_STEPS = {"sqlite": 60, "mongod": 24}


def export_or_error(url: str) -> bytes | str:
    """The export of the store, if a server may use it."""
    try:
        with closing(open_store(url)) as store:
            return exported(store)
    except StartupError as refused:
        return "interrupted import" if "an interrupted import" in str(refused) else str(refused)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("store_url", STRIDES, indirect=True)
def test_a_kill_leaves_no_store_that_a_server_accepts(
    store_url: str, request: pytest.FixtureRequest
) -> None:
    """Every import, except the last one, is killed. The next one starts from the beginning."""
    engine = engine_of(store_url)
    with closing(open_store("sqlite://")) as empty:
        nothing = exported(empty)
    with closing(apply(open_store("sqlite://"), *EVERY_KIND)) as original:
        export = exported(original)
        expected = [value + INCREASE for value in high_water_marks(original, SERIES)]
    kills = 0
    for step in count(0, STRIDES[engine]):
        if not killed_before(step, store_url, export):
            break
        kills += 1
        abort_transactions(store_url, request)
        assert export_or_error(store_url) in (nothing, "interrupted import")
    assert kills >= MIN_STEPS[engine] // STRIDES[engine]
    with closing(open_store(store_url)) as store:
        assert high_water_marks(store, SERIES) == expected
        assert findings(store) == []
        copied = ExportReader(BytesIO(exported(store))).header.counts
    original_counts = ExportReader(BytesIO(export)).header.counts
    differing = {kind for kind in copied if copied[kind] != original_counts[kind]}
    assert differing <= {"entry", "series"}
