"""Spellings of a version for package managers, whose syntax and order differ from SemVer.

Each spelling sorts like the versions of one label and like final versions.
"""

import re
from typing import NamedTuple

from monotron.model.semver import Release

MAX_DOCKER_TAG_LENGTH = 128
"""The maximum length of a container image tag, in characters (OCI distribution specification)."""

_PEP440 = {"alpha": "a", "beta": "b", "rc": "rc", "dev": ".dev"}
_MAVEN = {"alpha", "beta", "milestone", "rc", "cr"}
"""Labels that Maven sorts below the final version, each with numbers."""


class Spellings(NamedTuple):
    """A version as package managers write it, or None if one of them cannot express it."""

    pep440: str | None
    deb: str | None
    rpm: str | None
    maven: str | None
    docker: str | None


def spellings(release: Release) -> Spellings:
    """The spellings of the version of a release, with its build metadata."""
    target, label, number = str(release.target), release.label, release.number
    parts = re.findall(r"[0-9A-Za-z]+", release.metadata) if release.metadata else []
    deb = target + _debian_pre_release(label, number) + _build(parts)
    return Spellings(
        pep440=_pep440(target, label, number, parts),
        deb=deb,
        rpm=None if ".." in deb else deb,  # rpmbuild rejects two dots in succession
        maven=_maven(target, label, number),
        docker=_docker(release),
    )


def _build(parts: list[str]) -> str:
    """Build metadata. In Debian and RPM, a hyphen would separate the version of the package."""
    return f"+{'.'.join(parts)}" if parts else ""


def _debian_pre_release(label: str | None, number: int) -> str:
    """A tilde sorts below the end of the version."""
    return "" if label is None else f"~{label.replace('-', '.')}.{number}"


def _pep440(target: str, label: str | None, number: int, parts: list[str]) -> str | None:
    """The normal form of PEP 440: a local version is lower-case, numbers have no leading zeros."""
    if label is not None:
        if label not in _PEP440:
            return None
        target += f"{_PEP440[label]}{number}"
    return target + _build([str(int(part)) if part.isdigit() else part.lower() for part in parts])


def _maven(target: str, label: str | None, number: int) -> str | None:
    """Maven has one snapshot per target, and sorts unknown labels above the final version."""
    if label is None:
        return target
    if label == "SNAPSHOT":
        return f"{target}-SNAPSHOT"
    return f"{target}-{label}.{number}" if label in _MAVEN else None


def _docker(release: Release) -> str | None:
    """A tag cannot contain `+`."""
    tag = release.full_text.replace("+", "_")
    return tag if len(tag) <= MAX_DOCKER_TAG_LENGTH else None
