"""The audit of a MongoDB database, in slices. Each slice is a few committed reads.

The store may be in use. So a head is read before its rows, and if its rows seem to contradict it,
they are compared with the head again. Rows up to a head do not change during its generation.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from bson import Timestamp
from pymongo import ASCENDING

from monotron.model.series import SeriesKey
from monotron.store.audit import (
    AuditSlice,
    Requirement,
    SeriesState,
    check_release,
    not_reached,
    release_finding,
    series_finding,
)
from monotron.store.mongo.audit_checks import (
    LedgerRead,
    check_end,
    check_row,
    head_contradiction,
    parse_release,
)
from monotron.store.mongo.client import Document
from monotron.store.mongo.scan import HEADS_PER_SLICE, KEY, ROWS_PER_SLICE, CollectionScan
from monotron.store.mongo.series import where

_IN_ORDER = [(field, ASCENDING) for field in ("account", "key", "generation", "value")]


class MongoAudit:
    """The checks of MongoDB. `monotron.store.audit` has the checks and texts of all stores."""

    def __init__(self, scan: CollectionScan) -> None:
        self._scan = scan

    def run(self) -> Iterator[AuditSlice]:
        """Audit the whole database."""
        for account in self._scan.accounts():
            yield from self._series(account)
        yield from self._releases()
        yield from self._labels()

    def _series(self, account: Any) -> Iterator[AuditSlice]:
        after: dict[str, Any] = {}
        while True:
            heads, seen_at = self._scan.find(
                self._scan.heads,
                {"account": account, **({"key": after} if after else {})},
                [("account", ASCENDING), ("key", ASCENDING)],
                HEADS_PER_SLICE,
            )
            yield self._without_head(account, after, heads, seen_at)
            yield from self._ledgers(heads, seen_at)
            if len(heads) < HEADS_PER_SLICE:
                return
            after = {"$gt": heads[-1]["key"]}

    def _without_head(
        self, account: Any, after: dict[str, Any], heads: Sequence[Document], now: Timestamp | None
    ) -> AuditSlice:
        """Find entries and attributes of series without a head, between these heads.

        Heads are never removed.
        """
        between = {**after, "$nin": [head["key"] for head in heads]}
        if len(heads) == HEADS_PER_SLICE:
            between["$lte"] = heads[-1]["key"]
        findings = []
        for documents, content in (
            (self._scan.entries, "entries"),
            (self._scan.attributes, "attributes"),
        ):
            condition = {"account": account, "key": between}
            rows, _ = self._scan.find(documents, condition, None, HEADS_PER_SLICE, now, KEY)
            for key in dict.fromkeys(row["key"] for row in rows):
                series = SeriesKey(account, key)
                if not self._scan.read_heads([series]):  # the head may have been created since
                    findings.append(series_finding(account, key, f"has {content}, and no head"))
        return AuditSlice(tuple(findings))

    def _ledgers(self, heads: Sequence[Document], now: Timestamp | None) -> Iterator[AuditSlice]:
        findings: list[str] = []
        waiting: list[LedgerRead] = []
        previous = None
        for head in heads:
            series = SeriesKey(head["account"], head["key"])
            wrong = "has two heads" if series == previous else head_contradiction(head)
            previous = series
            if wrong:
                findings.append(series_finding(*series, wrong))
            elif head["active"]:
                waiting.append(LedgerRead(head))
        yield AuditSlice(tuple(findings), series=sum(bool(head.get("active")) for head in heads))
        read: list[LedgerRead] = []
        while waiting:
            first = waiting[0]
            further = {"value": {"$gt": first.last}} if first.last is not None else {}
            conditions = [
                {**where(ledger.series), "generation": ledger.head["generation"], **more}
                for ledger, more in zip(waiting, [further, *[{}] * len(waiting)], strict=False)
            ]
            rows, _ = self._scan.find(
                self._scan.entries,
                conditions[0] if len(conditions) == 1 else {"$or": conditions},
                _IN_ORDER,
                ROWS_PER_SLICE,
                now,
            )
            at = {(*ledger.series, ledger.head["generation"]): ledger for ledger in waiting}
            for row in rows:
                check_row(at[row["account"], row["key"], row["generation"]], row)
            if len(rows) < ROWS_PER_SLICE:
                done, waiting = waiting, []
            else:
                last = at[rows[-1]["account"], rows[-1]["key"], rows[-1]["generation"]]
                position = waiting.index(last)
                done, waiting = waiting[:position], waiting[position:]
            for ledger in done:
                check_end(ledger)
            read += done
            yield AuditSlice(entries=len(rows))
        yield AuditSlice(tuple(self._confirmed([ledger for ledger in read if ledger.is_suspect])))

    def _confirmed(self, ledgers: Sequence[LedgerRead]) -> Iterator[str]:
        """Yield the findings that a second read confirms.

        Series may have been deleted or advanced since the first read.
        """
        current = self._scan.read_heads([ledger.series for ledger in ledgers])
        for ledger in ledgers:
            head = current.get(ledger.series)
            if head is None or head["generation"] != ledger.head["generation"]:
                continue
            yield from ledger.findings
            if ledger.above is not None and ledger.above > head["value"]:
                what = f"is at {head['value']}, but its ledger has an entry for {ledger.above}"
                yield series_finding(*ledger.series, what)

    def _releases(self) -> Iterator[AuditSlice]:
        order = ("account", "name", "sort_key")
        before: Any = None
        for rows, seen_at in self._scan.pages(self._scan.releases, order):
            findings: list[str] = []
            requirements: list[Requirement] = []
            for row in rows:
                record, wrong = parse_release(row)
                sort_key = tuple(row.get(field) for field in order)
                if sort_key == before:
                    wrong.append(release_finding(record, "is recorded twice"))
                before = sort_key
                more, requirement = check_release(record)
                findings += [*wrong, *more]
                requirements += [requirement] if requirement else []
            findings += self._not_reached(requirements, seen_at)
            yield AuditSlice(tuple(findings), releases=len(rows))

    def _not_reached(self, requirements: Sequence[Requirement], now: Timestamp | None) -> list[str]:
        findings = []
        heads = self._scan.read_heads([requirement.series for requirement in requirements], now)
        for requirement in requirements:
            head = heads.get(requirement.series)
            state = None
            if head is not None:
                if head["value"] >= requirement.number:
                    continue
                oldest, _ = self._scan.find(
                    self._scan.entries,
                    {**where(requirement.series), "generation": head["generation"]},
                    _IN_ORDER,
                    1,
                    now,
                )
                since = oldest[0]["created_at"] if oldest else None
                state = SeriesState(int(head["value"]), bool(head["active"]), since)
            finding = not_reached(requirement, state)
            findings += [finding] if finding else []
        return findings

    def _labels(self) -> Iterator[AuditSlice]:
        """Find tokens with two releases of one pre-release label, in the order of their index."""
        order = ("account", "name", "token", "label")
        before: Any = None
        for rows, _ in self._scan.pages(
            self._scan.releases, order, dict.fromkeys(order, 1) | {"_id": 0}
        ):
            findings = []
            for row in rows:
                label = tuple(row.get(field) for field in order)
                if label == before:
                    findings.append(
                        f"The token {row['token']!r} has two releases of {row['name']!r} in "
                        f"account {row['account']}, both with the label {row['label']!r}."
                    )
                before = label
            yield AuditSlice(tuple(findings))
