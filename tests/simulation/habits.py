"""What the callers of a simulated world request, and which faults their requests have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class Weather:
    """The probability of each fault between callers and servers."""

    request_lost: float = 0.0
    answer_lost: float = 0.0
    duplicate: float = 0.0
    """A copy arrives up to 20 seconds later, at any server."""
    impatience: float = 0.0
    """A caller retries while its first request is still running."""
    give_up: float = 0.0


@dataclass(slots=True)
class Habits:
    """What callers request."""

    keys: Sequence[str]
    requests: int
    births: int
    """How many new series there are, each with several concurrent callers."""
    past: int = 0
    """How many values the first series has already assigned."""
    again: float = 0.25
    """The probability of a token that was requested before."""
    recent: float = 0.4
    """The probability that it is one of the last four of its series."""
    limit: float = 0.1
    """The probability that a request can use only the next few values."""
    changes: float = 0.3
    """The probability that a series that can be deleted is deleted or advanced."""
    versions: int = 0
    """How many versions are requested."""
    names: int = 1
    labels: float = 0.3
    """The probability that a requested version is a pre-release."""
    withdrawals: float = 0.0
    """The probability that a version is withdrawn, or its withdrawal reversed."""
    commits: float = 0.25
    """The probability that commit messages determine a bump."""
    calendar: float = 0.0
    """The probability that a name has calendar versions."""
    counts: float = 1.0
    """The probability that the component series of a name are also counted without versions."""
    peek: float = 0.1
    pause: float = 0.02
