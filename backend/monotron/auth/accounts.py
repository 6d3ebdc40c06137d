"""Accounts: create, check and list them."""

from contextlib import suppress
from secrets import token_hex

from monotron.auth.events import event_body
from monotron.auth.principal import FIRST_ACCOUNT, SYSTEM_ACCOUNT, Principal
from monotron.errors import ValueWouldFall
from monotron.model.series import Reuse, SeriesKey
from monotron.services.executor import StoreExecutor
from monotron.services.paging import page_of
from monotron.services.series import SeriesService
from monotron.store import Store
from monotron.store.auth_interface import AuthRecord


class Accounts:
    """The accounts of a store. Their ids are the values of a series of the system account."""

    _SERIES = SeriesKey(SYSTEM_ACCOUNT, "accounts")

    def __init__(self, store: Store, series: SeriesService, executor: StoreExecutor) -> None:
        self._store = store
        self._series = series
        self._executor = executor
        self._existing = {FIRST_ACCOUNT}

    async def create(self, by: Principal) -> int:
        """Create an account, and return its id."""
        with suppress(ValueWouldFall):  # another account was created before
            await self._series.advance_to(self._SERIES, FIRST_ACCOUNT, by.name)
        allocation = await self._series.next(self._SERIES, token_hex(16), Reuse.ANY, by.name)
        account = allocation.entry.value
        event = event_body(by, "create", "account", str(account))
        records = self._store.auth_records
        await self._executor.run(records.add, "account", _account_row(account), event)
        return account

    async def exists(self, account: int) -> bool:
        """Whether the account exists."""
        if account not in self._existing:
            records = self._store.auth_records
            row = await self._executor.run(records.find, "account", _account_row(account).name)
            if row is None:
                return False
            self._existing.add(account)  # accounts are never deleted
        return True

    async def page(self, after: int, limit: int) -> tuple[list[int], int | None]:
        """Ids greater than *after* in order, and the *after* of the next page."""

        def read(count: int) -> list[int]:
            name = _account_row(after).name
            rows = self._store.auth_records.page("account", None, name, count)
            ids = [row.account for row in rows]
            # The first account exists in every store, without a record.
            return [FIRST_ACCOUNT, *ids] if after < FIRST_ACCOUNT else ids

        return await self._executor.run(page_of, read, limit, lambda account: account)


def _account_row(account: int) -> AuthRecord:
    return AuthRecord(f"{account:019d}", account, {})
