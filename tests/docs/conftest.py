"""What tests of several modules use."""

from pathlib import Path

import pytest

from docs.site import build


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built documentation site."""
    folder = tmp_path_factory.mktemp("site") / "site"
    build(folder)
    return folder
