"""How much the series of an account may use, and how it is counted. Pure: no I/O."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from monotron.errors import QuotaExceeded
from monotron.model.series import SYSTEM_ACCOUNT


class Quotas(NamedTuple):
    """The maximum for each account. 0 is unlimited. The system account has no quotas."""

    series: int = 0
    """Existing series. Deleted ones do not count, even if their high-water marks are kept."""
    attribute_bytes: int = 0
    """The sum of `size_of_attributes` of all tokens, in all series that were not deleted since."""

    def check_series(self, account: int, used: int, added: int = 1) -> QuotaExceeded | None:
        """Return the error if an account with *used* series may not create *added* ones."""
        if not self.series or used + added <= self.series or account == SYSTEM_ACCOUNT:
            return None
        needed = f", and {added} more are needed" if added > 1 else ""
        return QuotaExceeded(
            f"Account {account} has {used} series, and {self.series} are allowed{needed}. Delete "
            "series that are not used, or ask the operator to raise `series_per_account`."
        )

    def check_attributes(self, account: int, used: int, added: int) -> QuotaExceeded | None:
        """Return the error if the attributes may not grow by *added* bytes."""
        if not self.attribute_bytes or added <= 0 or used + added <= self.attribute_bytes:
            return None
        return QuotaExceeded(
            f"Account {account} would have {used + added} bytes of attributes, and "
            f"{self.attribute_bytes} are allowed. Remove attributes, delete series that are not "
            "used, or ask the operator to raise `attribute_bytes_per_account`."
        )


UNLIMITED = Quotas()


class CreatedSeries:
    """Counts the series that one transaction creates, and refuses those above the quota."""

    def __init__(self, quotas: Quotas, read_used: Callable[[int], int]) -> None:
        """*read_used* returns the number of series that an account had before. Called once each."""
        self._quotas = quotas
        self._read_used = read_used
        self._used: dict[int, int] = {}
        self.by_account: dict[int, int] = {}
        """The number of series that were created."""

    def add(self, account: int) -> QuotaExceeded | None:
        """Count another series, or return the error if the account has too many."""
        created = self.by_account.get(account, 0)
        if self._quotas.series:
            if account not in self._used:
                self._used[account] = self._read_used(account)
            error = self._quotas.check_series(account, self._used[account] + created)
            if error is not None:
                return error
        self.by_account[account] = created + 1
        return None


def size_of_attributes(token: str, attributes: Mapping[str, str]) -> int:
    """The bytes of UTF-8 of all names and values, and of the token, once per attribute."""
    texts = [token] * len(attributes) + [*attributes, *attributes.values()]
    return sum(len(text.encode()) for text in texts)
