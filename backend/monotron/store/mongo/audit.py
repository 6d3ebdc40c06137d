"""The audit of a MongoDB database, in slices: each is a few committed reads of a few documents.

Others may advance, raise and delete meanwhile, so a head is read before its rows, and what its rows
then seem to contradict is held against the head once more. Rows up to a head do not change while
its life lasts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from bson import Int64, ObjectId, Timestamp
from pymongo import ASCENDING
from pymongo.collection import Collection
from pymongo.database import Database
from semver import Version

from monotron.model import SeriesKey
from monotron.store.auditing import (
    Audited,
    Need,
    Record,
    Stand,
    check,
    hole,
    not_reached,
    of_record,
    of_series,
)
from monotron.store.bumping import Products
from monotron.store.mongo.connection import Document, PatienceFor
from monotron.store.mongo.ledger import Sessions, collection, operation_time, where

HEADS_IN_A_SLICE = 100
ROWS_IN_A_SLICE = 1000

_KEY = {"_id": 0, "account": 1, "key": 1}
_IN_ORDER = [(field, ASCENDING) for field in ("account", "key", "life", "value")]

_Collection: TypeAlias = "Collection[Document]"


@dataclass(slots=True)
class _Ledger:
    """A head, and how far its ledger was read."""

    head: Document
    last: Any = None
    """The value of the last row that was read."""
    findings: list[str] = field(default_factory=list)
    above: Any = None
    """The value of a row above the head, which may have moved on since it was read."""

    @property
    def series(self) -> SeriesKey:
        return SeriesKey(self.head["account"], self.head["key"])

    @property
    def first(self) -> int:
        """The value of the batch's first token."""
        return int(self.head["value"]) - len(self.head["batch"]) + 1


