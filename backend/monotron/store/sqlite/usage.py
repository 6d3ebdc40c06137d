"""The usage of accounts in an SQLite file: the table `usage`, changed with what it counts."""

from monotron.model.quotas import Quotas
from monotron.store.sqlite.file import Transaction

_ADD = """
INSERT INTO usage (account, series, attribute_bytes) VALUES (?, ?, ?)
ON CONFLICT (account) DO UPDATE SET series = series + excluded.series,
    attribute_bytes = attribute_bytes + excluded.attribute_bytes
"""


def used_series(transaction: Transaction, account: int) -> int:
    """The number of series of the account."""
    row = transaction.one("SELECT series FROM usage WHERE account = ?", account)
    return int(row[0]) if row else 0


def used_attribute_bytes(transaction: Transaction, account: int) -> int:
    """The number of bytes of the account's attributes."""
    row = transaction.one("SELECT attribute_bytes FROM usage WHERE account = ?", account)
    return int(row[0]) if row else 0


def add_usage(
    transaction: Transaction, account: int, *, series: int = 0, attribute_bytes: int = 0
) -> None:
    """Change the usage of the account by these numbers."""
    if series or attribute_bytes:
        transaction.write(_ADD, account, series, attribute_bytes)


def add_series(transaction: Transaction, account: int, quotas: Quotas) -> None:
    """Count a new series of the account. Raises `QuotaExceeded` if it has too many."""
    if error := quotas.check_series(account, used_series(transaction, account)):
        raise error
    add_usage(transaction, account, series=1)
