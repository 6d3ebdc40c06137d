"""Names for tests of versions."""

from __future__ import annotations

import pytest

from support.server import Client
from support.versions import (
    start_at,
)


@pytest.fixture
def new_name(fresh_key: str) -> str:
    """A name that no other test uses, and that has no version yet."""
    return fresh_key


@pytest.fixture
def name(client: Client, new_name: str) -> str:
    """A name that no other test uses, at 1.2.57."""
    start_at(client, new_name, "1.2.57")
    return new_name
