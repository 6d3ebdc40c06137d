"""Monotron with other settings of SQLite, which the product does not offer.

Run as `python tuned_server.py PRAGMA=VALUE … serve …`.
"""

from __future__ import annotations

import sqlite3
import sys

from monotron.cli import main
from monotron.store.sqlite_file import SqliteFile


def tune(*pragmas: str) -> None:
    """Have each connection set these once it is set up as always."""
    set_up = SqliteFile._set_up

    def tuned(file: SqliteFile, connection: sqlite3.Connection) -> None:
        set_up(file, connection)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}").fetchall()

    SqliteFile._set_up = tuned  # type: ignore[method-assign]


def settings_before_serve() -> list[str]:
    """Those of the command line, taken off it."""
    end = sys.argv.index("serve")
    pragmas = sys.argv[1:end]
    del sys.argv[1:end]
    return pragmas


if __name__ == "__main__":
    tune(*settings_before_serve())
    sys.exit(main())
