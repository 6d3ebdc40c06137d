"""Who keeps accounts, keys and trusts: one interface for a service and for a file."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

Document = Mapping[str, Any]
"""JSON as docs/api.md shows it. That of a new key holds its secret."""


class Keeper(ABC):
    """Whatever goes wrong is a `Failure`, with a cause and a cure. Lists are whole."""

    @abstractmethod
    def create_account(self) -> Document:
        """A new account."""

    @abstractmethod
    def accounts(self) -> list[Document]:
        """All accounts, in order of id."""

    @abstractmethod
    def create_key(self, account: int, wanted: Document) -> Document:
        """A new key with its secret, which nobody tells again. *wanted* as it is POSTed."""

    @abstractmethod
    def keys(self, account: int) -> list[Document]:
        """The keys of an account, in order of name, without secrets."""

    @abstractmethod
    def revoke_key(self, account: int, key: str) -> None:
        """Let the key of this name work no more."""

    @abstractmethod
    def create_trust(self, account: int, wanted: Document) -> Document:
        """A new trust. *wanted* as it is POSTed."""

    @abstractmethod
    def trusts(self, account: int) -> list[Document]:
        """The trusts of an account: those of the config file, then the others in order of id."""

    @abstractmethod
    def delete_trust(self, account: int, id: int) -> None:
        """Let the trust let nobody in any more."""

    def notes(self) -> list[str]:
        """What else the operator should know after this."""
        return []

    def __enter__(self) -> Self:
        return self

    def __exit__(  # noqa: B027 - most have nothing to let go of
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of what is kept open."""
