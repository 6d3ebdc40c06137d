"""The options of curl that scripts and examples use, and the release of curl that they require."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeAlias

import pytest

ROOT = Path(__file__).parents[2]

Release: TypeAlias = tuple[int, int]

OLD: Release = (7, 20)
"""Options of this release and earlier ones are not distinguished."""

RELEASES: dict[str, Release] = {
    "--data-binary": OLD,
    "--disable": OLD,
    "--dump-header": OLD,
    "--fail": OLD,
    "--fail-with-body": (7, 76),
    "--globoff": OLD,
    "--header": OLD,
    "--json": (7, 82),
    "--max-filesize": OLD,
    "--max-time": OLD,
    "--no-progress-meter": (7, 67),
    "--noproxy": OLD,
    "--output": OLD,
    "--proto": OLD,
    "--request": OLD,
    "--retry": OLD,
    "--retry-all-errors": (7, 71),
    "--retry-max-time": OLD,
    "--show-error": OLD,
    "--silent": OLD,
    "--user-agent": OLD,
    "--write-out": OLD,
    **dict.fromkeys(("-H", "-L", "-O", "-S", "-X", "-d", "-f", "-m", "-o", "-s", "-u", "-w"), OLD),
}
"""The release that introduced each option, according to the manual of curl."""

HEADERS_FROM_A_FILE: Release = (7, 55)
"""The release since which `-H @FILE` reads headers from a file."""

DEFAULT: Release = (7, 74)
"""What pages may require without stating it: the curl of Debian 11."""

SCRIPTS = {"gitlab/job.sh": (7, 55), "docs/ci/monotron.sh": (7, 71)}
"""The release that each script states."""

PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("gitlab/*.md"))
    if not {"decisions", "reports"} & set(path.parts)
    and re.search(r"\bcurl \S", path.read_text(encoding="utf-8"))
)

_ARGUMENT = r"""(?:"[^"]*"|'[^']*'|[^\s|;)`"']+)+"""
_COMMAND = re.compile(rf"\bcurl(?=[ \t]+-)((?:[ \t]+(?!\|){_ARGUMENT})+)")
_OPTION = re.compile(r"(?<=\s)(--[a-z][a-z-]+|-[A-Za-z]+)(?=[\s=])")
_IN_SCRIPT = re.compile(r"\b(?:send|request [A-Z]+|set --)( .*--?[a-z].*)$", re.MULTILINE)
"""The functions of scripts that pass their arguments to curl."""


def requirement(text: str) -> Release:
    """The release that is required by the options in commands or lines of a script."""
    releases = [OLD]
    for option in _OPTION.findall(text + " "):
        letters = [option] if option.startswith("--") else [f"-{each}" for each in option[1:]]
        for each in letters:
            assert each in RELEASES, f"add {each} to RELEASES"
            releases.append(RELEASES[each])
    if re.search(r"(-H|--header) \"?@", text):
        releases.append(HEADERS_FROM_A_FILE)
    return max(releases)


def commands(text: str) -> str:
    """The arguments of all calls of curl in a text."""
    return "\n".join(_COMMAND.findall(text.replace("\\\n", " ")))


def stated(text: str) -> set[Release]:
    """The releases that a text states as its requirement."""
    found = re.findall(r"curl \(?(\d)\.(\d+) or newer", text.replace("\n", " "))
    return {(int(major), int(minor)) for major, minor in found}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_states_the_release_of_curl_that_it_requires(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    passed_on = "\n".join(_IN_SCRIPT.findall(text))
    assert len(_OPTION.findall(commands(text))) > 8
    assert requirement(f"{commands(text)}\n{passed_on}") == SCRIPTS[name]
    assert stated(text) == {SCRIPTS[name]}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_states_the_release_of_curl_if_it_requires_a_newer_one(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    needed = requirement(commands(text))
    assert needed <= max({DEFAULT, *stated(text)}), f"state that curl {needed} or newer is required"


def test_the_readme_requires_no_newer_curl() -> None:
    assert requirement(commands((ROOT / "README.md").read_text(encoding="utf-8"))) <= DEFAULT
