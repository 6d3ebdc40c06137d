"""A real and a simulated replica set that inject the same failures into commands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import pymongo
from bson import Int64
from pymongo import UpdateOne as RealUpdateOne
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from simulation.driver import Database, UpdateOne
from simulation.failures import (
    NOT_PRIMARY,
    TIMED_OUT,
    not_primary,
    server_error,
    write_concern_error,
)
from simulation.network import Command, Fate, Network
from simulation.replica import Replica
from simulation.server_transactions import ServerTransactions
from simulation.world import World
from support.mongod import ReplicaSet

Script = Callable[["Engine"], None]


class Engine(ABC):
    """A database, in which a script makes calls whose outcomes are recorded."""

    update_one: Callable[..., Any]
    timeout: Callable[[float], Any]
    client: Any
    database: Any

    def __init__(self) -> None:
        self.outcomes: list[str] = []

    @abstractmethod
    def fail(self, command: str, *, code: int = 0, wrote: bool = False, times: int = 1) -> None:
        """Let the next commands of this name fail: with a code, or by closing the connection.

        With *wrote*, the command is applied, and the code is that of its write concern.
        """

    def collection(self, name: str, level: str = "majority") -> Any:
        concern = WriteConcern(w="majority", j=True)
        return self.database.get_collection(
            name, read_concern=ReadConcern(level), write_concern=concern
        )

    def start(self, session: Any) -> None:
        """Start a transaction as the store does."""
        session.start_transaction(
            read_concern=ReadConcern("snapshot"), write_concern=WriteConcern(w="majority", j=True)
        )

    def call(self, name: str, call: Callable[[], object]) -> Any:
        """Make a call, and record its outcome."""
        result = None
        try:
            result = call()
            outcome = _plain(result)
        except PyMongoError as error:
            code = error.code if isinstance(error, OperationFailure) else None
            labels = [
                label
                for label in ("TransientTransactionError", "UnknownTransactionCommitResult")
                if error.has_error_label(label)
            ]
            outcome = f"{type(error).__name__} {code} {labels}"
        self.outcomes.append(f"{name}: {outcome}")
        return result


class RealEngine(Engine):
    """A replica set of mongod."""

    update_one = RealUpdateOne
    timeout = staticmethod(pymongo.timeout)

    def __init__(self, replica_set: ReplicaSet, client: Any) -> None:
        super().__init__()
        self.client = client
        self.database = client["model"]
        self._replica_set = replica_set
        for name in ("series", "entries", "releases"):
            self.database[name].delete_many({})
        keys = [("account", 1), ("key", 1)]
        self.database["series"].create_index(keys, unique=True)
        keys += [("generation", 1), ("value", 1)]
        self.database["entries"].create_index(keys, unique=True)
        keys = [("account", 1), ("name", 1)]
        self.database["releases"].create_index([*keys, ("sort_key", 1)], unique=True)
        self.database["releases"].create_index(
            [*keys, ("token", 1), ("label", 1), ("attempt", 1)],
            unique=True,
            partialFilterExpression={"token": {"$type": "string"}},
        )
        self.database["releases"].create_index(
            [*keys, ("line", 1), ("base", 1), ("base_use", 1)],
            unique=True,
            partialFilterExpression={"base": {"$type": "string"}},
        )

    def fail(self, command: str, *, code: int = 0, wrote: bool = False, times: int = 1) -> None:
        data: dict[str, Any] = {"failCommands": [command]}
        if wrote:
            data["writeConcernError"] = {"code": code, "errmsg": "injected"}
            if code == TIMED_OUT:
                data["writeConcernError"]["errInfo"] = {"wtimeout": True}
        elif code:
            data["errorCode"] = code
        else:
            data["closeConnection"] = True
        fail_point = {"configureFailPoint": "failCommand", "mode": {"times": times}, "data": data}
        self._replica_set.primary().command(fail_point)


class _ScriptedNetwork(Network):
    """A network on which only the failures happen that were requested."""

    def __init__(self, world: World, replica: Replica, transactions: ServerTransactions) -> None:
        super().__init__(world, replica, transactions, lambda: None)
        self.failing = ""
        self.code = 0
        self.wrote = False
        self.times = 0

    def _fate(self, command: Command) -> Fate:
        if not self.times or not command.name.startswith(self.failing):
            return Fate.FINE
        self.times -= 1
        if self.wrote:
            return Fate.DOUBTFUL
        return Fate.REFUSED if self.code else Fate.REQUEST_LOST

    def _refusal(self, command: Command) -> PyMongoError:
        return not_primary() if self.code in NOT_PRIMARY else server_error(self.code)

    def _doubtful(self, reply: object) -> PyMongoError:
        return not_primary() if self.code in NOT_PRIMARY else write_concern_error(self.code)


class ModelEngine(Engine):
    """The simulated replica set."""

    update_one = UpdateOne

    def __init__(self, world: World) -> None:
        super().__init__()
        replica = Replica(world, commit_seconds=0.001, stalls=0.0)
        self._network = _ScriptedNetwork(world, replica, ServerTransactions(replica))
        self.timeout = self._network.timeout
        self.database = Database(self._network)
        self.client = self.database.client

    def fail(self, command: str, *, code: int = 0, wrote: bool = False, times: int = 1) -> None:
        network = self._network
        network.failing = {"findAndModify": "find_one_and_update"}.get(command, command)
        network.code, network.wrote, network.times = code, wrote, times


def head(key: str, value: int = 1) -> dict[str, Any]:
    """Return the document of a series."""
    return {"account": 1, "key": key, "generation": Int64(1), "value": value, "token": "t"}


def release(sort_key: str, token: str | None, label: str = "") -> dict[str, Any]:
    """Return the document of a version."""
    named = {"account": 1, "name": "n", "sort_key": sort_key, "value": sort_key}
    return {**named, "token": token, "label": label, "attempt": 1}


def _plain(result: object) -> str:
    """Return a result without what differs between runs."""
    if isinstance(result, dict):
        return str({name: result[name] for name in ("key", "value") if name in result})
    if isinstance(result, list):
        return str([_plain(each) for each in result])
    return str(result) if isinstance(result, int | bool) else "done"
