"""Notes on text that resembles a marker, but was not used. Pure: no I/O."""

import re
from collections.abc import Iterator
from functools import lru_cache

from monotron.model.commit_footers import Footers, is_empty_value
from monotron.model.commit_headers import AROUND, SCOPE, Header, parse_header
from monotron.model.commit_rules import CommitRules
from monotron.model.commit_texts import CommitText
from monotron.model.component_keys import Component
from monotron.model.printable_lines import printable_line

MAX_NOTES = 10
MAX_NOTE_LENGTH = 200
"""The maximum length of a note, in Unicode characters."""

MAX_CANDIDATES = 1000
"""The number of lines that are examined, because several lines can have the same note."""

_BREAKING = "a breaking change"
_RELEASE_AS = "Release-As"
_SKIP = "[skip release]"

SYNONYMS = frozenset({"feat", "feats", "feature", "features"})
"""Words that people write for `feat`."""

LOOSE_HEADER = re.compile(
    r"(?:\[[^\]\n]*+\]|[A-Z][A-Z0-9]*+-[0-9]++(?![\w-])|[^\w\[]++)*+(?P<word>[\w-]++)"
    r"(?P<marks>(?:[ !]|[(（][^()（）\n]*+[)）])*+)(?P<colon>[:：])?"
)
_SKIP_MARKER = re.compile(r"\[(?i:(?:skip|no)[ _-]*releases?|release[ _-](?:skip|no))\]")
_MARKED = re.compile(r'[\[":：✨💥]')
"""A part of every plain message that is not prose, unless the message starts with a type."""
_NOTED = re.compile(r"[\[:：✨💥]|BREAKING|(?i:release-as)")
"""A part of each line of a body that resembles a marker."""
_BULLET = re.compile(r"[ \t]*+(?:[*+-] )?")


def notes_on(
    commit: CommitText, header: Header, footers: Footers, bump: Component | None, rules: CommitRules
) -> Iterator[str]:
    """The notes on a commit of a message that requests *bump*.

    A line that resembles a marker of the same or a lower bump is not noted.
    """
    if what := _header_resembles(commit.header, header, bump, rules):
        yield _note(what, commit.header)
    body, end = commit.body, -1
    if not body:
        return
    used = {item.line for item in footers.release_as}
    pattern = _body_pattern(bump, rules.minor_types)
    while match := pattern.search(body, end + 1):
        start, end = body.rfind("\n", 0, match.start()) + 1, body.find("\n", match.start())
        line = body[start : end if end >= 0 else len(body)]
        if line not in used and (what := _body_resembles(match.lastgroup, line)):
            yield _note(what, line)
        if end < 0:
            return


def is_prose(message: str, types: frozenset[str]) -> bool:
    """Whether a plain message has no type, no gitmoji, and nothing that resembles a marker."""
    if _MARKED.search(message):
        return False
    first = LOOSE_HEADER.match(message)
    return first is None or first["word"].lower() not in types


def may_have_notes(
    line: str, body: str, header: Header, bump: Component | None, rules: CommitRules
) -> bool:
    """Whether there can be notes on a commit of a message that requests *bump*."""
    return bool(
        _header_resembles(line, header, bump, rules)
        or (_NOTED.search(body) and _body_pattern(bump, rules.minor_types).search(body))
    )


def _note(what: str, line: str) -> str:
    return printable_line(f"This line resembles {what}, but was not used: {line}", MAX_NOTE_LENGTH)


def _header_resembles(
    line: str, header: Header, bump: Component | None, rules: CommitRules
) -> str | None:
    """The marker that the header resembles. None if there is none."""
    if "[" in line and _SKIP_MARKER.search(line):
        return _SKIP
    if bump == "major":
        return None
    if rules.strict and header != (accepted := parse_header(line)):
        header = accepted
        if header.is_breaking:
            return _BREAKING
        if header.is_feature or header.type in rules.minor_types:
            return f"the type {header.type or 'feat'}"
    if header.has_ignored_breaking_emoji:
        return _BREAKING
    word, is_word = header.type, True
    if not word:
        loose = LOOSE_HEADER.match(line)
        if not loose:
            return None
        word, marks, colon = loose.group("word", "marks", "colon")
        if colon and "!" in marks:
            return _BREAKING
        word, is_word = word.lower(), bool(colon)
        is_skipped = word in rules.skip_types
        if (is_skipped or word in rules.minor_types) and (colon or marks):
            return f"the type {word}" if bump == "patch" or not is_skipped else None
    if bump == "minor":
        return None
    if header.has_ignored_feature_emoji:
        return "the type feat"
    if is_word and word in SYNONYMS - rules.skip_types and "feat" in rules.minor_types:
        return "the type feat"
    return None


def _body_resembles(kind: str | None, line: str) -> str | None:
    """The marker that a line of a body resembles. None if it is a template without a value."""
    if kind == "header":
        bullet = _BULLET.match(line)
        header = parse_header(line[bullet.end() if bullet else 0 :])
        return _BREAKING if header.is_breaking else f"the type {header.type or 'feat'}"
    if kind == "breaking" and is_empty_value(re.split("[:：]", line)[-1]):
        return None
    return {"breaking": _BREAKING, "release_as": _RELEASE_AS, "skip": _SKIP}[str(kind)]


@lru_cache(maxsize=16)
def _body_pattern(bump: Component | None, minor_types: frozenset[str]) -> re.Pattern[str]:
    """Finds the lines that resemble a marker of a higher bump."""
    kinds = {
        "release_as": r"^[^\w\n]*+(?i:release-as\b|release as:)",
        "skip": _SKIP_MARKER.pattern,
    }
    if bump != "major":
        headers = [rf"[\w-]++(?:!{SCOPE}|(?:{SCOPE})?!)(?:: .|：.)", "💥|:boom:"]
        if bump != "minor":
            types = "|".join(map(re.escape, sorted(minor_types)))
            headers += [rf"(?i:{types})(?:{SCOPE})?(?:: .|：.)"] if types else []
            headers += ["✨|:sparkles:"]
        around = AROUND.replace("*+)*+", "*+)*")  # so that an emoji can be the marker itself
        kinds["header"] = rf"^{_BULLET.pattern}(?:(?=[^a-z]){around})?(?:{'|'.join(headers)})"
        kinds["breaking"] = (
            r"BREAKING[ _-]++CHANGE|^[^\w\n]*+(?i:breaking(?:[ _-]changes?)?)\** ?[:：]"
        )
    return re.compile(
        "|".join(f"(?P<{kind}>{pattern})" for kind, pattern in kinds.items()), re.MULTILINE
    )
