"""What services report about calls of the store."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial


class StoreObserver(ABC):
    """Observes calls of the store. The methods run on the event loop and must not raise."""

    @abstractmethod
    def call_ended(self, operation: str, seconds: float, error: BaseException | None) -> None:
        """A call ended. *operation* is the name of the method."""

    @abstractmethod
    def batch_ended(
        self, operation: str, size: int, seconds: float, error: BaseException | None
    ) -> None:
        """A call for *size* requests ended."""


class NoObserver(StoreObserver):
    """Ignores all calls."""

    def call_ended(self, operation: str, seconds: float, error: BaseException | None) -> None:
        pass

    def batch_ended(
        self, operation: str, size: int, seconds: float, error: BaseException | None
    ) -> None:
        pass


NO_OBSERVER = NoObserver()


def operation_of(call: Callable[..., object]) -> str:
    """The name of a method of the store, or `other` for a function of another module."""
    while isinstance(call, partial):
        call = call.func
    name = getattr(call, "__name__", "")
    return name if hasattr(call, "__self__") and name.isidentifier() else "other"
