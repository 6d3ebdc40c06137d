"""Monotron that stops itself with SIGSTOP between the writes of a transaction and its commit.

Run as `python stopping_server.py COMMITS serve …`: it stops before the commit after COMMITS others.
"""

from __future__ import annotations

import signal
import sys
import threading

from pymongo.client_session import ClientSession

from monotron.cli.main import main
from monotron.store.mongo.deadline import Deadline
from monotron.store.mongo.store import MongoStore
from monotron.store.mongo.transactions import Transactions


class StoppingTransactions(Transactions):
    commits = int(sys.argv.pop(1))

    def commit(self, session: ClientSession, deadline: Deadline, *, writes: bool) -> bool:
        StoppingTransactions.commits -= 1
        if StoppingTransactions.commits == -1:
            # Stops this thread immediately. With os.kill(), it could continue until another stops.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        return super().commit(session, deadline, writes=writes)


if __name__ == "__main__":
    MongoStore.transactions_type = StoppingTransactions
    sys.exit(main())
