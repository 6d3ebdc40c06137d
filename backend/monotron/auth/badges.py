"""Badges: images of the newest version of a name, which anyone with their id can read."""

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from secrets import token_hex

from monotron.auth.concurrency import ConcurrencyLimiter
from monotron.auth.events import RecordedChanges, event_body
from monotron.auth.fresh_cache import FreshCache
from monotron.auth.principal import Principal
from monotron.auth.quota import Quota
from monotron.auth.rate_limit import RateLimiter
from monotron.errors import BadgeNotFound, LineNotFound, StoreUnavailable, VersionNotFound
from monotron.model.semver import Line
from monotron.services.executor import StoreExecutor
from monotron.services.paging import page_of, visible_rows
from monotron.services.versions import VersionService
from monotron.store import Store
from monotron.store.auth_interface import AuthRecord, RecordChange

CACHE_SECONDS = 5.0
"""The maximum time for which a badge can be read after another process deleted it."""

MAX_CACHED = 10_000

MAX_CONCURRENT_READS = 4
"""The number of badges that strangers can read at a time. The store is there for builds first."""

MAX_ATTEMPTS = 20
"""Attempts to create a badge while others create and delete the one of the same name."""

ID_BYTES = 16
"""An id has 128 random bits, and is written in hexadecimal."""

_ID = re.compile(rf"[0-9a-f]{{{2 * ID_BYTES}}}")


@dataclass(frozen=True, slots=True)
class Badge:
    """A badge, as stored. A name has at most one."""

    id: str
    account: int
    name: str
    created_at: int
    """Seconds since the epoch, UTC."""
    created_by: str
    """The name of the principal."""

    def row(self) -> AuthRecord:
        """The record that `Badge.of` reads, with the id as its name."""
        body = {"name": self.name, "created_at": self.created_at, "created_by": self.created_by}
        return AuthRecord(self.id, self.account, body)

    def name_row(self) -> AuthRecord:
        """The record that `Badge.of_name` reads."""
        body = {"id": self.id, "created_at": self.created_at, "created_by": self.created_by}
        return AuthRecord(badge_row_name(self.account, self.name), self.account, body)

    @classmethod
    def of(cls, row: AuthRecord) -> "Badge":
        """The badge of a record of the kind `badge`."""
        return cls(id=row.name, account=row.account, **row.body)

    @classmethod
    def of_name(cls, row: AuthRecord) -> "Badge":
        """The badge of a record of the kind `badge_name`."""
        return cls(account=row.account, name=row.name.partition("/")[2], **row.body)


