"""Labels and lines from the names of branches."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monotron.model.semver import parse_label, parse_line
from monotron_ci.branch_names import Branch, UnknownDefaultBranch, label_of_name, line_of_name


class TestLabels:
    @pytest.mark.parametrize(
        ("name", "label"),
        [
            ("feature/add-x", "feature-add-x"),
            ("Feature/Login", "feature-login"),
            ("snapshot.main", "snapshot-main"),
            ("a_b c", "a-b-c"),
            ("größe", "gr--e"),
            ("123", "b123"),
            ("0", "b0"),
            ("12a", "12a"),
            ("x" * 41, "x" * 40),
            ("1" * 40, "b" + "1" * 39),
            ("1" * 40 + "/x", "b" + "1" * 39),
            ("/", "-"),
        ],
    )
    def test_a_name_becomes_a_label(self, name: str, label: str) -> None:
        assert label_of_name(name) == label

    @given(st.text(min_size=1))
    def test_the_service_accepts_the_label_of_every_branch(self, name: str) -> None:
        assert parse_label(label_of_name(name)) == label_of_name(name)


class TestLines:
    @pytest.mark.parametrize(
        ("name", "line"),
        [
            ("release/1.2", "1.2"),
            ("release-1.2", "1.2"),
            ("release/1", "1"),
            ("release/v1.2", "1.2"),
            ("1.2.x", "1.2"),
            ("1.x", "1"),
            ("v1.2", "1.2"),
            ("v1", "1"),
            ("v1.x", "1"),
            ("release/0.10.x", "0.10"),
        ],
    )
    def test_a_name_of_a_maintenance_branch_has_a_line(self, name: str, line: str) -> None:
        assert line_of_name(name) == line
        assert parse_line(line)

    @pytest.mark.parametrize(
        "name",
        ["", "main", "12", "1.2.3", "v1.2.3", "release/1.2.3", "release/next", "feature/1.2",
         "hotfix/1.2.x", "v01.2", "1.02.x", "release1.2", "release/1.2/fix", "1.2.x\n", "v１.2"],
    )  # fmt: skip
    def test_another_name_has_no_line(self, name: str) -> None:
        assert line_of_name(name) == ""


class TestBranches:
    @pytest.mark.parametrize(
        ("branch", "label", "line"),
        [
            (Branch("main", "main"), "", ""),
            (Branch("feature/x", "main"), "feature-x", ""),
            (Branch("release/1.2", "main"), "", "1.2"),
            (Branch("1.x", "1.x"), "", ""),
            (Branch("", "main"), "", ""),
            (Branch("main", "main", "pr-12"), "pr-12", ""),
            (Branch("release/1.2", "main", "pr-12"), "pr-12", "1.2"),
            (Branch("", ""), "", ""),
            (Branch("main", "", "pr-12"), "pr-12", ""),
        ],
        ids=str,
    )
    def test_a_branch_has_a_label_and_a_line(self, branch: Branch, label: str, line: str) -> None:
        assert (branch.label, branch.line) == (label, line)

    def test_an_unknown_default_branch_is_an_error_if_it_matters(self) -> None:
        with pytest.raises(UnknownDefaultBranch, match=re.escape("whether 'main' is the default")):
            _ = Branch("main").label
        with pytest.raises(UnknownDefaultBranch):
            _ = Branch("1.x").line
        assert Branch("1.x").label == Branch("main").line == ""
