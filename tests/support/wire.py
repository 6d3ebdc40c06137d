"""MongoDB commands that are lost or overtaken, as a script specifies."""

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
            return self.script.pop(0)(partial(real, *args, **kwargs))

        return scripted


def response_lost(call: Call) -> Any:
    """Run the call and lose its response."""
    call()
    raise AutoReconnect("the response was lost")
