"""The audit of the releases and names in a MongoDB database."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import TypeAlias

from bson import Int64
from pymongo.client_session import ClientSession
from pymongo.database import Database

from monotron.model.semver import VersionName
from monotron.model.series import SeriesKey
from monotron.store.audit import (
    NO_RELEASES,
    AuditSlice,
    NameState,
    ReleaseRow,
    Requirement,
    SeriesState,
    check_release,
    check_summary,
    name_finding,
    not_reached,
    release_finding,
)
from monotron.store.mongo.client import Document
from monotron.store.mongo.reads import any_of, collection
from monotron.store.mongo.scan import Page, pages, values_of
from monotron.store.mongo.transactions import Transactions
from monotron.store.mongo.version_facts import of_name

RELEASES_PER_SLICE = 200
"""Fewer than `ROWS_PER_PAGE`, because each of them may need another read."""
NAMES_PER_SLICE = 20
"""Fewer, because all releases of each name are counted."""

NAME = ("account", "name")
RELEASE = (*NAME, "sort_key")
LABEL = (*NAME, "token", "label")
WITH_TOKEN: Document = {"token": {"$type": "string"}}
"""The condition of the index on tokens."""

_COUNTS: Document = {"$eq": ["$withdrawn", None]}
_SUMMARY: Document = {
    "_id": {"account": "$account", "name": "$name"},
    "releases": {"$sum": 1},
    "withdrawn": {"$sum": {"$cond": [_COUNTS, 0, 1]}},
    "newest": {
        "$max": {
            "$cond": [
                {"$and": [{"$eq": ["$label", ""]}, _COUNTS]},
                {"sort_key": "$sort_key", "version": "$version", "token": "$token"},
                None,
            ]
        }
    },
}
"""What the summary of each name must be. Documents are compared by their first field."""

StatesOf: TypeAlias = Callable[
    [Sequence[Requirement], ClientSession], Mapping[SeriesKey, SeriesState]
]


class VersionAudit:
    """The checks of releases and names."""

    def __init__(
        self, database: "Database[Document]", transactions: Transactions, states_of: StatesOf
    ) -> None:
        """*states_of*: reads the states of the component series of releases."""
        self._transactions = transactions
        self._states_of = states_of
        self._names, self._releases = (collection(database, name) for name in ("names", "releases"))

    def run(self) -> Iterator[AuditSlice]:
        """Audit all releases and names."""
        read = partial(pages, self._transactions)
        yield from read(self._releases, RELEASE, self._check_releases, size=RELEASES_PER_SLICE)
        yield from read(
            self._releases,
            LABEL,
            _check_labels,
            fields=("attempt", "is_withdrawn"),
            condition=WITH_TOKEN,
        )
        yield from read(self._names, NAME, self._check_names, size=NAMES_PER_SLICE)

    def _check_releases(self, page: Page, session: ClientSession) -> AuditSlice:
        """Check each release, and its number in its component series."""
        findings: list[str] = []
        requirements: list[Requirement] = []
        for before, row in page:
            release = _release_of(row)
            if not isinstance(row.get("created_at"), Int64 | None):
                what = "has a time that is not a 64-bit integer"
                findings.append(release_finding(release, what))
            if values_of(before, RELEASE) == values_of(row, RELEASE):
                findings.append(release_finding(release, "is recorded twice"))
            findings += [release_finding(release, what) for what in _state_contradictions(row)]
            contradictions, requirement = check_release(release)
            findings += contradictions
            requirements += [requirement] if requirement else []
        findings += self._without_summary((_name(row) for _, row in page), session)
        states = self._states_of(requirements, session)
        for requirement in requirements:
            finding = not_reached(requirement, states.get(requirement.series))
            findings += [finding] if finding else []
        return AuditSlice(tuple(findings), releases=len(page))

    def _without_summary(self, names: Iterable[VersionName], session: ClientSession) -> list[str]:
        """The findings about names that have releases, but no summary."""
        unique = dict.fromkeys(names)
        if not unique:
            return []
        condition = any_of([of_name(name) for name in unique])
        existing = {_name(row) for row in self._names.find(condition, session=session)}
        return [
            name_finding(name, "has releases, and no summary")
            for name in unique
            if name not in existing
        ]

    def _check_names(self, page: Page, session: ClientSession) -> AuditSlice:
        """Compare the summaries of names with their releases."""
        findings: list[str] = []
        recorded = self._recorded((_name(row) for _, row in page), session)
        for before, row in page:
            name = _name(row)
            if values_of(before, NAME) == name:
                findings.append(name_finding(name, "has two summaries"))
                continue
            if not isinstance(row.get("revision"), Int64):
                findings.append(name_finding(name, "has a revision that is not a 64-bit integer"))
            summary = NameState(
                row["releases"], row["withdrawn"], row["newest"], row["newest_token"]
            )
            findings += check_summary(name, summary, recorded.get(name, NO_RELEASES))
        return AuditSlice(tuple(findings))

    def _recorded(
        self, names: Iterable[VersionName], session: ClientSession
    ) -> dict[VersionName, NameState]:
        """What the releases of the names show."""
        conditions = [of_name(name) for name in names]
        if not conditions:
            return {}
        rows = self._releases.aggregate(
            [{"$match": any_of(conditions)}, {"$group": _SUMMARY}], session=session
        )
        recorded: dict[VersionName, NameState] = {}
        for row in rows:
            newest = row["newest"] or {"version": None, "token": None}
            recorded[_name(row["_id"])] = NameState(
                row["releases"], row["withdrawn"], newest["version"], newest["token"]
            )
        return recorded


def _check_labels(page: Page, _: ClientSession) -> AuditSlice:
    """Find tokens with two releases of one label: not withdrawn, or of one attempt."""
    findings = []
    for of_token, rows in groupby((row for _, row in page), partial(values_of, fields=LABEL)):
        releases = list(rows)
        account, name, token, label = of_token
        attempts = {row.get("attempt") for row in releases}
        current = sum(not row.get("is_withdrawn") for row in releases)
        if current > 1 or len(attempts) < len(releases):
            findings.append(
                f"The token {token!r} has two releases of {name!r} in account {account}, both with "
                f"the label {label!r}."
            )
    return AuditSlice(tuple(findings))


def _state_contradictions(row: Document) -> Iterator[str]:
    """The contradictions between the fields of a release that indexes use and its other fields."""
    if row.get("is_final") is not (row["label"] == ""):
        yield f"is recorded with the state final={row.get('is_final')!r}"
    if row.get("is_withdrawn") is not (row.get("withdrawn") is not None):
        yield f"is recorded with the state withdrawn={row.get('is_withdrawn')!r}"


def _name(row: Document) -> VersionName:
    return VersionName(row["account"], row["name"])


def _release_of(row: Document) -> ReleaseRow:
    created_at = row.get("created_at")
    return ReleaseRow(
        row["account"],
        row["name"],
        row.get("token"),
        row.get("version", ""),
        row.get("sort_key", ""),
        row["label"],
        None if created_at is None else int(created_at),
    )
