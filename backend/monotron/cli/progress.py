"""Progress bars on standard error, if it is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def progress(total: int | None, *, steps: int) -> Iterator[Callable[[int], None]]:
    """Show the progress of the block, which calls the function with the work done since its last
    call.

    Without *total*, it shows how much was done. It is updated after each *steps*.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(
        (_ for _ in ()),
        total,
        show_pos=total is None,
        file=sys.stderr,
        update_min_steps=steps,
    ) as bar:
        yield bar.update
        if total is not None:
            bar.finish()
            bar.render_progress()
