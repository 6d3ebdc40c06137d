"""Locks for changes that must not run at the same time in one account."""

import asyncio
from weakref import WeakValueDictionary


class AccountLocks:
    """A lock for each account."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    def of(self, account: int) -> asyncio.Lock:
        """The lock of the account, which exists as long as someone holds or awaits it."""
        return self._locks.setdefault(account, asyncio.Lock())
