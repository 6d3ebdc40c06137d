"""Real MongoDB servers for tests: a replica set that can be hurt, and a standalone one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from pymongo import MongoClient
from pymongo.database import Database

from support.member import Document, Mongod, find_mongod, until

__all__ = ["Mongod", "ReplicaSet", "Standalone", "find_mongod"]

ROLLBACK_SECONDS = 300.0
"""How long a member may take to come back: 97 s were seen, of one that had been killed so often
that it had made no checkpoint for minutes, and then had to roll back."""

DATABASES = 8
"""How many take turns: what a test left under way has ended when its own comes round."""

SET_NAME = "monotron"
SHARED_MEMORY = Path("/dev/shm")


class Deployment:
    """Some members and the directory of their data, which stop() removes."""

    def __init__(
        self,
        directory: Path | None,
        members: int,
        replica_set: str | None,
        *,
        fail_points: bool = False,
        first_group: int | None = None,
        journal_ms: int | None = None,
        cache_gb: float = 0.25,
    ) -> None:
        if directory is None and os.access(SHARED_MEMORY, os.W_OK | os.X_OK):
            directory = SHARED_MEMORY
        self.directory = Path(tempfile.mkdtemp(prefix="monotron-mongod-", dir=directory))
        self.members = [
            Mongod(
                self.directory / str(number),
                replica_set,
                fail_points=fail_points,
                group=None if first_group is None else first_group + number,
                journal_ms=journal_ms,
                cache_gb=cache_gb,
            )
            for number in range(members)
        ]
        self._options: dict[str, object] = {"replicaSet": replica_set} if replica_set else {}

    def launch(self) -> None:
        """Start all members, and return once each answers."""
        for member in self.members:
            member.start(wait=False)
        for member in self.members:
            member.wait_until_up()

    def url(self, database: str, **options: object) -> str:
        """The connection URL of *database*; *options* are added to its query, or replace it."""
        hosts = ",".join(member.address for member in self.members)
        # Half a second instead of ten, or a client would notice a new primary long after us.
        query = {**self._options, "heartbeatFrequencyMS": 500, **options}
        return f"mongodb://{hosts}/{database}?{urlencode(query)}"

    def client(self, **options: Any) -> MongoClient[Document]:
        """A pymongo client, for the caller to close."""
        return MongoClient(self.url(""), **options)

    @contextmanager
    def databases_in_turn(self) -> Iterator[Iterator[Database[Document]]]:
        """A few databases, again and again; one connection for all."""
        with self.client(w="majority") as client:
            yield cycle([client[f"test{number}"] for number in range(DATABASES)])

    def stop(self) -> None:
        """End all members at once and remove their data."""
        for member in self.members:
            # An orderly end has nobody to serve: a primary would look for a successor first.
            member.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class Standalone(Deployment):
    """A single mongod without a replica set."""

    @classmethod
    def start(cls, directory: Path | None = None, replica_set: str | None = None) -> Self:
        """Start it, with its data in a new directory in *directory* (None: shared memory).

        With *replica_set*, the server is a member of a replica set that is not initialized.
        """
        standalone = cls(directory, 1, replica_set)
        try:
            standalone.launch()
        except BaseException:
            standalone.stop()
            raise
        return standalone

    @property
    def mongod(self) -> Mongod:
        """The process."""
        return self.members[0]


class ReplicaSet(Deployment):
    """A replica set whose members can be killed, paused and started again, one by one."""

    @classmethod
    def start(
        cls,
        directory: Path | None = None,
        members: int = 3,
        election_ms: int = 1000,
        heartbeat_ms: int = 200,
        *,
        fail_points: bool = False,
        first_group: int | None = None,
        journal_ms: int | None = None,
        cache_gb: float = 0.25,
    ) -> Self:
        """Start a healthy set, with its data in a new directory in *directory*.

        Without a *directory* it lies in shared memory if there is any: no disk, fast.
        *fail_points*: whether its members have MongoDB's own points of failure.
        *first_group*: the group of the first member's process; the others have those after it.
        *journal_ms*: how often each writes its journal unasked; MongoDB's 100 if None.
        *cache_gb*: the cache of each.
        """
        replica_set = cls(
            directory,
            members,
            SET_NAME,
            fail_points=fail_points,
            first_group=first_group,
            journal_ms=journal_ms,
            cache_gb=cache_gb,
        )
        try:
            replica_set.launch()
            replica_set._initiate(election_ms, heartbeat_ms)
            replica_set.wait_until_healthy()
        except BaseException:
            replica_set.stop()
            raise
        return replica_set

    def _initiate(self, election_ms: int, heartbeat_ms: int) -> None:
        config = {
            "_id": SET_NAME,
            "members": [
                {"_id": number, "host": member.address}
                for number, member in enumerate(self.members)
            ],
            "settings": {
                "electionTimeoutMillis": election_ms,
                "heartbeatIntervalMillis": heartbeat_ms,
                "heartbeatTimeoutSecs": 1,
            },
        }
        answer = self.members[0].command({"replSetInitiate": config}, seconds=60)
        if not answer["ok"]:
            raise RuntimeError(f"replSetInitiate: {answer}")

    def primary(self) -> Mongod:
        """The primary, waiting for one while there is none."""
        return self.wait_for_primary()

    def secondaries(self) -> list[Mongod]:
        """All members but the primary."""
        primary = self.primary()
        return [member for member in self.members if member is not primary]

    def wait_for_primary(self, seconds: float = ROLLBACK_SECONDS) -> Mongod:
        """The member that takes writes now, as soon as there is one."""
        return until(self._writable, seconds, "a writable primary")

    def wait_until_healthy(self, seconds: float = ROLLBACK_SECONDS) -> None:
        """Return once every member is primary or secondary, and all agree who is which."""
        until(self._healthy, seconds, "all members primary or secondary")

    def kill_primary(self) -> Mongod:
        """Crash the primary; start() of what is returned brings it back with its data."""
        primary = self.primary()
        primary.kill()
        return primary

    def step_down(self, seconds: float = 60) -> Mongod:
        """Make another member primary, in order; the one that was, which stays a secondary."""
        former = self.primary()

        def stepped_down() -> bool:
            # Refused while no secondary has caught up, or by a primary that is none any more.
            # For 2 s it cannot be elected again: longer would leave nobody for the next fault.
            ask = {"replSetStepDown": 2, "secondaryCatchUpPeriodSecs": 1}
            answer = former.command(ask, seconds=30)
            return bool(answer["ok"]) or answer.get("codeName") == "NotWritablePrimary"

        until(stepped_down, seconds, f"a successor of {former.address}")
        return former

    def _writable(self) -> Mongod | None:
        found = [
            (answer["electionId"], member)
            for member in self.members
            if (answer := member.hello()) and answer.get("isWritablePrimary")
        ]
        # One that was paused thinks itself primary until it hears of the newer election.
        return max(found, key=lambda pair: pair[0])[1] if found else None

    def _healthy(self) -> bool:
        primary = self._writable()
        if primary is None:
            return False
        for member in self.members:
            answer = member.hello() or {}
            if not (answer.get("isWritablePrimary") or answer.get("secondary")):
                return False
            if answer.get("primary") != primary.address:
                return False
        status = primary.command({"replSetGetStatus": 1})
        states = [member["stateStr"] for member in status.get("members", [])]
        return sorted(states) == ["PRIMARY"] + ["SECONDARY"] * (len(self.members) - 1)
