"""The stores that faults are done to."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.tier import WHOLE

pytest.register_assert_rewrite(
    "faults.aftermath", "faults.caller", "faults.crowd", "faults.rollback"
)

STORES = ["sqlite", "mongod"]

# These cut networks: only where a part of the faults has made them one of their own.
collect_ignore = [] if WHOLE else ["root"]


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty store that outlives its servers."""
    if request.param == "mongod":
        return str(request.getfixturevalue("database_url"))
    folder: Path = request.getfixturevalue("tmp_path")
    return f"sqlite:///{folder}/monotron.db"
