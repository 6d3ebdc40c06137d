"""The last audit and the last backup of the store, which all servers share."""

import logging
import time
from collections.abc import Callable
from typing import Any, Literal

from monotron.errors import MonotronError
from monotron.model.series import SYSTEM_ACCOUNT
from monotron.services.executor import StoreExecutor
from monotron.store import Store
from monotron.store.auth_interface import AuthRecord, RecordChange

log = logging.getLogger("monotron")

Task = Literal["audit", "backup"]


class MaintenanceRecords:
    """Records when a task of maintenance was finished."""

    def __init__(
        self, store: Store, executor: StoreExecutor, clock: Callable[[], float] = time.time
    ) -> None:
        self._records = store.auth_records
        self._executor = executor
        self._clock = clock

    async def finished(self, task: Task, **result: int) -> None:
        """Record that the task has succeeded now. An error of the store is logged."""
        body = {"finished_at": int(self._clock()), **result}
        try:
            await self._executor.run(self._replace, AuthRecord(task, SYSTEM_ACCOUNT, body))
        except MonotronError as error:
            log.warning("could not record the last %s: %s", task, error.detail)

    async def last(self, task: Task) -> dict[str, Any] | None:
        """The result of the last time, with `finished_at` in seconds since the epoch, or None."""
        record = await self._executor.run(self._records.find, "maintenance", task)
        return None if record is None else record.body

    def _replace(self, record: AuthRecord) -> None:
        while True:
            before = self._records.find("maintenance", record.name)
            if self._records.change([RecordChange("maintenance", before, record)]):
                return
