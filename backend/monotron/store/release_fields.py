"""The fields of a stored release, which are the same in all engines."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from monotron.model.semver import Final, Release, VersionName, Withdrawal, parse_line


class ReleaseFields(NamedTuple):
    """What is stored about a release, besides its account and name."""

    token: str | None
    label: str
    """The pre-release label. Empty for a final version."""
    sort_key: str
    version: str
    bump: str | None
    line: str | None
    metadata: str | None
    previous: str | None
    previous_token: str | None
    reason: str | None
    created_at: int | None
    assigned_by: str | None
    attempt: int
    base: str | None
    base_use: int
    position: int
    withdrawn: Mapping[str, Any] | None
    """A `Withdrawal` as a mapping."""


def fields_of(release: Release) -> ReleaseFields:
    """The stored fields of a release."""
    return ReleaseFields(
        release.token,
        release.label or "",
        release.sort_key,
        release.version_text,
        release.bump,
        None if release.line is None else str(release.line),
        release.metadata,
        None if release.previous is None else str(release.previous),
        release.previous_token,
        release.reason,
        release.created_at,
        release.assigned_by,
        release.attempt,
        release.base,
        release.base_use,
        release.position,
        None if release.withdrawn is None else release.withdrawn._asdict(),
    )


def release_of(name: VersionName, fields: ReleaseFields) -> Release:
    """The release with these stored fields."""
    major, minor, patch, *_, last = fields.sort_key.split(".")
    return Release(
        name,
        fields.token,
        Final(int(major), int(minor), int(patch)),
        fields.label or None,
        int(last) if fields.label else 0,
        fields.bump,
        parse_line(fields.line) if fields.line else None,
        fields.metadata,
        final_of(fields.previous),
        fields.previous_token,
        fields.reason,
        fields.created_at,
        fields.assigned_by,
        fields.attempt,
        fields.base,
        fields.base_use,
        fields.position,
        Withdrawal(**fields.withdrawn) if fields.withdrawn else None,
    )


def final_of(text: str | None) -> Final | None:
    """The final version that `str` has written, or None."""
    return None if text is None else Final(*map(int, text.split(".")))
