"""Monotron with shorter time limits on MongoDB, and without the contention window.

So it updates heads from its cache although other servers are running, and loses many updates.

Run as `python impatient_server.py CALL_SECONDS ATTEMPT_SECONDS serve …`.
"""

from __future__ import annotations

import sys

from monotron.cli.main import main
from monotron.store.mongo import series
from monotron.store.mongo.store import MongoStore

if __name__ == "__main__":
    MongoStore.__init__.__kwdefaults__ |= {
        "call_seconds": float(sys.argv.pop(1)),
        "attempt_seconds": float(sys.argv.pop(1)),
    }
    series.CONTENTION_WINDOW_SECONDS = 0.0
    sys.exit(main())
