"""Monotron with shorter time limits on MongoDB, and without the time of contention.

So it replaces remembered heads although other servers are running, and repeats many transactions.

Run as `python impatient_server.py CALL_SECONDS ATTEMPT_SECONDS serve …`.
"""

from __future__ import annotations

import sys

from monotron.cli.main import main
from monotron.store.mongo import remembered
from monotron.store.mongo.store import MongoStore

if __name__ == "__main__":
    MongoStore.__init__.__kwdefaults__ |= {
        "call_seconds": float(sys.argv.pop(1)),
        "attempt_seconds": float(sys.argv.pop(1)),
    }
    remembered.CONTENTION_SECONDS = 0.0
    sys.exit(main())
