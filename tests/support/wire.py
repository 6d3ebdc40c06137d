"""MongoDB commands that are lost, delayed or overtaken, as a script specifies."""

from collections.abc import Callable
from functools import partial
from typing import Any

from pymongo.collection import Collection
from pymongo.errors import AutoReconnect

Call = partial[Any]


class Wire:
    """A collection. The next calls of one of its methods are passed to a script instead."""

    def __init__(self, collection: "Collection[dict[str, Any]]", method: str) -> None:
        self._collection = collection
        self._method = method
        self.script: list[Callable[[Call], Any]] = []

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._collection, name)
        if name != self._method or not self.script:
            return real

        def scripted(*args: Any, **kwargs: Any) -> Any:
            # Without its session, a call can also run after the session and time limit have ended.
            kwargs.pop("session", None)
            return self.script.pop(0)(partial(real, *args, **kwargs))

        return scripted


def response_lost(call: Call) -> Any:
    """Run the call and lose its response."""
    call()
    raise AutoReconnect("the response was lost")


def only_first_applied(call: Call) -> Any:
    """Run only the first operation of a bulk, and lose the response."""
    operations, *others = call.args
    call.func(operations[:1], *others, **call.keywords)
    raise AutoReconnect("the response was lost")


def request_lost(call: Call) -> Any:
    """Lose the call itself."""
    raise AutoReconnect("the request was lost")


class DelayedRequest:
    """A request that seems lost, and arrives later."""

    def __init__(self) -> None:
        self._calls: list[Call] = []

    def seems_lost(self, call: Call) -> Any:
        """Keep the call for later, and raise the error of a lost connection."""
        self._calls.append(call)
        raise AutoReconnect("no response yet")

    def arrives_first(self, call: Call) -> Any:
        """Run the delayed calls before this one."""
        self.arrive()
        return call()

    def arrive(self) -> list[int]:
        """Run the delayed calls. Returns how many heads each of them replaced."""
        return [call().matched_count for call in self._calls]
