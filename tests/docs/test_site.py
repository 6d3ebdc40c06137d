"""The documentation site: navigation, links and what it requests. `make check` runs these tests."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from docs import site as builder
from docs.command_tables import COMMANDS
from docs.site import CONFIGURATION, REPOSITORY, ROOT

PUBLISH = ROOT / ".ci" / "publish_docs.py"


class Document(HTMLParser):
    """The anchors, the links and the loaded files of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.anchors |= {attributes.get("id", ""), attributes.get("name", "")}
        if tag == "a" and "href" in attributes:
            self.links.add(attributes["href"])
        elif tag == "link" and attributes.get("rel") not in ("canonical", "next", "prev"):
            self.loaded.add(attributes["href"])
        elif "src" in attributes:
            self.loaded.add(attributes["src"])


@pytest.fixture(scope="module")
def documents(site: Path) -> dict[Path, Document]:
    return {path: Document(path.read_text()) for path in site.rglob("*.html")}


def local_links(documents: dict[Path, Document], site: Path) -> Iterator[tuple[Path, str, Path]]:
    """The page, the link and the file that it leads to, for each link within the site."""
    for path, document in documents.items():
        if path.name == "404.html":  # its links start with the address of the published site
            continue
        for link in document.links | document.loaded:
            parts = urlsplit(link)
            if not parts.scheme and not parts.netloc:
                target = Path(os.path.normpath(path.parent / unquote(parts.path)))
                if not parts.path:
                    target = path
                yield path, link, target / "index.html" if target.is_dir() else target


class TestNavigation:
    configuration = (ROOT / CONFIGURATION).read_text()
    pages = sorted(builder.sources().values())

    def test_it_contains_every_page_exactly_once(self) -> None:
        listed = builder.listed(builder.complete(self.configuration, self.pages))
        assert sorted(listed) == self.pages, f"add the page to `nav` in {CONFIGURATION}"

    def test_a_folder_stands_for_those_of_its_pages_that_are_not_listed(self) -> None:
        text = '[project]\nnav = [\n"a/1.md",\n{ "A" = ["a/*"] },\n{ "B" = ["b/*"] },\n]\n'
        completed = builder.complete(text, ["a/1.md", "a/2.md", "a/3.md", "b.md"])
        assert builder.listed(completed) == ["a/1.md", "a/2.md", "a/3.md"]

    def test_no_setting_makes_the_theme_request_files_of_others(self) -> None:
        assert "font = false" in self.configuration
        assert "\nrepo_url" not in self.configuration


class TestRelinked:
    @pytest.mark.parametrize(
        ("path", "written", "shown"),
        [
            ("docs/faq.md", "[a](../gitlab/README.md#inputs)", "[a](ci/gitlab.md#inputs)"),
            ("docs/faq.md", "[a](../README.md)", f"[a]({REPOSITORY}/blob/v1.0.0/README.md)"),
            ("docs/faq.md", "[a](../deploy/)", f"[a]({REPOSITORY}/tree/v1.0.0/deploy)"),
            ("docs/faq.md", "[a](decisions/)", "[a](decisions/0001-synchronous-stores.md)"),
            ("docs/faq.md", "![a](images/name.png)", "![a](images/name.png)"),
            ("docs/faq.md", "[api.md](api.md#terms)", "[HTTP API](api.md#terms)"),
            ("docs/faq.md", "[a](https://example.com/a.md) [b](#c)", None),
            ("gitlab/README.md", "[a](../docs/ci/github.md#tags)", "[a](github.md#tags)"),
            ("CHANGELOG.md", "[a](docs/faq.md)", "[a](faq.md)"),
        ],
    )
    def test_a_link_leads_to_a_page_of_the_site_or_to_the_repository(
        self, path: str, written: str, shown: str | None
    ) -> None:
        assert builder.relinked(written, path, "v1.0.0") == (shown or written)