class MongoAudit:
    """The checks. Sentences and what is common to all stores: `monotron.store.auditing`."""

    def __init__(
        self, database: "Database[Document]", sessions: Sessions, work: PatienceFor
    ) -> None:
        self._sessions = sessions
        self._work = work
        self._heads, self._entries, self._attributes, self._releases = (
            collection(database, name, sessions.read_concern("majority"))
            for name in ("series", "entries", "attributes", "releases")
        )

    def run(self) -> Iterator[Audited]:
        """All of the database, a slice at a time."""
        places = (self._heads, self._entries, self._attributes)
        accounts = {each for place in places for each in self._distinct(place)}
        for account in sorted(accounts, key=str):
            yield from self._series(account)
        yield from self._records()
        yield from self._channels()

    def _distinct(self, place: _Collection) -> list[Any]:
        return self._work().persist(lambda: place.distinct("account"))

    # Series

    def _series(self, account: Any) -> Iterator[Audited]:
        after: dict[str, Any] = {}
        while True:
            heads, seen_at = self._find(
                self._heads,
                {"account": account, **({"key": after} if after else {})},
                [("account", ASCENDING), ("key", ASCENDING)],
                HEADS_IN_A_SLICE,
            )
            yield self._without_head(account, after, heads, seen_at)
            yield from self._ledgers(heads, seen_at)
            if len(heads) < HEADS_IN_A_SLICE:
                return
            after = {"$gt": heads[-1]["key"]}

    def _without_head(
        self, account: Any, after: dict[str, Any], heads: Sequence[Document], now: Timestamp | None
    ) -> Audited:
        """Entries and attributes between these heads, which are never removed."""
        between = {**after, "$nin": [head["key"] for head in heads]}
        if len(heads) == HEADS_IN_A_SLICE:
            between["$lte"] = heads[-1]["key"]
        findings = []
        for place, what in ((self._entries, "entries"), (self._attributes, "attributes")):
            condition = {"account": account, "key": between}
            found, _ = self._find(place, condition, None, HEADS_IN_A_SLICE, now, _KEY)
            for key in dict.fromkeys(row["key"] for row in found):
                series = SeriesKey(account, key)
                if not self._read_heads([series])[0]:  # it may have been born since
                    findings.append(of_series(account, key, f"has {what}, and no head"))
        return Audited(tuple(findings))

    def _ledgers(self, heads: Sequence[Document], now: Timestamp | None) -> Iterator[Audited]:
        findings: list[str] = []
        waiting: list[_Ledger] = []
        seen = None
        for head in heads:
            series = SeriesKey(head["account"], head["key"])
            wrong = "has two heads" if series == seen else _wrong_head(head)
            seen = series
            if wrong:
                findings.append(of_series(*series, wrong))
            elif head["batch"]:
                waiting.append(_Ledger(head))
        yield Audited(tuple(findings), series=sum(1 for head in heads if head.get("batch")))
        read: list[_Ledger] = []
        while waiting:
            first = waiting[0]
            further = {"value": {"$gt": first.last}} if first.last is not None else {}
            conditions = [
                {**where(ledger.series), "life": ledger.head["life"], **more}
                for ledger, more in zip(waiting, [further, *[{}] * len(waiting)], strict=False)
            ]
            rows, _ = self._find(
                self._entries,
                conditions[0] if len(conditions) == 1 else {"$or": conditions},
                _IN_ORDER,
                ROWS_IN_A_SLICE,
                now,
            )
            at = {(*ledger.series, ledger.head["life"]): ledger for ledger in waiting}
            for row in rows:
                _look_at(at[row["account"], row["key"], row["life"]], row)
            if len(rows) < ROWS_IN_A_SLICE:
                done, waiting = waiting, []
            else:
                last = at[rows[-1]["account"], rows[-1]["key"], rows[-1]["life"]]
                position = waiting.index(last)
                done, waiting = waiting[:position], waiting[position:]
            for ledger in done:
                _end(ledger)
            read += done
            yield Audited(entries=len(rows) + sum(map(_unsealed, done)))
        yield Audited(tuple(self._confirmed([each for each in read if _is_suspect(each)])))

    def _confirmed(self, ledgers: Sequence[_Ledger]) -> Iterator[str]:
        """What still holds: the life may have ended, or the head gone beyond what was above it."""
        now = self._read_heads([ledger.series for ledger in ledgers])[0]
        for ledger in ledgers:
            head = now.get(ledger.series)
            if head is None or head["life"] != ledger.head["life"]:
                continue
            yield from ledger.findings
            if ledger.above is not None and ledger.above > head["value"]:
                what = f"stands at {head['value']}, and its ledger has an entry for {ledger.above}"
                yield of_series(*ledger.series, what)

    # Versions

    def _records(self) -> Iterator[Audited]:
        order = ("account", "name", "place")
        before: Any = None
        for rows, seen_at in self.pages(self._releases, order):
            findings: list[str] = []
            needs: list[Need] = []
            for row in rows:
                record, wrong = _record(row)
                place = tuple(row.get(each) for each in order)
                if place == before:
                    wrong.append(of_record(record, "stands twice"))
                before = place
                more, need = check(record)
                findings += [*wrong, *more]
                needs += [need] if need else []
            findings += self._not_reached(needs, seen_at)
            yield Audited(tuple(findings), releases=len(rows))

    def _not_reached(self, needs: Sequence[Need], now: Timestamp | None) -> list[str]:
        findings = []
        heads, _ = self._read_heads([need.series for need in needs], now)
        for need in needs:
            head = heads.get(need.series)
            stand = None
            if head is not None:
                if head["value"] >= need.number:
                    continue
                oldest, _ = self._find(
                    self._entries,
                    {**where(need.series), "life": head["life"]},
                    _IN_ORDER,
                    1,
                    now,
                )
                since = (oldest or [head])[0]["given_at"]
                stand = Stand(int(head["value"]), bool(head["batch"]), since)
            finding = not_reached(need, stand)
            findings += [finding] if finding else []
        return findings

    def _channels(self) -> Iterator[Audited]:
        """No token twice in a channel: a walk along the other index."""
        order = ("account", "name", "token", "channel")
        before: Any = None
        for rows, _ in self.pages(self._releases, order, dict.fromkeys(order, 1) | {"_id": 0}):
            findings = []
            for row in rows:
                channel = tuple(row.get(each) for each in order)
                if channel == before:
                    findings.append(
                        f"The token {row['token']!r} has two releases of {row['name']!r} in "
                        f"account {row['account']}, both in the channel {row['channel']!r}."
                    )
                before = channel
            yield Audited(tuple(findings))

    # Reading

    def products(self) -> tuple[Products, list[SeriesKey]]:
        """The names that have versions, and the keys of all series."""
        products = Products()
        for rows, _ in self.pages(self._releases, ("account", "name", "place")):
            for row in rows:
                version = Version.parse(row["version"])
                products.add_release(row["account"], row["name"], version.major, version.minor)
        keys = []
        for rows, _ in self.pages(self._heads, ("account", "key"), _KEY):
            keys += [SeriesKey(int(row["account"]), row["key"]) for row in rows]
        for series in keys:
            products.add_series(*series)
        return products, keys

    def pages(
        self, place: _Collection, order: Sequence[str], fields: Document | None = None
    ) -> Iterator[tuple[list[Document], Timestamp | None]]:
        """All documents in an order that has an index, those with the same name together."""
        after: list[Any] = []
        while True:
            beyond = [
                dict(zip(order, after[:depth], strict=False))
                | {order[depth]: _beyond(after[depth])}
                for depth in reversed(range(len(after)))
            ]
            condition: Document = {"$or": beyond} if beyond else {}
            in_order = [(each, ASCENDING) for each in order]
            rows, seen_at = self._find(place, condition, in_order, ROWS_IN_A_SLICE, None, fields)
            if len(rows) == ROWS_IN_A_SLICE:
                last = [rows[-1][each] for each in order]
                # Those that are alike stay together, so that they are found beside each other.
                while len(rows) > 1 and [rows[-1][each] for each in order] == last:
                    rows.pop()
                after = [rows[-1][each] for each in order]
                yield rows, seen_at
            else:
                yield rows, seen_at
                return

    def _read_heads(
        self, keys: Sequence[SeriesKey], now: Timestamp | None = None
    ) -> tuple[dict[SeriesKey, Document], Timestamp | None]:
        found: dict[SeriesKey, Document] = {}
        wanted = list(dict.fromkeys(keys))
        for start in range(0, len(wanted), HEADS_IN_A_SLICE):
            conditions = [where(series) for series in wanted[start : start + HEADS_IN_A_SLICE]]
            rows, _ = self._find(self._heads, {"$or": conditions}, None, 0, now)
            found |= {SeriesKey(row["account"], row["key"]): row for row in rows}
        return found, now

    def _find(
        self,
        place: _Collection,
        condition: Document,
        order: list[tuple[str, int]] | None,
        limit: int,
        now: Timestamp | None = None,
        fields: Document | None = None,
    ) -> tuple[list[Document], Timestamp | None]:
        """Committed documents, no older than *now*, and when they were read."""

        def call() -> tuple[list[Document], Timestamp | None]:
            with self._sessions.start(now) as session:
                cursor = place.find(condition, fields, limit=limit, session=session)
                if order is not None:
                    cursor = cursor.sort(order)
                return list(cursor), operation_time(session)

        return self._work().persist(call)


