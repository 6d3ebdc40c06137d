"""The checks of single documents in an audit of MongoDB. No I/O."""

from dataclasses import dataclass, field
from typing import Any

from bson import Int64

from monotron.model.series import SeriesKey
from monotron.store.audit import ReleaseRow, gap, release_finding, series_finding
from monotron.store.mongo.client import Document
from monotron.store.mongo.series import series_of


@dataclass(slots=True)
class LedgerRead:
    """A head, and the progress of reading its ledger."""

    head: Document
    last: Any = None
    """The value of the last row read."""
    token: Any = None
    """The token of the last row up to the head."""
    findings: list[str] = field(default_factory=list)
    above: Any = None
    """The value of a row above the head. The head may have advanced since it was read."""

    @property
    def series(self) -> SeriesKey:
        return series_of(self.head)

    @property
    def is_suspect(self) -> bool:
        """Whether the ledger must be compared with its head again."""
        return bool(self.findings) or self.above is not None

    def add(self, finding: str | None) -> None:
        """Add a finding, if there is one."""
        if finding:
            self.findings.append(series_finding(*self.series, finding))


def head_contradiction(head: Document) -> str | None:
    """The contradiction within a head, or None."""
    value, token = head.get("value"), head.get("token")
    if not isinstance(value, Int64) or value < 0:
        return f"is at {value!r} ({type(value).__name__}), which is not a 64-bit integer"
    if not isinstance(head.get("generation"), Int64) or not isinstance(head.get("active"), bool):
        return "has a head without a generation or a state"
    if not head["active"] and token is not None:
        return "is deleted, but has a current token"
    return None


def check_row(ledger: LedgerRead, row: Document) -> None:
    """Compare a row with the one before it."""
    before, ledger.last = ledger.last, row.get("value")
    ledger.add(_row_contradiction(ledger, row, before))


def _row_contradiction(ledger: LedgerRead, row: Document, before: Any) -> str | None:
    value, token = row.get("value"), row.get("token")
    if not isinstance(value, Int64) or value < 1:
        return (
            f"has an entry with {value!r} ({type(value).__name__}), which is not a 64-bit integer"
        )
    if not isinstance(token, str | None):
        return f"has an entry for {value} whose token is not a string"
    if value > ledger.head["value"]:
        ledger.above = value
        return None
    ledger.token = token
    if not isinstance(before, int):
        return None  # the first row, or a row that was reported already
    if value == before:
        return f"has two entries for {value}"
    return gap(before, value) if value > before + 1 and token is not None else None


def check_end(ledger: LedgerRead) -> None:
    """Compare the last row with the head."""
    value, token = ledger.head["value"], ledger.head["token"]
    if ledger.is_suspect:
        return
    if ledger.last is None:
        ledger.add(f"is at {value}, but its ledger is empty")
    elif ledger.last != value:
        ledger.add(f"is at {value}, but its ledger ends with {ledger.last}")
    elif ledger.token != token:
        ledger.add(
            f"has the current token {token!r}, but its ledger has {ledger.token!r} for {value}"
        )


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
