"""Monotron, but for one thing: it has less patience with MongoDB.

Run as `python impatient_server.py serve …`.
"""

from __future__ import annotations

import sys

from monotron.cli import main
from monotron.store.mongo.store import MongoStore

PATIENCE_SECONDS = 4.0
ATTEMPT_SECONDS = 1.0

if __name__ == "__main__":
    MongoStore.__init__.__kwdefaults__ |= {
        "patience": PATIENCE_SECONDS,
        "attempt": ATTEMPT_SECONDS,
    }
    sys.exit(main())
