"""The maximum number of API keys, trust policies or badges of an account."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from monotron.auth.account_locks import AccountLocks
from monotron.errors import QuotaExceeded
from monotron.services.executor import StoreExecutor
from monotron.store import Store

_NOUNS = {"api_key": "API keys", "trust": "trust policies", "badge": "badges"}
_SETTINGS = {
    "api_key": "api_keys_per_account",
    "trust": "trust_policies_per_account",
    "badge": "badges_per_account",
}


class Quota:
    """Limits the records of one kind per account. With several servers, the number of records
    can exceed the maximum by the number of other servers."""

    def __init__(
        self,
        kind: Literal["api_key", "trust", "badge"],
        max_records: int,
        store: Store,
        executor: StoreExecutor,
    ) -> None:
        """Allow *max_records* per account; 0 is unlimited."""
        self._kind = kind
        self._max_records = max_records
        self._records = store.auth_records
        self._executor = executor
        self._additions = AccountLocks()

    @asynccontextmanager
    async def of(self, account: int) -> AsyncIterator[None]:
        """Hold the right to add one record in the block. Raises QuotaExceeded."""
        if not self._max_records:
            yield
            return
        # Otherwise, concurrent requests would count the same records.
        async with self._additions.of(account):
            count = await self._executor.run(self._records.count, self._kind, account)
            if count >= self._max_records:
                noun, setting = _NOUNS[self._kind], _SETTINGS[self._kind]
                raise QuotaExceeded(
                    f"Account {account} has {count} {noun}, and {self._max_records} are allowed. "
                    f"Delete {noun} that are not used, or ask the operator to raise `{setting}`."
                )
            yield
