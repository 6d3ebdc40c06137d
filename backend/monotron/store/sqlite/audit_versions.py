"""The audit of the releases and names in an SQLite file."""

import json
from collections.abc import Iterator

from monotron.model.semver import VersionName
from monotron.model.series import SeriesKey
from monotron.store.audit import (
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
from monotron.store.sqlite.file import SqliteFile, Transaction

RELEASES_PER_SLICE = 200
NAMES_PER_SLICE = 50
"""Fewer, because all releases of each name are counted."""

_RELEASES = """
WITH slice AS MATERIALIZED (
    SELECT rowid AS number, * FROM releases WHERE rowid > ?1 ORDER BY rowid LIMIT ?2
)
SELECT max(number), json_group_array(json_array(
    account, name, token, version, sort_key, label, created_at,
    (SELECT count(*) FROM releases AS other WHERE other.account = slice.account
     AND other.name = slice.name AND other.sort_key = slice.sort_key),
    (SELECT count(*) FROM releases AS other WHERE other.account = slice.account
     AND other.name = slice.name AND other.token = slice.token AND other.label = slice.label
     AND (other.attempt = slice.attempt OR (other.withdrawn IS NULL AND slice.withdrawn IS NULL))),
    EXISTS (SELECT 1 FROM names WHERE names.account = slice.account
            AND names.name = slice.name)))
FROM slice
"""
_NAMES = """
WITH slice AS MATERIALIZED (
    SELECT * FROM names WHERE (account, name) > (?1, ?2) ORDER BY account, name LIMIT ?3
)
SELECT json_group_array(json_array(account, name, releases, withdrawn, newest, newest_token,
    (SELECT count(*) FROM releases
     WHERE releases.account = slice.account AND releases.name = slice.name),
    (SELECT count(*) FROM releases
     WHERE releases.account = slice.account AND releases.name = slice.name
     AND releases.withdrawn IS NOT NULL),
    json((SELECT json_array(version, token) FROM releases
          WHERE releases.account = slice.account AND releases.name = slice.name AND label = ''
          AND releases.withdrawn IS NULL ORDER BY sort_key DESC LIMIT 1))))
FROM slice
"""
_READ_STATES = """
SELECT json_group_array(json_array(requested.key, series.value, series.is_active,
    (SELECT created_at FROM entries WHERE entries.generation = series.generation
     ORDER BY value LIMIT 1)))
FROM json_each(?) AS requested
JOIN series ON series.account = requested.value ->> 0 AND series.key = requested.value ->> 1
"""


def check_releases(file: SqliteFile) -> Iterator[AuditSlice]:
    """Check each release, and its number in its component series."""
    last = -(1 << 63)
    while True:
        findings: list[str] = []
        unknown: dict[VersionName, None] = {}
        requirements: list[Requirement] = []
        with file.transaction() as transaction:
            last, rows = transaction.one(_RELEASES, last, RELEASES_PER_SLICE)
            releases = json.loads(rows)
            for *columns, version_count, token_count, has_summary in releases:
                release = ReleaseRow(*columns)
                if version_count != 1:
                    findings.append(release_finding(release, f"is recorded {version_count} times"))
                if release.token is not None and token_count != 1:
                    what = f"is one of {token_count} releases of its token with this label"
                    findings.append(release_finding(release, what))
                if not has_summary:
                    unknown[VersionName(release.account, release.name)] = None
                wrong, requirement = check_release(release)
                findings += wrong
                requirements += [requirement] if requirement else []
            states = _read_states(transaction, requirements)
        findings += filter(
            None, (not_reached(item, states.get(item.series)) for item in requirements)
        )
        findings += [name_finding(name, "has releases, and no summary") for name in unknown]
        yield AuditSlice(tuple(findings), releases=len(releases))
        if len(releases) < RELEASES_PER_SLICE:
            return


def check_names(file: SqliteFile) -> Iterator[AuditSlice]:
    """Compare the summaries of names with their releases."""
    last_account, last_name = -(1 << 63), ""
    while True:
        with file.transaction() as transaction:
            (rows,) = transaction.one(_NAMES, last_account, last_name, NAMES_PER_SLICE)
        names = json.loads(rows)
        findings: list[str] = []
        for account, name, *summary, releases, withdrawn, newest in names:
            version, token = newest or (None, None)
            recorded = NameState(releases, withdrawn, version, token)
            findings += check_summary(VersionName(account, name), NameState(*summary), recorded)
        yield AuditSlice(tuple(findings))
        if len(names) < NAMES_PER_SLICE:
            return
        last_account, last_name, *_ = names[-1]


def _read_states(
    transaction: Transaction, requirements: list[Requirement]
) -> dict[SeriesKey, SeriesState]:
    requested = list(dict.fromkeys(requirement.series for requirement in requirements))
    (rows,) = transaction.one(_READ_STATES, json.dumps(requested))
    return {
        requested[position]: SeriesState(value, bool(is_active), since)
        for position, value, is_active, since in json.loads(rows)
    }
