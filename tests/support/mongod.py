"""Real MongoDB deployments: a replica set whose members can fail, and a standalone server."""

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
"""Time limit for the recovery of a member. A member that was killed often had no checkpoint for
minutes, then rolled back, and needed 97 s."""

DATABASES = 8
"""The number of databases that tests use in turn. When a database is used again, all operations
of its previous test have ended."""

SET_NAME = "monotron"
SHARED_MEMORY = Path("/dev/shm")


class Deployment:
    """Members, and the directory with their data, which stop() deletes."""

    def __init__(
        self,
        directory: Path | None,
        members: int,
        replica_set: str | None,
        *,
        fail_points: bool = False,
        first_group: int | None = None,
        cache_gb: float = 0.25,
        access_control: bool = False,
    ) -> None:
        if directory is None and os.access(SHARED_MEMORY, os.W_OK | os.X_OK):
            directory = SHARED_MEMORY
        self.directory = Path(tempfile.mkdtemp(prefix="monotron-mongod-", dir=directory))
        key_file = None
        if access_control:
            key_file = self.directory / "key"
            key_file.touch(mode=0o600)
            key_file.write_text("monotron" * 8)
        self.members = [
            Mongod(
                self.directory / str(number),
                replica_set,
                fail_points=fail_points,
                group=None if first_group is None else first_group + number,
                cache_gb=cache_gb,
                key_file=key_file,
            )
            for number in range(members)
        ]
        self._options: dict[str, object] = {"replicaSet": replica_set} if replica_set else {}

    def launch(self) -> None:
        """Start all members, and return when all respond."""
        for member in self.members:
            member.start(wait=False)
        for member in self.members:
            member.wait_until_up()

    def url(self, database: str, **options: object) -> str:
        """Return the connection URL of *database*. *options* change its query."""
        hosts = ",".join(member.address for member in self.members)
        # 0.5 s instead of 10 s, so that clients discover a new primary soon.
        query = {**self._options, "heartbeatFrequencyMS": 500, **options}
        return f"mongodb://{hosts}/{database}?{urlencode(query)}"

    def client(self, **options: Any) -> MongoClient[Document]:
        """Return a pymongo client, which the caller closes."""
        return MongoClient(self.url(""), **options)

    @contextmanager
    def databases_in_turn(self) -> Iterator[Iterator[Database[Document]]]:
        """Yield an endless cycle of a few databases, over one connection."""
        with self.client(w="majority") as client:
            yield cycle([client[f"test{number}"] for number in range(DATABASES)])

    def stop(self) -> None:
        """Kill all members and delete their data."""
        for member in self.members:
            # A primary that is shut down with SIGTERM would wait for a successor.
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
        """Start the server, with its data in a new directory in *directory* (None: shared memory).

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
    """A replica set whose members can be killed, paused and restarted individually."""

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
        cache_gb: float = 0.25,
        access_control: bool = False,
    ) -> Self:
        """Start a replica set and wait until it is healthy.

        *directory*: the parent of its data directory; None for shared memory, if available.
        *fail_points*: enable the fail points of MongoDB.
        *first_group*: the group of the first process; each other process has the next group.
        *cache_gb*: the cache of each member.
        *access_control*: require credentials. Create users with `Mongod.command` on the primary.
        """
        replica_set = cls(
            directory,
            members,
            SET_NAME,
            fail_points=fail_points,
            first_group=first_group,
            cache_gb=cache_gb,
            access_control=access_control,
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
        response = self.members[0].command({"replSetInitiate": config}, seconds=60)
        if not response["ok"]:
            raise RuntimeError(f"replSetInitiate: {response}")

    def primary(self) -> Mongod:
        """Return the primary. Waits until there is one."""
        return self.wait_for_primary()

    def secondaries(self) -> list[Mongod]:
        """Return all members except the primary."""
        primary = self.primary()
        return [member for member in self.members if member is not primary]

    def wait_for_primary(self, seconds: float = ROLLBACK_SECONDS) -> Mongod:
        """Return the member that accepts writes. Waits until there is one."""
        return until(self._writable, seconds, "a writable primary")

    def wait_until_healthy(self, seconds: float = ROLLBACK_SECONDS) -> None:
        """Return when every member is primary or secondary, and all agree on the primary."""
        until(self._healthy, seconds, "all members primary or secondary")

    def kill_primary(self) -> Mongod:
        """Kill the primary and return it. Its start() restarts it with its data."""
        primary = self.primary()
        primary.kill()
        return primary

    def step_down(self, seconds: float = 60) -> Mongod:
        """Elect another primary. Returns the former one, which becomes a secondary."""
        former = self.primary()

        def stepped_down() -> bool:
            # This fails until a secondary has caught up, and if the member has stepped down.
            # The member is not electable for 2 s. The next fault may need it after that.
            command = {"replSetStepDown": 2, "secondaryCatchUpPeriodSecs": 1}
            response = former.command(command, seconds=30)
            return bool(response["ok"]) or response.get("codeName") == "NotWritablePrimary"

        until(stepped_down, seconds, f"a successor of {former.address}")
        return former

    def _writable(self) -> Mongod | None:
        primaries = [
            (response["electionId"], member)
            for member in self.members
            if (response := member.hello()) and response.get("isWritablePrimary")
        ]
        # A primary that was paused reports itself as primary until it learns of the new election.
        return max(primaries, key=lambda pair: pair[0])[1] if primaries else None

    def _healthy(self) -> bool:
        primary = self._writable()
        if primary is None:
            return False
        for member in self.members:
            response = member.hello() or {}
            if not (response.get("isWritablePrimary") or response.get("secondary")):
                return False
            if response.get("primary") != primary.address:
                return False
        status = primary.command({"replSetGetStatus": 1})
        if status.get("codeName") == "Unauthorized":  # with access control
            return True
        states = [member["stateStr"] for member in status.get("members", [])]
        return sorted(states) == ["PRIMARY"] + ["SECONDARY"] * (len(self.members) - 1)
