"""Histories of one series: broken ones with the expected violation, and correct ones."""

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
    """A PUT with an unknown outcome."""
    return Put("series", token, reuse, called)


def refused(token: str, called: float, returned: float) -> Put:
    """A PUT that was rejected without effect."""
    return Put("series", token, "any", called, returned, refused=True)


def peek(token: str | None, called: float, returned: float, value: int) -> Peek:
    return Peek("series", called, returned, token, value)


BROKEN: dict[str, tuple[list[Put | Peek], str]] = {
    "a value out of range": (
        [put("a", 1, 2, 2**63)],
        "9223372036854775808 was answered, which is not a value",
    ),
    "a value of zero": ([put("a", 1, 2, 0)], "0 was answered, which is not a value"),
    "a value that became a float": (
        [Put("series", "a", "any", 1, 2, 1.0)],  # type: ignore[arg-type]
        "1.0 was answered, which is not a value",
    ),
    "two tokens with one value": (
        [put("a", 1, 2, 1), put("b", 1, 3, 1)],
        "value 1 was assigned to 'a' and to 'b'",
    ),
    "a read that shows another token at a value": (
        [put("a", 1, 4, 1), put("b", 1, 4, 2), peek("a", 5, 6, 2)],
        "value 2 was assigned to 'b' and to 'a'",
    ),
    "a token with two values": (
        [put("a", 1, 2, 1), put("a", 3, 4, 2)],
        "'a' was assigned 1 and 2 (reuse=any)",
    ),
    "a token counted again when it came back": (
        [put("a", 1, 2, 1), put("b", 3, 4, 2), put("a", 5, 6, 3)],
        "'a' was assigned 1 and 3 (reuse=any)",
    ),
    "a value that was new twice": (
        [put("a", 1, 2, 1), put("a", 3, 4, 1)],
        "value 1 was reported as new twice ('a')",
    ),
    "a repeat of a value that was never assigned": (
        [put("a", 1, 2, 1, reused=True)],
        "value 1 of 'a' was reported as reused, but never as new",
    ),
    "a smaller value for a later request": (
        [put("a", 1, 2, 2), put("b", 3, 4, 1)],
        "'b' was assigned 1, although 2 ('a') had been answered before the request",
    ),
    "a smaller value for a later request, after a repeat": (
        [put("b", 3, 9, 1), doubt("a", 1), put("a", 1, 2, 2, reused=True)],
        "'b' was assigned 1, although 2 ('a') had been answered before the request",
    ),
    "a refused attempt that was applied": (
        [
            refused("a", 1, 2),
            put("b", 3, 4, 2),
            doubt("a", 5),
            put("a", 6, 7, 1, reused=True),
        ],
        "'a' was assigned 1, although 2 ('b') had been answered before the request",
    ),
    "a missing value": (
        [put("a", 1, 2, 1), put("b", 3, 4, 3)],
        "value 2 is missing, and no operation with unknown outcome explains it",
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
    "a lost value that is assigned again": (
        [put("a", 1, 2, 1), put("b", 3, 4, 2), put("c", 5, 6, 2)],
        "value 2 was assigned to 'b' and to 'c'",
    ),
    "a stale read": (
        [put("a", 1, 2, 1), put("b", 3, 4, 2), peek("a", 5, 6, 1)],
        "a read answered 1, although 2 had been answered before it began",
    ),
    "a read of nothing after something": (
        [put("a", 1, 2, 1), peek(None, 3, 4, 0)],
        "a read answered that the series does not exist, although 1 had been answered",
    ),
    "reads that go back in time": (
        [put("a", 1, 9, 1), put("b", 1, 9, 2), peek("b", 2, 3, 2), peek("a", 4, 5, 1)],
        "a read answered 1, although 2 had been answered before it began",
    ),
    "a repeat of a token that is no longer current": (
        [
            put("a", 1, 2, 1, reuse="current"),
            put("b", 3, 4, 2, reuse="current"),
            put("a", 5, 6, 1, reuse="current", reused=True),
        ],
        "a read answered 1, although 2 had been answered before it began",
    ),
    "a read ahead of the request": (
        [peek("a", 1, 2, 1), put("a", 3, 4, 1)],
        "value 1 was known before its token 'a' was requested",
    ),
    "a read ahead of an attempt in doubt": (
        [peek("a", 1, 2, 1), doubt("a", 3)],
        "value 1 was known before its token 'a' was requested",
    ),
    "a read of a token that was not requested": (
        [put("a", 1, 2, 1), peek("z", 3, 4, 2)],
        "'z' has the value 2, but was not requested",
    ),
}


RIGHT: dict[str, list[Put | Peek]] = {
    "nothing at all": [],
    "overlapping callers, in any order": [put("a", 1, 4, 2), put("b", 2, 3, 1)],
    "a repeat": [put("a", 1, 2, 1), put("b", 3, 4, 2), put("a", 5, 6, 1, reused=True)],
    "a token with several values, each while it was not current": [
        put("a", 1, 2, 1, reuse="current"),
        put("b", 3, 4, 2, reuse="current"),
        put("a", 5, 6, 3, reuse="current"),
        put("a", 7, 8, 3, reuse="current", reused=True),
    ],
    "an attempt in doubt that was applied, and its retry": [
        doubt("a", 1),
        put("b", 3, 4, 2),
        put("a", 5, 6, 1, reused=True),
    ],
    "an attempt in doubt that was not applied, and its retry": [
        doubt("a", 1),
        put("b", 3, 4, 1),
        put("a", 5, 6, 2),
    ],
    "a refused attempt, and its retry": [
        refused("a", 1, 2),
        put("b", 3, 4, 1),
        put("a", 5, 6, 2),
    ],
    "a value of a caller that never retried": [doubt("a", 1), put("b", 3, 4, 2)],
    "values of two attempts of a token": [
        doubt("a", 1, "current"),
        doubt("a", 2, "current"),
        put("b", 3, 4, 3),
    ],
    "a value that only a read returns": [doubt("a", 1), peek("a", 2, 3, 1)],
    "a read that overlaps with the request": [put("a", 1, 9, 1), peek("a", 2, 3, 1)],
    "a read that overlaps and does not see": [put("a", 1, 2, 1), peek(None, 1.5, 9, 0)],
    "a read that was never answered": [put("a", 1, 2, 1), Peek("series", 3)],
}
