"""The processor time to read the longest texts of commit messages that are slow to read.

A text has 1 MiB or 20,000 commits. It is compared with 1 MiB of ordinary messages, and with its
first quarter.
"""

import re
import time
from collections.abc import Iterator
from itertools import count, product
from statistics import median
from string import ascii_lowercase, digits

from bench.measuring import Bench
from bench.table import TableRow
from monotron.model.commit_texts import MAX_COMMITS
from monotron.model.conventional_commits import decide

MEBIBYTE = 2**20
ORDINARY = "fix(parser): accept a list @\n\nThe parser reads one line.\nRefs: #12\0"
MAX_SECONDS = 0.5
MAX_GROWTH = 1.3
"""A pass that is not linear would reach 4."""

SQUASH = "feat: a squash (#1)\n\n"
GIT_SQUASH = "title\n\nSquashed commit of the following:\n\n"
REVERT = 'Revert "title"\0'
TEXTS = {
    "words": ("", "@\0"),
    "messages with a type": ("", "a: @\0"),
    "messages of two lines": ("", "@\nb\0"),
    "messages with an emoji": ("", "✨@\0"),
    "messages with a quote": ("", '"@\0'),
    "messages with a code fence": ("", "@\n```\nfeat: x\n```\0"),
    "messages with an HTML comment": ("", "@\n<!-- -->\0"),
    "messages with an empty BREAKING footer": ("", "@\nBREAKING:\nx\0"),
    "messages with Release-As": ("", "@\n\nRelease-As: 1.0.0\0"),
    "messages with [skip-release]": ("", "[skip-release]@\0"),
    "reverts": ("", "revert: @\0"),
    "reverts and their commits": ("", 'Revert "@"\0@\0'),
    "words after a revert": (REVERT, "@\0"),
    "one word, repeated after a revert": (REVERT, "a\0"),
    "messages of two lines after a revert": (REVERT, "@\nb\0"),
    "squashes with a list": ("", "@ (#1)\n* a: b\0"),
    "squashes with a list after a revert": (REVERT, "@ (#1)\n* a: b\0"),
    "squashes with four commits after a revert": (
        REVERT,
        "@ (#1)\n* a: b\n* c: d\n* e: f\n* g: h\0",
    ),
    "bullets with a type in one squash": (SQUASH, "* a: @\n"),
    "bullets with a footer in one squash": (SQUASH, "* fix: @\n\nRelease-As: 1.2.3\n"),
    "reverts in one squash": (SQUASH, '* Revert "@"\n'),
    "commits in one git merge --squash": (GIT_SQUASH, "commit a\n\n    fix: @\n\n    b\n"),
}
"""The start of each text, and a form that is repeated, with a different word for each `@`."""


def run(bench: Bench) -> None:
    ordinary = _text("", ORDINARY, MEBIBYTE)
    base = _seconds(ordinary, bench.rounds)
    row = TableRow("1 MiB of ordinary messages", base, "s of processor time", MAX_SECONDS)
    bench.table.add(row)
    growth = {}
    for name, (start, form) in TEXTS.items():
        text = _text(start, form, MEBIBYTE)
        seconds = _seconds(text, bench.rounds)
        quarter = _seconds(_text(start, form, len(text.encode()) // 4), bench.rounds)
        growth[name] = seconds / quarter / 4
        unit = f"s of processor time ({seconds / base:.1f} of ordinary messages)"
        bench.table.add(TableRow(name, seconds, unit, MAX_SECONDS))
    slowest = max(growth, key=lambda name: growth[name])
    unit = f"of 4 times the time of a quarter ({slowest})"
    bench.table.add(TableRow("fastest growth among these", growth[slowest], unit, MAX_GROWTH))


def _seconds(text: str, rounds: int) -> float:
    times = []
    for _ in range(rounds):
        started = time.process_time()
        decide(text)
        times.append(time.process_time() - started)
    return median(times)


def _text(start: str, form: str, size: int) -> str:
    """The start, and repetitions of the form with different words, cut to *size* bytes."""
    parts, words = [start], _words()
    missing = size - len(start)
    repetitions = (MAX_COMMITS - 1) // max(1, len(re.findall("\0|\n[*] |^[*] |^commit", form)))
    while missing > 0 and len(parts) <= repetitions:
        part = form.replace("@", next(words))
        parts.append(part)
        missing -= len(part.encode())
    return "".join(parts).encode()[:size].decode(errors="ignore")


def _words() -> Iterator[str]:
    """All words of letters and digits, the short ones first."""
    for length in count(1):
        yield from map("".join, product(ascii_lowercase + digits, repeat=length))
