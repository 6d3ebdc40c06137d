"""Monotron, but it has less patience with MongoDB, and goes on from memory among other servers.

So a step against another server is lost, as it otherwise is only now and then.

Run as `python impatient_server.py serve …`.
"""

from __future__ import annotations

import sys

from monotron.cli.main import main
from monotron.store.mongo import series
from monotron.store.mongo.store import MongoStore

PATIENCE_SECONDS = 4.0
ATTEMPT_SECONDS = 1.0

if __name__ == "__main__":
    MongoStore.__init__.__kwdefaults__ |= {
        "patience": PATIENCE_SECONDS,
        "attempt": ATTEMPT_SECONDS,
    }
    series.AMONG_OTHERS_SECONDS = 0.0
    sys.exit(main())
