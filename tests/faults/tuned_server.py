"""Monotron with SQLite settings that the product does not offer.

Run as `python tuned_server.py PRAGMA=VALUE CHECKPOINT_ROWS=NUMBER … serve …`.
"""

from __future__ import annotations

import sqlite3
import sys

from monotron.cli.main import main
from monotron.store.sqlite import file as sqlite_file
from monotron.store.sqlite.file import SqliteFile

ROWS = "CHECKPOINT_ROWS="


def tune(*settings: str) -> None:
    """Set the pragmas on each connection after its normal setup."""
    for setting in settings:
        if setting.startswith(ROWS):
            sqlite_file.CHECKPOINT_ROWS = int(setting.removeprefix(ROWS))
    pragmas = [setting for setting in settings if not setting.startswith(ROWS)]
    set_up = SqliteFile._set_up

    def tuned(file: SqliteFile, connection: sqlite3.Connection) -> None:
        set_up(file, connection)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}").fetchall()

    SqliteFile._set_up = tuned  # type: ignore[method-assign]


def settings_before_serve() -> list[str]:
    """Return the settings of the command line, and remove them from it."""
    end = sys.argv.index("serve")
    settings = sys.argv[1:end]
    del sys.argv[1:end]
    return settings


if __name__ == "__main__":
    tune(*settings_before_serve())
    sys.exit(main())