def _wrong_head(head: Document) -> str | None:
    value, batch, token = head.get("value"), head.get("batch"), head.get("token")
    if not isinstance(value, Int64) or value < 0:
        return f"stands at {value!r} ({type(value).__name__}), which is no value of 64 bits"
    if not isinstance(batch, list) or not all(isinstance(each, str | None) for each in batch):
        return "has a head whose batch is no list of tokens"
    if not isinstance(head.get("life"), ObjectId) or not isinstance(head.get("stamp"), ObjectId):
        return "has a head without a life or a stamp"
    if len(batch) > value:
        return f"stands at {value}, and its last step gave {len(batch)} values"
    if not batch and token is not None:
        return "is deleted, and has a current token all the same"
    if batch and batch[-1] != token:
        return f"has the current token {token!r}, and gave its value {value} to {batch[-1]!r}"
    if isinstance(head.get("by"), list) and len(head["by"]) != len(batch):
        return "has a head that names more or fewer credentials than tokens"
    return None


def _look_at(ledger: _Ledger, row: Document) -> None:
    """Hold a row against the one before it, and against the head's batch."""
    before, ledger.last = ledger.last, row.get("value")
    what = _wrong_row(ledger, row, before)
    if what:
        ledger.findings.append(of_series(*ledger.series, what))


def _wrong_row(ledger: _Ledger, row: Document, before: Any) -> str | None:
    value, token, head = row.get("value"), row.get("token"), ledger.head
    if not isinstance(value, Int64) or value < 1:
        return f"has an entry with {value!r} ({type(value).__name__}), which is no value of 64 bits"
    if not isinstance(token, str | None):
        return f"has an entry for {value} whose token is no text"
    if value > head["value"]:
        ledger.above = value
        return None
    if value >= ledger.first:
        given = head["batch"][value - ledger.first]
        if given != token:
            return f"gave its value {value} to {given!r}, and in its ledger {token!r} has it"
    if not isinstance(before, int):
        return None  # the first one, or found to be wrong already
    if value == before:
        return f"has two entries for {value}"
    return _hole(ledger, before, value) if value > before + 1 and token is not None else None


def _hole(ledger: _Ledger, before: int, value: int) -> str | None:
    """What is missing between two rows, unless it stands in the batch, to be sealed yet."""
    end = min(value, ledger.first)
    if end <= before + 1:
        return None
    if value > ledger.first and ledger.head["batch"][0] is None:
        return None  # the raise that explains it is to be sealed yet
    return hole(before, end)


def _end(ledger: _Ledger) -> None:
    """Between the last row and the batch nothing may be missing, unless it begins with a raise."""
    last, first = ledger.last, ledger.first
    sound = ledger.above is None and not ledger.findings
    if sound and last is not None and last < first - 1 and ledger.head["batch"][0] is not None:
        ledger.findings.append(of_series(*ledger.series, hole(last, first)))


def _unsealed(ledger: _Ledger) -> int:
    """How many of the batch's tokens the ledger does not have yet."""
    last = ledger.last if isinstance(ledger.last, int) else 0
    return max(0, int(ledger.head["value"]) - max(last, ledger.first - 1))


def _beyond(value: Any) -> Document:
    """What sorts after it; null sorts before all else, and cannot be compared."""
    return {"$ne": None} if value is None else {"$gt": value}


def _is_suspect(ledger: _Ledger) -> bool:
    return bool(ledger.findings) or ledger.above is not None


def _record(row: Document) -> tuple[Record, list[str]]:
    """A row as it stands, and what is wrong with its types."""
    token = row.get("token")
    record = Record(
        row["account"],
        row["name"],
        token,
        row.get("version", ""),
        row.get("place", ""),
        bool(row.get("final")),
        # An adopted one has its version in the place of a label.
        "" if token is None and row["channel"] == row["version"] else row["channel"],
        None if row.get("given_at") is None else int(row["given_at"]),
    )
    wrong = not isinstance(row.get("given_at"), Int64 | None)
    return record, [of_record(record, "has a time that is no integer of 64 bits")] if wrong else []
