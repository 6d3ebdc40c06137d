"""Build the documentation site: `PYTHONPATH=tests python -m docs.site FOLDER [--ref REF]`.

The pages of docs/ and those in `FURTHER` are copied to a temporary folder, because Zensical reads
one folder. Links to other files of the repository become links to GitHub, at REF [default: main].
`"folder/*"` in the navigation becomes the pages of a folder that are not listed elsewhere.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CONFIGURATION = "zensical.toml"
REPOSITORY = "https://github.com/monotron/monotron"
FURTHER = {"gitlab/README.md": "ci/gitlab.md", "CHANGELOG.md": "changelog.md"}
"""Pages outside of docs/, and their paths in the site."""

_FOLDER = re.compile(r'"([\w/-]+)/\*"')
_LINK = re.compile(r"\[([^\[\]]*)\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")


def sources(root: Path = ROOT) -> dict[str, str]:
    """The path of each page in the site, by its path in the repository."""
    docs = root / "docs"
    pages = sorted(path.relative_to(docs).as_posix() for path in docs.rglob("*.md"))
    return {f"docs/{page}": page for page in pages} | FURTHER


def listed(configuration: str) -> list[str]:
    """The entries of the navigation, in order: pages, and folders as `folder/*`."""
    navigation = tomllib.loads(configuration)["project"]["nav"]
    return list(_entries(navigation))


def _entries(item: Any) -> Iterator[str]:
    if isinstance(item, str):
        yield item
    else:
        for each in item.values() if isinstance(item, dict) else item:
            yield from _entries(each)


def complete(configuration: str, pages: list[str]) -> str:
    """The configuration with the pages of each `"folder/*"` that are not listed themselves."""
    known = set(listed(configuration))

    def of_folder(match: re.Match[str]) -> str:
        found = [page for page in pages if page.startswith(f"{match[1]}/") and page not in known]
        return ", ".join(f'"{page}"' for page in found)

    expanded = _FOLDER.sub(of_folder, configuration)
    return re.sub(r'\n *{ "[\w ]+" = \[\] },', "", expanded)  # sections of empty folders


def relinked(text: str, path: str, ref: str, root: Path = ROOT) -> str:
    """The text of the page at a path of the repository, with links that work in the site."""
    pages = sources(root)
    target_folder = os.path.dirname(pages[path])

    def link(match: re.Match[str]) -> str:
        label, name, anchor = match[1], match[2], match[3] or ""
        target = os.path.normpath(os.path.join(os.path.dirname(path), name))
        if target.startswith("docs/") and (root / target).is_dir():
            target = next(each for each in pages if each.startswith(f"{target}/"))
        page = pages.get(target, target.removeprefix("docs/"))
        if target in pages or (target.startswith("docs/") and (root / target).is_file()):
            if label.endswith(".md"):  # a reader of the site sees titles, not names of files
                label = title((root / target).read_text())
            return f"[{label}]({os.path.relpath(page, target_folder)}{anchor})"
        kind = "tree" if (root / target).is_dir() else "blob"
        return f"[{label}]({REPOSITORY}/{kind}/{ref}/{target}{anchor})"

    return _LINK.sub(link, text)


def title(text: str) -> str:
    """The title of a page: its first heading."""
    return next(line[2:] for line in text.splitlines() if line.startswith("# "))


def build(output: Path, ref: str = "main", root: Path = ROOT) -> None:
    """Write the site to a folder, which is replaced. Raises CalledProcessError for a broken link.

    Zensical's `--strict` checks the links between pages, and their anchors.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(root / "docs", folder / "docs")
        for path, page in sources(root).items():
            copy = folder / "docs" / page
            copy.parent.mkdir(exist_ok=True)
            copy.write_text(relinked((root / path).read_text(), path, ref, root))
        configuration = (root / CONFIGURATION).read_text()
        pages = sorted(sources(root).values())
        (folder / CONFIGURATION).write_text(complete(configuration, pages))
        program = Path(sys.executable).with_name("zensical")
        subprocess.run([program, "build", "--strict"], cwd=folder, check=True)
        shutil.rmtree(output, ignore_errors=True)
        shutil.move(folder / "site", output)


def main() -> int:
    parser = argparse.ArgumentParser(prog="docs.site")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ref", default="main")
    arguments = parser.parse_args()
    try:
        build(arguments.folder, arguments.ref)
    except subprocess.CalledProcessError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
