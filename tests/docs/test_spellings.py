"""Spellings of versions: Debian's own tool accepts and sorts them."""

from __future__ import annotations

import subprocess

from hypothesis import given, settings

from monotron.model.spellings import Spellings
from support.spellings import labels, spelled_pairs


@settings(deadline=None)
@given(pair=spelled_pairs(labels))
def test_dpkg_sorts_spellings_like_versions(pair: tuple[Spellings, Spellings]) -> None:
    lower, higher = (str(each.deb) for each in pair)
    command = ["dpkg", "--compare-versions", lower, "lt", higher]
    # dpkg prints a warning if a version is invalid.
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, ""), (lower, higher)
