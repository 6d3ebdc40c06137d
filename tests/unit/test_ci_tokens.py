"""Tokens that the action and the commands reject."""

from __future__ import annotations

import re

import pytest

from monotron_ci.errors import Failure
from monotron_ci.tokens import check_token

ACCEPTED = [
    "0123456789abcdef0123456789abcdef01234567",
    "jenkins-shop-feature%2Fmain%2F1-12",
    "%2Fa%",
    "a$b",
    "$5",
    "100%",
    "build-HEAD",
    "nightly ${X}",
    "x%CI_COMMIT_SHA%",
    "42",
    "${{ a }}-${{ b }}",
]


@pytest.mark.parametrize(
    "token", ["HEAD", "head", "FETCH_HEAD", " HEAD\n", "@", "HEAD~1", "HEAD^2", "@{1}"]
)
def test_a_reference_that_moves_is_refused(token: str) -> None:
    with pytest.raises(Failure) as raised:
        check_token(token)
    sentence = f"{token.strip()} is a different commit in every build."
    assert (raised.value.cause, raised.value.hint) == (sentence, "Use the commit hash.")


@pytest.mark.parametrize(
    "token",
    ["$CI_COMMIT_SHA", "${GIT_COMMIT}", "${GIT_COMMIT:-x}", "${{ github.sha }}", "%GIT_COMMIT%",
     "%build.vcs.number%", "$(Build.SourceVersion)"],
)  # fmt: skip
def test_a_variable_that_was_not_expanded_is_refused(token: str) -> None:
    with pytest.raises(Failure, match=re.escape(f"{token!r} is a variable that was not expanded")):
        check_token(token)


@pytest.mark.parametrize("token", ["", " ", "\n"])
def test_an_empty_token_is_refused(token: str) -> None:
    with pytest.raises(Failure, match="The token is empty"):
        check_token(token)


@pytest.mark.parametrize("token", ACCEPTED)
def test_a_part_of_a_token_is_not_a_variable(token: str) -> None:
    check_token(token)
    assert token.strip()
