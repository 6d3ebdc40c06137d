"""Monotron with SQLite settings that the product does not offer.

Run as `python tuned_server.py PRAGMA=VALUE CHECKPOINT_ROWS=NUMBER … serve …`.
"""

from __future__ import annotations

import sqlite3
import sys

from monotron.cli.main import main
from monotron.store.sqlite import connection as connections
from monotron.store.sqlite import file as sqlite_file

ROWS = "CHECKPOINT_ROWS="


def tune(*settings: str) -> None:
    """Set the pragmas on each connection after its normal setup."""
    for setting in settings:
        if setting.startswith(ROWS):
            sqlite_file.CHECKPOINT_ROWS = int(setting.removeprefix(ROWS))
    pragmas = [setting for setting in settings if not setting.startswith(ROWS)]
    set_up = connections._set_up

    def tuned(connection: sqlite3.Connection, path: str) -> None:
        set_up(connection, path)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}").fetchall()

    connections._set_up = tuned


def settings_before_serve() -> list[str]:
    """Return the settings of the command line, and remove them from it."""
    end = sys.argv.index("serve")
    settings = sys.argv[1:end]
    del sys.argv[1:end]
    return settings


if __name__ == "__main__":
    tune(*settings_before_serve())
    sys.exit(main())
