"""Spellings of versions: the rules of docs/versions.md, and the order of package managers."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from packaging.version import Version as PythonVersion
from semver import Version
from univers.versions import DebianVersion, MavenVersion, RpmVersion

from docs.test_drift import page, section, table
from monotron.model.semver import INT64_MAX, parse_metadata
from monotron.model.spellings import MAX_DOCKER_TAG_LENGTH, Spellings
from support.spellings import (
    MAVEN_LABELS,
    PYTHON_LABELS,
    any_spelled,
    labels,
    metadata,
    spelled_pairs,
    spellings,
)

EXAMPLES = table(section(page("docs/versions.md"), "## Which spelling for which ecosystem"))


def spelling_of(cell: str) -> str | None:
    if cell == "none":
        return None
    assert re.fullmatch(r"`[^`]+`", cell), cell
    return cell.strip("`")


class TestRules:
    @pytest.mark.parametrize("row", EXAMPLES, ids=lambda row: row[0].strip("`"))
    def test_an_example_of_the_documentation_is_true(self, row: list[str]) -> None:
        text, *expected = row
        version = Version.parse(text.strip("`"))
        result = spellings(version.replace(build=None), version.build)
        assert result == Spellings(*map(spelling_of, expected))

    def test_the_documentation_has_a_column_for_each_spelling(self) -> None:
        text = section(page("docs/versions.md"), "## Which spelling for which ecosystem")
        assert f"| version | {' | '.join(Spellings._fields)} |" in text

    @pytest.mark.parametrize("label", ["RC", "Alpha", "a", "b", "rc1", "-rc", "pre", "preview"])
    def test_other_labels_have_no_python_and_maven_spelling(self, label: str) -> None:
        result = spellings(Version(1, 3, 0, f"{label}.1"), None)
        assert (result.pep440, result.maven) == (None, None)

    @pytest.mark.parametrize("label", ["a--b", "a-", "--", "-"])
    def test_two_dots_in_succession_have_no_rpm_spelling(self, label: str) -> None:
        result = spellings(Version(1, 3, 0, f"{label}.1"), None)
        assert result.deb == f"1.3.0~{label.replace('-', '.')}.1"
        assert result.rpm is None

    @pytest.mark.parametrize(
        ("text", "local"),
        [
            ("a-b", "+a.b"),
            ("a--b.-c-", "+a.b.c"),
            ("A.Bc", "+a.bc"),
            ("007.08a", "+7.08a"),
            ("0", "+0"),
            ("-", ""),
            ("--.-", ""),
        ],
    )
    def test_metadata_is_a_normalized_local_version(self, text: str, local: str) -> None:
        spelled = spellings(Version(1, 2, 3), parse_metadata(text)).pep440
        assert spelled == f"1.2.3{local}"
        assert spelled == str(PythonVersion(spelled))

    def test_a_docker_tag_has_at_most_128_characters(self) -> None:
        for length, exists in ((MAX_DOCKER_TAG_LENGTH, True), (MAX_DOCKER_TAG_LENGTH + 1, False)):
            version = Version(1, 0, 0, f"{'x' * (length - len('1.0.0-.1_y'))}.1")
            assert (spellings(version, "y").docker is not None) is exists


class TestForms:
    @given(spelled=any_spelled(st.sampled_from(PYTHON_LABELS)))
    def test_a_python_version_is_in_its_normal_form(self, spelled: Spellings) -> None:
        assert spelled.pep440 == str(PythonVersion(str(spelled.pep440)))

    @given(spelled=any_spelled(labels))
    def test_spellings_contain_only_permitted_characters(self, spelled: Spellings) -> None:
        assert re.fullmatch(r"[0-9][0-9A-Za-z.+~]*", spelled.deb or "")
        assert re.fullmatch(r"(?!.*\.\.)[0-9][0-9A-Za-z.+~]*", spelled.rpm or "0")
        assert re.fullmatch(r"[0-9A-Za-z.-]+", spelled.maven or "0")
        assert re.fullmatch(r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,127}", spelled.docker or "")

    @given(label=labels, other=labels, number=st.integers(1, INT64_MAX), end=metadata)
    def test_versions_of_two_labels_have_different_spellings(
        self, label: str, other: str, number: int, end: str | None
    ) -> None:
        assume(label != other)
        first, second = (
            spellings(Version(1, 3, 0, f"{each}.{number}"), end) for each in (label, other)
        )
        for one, two in zip(first, second, strict=True):
            assert one is None or one != two


class TestOrder:
    """Pairs of final versions and of versions of one label."""

    @given(pair=spelled_pairs(st.sampled_from(PYTHON_LABELS)))
    def test_python_sorts_spellings_like_versions(self, pair: tuple[Spellings, Spellings]) -> None:
        lower, higher = (str(each.pep440) for each in pair)
        assert PythonVersion(lower) < PythonVersion(higher)

    @given(pair=spelled_pairs(labels))
    def test_debian_sorts_spellings_like_versions(self, pair: tuple[Spellings, Spellings]) -> None:
        lower, higher = (each.deb for each in pair)
        assert DebianVersion(lower) < DebianVersion(higher)

    @given(pair=spelled_pairs(labels))
    def test_rpm_sorts_spellings_like_versions(self, pair: tuple[Spellings, Spellings]) -> None:
        lower, higher = (each.rpm for each in pair)
        assume(lower and higher)
        assert RpmVersion(lower) < RpmVersion(higher)

    @given(pair=spelled_pairs(st.sampled_from(MAVEN_LABELS)))
    def test_maven_sorts_spellings_like_versions(self, pair: tuple[Spellings, Spellings]) -> None:
        lower, higher = (each.maven for each in pair)
        assert MavenVersion(lower) < MavenVersion(higher)

    @given(pair=spelled_pairs(st.just("SNAPSHOT")))
    def test_maven_has_one_snapshot_below_each_final_version(
        self, pair: tuple[Spellings, Spellings]
    ) -> None:
        lower, higher = (str(each.maven) for each in pair)
        if lower == higher:
            assert lower.endswith("-SNAPSHOT")
        else:
            assert MavenVersion(lower) < MavenVersion(higher)
