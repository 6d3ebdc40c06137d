"""JSON, text and dotenv: the only place that writes output formats."""

import json
import re
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import lru_cache
from json.encoder import encode_basestring

from monotron.errors import NoSpelling
from monotron.model.semver import ZERO_VERSION, Withdrawal
from monotron.model.series import Entry, LedgerEntry
from monotron.model.spellings import spellings
from monotron.model.timestamps import rfc3339_from_ms
from monotron.model.versions.requests import VersionResult

TEXT_TYPE = "text/plain; charset=utf-8"


class Format(Enum):
    """How an entry or a version is written."""

    JSON = "json"
    TEXT = "text"
    DOTENV = "dotenv"


@lru_cache(maxsize=256)
def preferred_format(accept: str) -> Format:
    """Return the format preferred by an Accept header (RFC 9110 §12.5.1); JSON if undecided."""
    qualities: dict[str, float] = {}
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        if re.fullmatch(r"[01](\.[0-9]{0,3})?", quality):
            qualities[name] = float(quality)

    def quality_of(kind: str, subtype: str) -> float:
        for media_range in (f"{kind}/{subtype}", f"{kind}/*", "*/*"):
            if media_range in qualities:
                return qualities[media_range]
        return 0.0

    if quality_of("text", "plain") > quality_of("application", "json"):
        return Format.TEXT
    return Format.JSON


def json_text(value: object) -> str:
    """Write a JSON document."""
    return json.dumps(value, ensure_ascii=False) + "\n"


def entry_text(entry: Entry, reused: bool, format: Format, dotenv_prefix: str) -> str:
    """Write an entry in the requested format."""
    if format is Format.JSON:
        return _entry_json(entry) + "\n"
    if format is Format.TEXT:
        return f"{entry.value}\n"
    variables = {
        "VALUE": entry.value,
        "BUILD_NUMBER": entry.value,
        "REUSED": reused,
        "CREATOR_ID": entry.account,
    }
    return _dotenv(variables, dotenv_prefix)


def version_text(
    result: VersionResult, format: Format, dotenv_prefix: str, spelling: str | None = None
) -> str:
    """Write a version in the requested format. Raises `NoSpelling` if it has no such spelling."""
    if format is Format.TEXT:
        return f"{_spelled(result, spelling)}\n"
    members = _version_members(result)
    if format is Format.JSON:
        return json_text(members)
    variables = {name: members[member] for name, member in _VERSION_VARIABLES.items()}
    variables["DOCKER_TAG"] = str(members["version"] or "").replace("+", "_")
    spelled = spellings(result.release) if members["version"] else None
    for name in ("pep440", "deb", "rpm", "maven"):
        variables[name.upper()] = getattr(spelled, name, None)
    variables["CREATOR_ID"] = members["creator_id"]
    return _dotenv(variables, dotenv_prefix)


def _spelled(result: VersionResult, spelling: str | None) -> str:
    text: str | None = result.release.full_text
    if spelling is not None:
        text = getattr(spellings(result.release), spelling)
    if text is None:
        raise NoSpelling(
            f"Version {result.release.version_text} cannot be written for {spelling}. Use another "
            "label, or another spelling."
        )
    return text


def series_page(entries: Sequence[Entry], next_after: str | None) -> str:
    """Write a page of series."""
    items = ", ".join(map(_entry_json, entries))
    return f'{{"series": [{items}], "next": {json.dumps(next_after, ensure_ascii=False)}}}\n'


def ledger_page(rows: Sequence[LedgerEntry], next_before: int | None, *, assigned_by: bool) -> str:
    """Write a page of a ledger, with the credentials that assigned the values if requested."""
    items = ", ".join(_ledger_entry_json(row, assigned_by=assigned_by) for row in rows)
    return f'{{"entries": [{items}], "next": {json.dumps(next_before)}}}\n'


def releases_page(results: Sequence[VersionResult], next_before: str | None) -> str:
    """Write a page of releases."""
    return json_text(
        {
            "releases": [_version_members(result) for result in results],
            "next": next_before,
        }
    )


def versions_page(results: Sequence[VersionResult], next_after: str | None) -> str:
    """Write a page of the newest versions of names."""
    return json_text(
        {"versions": [_version_members(result) for result in results], "next": next_after}
    )


def _entry_json(entry: Entry) -> str:
    """Write the four members of an entry, in the order of the contract."""
    account, key, token, value = entry
    quoted = "null" if token is None else encode_basestring(token)
    return (
        f'{{"creator_id": {account}, "key": {encode_basestring(key)}, '
        f'"token": {quoted}, "value": {value}}}'
    )


def _ledger_entry_json(row: LedgerEntry, *, assigned_by: bool) -> str:
    members = f', "created_at": "{rfc3339_from_ms(row.created_at)}"'
    if assigned_by:
        members += f', "assigned_by": {json.dumps(row.assigned_by, ensure_ascii=False)}'
    return f"{_entry_json(row.entry)[:-1]}{members}}}"


def _version_members(result: VersionResult) -> dict[str, object]:
    """Return the members of a version, in the order of the contract."""
    release = result.release
    # 0.0.0 is never assigned. It stands for no version at all.
    target = None if release.target == ZERO_VERSION else release.target
    full = release.full_text if target else None
    return {
        "creator_id": release.name.account,
        "name": release.name.name,
        "token": release.token,
        "version": full,
        "tag": f"v{full}" if full else None,
        "major": target and target.major,
        "minor": target and target.minor,
        "patch": target and target.patch,
        "prerelease": release.pre_release,
        "metadata": release.metadata,
        "bump": release.bump,
        "previous": None if release.previous is None else str(release.previous),
        "latest": result.latest.overall,
        "reused": result.reused,
        "reason": release.reason,
        "created_at": None if release.created_at is None else rfc3339_from_ms(release.created_at),
        "changed": result.changed,
        "notes": list(result.notes),
        "withdrawn": _withdrawal_members(release.withdrawn),
        "previous_token": release.previous_token,
        "previous_tag": None if release.previous is None else f"v{release.previous}",
        "latest_in_major": result.latest.in_major,
        "latest_in_minor": result.latest.in_minor,
        "spellings": spellings(release)._asdict() if target else None,
    }


def _withdrawal_members(withdrawal: Withdrawal | None) -> dict[str, object] | None:
    if withdrawal is None:
        return None
    return {
        "at": rfc3339_from_ms(withdrawal.at),
        "by": withdrawal.by,
        "reason": withdrawal.reason,
    }


_VERSION_VARIABLES = {
    "VERSION": "version",
    "TAG": "tag",
    "MAJOR": "major",
    "MINOR": "minor",
    "PATCH": "patch",
    "PRERELEASE_ID": "prerelease",
    "METADATA": "metadata",
    "RELEASE_TYPE": "bump",
    "PREVIOUS_VERSION": "previous",
    "IS_LATEST": "latest",
    "REUSED": "reused",
    "CHANGED": "changed",
    "PREVIOUS_TAG": "previous_tag",
    "LATEST_IN_MAJOR": "latest_in_major",
    "LATEST_IN_MINOR": "latest_in_minor",
}
"""Dotenv variables and the members that they contain."""


def _dotenv(variables: Mapping[str, object], prefix: str) -> str:
    """Write NAME=VALUE lines. Values consist of letters, digits and `.-+_`: no quoting needed."""
    return "".join(f"{prefix}{name}={_plain(value)}\n" for name, value in variables.items())


def _plain(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
