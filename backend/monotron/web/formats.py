"""JSON, text and dotenv: the only place that writes output formats."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from json.encoder import encode_basestring
from urllib.parse import quote

from monotron.errors import NoSpelling
from monotron.model.semver import ZERO_VERSION, Release, VersionName, Withdrawal
from monotron.model.series import Entry, LedgerEntry
from monotron.model.spellings import Spellings, spellings
from monotron.model.timestamps import rfc3339_from_ms
from monotron.model.versions.requests import VersionResult
from monotron.web.accept import prefers

TEXT_TYPE = "text/plain; charset=utf-8"

MAX_HEADER_BYTES = 1200
"""The longest text in a header. Proxies limit all headers of a response, some to 4 KiB."""

_HEADER_CHARACTERS = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")

_BOOLEAN = {False: "false", True: "true"}


class Format(Enum):
    """How an entry or a version is written."""

    JSON = "json"
    TEXT = "text"
    DOTENV = "dotenv"


def preferred_format(accept: str) -> Format:
    """Return the format preferred by an Accept header; JSON if undecided."""
    return Format.TEXT if prefers(accept, "text/plain") else Format.JSON


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
    result: VersionResult,
    format: Format,
    dotenv_prefix: str,
    spelling: str | None = None,
    *,
    auto_after: bool = False,
) -> str:
    """Write a version in the requested format. Raises `NoSpelling` if it has no such spelling.

    With *auto_after*, JSON and dotenv contain it, too.
    """
    if format is Format.TEXT:
        return f"{_spelled(result, spelling)}\n"
    if format is Format.JSON:
        text = _version_json(result)
        if auto_after:
            text = f'{text[:-1]}, "auto_after": {_string(result.auto_after)}}}'
        return text + "\n"
    variables = _version_variables(result)
    if auto_after:
        variables["AUTO_AFTER"] = _commit(result.auto_after)
    return _dotenv(variables, dotenv_prefix)


def header_text(text: str) -> str:
    """Write a text as the value of a header, as gRPC does: percent-encoded UTF-8.

    Printable ASCII is not encoded. A long text is cut.
    """
    encoded = quote(text, safe=_HEADER_CHARACTERS)
    while len(encoded) > MAX_HEADER_BYTES:
        text = text[: len(text) * MAX_HEADER_BYTES // len(encoded)]
        encoded = quote(text, safe=_HEADER_CHARACTERS)
    return encoded


def require_spelling(spelling: str | None, label: str | None) -> None:
    """Raise `NoSpelling` if no version with this pre-release label has the spelling.

    A request that assigns a version checks this first, so that a rejected one changes nothing.
    """
    example = Release(VersionName(0, ""), None, ZERO_VERSION, label=label)
    if spelling is not None and getattr(spellings(example), spelling) is None:
        raise NoSpelling(
            f"Versions with the label {label!r} cannot be written for `{spelling}`. Use "
            "another label, or another spelling."
        )


def _spelled(result: VersionResult, spelling: str | None) -> str:
    text: str | None = result.release.full_text
    if spelling is not None:
        text = getattr(spellings(result.release), spelling)
    if text is None:
        raise NoSpelling(
            f"Version {result.release.version_text} cannot be written for `{spelling}`. Use "
            "another label, or another spelling."
        )
    return text


def series_page(entries: Sequence[Entry], next_after: str | None) -> str:
    """Write a page of series."""
    items = ", ".join(map(_entry_json, entries))
    return f'{{"series": [{items}], "next": {_string(next_after)}}}\n'


def ledger_page(rows: Sequence[LedgerEntry], next_before: int | None, *, assigned_by: bool) -> str:
    """Write a page of a ledger, with the credentials that assigned the values if requested."""
    items = ", ".join(_ledger_entry_json(row, assigned_by=assigned_by) for row in rows)
    return f'{{"entries": [{items}], "next": {json.dumps(next_before)}}}\n'


def releases_page(results: Sequence[VersionResult], next_before: str | None, format: Format) -> str:
    """Write a page of releases. As text, each line is a version, a space and its token, if any."""
    if format is Format.TEXT:
        rows = ((release.full_text, release.token) for release, *_ in results)
        return "".join(f"{' '.join(filter(None, row))}\n" for row in rows)
    items = ", ".join(map(_version_json, results))
    return f'{{"releases": [{items}], "next": {_string(next_before)}}}\n'


def versions_page(results: Sequence[VersionResult], next_after: str | None) -> str:
    """Write a page of the newest versions of names."""
    items = ", ".join(map(_version_json, results))
    return f'{{"versions": [{items}], "next": {_string(next_after)}}}\n'


def recent_page(assignments: Iterable[Release | LedgerEntry]) -> str:
    """Write the newest assignments."""
    return f'{{"recent": [{", ".join(map(_assignment_json, assignments))}]}}\n'


def _assignment_json(assignment: Release | LedgerEntry) -> str:
    """Write an assignment: `key` and `value` of a version are null, and vice versa."""
    name = version = key = value = bump = None
    if isinstance(assignment, Release):
        account, token = assignment.name.account, assignment.token
        name, version, bump = assignment.name.name, assignment.full_text, assignment.bump
    else:
        account, key, token, value = assignment.entry
    created_at = rfc3339_from_ms(assignment.created_at or 0)
    return (
        f'{{"creator_id": {account}, "name": {_string(name)}, "version": {_string(version)}, '
        f'"key": {_string(key)}, "value": {json.dumps(value)}, "token": {_string(token)}, '
        f'"bump": {_string(bump)}, "created_at": "{created_at}", '
        f'"assigned_by": {_string(assignment.assigned_by)}}}'
    )


def _entry_json(entry: Entry) -> str:
    """Write the four members of an entry, in the order of the contract."""
    account, key, token, value = entry
    return (
        f'{{"creator_id": {account}, "key": {encode_basestring(key)}, '
        f'"token": {_string(token)}, "value": {value}}}'
    )


def _ledger_entry_json(row: LedgerEntry, *, assigned_by: bool) -> str:
    members = f', "created_at": "{rfc3339_from_ms(row.created_at)}"'
    if assigned_by:
        members += f', "assigned_by": {_string(row.assigned_by)}'
    return f"{_entry_json(row.entry)[:-1]}{members}}}"


def _version_json(result: VersionResult) -> str:
    """Write the members of a version, in the order of the contract."""
    release, latest = result.release, result.latest
    previous = None if release.previous is None else str(release.previous)
    created_at = None if release.created_at is None else rfc3339_from_ms(release.created_at)
    return (
        f'{{"creator_id": {release.name.account}, "name": {_string(release.name.name)}, '
        f'"token": {_string(release.token)}, {_version_itself(release)}, '
        f'"prerelease": {_string(release.pre_release)}, '
        f'"metadata": {_string(release.metadata)}, "bump": {_string(release.bump)}, '
        f'"previous": {_string(previous)}, '
        f'"latest": {_BOOLEAN[latest.overall]}, "reused": {_BOOLEAN[result.reused]}, '
        f'"reason": {_string(release.reason)}, "created_at": {_string(created_at)}, '
        f'"changed": {_BOOLEAN[result.changed]}, '
        f'"notes": [{", ".join(map(encode_basestring, result.notes))}], '
        f'"withdrawn": {_withdrawal_json(release.withdrawn)}, '
        f'"previous_token": {_string(release.previous_token)}, '
        f'"previous_tag": {_string(previous and f"v{previous}")}, '
        f'"latest_in_major": {_BOOLEAN[latest.in_major]}, '
        f'"latest_in_minor": {_BOOLEAN[latest.in_minor]}, '
        f'"spellings": {_spellings_json(release)}}}'
    )


def _version_itself(release: Release) -> str:
    """Write the members from `version` to `patch`."""
    if _is_missing(release):
        return '"version": null, "tag": null, "major": null, "minor": null, "patch": null'
    target, full = release.target, release.full_text
    return (
        f'"version": "{full}", "tag": "v{full}", '
        f'"major": {target.major}, "minor": {target.minor}, "patch": {target.patch}'
    )


def _is_missing(release: Release) -> bool:
    """Whether the release stands for no version at all: 0.0.0 is never assigned."""
    return release.target == ZERO_VERSION


def _spellings_json(release: Release) -> str:
    if _is_missing(release):
        return "null"
    pep440, deb, rpm, maven, docker = map(_string, spellings(release))
    return (
        f'{{"pep440": {pep440}, "deb": {deb}, "rpm": {rpm}, "maven": {maven}, "docker": {docker}}}'
    )


def _withdrawal_json(withdrawal: Withdrawal | None) -> str:
    if withdrawal is None:
        return "null"
    return (
        f'{{"at": "{rfc3339_from_ms(withdrawal.at)}", "by": {_string(withdrawal.by)}, '
        f'"reason": {_string(withdrawal.reason)}}}'
    )


def _string(text: str | None) -> str:
    """Write a JSON string, or `null`."""
    return "null" if text is None else encode_basestring(text)


def _version_variables(result: VersionResult) -> dict[str, object]:
    """Return the dotenv variables of a version, in the order of the contract."""
    release, latest = result.release, result.latest
    exists = not _is_missing(release)
    target = release.target if exists else (None, None, None)
    full = release.full_text if exists else ""
    spelled = spellings(release) if exists else Spellings(None, None, None, None, None)
    return {
        "VERSION": full,
        "TAG": full and f"v{full}",
        **dict(zip(("MAJOR", "MINOR", "PATCH"), target, strict=True)),
        "PRERELEASE_ID": release.pre_release,
        "METADATA": release.metadata,
        "RELEASE_TYPE": release.bump,
        "PREVIOUS_VERSION": release.previous,
        "IS_LATEST": latest.overall,
        "REUSED": result.reused,
        "CHANGED": result.changed,
        "PREVIOUS_TAG": None if release.previous is None else f"v{release.previous}",
        "PREVIOUS_COMMIT": _commit(release.previous_token),
        "LATEST_IN_MAJOR": latest.in_major,
        "LATEST_IN_MINOR": latest.in_minor,
        "DOCKER_TAG": spelled.docker,
        "PEP440": spelled.pep440,
        "DEB": spelled.deb,
        "RPM": spelled.rpm,
        "MAVEN": spelled.maven,
        "CREATOR_ID": release.name.account,
    }


def _commit(token: str | None) -> str | None:
    """Return the token if it is the hash of a commit. Any other token is free text."""
    return token if token and re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", token) else None


def _dotenv(variables: Mapping[str, object], prefix: str) -> str:
    """Write NAME=VALUE lines. Values consist of letters, digits and `.-+_`: no quoting needed."""
    return "".join(f"{prefix}{name}={_plain(value)}\n" for name, value in variables.items())


def _plain(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
