"""Add the documentation of a version to the published ones.

    python3 .ci/publish_docs.py SITE PAGES VERSION

SITE is what `make site` wrote, PAGES the checkout of the branch gh-pages, VERSION such as 0.1.2.
The site replaces PAGES/0.1 and, unless a newer version is published, PAGES/latest, to which the
other addresses lead. PAGES/versions.json is what the menu of versions of all sites shows.
"""

import json
import re
import shutil
import sys
from pathlib import Path

LATEST = "latest"
REDIRECT = f"""<!DOCTYPE html>
<meta charset="utf-8">
<title>Monotron</title>
<meta http-equiv="refresh" content="0; url={LATEST}/">
<link rel="canonical" href="{LATEST}/">
<a href="{LATEST}/">Documentation of Monotron</a>
"""


def parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def publish(site: Path, pages: Path, version: str) -> None:
    """Change the files in the folder of pages."""
    if not re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}", version):
        raise SystemExit(f"error: '{version}' is not a final version such as 1.2.3.")
    if not (site / "index.html").is_file():
        raise SystemExit(f"error: {site} has no index.html. Run 'make site' first.")
    index = pages / "versions.json"
    published = json.loads(index.read_text()) if index.exists() else []
    line = version.rpartition(".")[0]
    titles = {each["version"]: each["title"] for each in published}
    if parts(titles.get(line, "0.0.0")) > parts(version):
        raise SystemExit(f"error: The newer version {titles[line]} is published.")
    titles[line] = version
    lines = sorted(titles, key=parts, reverse=True)
    for name in (line, LATEST) if line == lines[0] else (line,):
        shutil.rmtree(pages / name, ignore_errors=True)
        shutil.copytree(site, pages / name)
    entries = [
        {"version": each, "title": titles[each], "aliases": [LATEST] * (each == lines[0])}
        for each in lines
    ]
    index.write_text(json.dumps(entries, indent=2) + "\n")
    (pages / "index.html").write_text(REDIRECT)
    (pages / ".nojekyll").touch()  # otherwise GitHub omits files whose names start with _
    shutil.copy(pages / LATEST / "404.html", pages / "404.html")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    publish(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
