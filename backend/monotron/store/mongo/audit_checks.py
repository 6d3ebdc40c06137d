"""The checks of single documents in an audit of MongoDB. No I/O."""

from dataclasses import dataclass, field
from typing import Any

from bson import Int64, ObjectId

from monotron.model.series import SeriesKey
from monotron.store.audit import ReleaseRow, gap, release_finding, series_finding
from monotron.store.mongo.client import Document


@dataclass(slots=True)
class LedgerRead:
    """A head, and the progress of reading its ledger."""

    head: Document
    last: Any = None
    """The value of the last row read."""
    findings: list[str] = field(default_factory=list)
    above: Any = None
    """The value of a row above the head. The head may have advanced since it was read."""

    @property
    def series(self) -> SeriesKey:
        return SeriesKey(self.head["account"], self.head["key"])

    @property
    def first(self) -> int:
        """The value of the batch's first token."""
        return int(self.head["value"]) - len(self.head["batch"]) + 1


def head_contradiction(head: Document) -> str | None:
    """The contradiction within a head, or None."""
    value, batch, token = head.get("value"), head.get("batch"), head.get("token")
    if not isinstance(value, Int64) or value < 0:
        return f"is at {value!r} ({type(value).__name__}), which is not a 64-bit integer"
    if not isinstance(batch, list) or not all(isinstance(each, str | None) for each in batch):
        return "has a head whose batch is not a list of tokens"
    if not isinstance(head.get("generation"), ObjectId) or not isinstance(
        head.get("stamp"), ObjectId
    ):
        return "has a head without a generation or a stamp"
    if len(batch) > value:
        return f"is at {value}, but its last batch has {len(batch)} tokens"
    if not batch and token is not None:
        return "is deleted, but has a current token"
    if batch and batch[-1] != token:
        return f"has the current token {token!r}, but its batch has {batch[-1]!r} for {value}"
    if isinstance(head.get("assigned_by"), list) and len(head["assigned_by"]) != len(batch):
        return "has a head that names more or fewer credentials than tokens"
    return None


def check_row(ledger: LedgerRead, row: Document) -> None:
    """Compare a row with the one before it, and with the head's batch."""
    before, ledger.last = ledger.last, row.get("value")
    what = _row_contradiction(ledger, row, before)
    if what:
        ledger.findings.append(series_finding(*ledger.series, what))


def _row_contradiction(ledger: LedgerRead, row: Document, before: Any) -> str | None:
    value, token, head = row.get("value"), row.get("token"), ledger.head
    if not isinstance(value, Int64) or value < 1:
        return (
            f"has an entry with {value!r} ({type(value).__name__}), which is not a 64-bit integer"
        )
    if not isinstance(token, str | None):
        return f"has an entry for {value} whose token is not a string"
    if value > head["value"]:
        ledger.above = value
        return None
    if value >= ledger.first:
        batch_token = head["batch"][value - ledger.first]
        if batch_token != token:
            return f"has {batch_token!r} for {value} in its batch, but {token!r} in its ledger"
    if not isinstance(before, int):
        return None  # the first row, or a row that was reported already
    if value == before:
        return f"has two entries for {value}"
    return (
        _unexplained_gap(ledger, before, value)
        if value > before + 1 and token is not None
        else None
    )


def _unexplained_gap(ledger: LedgerRead, before: int, value: int) -> str | None:
    """Report rows that are missing between two rows, unless the batch has them unsealed."""
    end = min(value, ledger.first)
    if end <= before + 1:
        return None
    if value > ledger.first and ledger.head["batch"][0] is None:
        return None  # the advance that explains the gap is not sealed yet
    return gap(before, end)


def check_end(ledger: LedgerRead) -> None:
    """Report rows missing between the last row and the batch.

    An advance at the start of the batch explains the gap.
    """
    last, first = ledger.last, ledger.first
    is_sound = ledger.above is None and not ledger.findings
    if is_sound and last is not None and last < first - 1 and ledger.head["batch"][0] is not None:
        ledger.findings.append(series_finding(*ledger.series, gap(last, first)))


def unsealed(ledger: LedgerRead) -> int:
    """Return how many tokens of the batch are not in the ledger yet."""
    last = ledger.last if isinstance(ledger.last, int) else 0
    return max(0, int(ledger.head["value"]) - max(last, ledger.first - 1))


def is_suspect(ledger: LedgerRead) -> bool:
    """Whether the ledger must be compared with its head again."""
    return bool(ledger.findings) or ledger.above is not None


def parse_release(row: Document) -> tuple[ReleaseRow, list[str]]:
    """Return a row as a release, and the findings about its types."""
    token = row.get("token")
    record = ReleaseRow(
        row["account"],
        row["name"],
        token,
        row.get("version", ""),
        row.get("sort_key", ""),
        bool(row.get("final")),
        # An adopted version has its version instead of a label.
        "" if token is None and row["label"] == row["version"] else row["label"],
        None if row.get("created_at") is None else int(row["created_at"]),
    )
    wrong = not isinstance(row.get("created_at"), Int64 | None)
    return record, [
        release_finding(record, "has a time that is not a 64-bit integer")
    ] if wrong else []
