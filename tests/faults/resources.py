"""Memory, threads and descriptors of processes, and whether they grow."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Self

from support.stoppable import Stoppable

MAX_GROWTH = 0.10
"""The maximum growth of memory, as a fraction."""

SLACK_KILOBYTES = 2_048
MAX_MORE_DESCRIPTORS = 8
"""Connections to MongoDB and of clients, which vary."""

MIN_SAMPLES = 50
"""How many samples of a process show whether it grows."""


@dataclass(frozen=True)
class Resources:
    """The resources of a process."""

    kilobytes: int
    """Its resident memory."""
    threads: int
    descriptors: int

    @classmethod
    def of(cls, pid: int) -> Self:
        """Those of a running process. Raises OSError or KeyError if it has ended."""
        status = Path(f"/proc/{pid}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        return cls(
            int(fields["VmRSS"].split()[0]),
            int(fields["Threads"]),
            len(list(Path(f"/proc/{pid}/fd").iterdir())),
        )

    def __str__(self) -> str:
        return f"{self.kilobytes} kB, {self.threads} threads, {self.descriptors} descriptors"


def growth(samples: Sequence[Resources]) -> list[str]:
    """Each resource that has grown: its median in the last fifth, compared with the second fifth.

    The first fifth fills bounded caches. A few samples show nothing.
    """
    if len(samples) < MIN_SAMPLES:
        return []
    before, after = compared(samples)
    limits = Resources(
        int(before.kilobytes * (1 + MAX_GROWTH)) + SLACK_KILOBYTES,
        before.threads + 2,
        before.descriptors + MAX_MORE_DESCRIPTORS,
    )
    return [
        f"{name} grew from {getattr(before, name)} to {getattr(after, name)}"
        for name in ("kilobytes", "threads", "descriptors")
        if getattr(after, name) > getattr(limits, name)
    ]


def compared(samples: Sequence[Resources]) -> tuple[Resources, Resources]:
    """The medians of the second and of the last fifth."""
    fifth = max(1, len(samples) // 5)
    return _median(samples[fifth : 2 * fifth] or samples), _median(samples[-fifth:])


def _median(samples: Iterable[Resources]) -> Resources:
    values = [(each.kilobytes, each.threads, each.descriptors) for each in samples]
    return Resources(*(int(median(each)) for each in zip(*values, strict=True)))


class Meter(Stoppable):
    """Samples the resources of processes until it is stopped."""

    def __init__(self, processes: Callable[[], Mapping[str, int]], seconds: float) -> None:
        """*processes* returns the current process ids by name. *seconds*: between two samples."""
        self.samples: dict[tuple[str, int], list[Resources]] = defaultdict(list)
        """By name and process id, in the order of their starts."""
        self._processes = processes
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample_until_stopped)
        self._thread.start()

    def _sample_until_stopped(self) -> None:
        self._sample()
        while not self._stop.wait(self._seconds):
            self._sample()

    def _sample(self) -> None:
        for name, pid in self._processes().items():
            try:
                sample = Resources.of(pid)
            except (OSError, KeyError):
                continue  # the process was killed
            self.samples[name, pid].append(sample)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def longest(self) -> dict[str, list[Resources]]:
        """The samples of the process of each name that was sampled most often."""
        found: dict[str, list[Resources]] = {}
        for (name, _), samples in self.samples.items():
            found[name] = max(found.get(name, []), samples, key=len)
        return found

    def __str__(self) -> str:
        """What is compared of the process of each name that was sampled most often."""
        return "; ".join(
            "{}: {} samples, {}, then {}".format(name, len(samples), *compared(samples))
            for name, samples in self.longest().items()
        )
