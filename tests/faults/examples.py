"""Histories of one series, made by hand: broken ones with what must be said of them, right ones."""

from __future__ import annotations

from faults.history import Peek, Put


def put(
    token: str,
    called: float,
    returned: float,
    value: int,
    *,
    reused: bool = False,
    reuse: str = "any",
) -> Put:
    """A PUT that was answered."""
    return Put("series", token, reuse, called, returned, value, reused)


def doubt(token: str, called: float, reuse: str = "any") -> Put:
    """A PUT of which nobody knows what it did."""
    return Put("series", token, reuse, called)


def refused(token: str, called: float, returned: float) -> Put:
    """A PUT that was told to have done nothing."""
    return Put("series", token, "any", called, returned, refused=True)


def peek(token: str | None, called: float, returned: float, value: int) -> Peek:
    return Peek("series", called, returned, token, value)


BROKEN: dict[str, tuple[list[Put | Peek], str]] = {
    "a value out of range": (
        [put("a", 1, 2, 2**63)],
        "9223372036854775808 was answered, which is no value",
    ),
    "a value of nought": ([put("a", 1, 2, 0)], "0 was answered, which is no value"),
    "a value that became a float": (
        [Put("series", "a", "any", 1, 2, 1.0)],  # type: ignore[arg-type]
        "1.0 was answered, which is no value",
    ),
    "two tokens with one value": (
        [put("a", 1, 2, 1), put("b", 1, 3, 1)],
        "value 1 was given to 'a' and to 'b'",
    ),
    "a read that shows another token at a value": (
        [put("a", 1, 4, 1), put("b", 1, 4, 2), peek("a", 5, 6, 2)],
        "value 2 was given to 'b' and to 'a'",
    ),
    "a token with two values": (
        [put("a", 1, 2, 1), put("a", 3, 4, 2)],
        "'a' was given 1 and 2 (reuse=any)",
    ),
    "a token counted again when it came back": (
        [put("a", 1, 2, 1), put("b", 3, 4, 2), put("a", 5, 6, 3)],
        "'a' was given 1 and 3 (reuse=any)",
    ),
    "a value that was new twice": (
        [put("a", 1, 2, 1), put("a", 3, 4, 1)],
        "value 1 was called new twice ('a')",
    ),
    "a repeat of what was never given": (
        [put("a", 1, 2, 1, reused=True)],
        "value 1 of 'a' was called a repeat, but it was never new",
    ),
    "a smaller value for who asked later": (
        [put("a", 1, 2, 2), put("b", 3, 4, 1)],
        "'b' was given 1, although 2 ('a') had been answered before it was asked for",
    ),
    "a smaller value for who asked later, after a repeat": (
        [put("b", 3, 9, 1), doubt("a", 1), put("a", 1, 2, 2, reused=True)],
        "'b' was given 1, although 2 ('a') had been answered before it was asked for",
    ),
    "a refused attempt that counted all the same": (
        [
            refused("a", 1, 2),
            put("b", 3, 4, 2),
            doubt("a", 5),
            put("a", 6, 7, 1, reused=True),
        ],
        "'a' was given 1, although 2 ('b') had been answered before it was asked for",
    ),
    "a missing value": (
        [put("a", 1, 2, 1), put("b", 3, 4, 3)],
        "value 2 is missing, and no caller's doubt explains it",
    ),
    "a missing first value": ([put("a", 1, 2, 2)], "value 1 is missing"),
    "a value burned by an attempt that was repeated": (
        [doubt("a", 1), put("a", 3, 4, 2)],
        "value 1 is missing",
    ),
    "a value missing before the doubt that could explain it": (
        [put("a", 1, 2, 2), doubt("b", 3)],
        "value 1 is missing",
    ),
    "two values missing for one doubt": (
        [doubt("a", 1), doubt("a", 2), put("b", 3, 4, 3)],
        "value 2 is missing",
    ),
    "a lost value, given again": (
        [put("a", 1, 2, 1), put("b", 3, 4, 2), put("c", 5, 6, 2)],
        "value 2 was given to 'b' and to 'c'",
    ),
    "a stale read": (
        [put("a", 1, 2, 1), put("b", 3, 4, 2), peek("a", 5, 6, 1)],
        "a read answered 1, although 2 had been answered before it began",
    ),
    "a read of nothing after something": (
        [put("a", 1, 2, 1), peek(None, 3, 4, 0)],
        "a read answered that there is no such series, although 1 had been answered",
    ),
    "reads that go back in time": (
        [put("a", 1, 9, 1), put("b", 1, 9, 2), peek("b", 2, 3, 2), peek("a", 4, 5, 1)],
        "a read answered 1, although 2 had been answered before it began",
    ),
    "a repeat of a current token that is current no more": (
        [
            put("a", 1, 2, 1, reuse="current"),
            put("b", 3, 4, 2, reuse="current"),
            put("a", 5, 6, 1, reuse="current", reused=True),
        ],
        "a read answered 1, although 2 had been answered before it began",
    ),
    "a read ahead of who asked": (
        [peek("a", 1, 2, 1), put("a", 3, 4, 1)],
        "value 1 was known before 'a', which has it, was asked for",
    ),
    "a read ahead of an attempt in doubt": (
        [peek("a", 1, 2, 1), doubt("a", 3)],
        "value 1 was known before 'a', which has it, was asked for",
    ),
    "a read of a token that nobody used": (
        [put("a", 1, 2, 1), peek("z", 3, 4, 2)],
        "'z' has the value 2, but nobody asked for it",
    ),
}


RIGHT: dict[str, list[Put | Peek]] = {
    "nothing at all": [],
    "overlapping callers, in whatever order": [put("a", 1, 4, 2), put("b", 2, 3, 1)],
    "a repeat": [put("a", 1, 2, 1), put("b", 3, 4, 2), put("a", 5, 6, 1, reused=True)],
    "a token with several values, each while it was not current": [
        put("a", 1, 2, 1, reuse="current"),
        put("b", 3, 4, 2, reuse="current"),
        put("a", 5, 6, 3, reuse="current"),
        put("a", 7, 8, 3, reuse="current", reused=True),
    ],
    "an attempt in doubt that counted, and its retry": [
        doubt("a", 1),
        put("b", 3, 4, 2),
        put("a", 5, 6, 1, reused=True),
    ],
    "an attempt in doubt that did not count, and its retry": [
        doubt("a", 1),
        put("b", 3, 4, 1),
        put("a", 5, 6, 2),
    ],
    "a refused attempt, and its retry": [
        refused("a", 1, 2),
        put("b", 3, 4, 1),
        put("a", 5, 6, 2),
    ],
    "a value that went to a caller who never came back": [doubt("a", 1), put("b", 3, 4, 2)],
    "values that went to two attempts of a token": [
        doubt("a", 1, "current"),
        doubt("a", 2, "current"),
        put("b", 3, 4, 3),
    ],
    "a value that is seen by a read alone": [doubt("a", 1), peek("a", 2, 3, 1)],
    "a read that overlaps with who asked": [put("a", 1, 9, 1), peek("a", 2, 3, 1)],
    "a read that overlaps and does not see": [put("a", 1, 2, 1), peek(None, 1.5, 9, 0)],
    "a read that was never answered": [put("a", 1, 2, 1), Peek("series", 3)],
}
