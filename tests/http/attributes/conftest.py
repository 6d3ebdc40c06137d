"""The path of a token's attributes."""

from __future__ import annotations

import pytest

from support.attributes import path_of


@pytest.fixture
def path(fresh_key: str) -> str:
    """The attributes of the token T of a fresh series."""
    return path_of(fresh_key, "T")