class TestBuiltSite:
    def test_every_link_and_every_anchor_exists(
        self, documents: dict[Path, Document], site: Path
    ) -> None:
        links = list(local_links(documents, site))
        assert len(links) > 1000
        for path, link, target in links:
            assert target.is_file(), f"{path}: {link}"
            anchor = unquote(urlsplit(link).fragment)
            if anchor:
                assert anchor in documents[target].anchors, f"{path}: {link}"

    def test_every_link_to_the_repository_names_an_existing_file(
        self, documents: dict[Path, Document]
    ) -> None:
        links = {link for document in documents.values() for link in document.links}
        names = {
            match[1]
            for link in links
            if (match := re.match(rf"{REPOSITORY}/(?:blob|tree)/main/([^#]*)", link))
        }
        assert {"README.md", "LICENSE"} & names
        for name in names:
            assert (ROOT / name).exists(), name

    def test_no_page_loads_a_file_of_another_host(self, documents: dict[Path, Document]) -> None:
        for path, document in documents.items():
            for name in document.loaded:
                assert not urlsplit(name).netloc, f"{path}: {name}"

    def test_every_page_can_be_found_by_the_search(self, site: Path) -> None:
        found = {item["location"].partition("#")[0] for item in search_index(site)}
        pages = {
            page.removesuffix(".md").removesuffix("README").removesuffix("index").rstrip("/")
            for page in builder.sources().values()
        }
        assert {location.rstrip("/") for location in found} == pages

    def test_a_broken_link_or_anchor_fails_the_build(self, tmp_path: Path) -> None:
        for name in ("docs", "gitlab"):
            (tmp_path / name).mkdir()
        (tmp_path / CONFIGURATION).write_text((ROOT / CONFIGURATION).read_text())
        for name in builder.FURTHER:
            (tmp_path / name).write_text("# Page\n\n## Heading\n")
        page = tmp_path / "docs" / "index.md"
        page.write_text("# Home\n\n[a](../gitlab/README.md#heading)\n")
        builder.build(tmp_path / "site", root=tmp_path)
        assert (tmp_path / "site" / "index.html").exists()
        page.write_text("# Home\n\n[a](../gitlab/README.md#missing)\n")
        with pytest.raises(subprocess.CalledProcessError):
            builder.build(tmp_path / "other", root=tmp_path)
        assert not (tmp_path / "other").exists()


def search_index(site: Path) -> list[dict[str, str]]:
    items: list[dict[str, str]] = json.loads((site / "search.json").read_text())["items"]
    return items


class TestCommands:
    @pytest.mark.parametrize("path", sorted({*builder.sources(), "README.md"}))
    def test_every_command_that_a_page_names_exists(self, path: str) -> None:
        if path.startswith(("docs/decisions/", "docs/reports/")):
            return  # never edited
        text = (ROOT / path).read_text()
        named = re.findall(r"(?:`|^ *|\$ |&& )monotron ([a-z][a-z-]+)(?= |`|$)", text, re.MULTILINE)
        for name in named:
            assert name in {*COMMANDS, "serve"}, f"{path}: monotron {name}"


class TestPublished:
    @pytest.fixture
    def pages(self, tmp_path: Path) -> Path:
        (tmp_path / "pages").mkdir()
        return tmp_path / "pages"

    def publish(self, pages: Path, version: str) -> subprocess.CompletedProcess[str]:
        """Publish a site that consists of its version."""
        built = pages.parent / "built"
        built.mkdir(exist_ok=True)
        for name in ("index.html", "404.html"):
            (built / name).write_text(version)
        command = [sys.executable, PUBLISH, built, pages, version]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def test_each_line_keeps_its_newest_site_and_latest_is_the_highest(self, pages: Path) -> None:
        for version in ("0.9.0", "0.10.0", "0.9.1"):
            assert self.publish(pages, version).returncode == 0
        shown = {path.name: (path / "index.html").read_text() for path in pages.glob("*/")}
        assert shown == {"0.9": "0.9.1", "0.10": "0.10.0", "latest": "0.10.0"}
        assert json.loads((pages / "versions.json").read_text()) == [
            {"version": "0.10", "title": "0.10.0", "aliases": ["latest"]},
            {"version": "0.9", "title": "0.9.1", "aliases": []},
        ]
        assert 'url=latest/"' in (pages / "index.html").read_text()
        assert (pages / "404.html").read_text() == "0.10.0"
        assert (pages / ".nojekyll").exists()

    @pytest.mark.parametrize("version", ["0.9.0", "1.0.0-rc.1", "v1.0.0", "../1.0.0"])
    def test_an_older_or_invalid_version_changes_nothing(self, version: str, pages: Path) -> None:
        self.publish(pages, "0.9.1")
        process = self.publish(pages, version)
        assert process.returncode == 1
        assert process.stderr.startswith("error: ")
        assert (pages / "latest" / "index.html").read_text() == "0.9.1"
