"""Versions in an SQLite file: a batch of requests is decided and written in one transaction."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, TypeAlias

from monotron.model.quotas import Quotas
from monotron.model.semver import Release, VersionName
from monotron.model.series import SeriesHead, SeriesKey
from monotron.model.versions.batch import Results, decide_all
from monotron.model.versions.changes import Writes
from monotron.model.versions.facts import StoreTime
from monotron.model.versions.requests import Request
from monotron.model.versions.rules import decide
from monotron.model.versions.state import State
from monotron.runtime import Runtime
from monotron.store.interface import ReleaseStore
from monotron.store.release_fields import ReleaseFields, fields_of
from monotron.store.sqlite.auth_records import add_event
from monotron.store.sqlite.file import SqliteFile, Transaction
from monotron.store.sqlite.statements import NewEntry, NewHead, next_generation, save
from monotron.store.sqlite.usage import add_usage
from monotron.store.sqlite.version_facts import read_facts, read_page, read_recent

_COLUMNS = ReleaseFields._fields
_ADD = f"""
INSERT INTO releases (account, name, {", ".join(_COLUMNS)})
SELECT {", ".join(f"value ->> {position}" for position in range(len(_COLUMNS) + 2))}
FROM json_each(?)
"""
_SAVE_SUMMARIES = """
INSERT INTO names (account, name, revision, releases, withdrawn, newest, newest_token)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
FROM json_each(?) WHERE true
ON CONFLICT (account, name) DO UPDATE
SET revision = excluded.revision, releases = excluded.releases, withdrawn = excluded.withdrawn,
    newest = excluded.newest, newest_token = excluded.newest_token
"""
_NAMES = """
SELECT name FROM names WHERE account = ?1 AND name > ?2 AND name >= ?3
UNION
SELECT first_of FROM series
WHERE account = ?1 AND first_of > ?2 AND first_of >= ?3 AND first_of IS NOT NULL
ORDER BY 1 LIMIT ?4
"""
_TOKENS = """
SELECT DISTINCT token FROM releases
WHERE account = ? AND name = ? AND token >= ? AND token < ? ORDER BY token LIMIT ?
"""
_REPLACE = """
UPDATE releases SET withdrawn = ? WHERE account = ? AND name = ? AND sort_key = ?
"""


Restart: TypeAlias = Callable[[Transaction, SeriesKey, SeriesHead, int], None]
"""Begins a new generation of a series, which continues after a value."""


class SqliteReleases(ReleaseStore):
    """The tables `names` and `releases`."""

    rule: ClassVar[Callable[..., Any]] = staticmethod(decide)
    """The rule of versions. The simulator replaces it in a broken store."""

    def __init__(
        self, file: SqliteFile, runtime: Runtime, quotas: Quotas, restart: Restart
    ) -> None:
        self._file = file
        self._restart = restart
        self._runtime = runtime
        self._quotas = quotas

    def decide(self, requests: Sequence[Request]) -> Results:
        with self._file.transaction() as transaction:
            return self._decide(transaction, requests)

    def begin_decide(self, requests: Sequence[Request]) -> Callable[[], Results]:
        # As for allocations, only the commit runs on a thread.
        transaction = self._file.begin_immediately()
        if transaction is None:
            return super().begin_decide(requests)
        with transaction.rolled_back_on_error():
            results = self._decide(transaction, requests)

        def finish() -> Results:
            transaction.commit()
            return results

        return finish

    def page(
        self, name: VersionName, key_range: tuple[str, str], label: str | None, limit: int
    ) -> list[Release]:
        with self._file.transaction() as transaction:
            return read_page(transaction, name, key_range, label, limit)

    def tokens(self, name: VersionName, token_range: tuple[str, str], limit: int) -> list[str]:
        with self._file.transaction() as transaction:
            rows = transaction.execute(_TOKENS, (*name, *token_range, limit)).fetchall()
        return [token for (token,) in rows]

    def recent(self, account: int, limit: int, is_visible: Callable[[str], bool]) -> list[Release]:
        with self._file.transaction() as transaction:
            return read_recent(transaction, account, limit, is_visible)

    def names(self, account: int, prefix: str, after: str, limit: int) -> list[str]:
        with self._file.transaction() as transaction:
            rows = transaction.execute(_NAMES, (account, after, prefix, limit)).fetchall()
        # In order, the names with the prefix are adjacent, and the first row has one of them.
        return [name for (name,) in rows if name.startswith(prefix)]

    def _decide(self, transaction: Transaction, requests: Sequence[Request]) -> Results:
        state = State(self._runtime.now_ms(), self._quotas)
        state.load({StoreTime(): state.now})
        results = decide_all(state, requests, partial(read_facts, transaction), type(self).rule)
        if state.is_changed:
            writes = state.writes()
            _write(transaction, writes, state.now)
            for event in writes.events:
                add_event(transaction, event.name.account, event.body())
            for restart in writes.restarts:
                self._restart(transaction, *restart)
        return results


def _write(transaction: Transaction, writes: Writes, now: int) -> None:
    """Write the changes of a batch, made at *now* (milliseconds)."""
    heads: list[NewHead] = []
    entries: list[NewEntry] = []
    generation = 0
    for series, seen, new, of_series in writes.heads:
        if not seen.generation:
            generation = generation + 1 if generation else next_generation(transaction)
        of_head = seen.generation or generation
        heads.append(NewHead(of_head, *series, new.value, new.token))
        entries += [
            NewEntry(of_head, each.value, each.token, each.assigned_by) for each in of_series
        ]
    save(transaction, heads, entries, now)
    for account, number in writes.created.items():
        add_usage(transaction, account, series=number)
    records = [(*each.name, *_row(each)) for each in writes.records]
    transaction.write(_ADD, _json(records))
    for release in writes.replaced:
        transaction.write(_REPLACE, _row(release)[-1], *release.name, release.sort_key)
    summaries = [
        (*name, *new[:3], _text(new.newest), new.newest_token) for name, _, new in writes.summaries
    ]
    transaction.write(_SAVE_SUMMARIES, _json(summaries))


def _row(release: Release) -> list[object]:
    *columns, withdrawn = fields_of(release)
    return [*columns, None if withdrawn is None else _json(withdrawn)]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
