"""A process is killed at each step of the rename of a name."""

from __future__ import annotations

import json
from contextlib import closing
from itertools import count

import pytest

from contract.test_audit import findings
from contract.test_renames import CONTENT, rows
from faults.killed_import import abort_transactions, engine_of
from faults.killed_name_rename import killed_before
from faults.tier import WHOLE
from monotron.errors import NameRenamed, StartupError
from monotron.store import Store, open_store
from support.store_contents import apply

STRIDES = {"sqlite": 1 if WHOLE else 7, "mongod": 1 if WHOLE else 9}
"""How many steps later the next kill is."""

MIN_STEPS = {"sqlite": 15, "mongod": 30}

NAMES = ("shop", "store")


def contents(store: Store) -> list[str]:
    """The rows, as if the name were the first one."""
    texts = (json.dumps(row, ensure_ascii=False, sort_keys=True) for row in rows(store))
    return sorted(text.replace('"store', '"shop') for text in texts)


def name_in(store: Store) -> str:
    """The present name, which everything has."""
    present = {row["name"] for row in rows(store) if row["kind"] == "name"}
    keys = {row["key"] for row in rows(store) if row["kind"] == "series" and row["account"] == 1}
    (name,) = present
    assert all(key.startswith(name) for key in keys - {"shop-api"})
    return str(name)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("store_url", STRIDES, indirect=True)
def test_a_killed_rename_is_invisible_or_repeated_to_its_end(
    store_url: str, request: pytest.FixtureRequest
) -> None:
    engine = engine_of(store_url)
    with closing(apply(open_store(store_url), *CONTENT)) as store:
        expected = contents(store)
    old, new = NAMES
    interrupted = kills = 0
    for step in count(0, STRIDES[engine]):
        is_killed = killed_before(step, store_url, old, new)
        kills += is_killed
        abort_transactions(store_url, request)
        name, refusal = old, ""
        try:
            with closing(open_store(store_url)) as store:
                assert contents(store) == expected
                name = name_in(store)
        except StartupError as refused:
            refusal = str(refused)
            interrupted += 1
        assert not refusal or f"Repeat `monotron rename --account 1 {old} {new}`" in refusal
        if name == old:
            assert is_killed
            assert not killed_before(1 << 30, store_url, old, new)
        with closing(open_store(store_url)) as store:
            assert contents(store) == expected
            assert name_in(store) == new
            assert findings(store) == []
            with pytest.raises(NameRenamed):
                store.renamed.check(1, old)
        if not is_killed:
            break
        old, new = new, old
    assert kills >= MIN_STEPS[engine] // STRIDES[engine]
    assert bool(interrupted) is (engine == "mongod")
