"""What later steps see, each held to a grammar, so that none can add another."""

from __future__ import annotations

import re
from collections.abc import Mapping

from monotron_ci.client import VERSION, SeriesEntry, VersionInfo
from monotron_ci.errors import Failure

_NUMBER = r"(0|[1-9][0-9]{0,18})?"
_VERSION = rf"({VERSION.pattern})?"
_BOOLEAN = r"true|false"

GRAMMAR: Mapping[str, str] = {
    "version": _VERSION,
    "tag": r"[0-9A-Za-z._/+@-]{0,300}",
    "major": _NUMBER,
    "minor": _NUMBER,
    "patch": _NUMBER,
    "prerelease": r"[0-9A-Za-z.-]{0,100}",
    "build_number": _NUMBER,
    "value": _NUMBER,
    "previous_version": _VERSION,
    "release_type": r"[a-z]{0,20}",
    "changed": _BOOLEAN,
    "reused": _BOOLEAN,
    "is_latest": _BOOLEAN,
    "docker_tag": r"[0-9A-Za-z_.-]{0,300}",
    "idempotency_token": r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{0,256}",
}
"""What each output may hold, in the order of action.yml."""


DOTENV: Mapping[str, str] = {
    "VERSION": "version",
    "TAG": "tag",
    "MAJOR": "major",
    "MINOR": "minor",
    "PATCH": "patch",
    "PRERELEASE_ID": "prerelease",
    "METADATA": "metadata",
    "RELEASE_TYPE": "release_type",
    "PREVIOUS_VERSION": "previous_version",
    "IS_LATEST": "is_latest",
    "REUSED": "reused",
    "DOCKER_TAG": "docker_tag",
}
"""The variables of a version as the service writes them, and the outputs that they show."""

DOTENV_OF_NUMBERS = {"VALUE": "value", "BUILD_NUMBER": "build_number", "REUSED": "reused"}


def of_version(version: VersionInfo, *, tag_prefix: str, changed: bool) -> dict[str, str]:
    """The outputs that a version has; the tag is empty where there is none yet."""
    nothing = version.version == "0.0.0"
    return _outputs(
        version=version.version,
        tag="" if nothing else f"{tag_prefix}{version.version}",
        major=version.major,
        minor=version.minor,
        patch=version.patch,
        prerelease=version.prerelease,
        previous_version=version.previous,
        release_type=version.bump,
        changed=changed,
        reused=version.reused,
        is_latest=version.latest,
        docker_tag="" if nothing else version.version.replace("+", "_"),
        idempotency_token=version.token,
    )


def of_entry(entry: SeriesEntry, *, changed: bool) -> dict[str, str]:
    """The outputs that a number has."""
    return _outputs(
        build_number=entry.value,
        value=entry.value,
        changed=changed,
        reused=entry.reused,
        is_latest=False,
        idempotency_token=entry.token,
    )


def write(path: str, outputs: Mapping[str, str]) -> None:
    """Append them to the file that the runner reads."""
    with open(path, "a", encoding="utf-8", newline="\n") as file:
        file.write(lines(outputs))


def dotenv(outputs: Mapping[str, str]) -> str:
    """The lines of `format=dotenv`; `Failure` as of `lines`."""
    lines(outputs)
    shown = {**outputs, "metadata": outputs["version"].partition("+")[2]}
    names = DOTENV if outputs["version"] else DOTENV_OF_NUMBERS
    return "".join(f"MONOTRON_{name}={shown[output]}\n" for name, output in names.items())


def lines(outputs: Mapping[str, str]) -> str:
    """A line NAME=VALUE for each; `Failure` if one does not keep to its grammar."""
    for name, value in outputs.items():
        if not re.fullmatch(GRAMMAR[name], value):
            raise Failure(
                f"The output `{name}` would hold what it must not hold, so nothing is written.",
                "The name, the token or the server's answer has characters that no workflow "
                "should pass on.",
            )
    return "".join(f"{name}={value}\n" for name, value in outputs.items())


def _outputs(**values: object) -> dict[str, str]:
    """All outputs, empty where *values* has none."""
    return {name: _text(values.get(name)) for name in GRAMMAR}


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
