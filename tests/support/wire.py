"""Commands to MongoDB that are lost, late, or overtaken, as a script says."""

from collections.abc import Callable
from functools import partial
from typing import Any

from pymongo.collection import Collection
from pymongo.errors import AutoReconnect

Call = partial[Any]


class Wire:
    """A collection whose next calls of one method go through a script instead."""

    def __init__(self, collection: "Collection[dict[str, Any]]", method: str) -> None:
        self._collection = collection
        self._method = method
        self.script: list[Callable[[Call], Any]] = []

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._collection, name)
        if name != self._method or not self.script:
            return real

        def scripted(*args: Any, **kwargs: Any) -> Any:
            # Out of its session and time limit: it may be carried out when both are over.
            kwargs.pop("session", None)
            return self.script.pop(0)(partial(real, *args, **kwargs))

        return scripted


def answer_lost(call: Call) -> Any:
    call()
    raise AutoReconnect("the answer was lost")


def half_done(call: Call) -> Any:
    """Of a bulk of many, only the first arrives; its answer is lost."""
    many, *others = call.args
    call.func(many[:1], *others, **call.keywords)
    raise AutoReconnect("the answer was lost")


def request_lost(call: Call) -> Any:
    raise AutoReconnect("the request was lost")


class Delayed:
    """A request that seems lost, and lands when told to."""

    def __init__(self) -> None:
        self._calls: list[Call] = []

    def seems_lost(self, call: Call) -> Any:
        self._calls.append(call)
        raise AutoReconnect("no answer yet")

    def lands_first(self, call: Call) -> Any:
        self.land()
        return call()

    def land(self) -> list[int]:
        """How many heads each of them replaced."""
        return [call().matched_count for call in self._calls]
