"""What most faults of MongoDB have in common: servers on one set, callers, and a judgement."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from secrets import randbits

from faults.aftermath import check_aftermath
from faults.history import History
from faults.load import Load
from harness.mongod import ReplicaSet
from harness.server import Server

KEYS = ["a", "b", "c", "CURRENT"]
TRYING_AGAIN = "trying again"
"""What a server logs when MongoDB left it in doubt, which its callers need not notice."""

DATABASE = "monotron"


class Ordeal:
    """Two servers on a replica set, kept busy by callers while faults are done to it."""

    def __init__(self, replica_set: ReplicaSet, servers: list[Server], load: Load, seed: int):
        self.replica_set = replica_set
        self.servers = servers
        self.load = load
        self.chance = random.Random(seed)
        self._seed = seed
        self._began = time.monotonic()

    @property
    def history(self) -> History:
        return self.load.history

    def random_moment(self, answers: int = 100) -> None:
        """Return at a moment of the work at which nobody has chosen what is under way."""
        self.load.wait_for_answers(answers)
        time.sleep(self.chance.uniform(0.03, 0.25))

    def doubts(self) -> int:
        """How often a server of now was left in doubt by MongoDB."""
        return sum(server.log().count(TRYING_AGAIN) for server in self.servers)

    def waited(self, began: float, ended: float) -> int:
        """How many requests were under way all the time from *began* to *ended*."""
        puts = list(self.history.puts)
        return sum(put.called < began and put.returned > ended for put in puts)

    def judge(self) -> str:
        """Hold all that was answered against what is there; what came of it, in figures."""
        history = self.load.finish()
        enduring = time.monotonic() - self._began
        check_aftermath(history, [server.url for server in self.servers])
        checking = time.monotonic() - self._began - enduring
        return (
            f"seed {self._seed}: {enduring:.1f} s, {self.load.acknowledged} answers and "
            f"{len(history.peeks)} reads; in doubt {self.doubts()} times a server, "
            f"{history.unknown()} times a caller ({history.retried()} retried to success, "
            f"{history.counted_in_doubt()} had been counted), {self.load.refused} refused; "
            f"checked in {checking:.1f} s"
        )


@contextmanager
def ordeal(
    replica_set: ReplicaSet,
    *,
    keys: Sequence[str] = KEYS,
    start: Callable[[str], Server] = Server,
    database: str = DATABASE,
) -> Iterator[Ordeal]:
    """An ordeal on a database of its own, which begins at once; its seed is printed."""
    seed = randbits(32)
    print(f"seed {seed}")
    url = replica_set.url(database)
    with ExitStack() as stack:
        servers = [stack.enter_context(start(url)) for _ in range(2)]
        load = stack.enter_context(Load([each.url for each in servers], keys, seed=seed))
        yield Ordeal(replica_set, servers, load, seed)
