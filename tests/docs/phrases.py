"""Reject phrases that the style rules replace: `PYTHONPATH=tests python -m docs.phrases [FILE …]`.

Without FILE, all tracked text is checked. docs/decisions/0014-layout-and-vocabulary.md explains why
no existing linter fits.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

PATHS = ("backend", "actions", "gitlab", "docs", "tests", ".ci", ".github")
PATHS += ("*.md", "action.yml", "pyproject.toml", "Makefile")
SUFFIXES = ("", ".md", ".py", ".sh", ".toml", ".yaml", ".yml")
EXCLUDED = re.compile(
    r"docs/decisions/00(0\d|1[01])-"  # never edited
    r"|docs/glossary\.md"  # quotes what it replaces
    r"|tests/docs/(test_)?phrases\.py"
)

PHRASES = {
    r"(?<!here.)is no(?! (longer|more|less|fewer|larger|smaller|newer|older))": "is not a, unknown",
    r"(?<!here.)is none(?! of)|ha(s|ve) none(?!,)": "is not a, unknown, has no …",
    r"There (is|are|was|were) (none|nothing)": "X has no …, X does not exist",
    r"[Tt]here (is|are|was|were) no": "X has no …, X does not exist",
    r"[Ww]hoever|[Ss]omebody|[Ee]verybody|[Nn]obody|[Aa]nybody": "anyone, no one, all users",
    r"stands? (at|on|as|there|where|higher|under)|stood": "is at, is in",
    r"for ever": "permanently",
    r"by hand": "manually",
    r"in earnest": "in production",
    r"[Ll]ook(s|ed)? whether": "check that, check whether",
    r"works? no more": "revoked, deleted",
    r"[Tt]old": "reported, returned, passed",
    r"[Tt]ells? (what|which|whether|how|if|it|of|nothing)": "report, state, show",
    r"[Aa]sk(s|ed|ing)? again": "retry, repeat",
    r"[Ss]ay (--[a-z-]+|both|which|what|whether)": "pass, set, state",
    r"says (no|yes|what|which|whether|how)": "states, contains, fails",
    r"(was|were|newly|never|last) given|given (before|again|since|at)": "assigned",
    r"go(es)? on|went on": "continue",
    r"sees? to it": "ensure, verify",
    r"against one another": "compare",
    r"([Aa]|[Nn]o|[Tt]he) trust(?! polic)": "trust policy",
    r"of no use": "unusable, not needed",
    r"at once": "immediately, together, at the same time",
}
GAP = r"(?:[\s_]|#)+"
"""Between words: spaces, line breaks within comments, and the underscores of identifiers."""

RULES = [
    (re.compile(rf"(?<![a-zA-Z])(?:{phrase.replace(' ', GAP)})(?![a-z])", re.DOTALL), advice)
    for phrase, advice in PHRASES.items()
]


def findings(text: str) -> list[tuple[int, str, str]]:
    """The line, phrase and advice of each phrase in the text, by line."""
    return sorted(
        (text.count("\n", 0, match.start()) + 1, re.sub(GAP, " ", match[0]), advice)
        for rule, advice in RULES
        for match in rule.finditer(text)
    )


def tracked() -> Iterator[Path]:
    """The text files that the style rules apply to."""
    process = subprocess.run(
        ["git", "ls-files", "-z", *PATHS], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in process.stdout.split("\0"):
        path = ROOT / name
        if path.is_file() and path.suffix in SUFFIXES and not EXCLUDED.match(name):
            yield path


def main(files: list[str]) -> int:
    count = 0
    for path in map(Path, files) if files else tracked():
        for line, phrase, advice in findings(path.read_text(encoding="utf-8")):
            print(f"{path}:{line}: {phrase}: {advice}")
            count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