class Badges:
    """The badges of all accounts. Anyone with the id of a badge can read one version."""

    def __init__(
        self,
        store: Store,
        executor: StoreExecutor,
        versions: VersionService,
        is_disabled: Callable[[int], Awaitable[bool]],
        *,
        failures: RateLimiter,
        quota: int = 0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """*is_disabled* returns whether an account is disabled. *failures* limits requests for
        unknown badges per client address. *quota* is the maximum number of badges per account."""
        self._records = store.auth_records
        self._renamed = store.renamed
        self._changes = RecordedChanges(store, executor)
        self._executor = executor
        self._versions = versions
        self._is_disabled = is_disabled
        self._failures = failures
        self._quota = Quota("badge", quota, store, executor)
        self._reads = ConcurrencyLimiter(MAX_CONCURRENT_READS, "requests for badges")
        self._recent: FreshCache[str, Badge] = FreshCache(
            self._load, max_entries=MAX_CACHED, seconds=CACHE_SECONDS, monotonic=monotonic
        )

    async def create(self, by: Principal, account: int, name: str) -> tuple[Badge, bool]:
        """Create the badge of a name. Returns it, and whether it existed before.

        Raises QuotaExceeded if the account has the maximum number, and NameRenamed.
        """
        self._renamed.check(account, name)
        for _ in range(MAX_ATTEMPTS):
            existing = await self.of_name(account, name)
            if existing is not None:
                return existing, True
            async with self._quota.of(account):
                badge = Badge(token_hex(ID_BYTES), account, name, int(time.time()), by.name)
                changes = [
                    RecordChange("badge", None, badge.row()),
                    RecordChange("badge_name", None, badge.name_row()),
                ]
                event = event_body(by, "create", "badge", badge.id, name=name)
                if await self._changes.change(changes, event):
                    return badge, False
        raise StoreUnavailable(
            f"The badge of {name!r} is being created and deleted by others. Repeat the request."
        )

    async def of_name(self, account: int, name: str) -> Badge | None:
        """The badge of a name, or None."""
        row = await self._executor.run(
            self._records.find, "badge_name", badge_row_name(account, name)
        )
        return Badge.of_name(row) if row else None

    async def of_account(self, by: Principal, account: int, id: str) -> Badge:
        """The badge with this id. Raises BadgeNotFound unless the account has it.

        Raises the same error if *by* may not use its name.
        """
        badge = await self._load(id)
        if badge.account != account or not by.names.allows(badge.name):
            raise _not_found()
        return badge

    async def page(
        self, by: Principal, account: int, after: str, limit: int
    ) -> tuple[list[Badge], str | None]:
        """Badges ordered by name, and the *after* of the next page.

        It omits those of names that *by* may not use.
        """
        read = visible_rows(
            partial(self._records.page, "badge_name", account),
            badge_row_name(account, after),
            lambda row: row.name,
            lambda row: by.names.allows(Badge.of_name(row).name),
        )
        rows, next_after = await self._executor.run(
            page_of, read, limit, lambda row: Badge.of_name(row).name
        )
        return [Badge.of_name(row) for row in rows], next_after

    async def delete(self, by: Principal, account: int, id: str) -> None:
        """Delete a badge. Raises the errors of `of_account`."""
        badge = await self.of_account(by, account, id)
        changes = [
            RecordChange("badge", badge.row(), None),
            RecordChange("badge_name", badge.name_row(), None),
        ]
        event = event_body(by, "delete", "badge", id, name=badge.name)
        is_deleted = await self._changes.change(changes, event)
        self._recent.forget(id)
        if not is_deleted:
            raise _not_found()

    async def version(self, id: str, line: Line | None, address: str) -> str | None:
        """What a badge shows: the newest version of its name or *line*, or None without one.

        Anyone may call it, from their *address*. Raises BadgeNotFound if the badge is unknown or
        its account is disabled, and TooManyRequests instead after many such requests from one
        address. Other badges are never limited by them, so a stranger cannot hide those of others
        behind the same proxy.
        """
        waiting = self._reads.enter("")
        if waiting is not None:
            await waiting
        try:
            return await self._version(await self._readable(id), line)
        except BadgeNotFound:
            self._failures.count(address)
            raise
        finally:
            self._reads.leave("")

    async def _readable(self, id: str) -> Badge:
        badge = await self._recent.get(id)
        if await self._is_disabled(badge.account):
            raise _not_found()
        return badge

    async def _version(self, badge: Badge, line: Line | None) -> str | None:
        try:
            result = await self._versions.latest(badge.account, badge.name, line)
        except (VersionNotFound, LineNotFound):
            return None
        return result.release.version_text

    async def _load(self, id: str) -> Badge:
        if not _ID.fullmatch(id):
            raise _not_found()
        row = await self._executor.run(self._records.find, "badge", id)
        if row is None:
            raise _not_found()
        return Badge.of(row)


def badge_row_name(account: int, name: str) -> str:
    """The name of the record of the kind `badge_name`."""
    return f"{account:019d}/{name}"


def _not_found() -> BadgeNotFound:
    """The same error in all cases, so that it reveals nothing."""
    return BadgeNotFound(
        "The badge is unknown, or was deleted. Its account lists badges with `GET /v1/badges`, and "
        'creates them with `POST /v1/badges` and `{"name": "…"}`.'
    )
