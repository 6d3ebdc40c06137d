"""Links and names of files in the documentation, and the overview in CONTRIBUTING.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.test_drift import ROOT, page, section, table

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("gitlab/*.md")])
CURRENT_PAGES = [path for path in PAGES if path.parent.name != "decisions"]
"""Decisions are never edited, and name the files of their time."""

PACKAGE = ROOT / "backend" / "monotron"


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub generates for the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


class TestPages:
    @pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
    def test_links_have_an_existing_target(self, path: Path) -> None:
        for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
            if re.match(r"https?://", target):
                continue
            name, _, anchor = target.partition("#")
            linked = path.parent / name if name else path
            assert linked.exists(), target
            if anchor:
                assert anchor in anchors(linked.read_text()), target

    @pytest.mark.parametrize("path", CURRENT_PAGES, ids=lambda path: str(path.relative_to(ROOT)))
    def test_files_that_a_page_names_exist(self, path: Path) -> None:
        named = re.findall(
            r"`((?:actions|backend|docs|gitlab|tests)/[\w./-]*[\w/]|\.ci/\w+|Makefile)`",
            path.read_text(),
        )
        for name in named:
            assert (ROOT / name).exists(), name

    def test_pages_that_the_code_names_exist(self) -> None:
        for path in ROOT.glob("backend/**/*.py"):
            for name in re.findall(r"docs/[\w./-]+\.md", path.read_text()):
                assert (ROOT / name).exists(), f"{path}: {name}"

    def test_every_page_of_docs_can_be_reached_from_the_readme(self) -> None:
        reached: set[Path] = set()
        to_read = [ROOT / "README.md"]
        while to_read:
            path = to_read.pop().resolve()
            if path in reached or path.suffix != ".md":
                continue
            reached.add(path)
            links = re.findall(r"\]\(([^)#\s]+)", path.read_text())
            to_read += [path.parent / link for link in links if not link.startswith("http")]
        decisions = set(ROOT.glob("docs/decisions/*.md"))
        assert set(ROOT.glob("docs/**/*.md")) - decisions <= reached

    def test_each_guarantee_links_to_the_tests_that_verify_it(self) -> None:
        guarantees = page("docs/guarantees.md")
        rows = table(section(page("docs/faults.md"), "## Tests of the guarantees"))
        numbers = re.findall(r"^(\d)\. \*\*", guarantees, re.MULTILINE)
        assert [row[0] for row in rows] == [*numbers, "versions"]
        for row in rows:
            links = re.findall(r"\[([^\]]+)\]\(\.\./(tests/[\w/]+\.py)\)", row[1])
            assert links, row
            for sentence, path in links:
                name = "test_" + sentence.replace(" ", "_")
                assert re.search(rf"^ *(async )?def {name}\(", page(path), re.MULTILINE), name


class TestContributing:
    def test_every_module_that_answers_a_question_exists(self) -> None:
        text = section(page("CONTRIBUTING.md"), "### Where to find it")
        names = re.findall(r"`([\w./-]+(?:/|\.py|\.sh|\.yml))`", text)
        assert len(names) > 40
        for name in names:
            assert (PACKAGE / name).exists() or (ROOT / name).exists(), name

    def test_every_module_of_the_common_changes_exists(self) -> None:
        names = re.findall(
            r"`([\w./-]+\.py)`", section(page("CONTRIBUTING.md"), "### Common changes")
        )
        assert names
        for name in names:
            assert (PACKAGE / name).exists() or (ROOT / name).exists(), name

    def test_every_entry_of_the_layout_exists(self) -> None:
        for path in layout():
            assert path.exists(), path

    @pytest.mark.parametrize("parent", [PACKAGE, ROOT / "tests"], ids=lambda path: path.name)
    def test_the_layout_lists_all_packages(self, parent: Path) -> None:
        packages = {parent / path.relative_to(parent).parts[0] for path in parent.glob("*/**/*.py")}
        assert packages <= set(layout())

    def test_every_target_of_make_is_documented(self) -> None:
        documented = [row[0] for row in table(section(page("CONTRIBUTING.md"), "## Setup"))]
        for target in re.findall(r"^([a-z-]+):.*## ", page("Makefile"), re.MULTILINE):
            assert any(f"`make {target}`" in cell for cell in documented), target

    def test_only_setup_runners_uses_sudo(self) -> None:
        rules = re.split(r"\n(?=\S+.*:)", page("Makefile"))
        with_sudo = [rule for rule in rules if re.search(r"(?<!uses )\bsudo\b", rule)]
        assert [rule.partition(":")[0] for rule in with_sudo] == ["setup-runners"]


def layout() -> list[Path]:
    """Return the paths in the directory tree of CONTRIBUTING.md."""
    tree = section(page("CONTRIBUTING.md"), "## Layout").split("```")[1]
    paths = []
    parent = ROOT
    for line in tree.splitlines()[1:]:
        indent, names = re.findall(r"^( *)(.+?)(?:  |$)", line)[0]
        if not indent:
            parent = ROOT / names
        paths += [(parent if indent else ROOT) / name for name in names.split(", ")]
    return paths
