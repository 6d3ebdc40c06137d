"""Errors in doubt."""

import pytest

from monotron.errors import TokenTaken, in_doubt


def test_a_copy_of_an_error_in_doubt_differs_in_applied_only() -> None:
    taken = TokenTaken("It has another.", version="1.3.0", bump="minor")
    with pytest.raises(TokenTaken) as raised, in_doubt():
        raise taken
    copy = raised.value
    assert (taken.applied, copy.applied) == ("no", "unknown")
    assert (copy.detail, str(copy), copy.members()) == (
        taken.detail,
        str(taken),
        taken.members(),
    )
