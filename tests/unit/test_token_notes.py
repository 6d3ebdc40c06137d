"""Notes on tokens that are probably not what the caller meant."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monotron.model.token_notes import token_notes


@pytest.mark.parametrize("token", ["HEAD", "head", "Head", "@"])
def test_the_name_of_a_reference_is_noted(token: str) -> None:
    (note,) = token_notes(token)
    assert note == (
        f"The token {token} is not a commit: it names another one after each commit. Pass the "
        "complete hash."
    )


@pytest.mark.parametrize(
    "token",
    [
        "$CI_COMMIT_SHA",
        "${CI_COMMIT_SHA}",
        "$(Build.SourceVersion)",
        "${{ github.sha }}",
        "${{github.sha}}",
        "%BUILD_VCS_NUMBER%",
        "%build.vcs.number%",
        "build-$CI_PIPELINE_ID",
        "{{ .Revision }}",
    ],
)
def test_a_variable_that_was_not_expanded_is_noted(token: str) -> None:
    (note,) = token_notes(token)
    assert note == (
        f"The token {token} contains a variable that was not expanded. All builds would share one "
        "token. Check the quoting and the name of the variable."
    )


@pytest.mark.parametrize("token", ["7d4c379", "7D4C379588", "0a00000", "a" * 39, "abcd"])
def test_a_short_hash_is_noted(token: str) -> None:
    (note,) = token_notes(token)
    assert note == (
        f"The token {token} is probably a short commit hash. Its complete hash is another token "
        "and gets another version. Pass the complete hash."
    )


@pytest.mark.parametrize(
    "token",
    [
        "a" * 40,
        "7d4c379588e83c516331d0f2b3c4d5e6f7a8b9c0",
        "0" * 64,
        "HEADER",
        "refs/heads/main",
        "v1.2.3",
        "build-17",
        "100%",
        "50%-60%",
        "$",
        "$5",
        "%",
        "%%",
        "a-b-c",
        "user@example.com",
        "jenkins-shop-17-7d4c379",
        "17",
        "20261129",
        "a",
        "abc",
    ],
)
def test_another_token_is_not_noted(token: str) -> None:
    assert token_notes(token) == ()


def test_a_long_token_is_cut() -> None:
    (note,) = token_notes("$A" + "x" * 300)
    assert len(note) <= 200


CONTROLS = {"Cc", "Cs", "Zl", "Zp"}
DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
MARKS = {*"\u061c\u200e\u200f"}


@example("$A\u061c")
@given(st.text(max_size=300))
def test_a_note_on_any_token_is_a_bounded_printable_line(token: str) -> None:
    for note in token_notes(token):
        assert len(note) <= 200
        assert not any(unicodedata.category(each) in CONTROLS for each in note)
        assert not any(unicodedata.bidirectional(each) in DIRECTIONS for each in note)
        assert not MARKS & {*note}
