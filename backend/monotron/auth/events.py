"""Events: who changed accounts, API keys, trust policies and badges, and with which rights."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from monotron.audit_log import EVENTS, audited
from monotron.auth.principal import Principal
from monotron.model.timestamps import rfc3339
from monotron.services.executor import StoreExecutor
from monotron.services.paging import page_of
from monotron.store import Store
from monotron.store.auth_interface import AuthRecord, AuthRecordKind, RecordChange, event_name

Action = Literal["create", "update", "rotate", "delete"]
Subject = Literal["account", "api_key", "trust", "badge"]


def event_body(
    by: Principal,
    action: Action,
    subject: Subject,
    id: str,
    granted: dict[str, Any] | None = None,
    **details: object,
) -> dict[str, Any]:
    """The body of an event, which the store records together with the change.

    *id* identifies the subject in its account. *granted* contains the rights of an API key or a
    trust policy, without secrets. *details* are further members.
    """
    body: dict[str, Any] = {
        "created_at": int(time.time()),
        "by": by.name,
        "action": action,
        "subject": subject,
        "subject_id": id,
        **details,
    }
    return body if granted is None else {**body, "granted": granted}


class RecordedChanges:
    """Changes of records that the store records as events, in the same transaction, and that are
    logged as audit events."""

    def __init__(self, store: Store, executor: StoreExecutor) -> None:
        self._records = store.auth_records
        self._executor = executor

    async def add(self, kind: AuthRecordKind, row: AuthRecord, event: dict[str, Any]) -> bool:
        """Add a record. Returns False, and changes nothing, if its name is taken."""
        return await self._run(event, row.account, self._records.add, kind, row)

    async def change(self, changes: Sequence[RecordChange], event: dict[str, Any]) -> bool:
        """Make all changes. Returns False, and changes nothing, if a record is not as expected."""
        account = changes[0].record.account
        return await self._run(event, account, self._records.change, changes)

    async def remove(self, kind: AuthRecordKind, row: AuthRecord, event: dict[str, Any]) -> bool:
        """Remove a record. Returns False if it was already removed."""
        call = self._records.remove
        return await self._run(event, row.account, call, kind, row.account, row.name)

    async def _run(
        self, event: dict[str, Any], account: int, call: Callable[..., bool], *args: object
    ) -> bool:
        action, subject, id = event["action"], event["subject"], event["subject_id"]
        if subject == "badge":  # anyone with the whole id can read it
            id = f"{id[:8]}***"
        details = {name: event[name] for name in EVENTS[action, subject]}
        with audited(event["by"], account, action, subject, id, **details) as change:
            change.happened = await self._executor.run(call, *args, event)
        return change.happened


class Events:
    """The events of all accounts, which only the root key may read."""

    def __init__(self, store: Store, executor: StoreExecutor) -> None:
        self._records = store.auth_records
        self._executor = executor

    async def page(self, after: int, limit: int) -> tuple[list[dict[str, Any]], int | None]:
        """Events with ids greater than *after* in order, and the *after* of the next page."""

        def read(count: int) -> list[AuthRecord]:
            return self._records.page("event", None, event_name(after), count)

        rows, next_after = await self._executor.run(page_of, read, limit, lambda row: int(row.name))
        return [_event_json(row) for row in rows], next_after


def _event_json(row: AuthRecord) -> dict[str, Any]:
    body = {**row.body, "created_at": rfc3339(row.body["created_at"])}
    return {"id": int(row.name), "account_id": row.account, **body}
