"""Print the notes of a release: the section of a version in the changelog, with absolute links.

    python3 .ci/release_notes.py VERSION [CHANGELOG]

A missing or empty section is an error, so that a release without notes is not published.
"""

import re
import sys
from pathlib import Path

NEW_LINE = re.compile(r"(#|[-*] |\d+\. |\||```|$)")
"""The start of a line that does not continue a paragraph or an item of a list."""

ENDED = re.compile(r"(#|\s*\||\s*```|$)")
"""The start of a line that the next line does not continue."""

BLOB = "https://github.com/monotron/monotron/blob"


def notes(changelog: str, version: str) -> str:
    """The text below the heading `## [VERSION] - YYYY-MM-DD`, without link definitions."""
    heading = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |^\[[^\]]+\]: |\Z)"
    match = re.search(heading, changelog, re.DOTALL | re.MULTILINE)
    text = match[1].strip() if match else ""
    if not text:
        raise SystemExit(
            f"error: The changelog has no section '## [{version}] - YYYY-MM-DD' with text.\n"
            "hint: Rename the section [Unreleased] and commit it before the tag."
        )
    text = unwrapped(text)
    return re.sub(r"\]\((?!https?:|#)([^)]+)\)", rf"]({BLOB}/v{version}/\1)", text)


def unwrapped(text: str) -> str:
    """The text with one line for each paragraph and item, because GitHub keeps line breaks."""
    lines: list[str] = []
    in_code = False
    for line in text.splitlines():
        fence = line.lstrip().startswith("```")
        separate = in_code or fence or NEW_LINE.match(line.lstrip())
        if separate or not lines or ENDED.match(lines[-1]):
            lines.append(line)
        else:
            lines[-1] += f" {line.strip()}"
        in_code ^= fence
    return "\n".join(lines)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    print(notes(Path((*sys.argv[2:], "CHANGELOG.md")[0]).read_text("utf-8"), sys.argv[1]))
