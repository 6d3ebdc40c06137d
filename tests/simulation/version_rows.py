"""The commits about a name, from the rows of a disk or of a replica set."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from monotron.model.component_keys import name_of_key
from monotron.model.semver import VersionName
from monotron.model.series import SeriesKey
from monotron.store.mongo.version_facts import release_of_row
from monotron.store.release_fields import ReleaseFields, final_of, release_of
from simulation.disk import Disk
from simulation.documents import Versions
from simulation.replica import Replica
from simulation.version_commits import Commit, Summary

_SUMMARY = ("releases", "withdrawn", "newest", "newest_token")


def of_disk(disk: Disk, name: VersionName) -> list[Commit]:
    commits = []
    generations: dict[str, int] = {}
    for rows in disk.versions:
        of_name = [row for row in rows.series if name_of_key(row.key) == name.name]
        restarts = [
            (SeriesKey(row.account, row.key), row.value)
            for row in of_name
            if generations.setdefault(row.key, row.generation) != row.generation
        ]
        generations |= {row.key: row.generation for row in of_name}
        summaries = [_summary(*each[3:]) for each in rows.names if each[:2] == name]
        commits.append(
            Commit(
                rows.at,
                rows.at,
                [
                    (SeriesKey(row.account, row.key), *entry)
                    for row in of_name
                    for entry in row.fresh
                ],
                restarts,
                [release_of(name, _fields(*row[2:])) for row in rows.releases if row[:2] == name],
                summaries[0] if summaries else None,
            )
        )
    return commits


def of_replica(replica: Replica, name: VersionName) -> list[Commit]:
    entries: dict[int, list[Any]] = {}
    for (account, key), documents in replica.entries.documents.items():
        if name_of_key(key) == name.name:
            for versions in documents.values():
                for index, row in versions.history:
                    if row is None:  # its generation has ended
                        continue
                    entry = SeriesKey(account, key), int(row["value"]), row["token"]
                    entries.setdefault(index, []).append(entry)
    restarts: dict[int, list[Any]] = {}
    for (account, key), documents in replica.series.documents.items():
        if name_of_key(key) == name.name:
            for versions in documents.values():
                for (_, before), (index, head) in pairwise(versions.history):
                    assert before is not None
                    assert head is not None
                    if before["generation"] != head["generation"]:
                        restart = SeriesKey(account, key), int(head["value"])
                        restarts.setdefault(index, []).append(restart)
    records: dict[int, list[Any]] = {}
    for versions in replica.releases.documents.get(name, {}).values():
        for index, row in versions.history:
            assert row is not None
            records.setdefault(index, []).append(release_of_row(row))
    (summary,) = replica.names.documents.get(name, {}).values() or [Versions()]
    indexes = {index for index, _ in summary.history}
    commits = []
    for index in sorted(entries.keys() | restarts.keys() | records.keys() | indexes):
        row = summary.at(index)
        commits.append(
            Commit(
                replica.applied_at[index],
                replica.committed_at(index),
                sorted(entries.get(index, ()), key=lambda entry: entry[1]),
                restarts.get(index, ()),
                records.get(index, ()),
                row and _summary(*(row[field] for field in _SUMMARY)),
            )
        )
    return commits


def _summary(
    releases: int, withdrawn: int, newest: str | None, newest_token: str | None
) -> Summary:
    return Summary(int(releases), int(withdrawn), final_of(newest), newest_token)


def _fields(*columns: Any) -> ReleaseFields:
    fields = ReleaseFields(*columns)
    return fields._replace(withdrawn=json.loads(fields.withdrawn) if fields.withdrawn else None)
