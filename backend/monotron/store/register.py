"""What a store promises of the register: accounts, keys and trusts. Few, small, seldom changed."""

from abc import ABC, abstractmethod
from typing import Any, Literal, NamedTuple

Kind = Literal["account", "grant", "trust"]


class Row(NamedTuple):
    """One thing in the register, by a name that is unique among its kind."""

    name: str
    account: int
    body: dict[str, Any]
    """What JSON can hold."""


class Register(ABC):
    """Rows of a few kinds. Errors of the engine are raised as by `Store`; writes are durable."""

    @abstractmethod
    def add(self, kind: Kind, row: Row) -> bool:
        """Add the row; false if its name stands already, and then nothing is changed."""

    @abstractmethod
    def find(self, kind: Kind, name: str) -> Row | None:
        """The row, committed and not stale."""

    @abstractmethod
    def page(self, kind: Kind, account: int | None, after: str, limit: int) -> list[Row]:
        """Up to *limit* rows beyond *after* in order of name; of one account, or of all."""

    @abstractmethod
    def replace(self, kind: Kind, row: Row) -> bool:
        """Put the row in the place of the one with its name; false if there is none."""

    @abstractmethod
    def remove(self, kind: Kind, account: int, name: str) -> bool:
        """Remove the row; false if the account has none with this name."""
