"""The outputs of a step. Each must match a pattern, so that no value can add another output."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from monotron_ci.errors import Failure
from monotron_ci.hashes import is_hash
from monotron_ci.responses import NUMBER, VERSION, SeriesEntry, VersionInfo
from monotron_ci.workflow_commands import escape_commands

_NUMBER = rf"({NUMBER})?"
_VERSION = rf"({VERSION.pattern})?"
_BOOLEAN = r"true|false"
_SPELLING = r"[0-9A-Za-z.+~-]{0,300}"
_PRINTABLE = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"

MAX_TEXT_LENGTH = 1000

_TEXT = rf"(?!.*(::|##\[)){_PRINTABLE}{{0,{MAX_TEXT_LENGTH}}}"
"""One line of free text that a runner does not execute, even if a later step prints it."""

GRAMMAR: Mapping[str, str] = {
    "version": _VERSION,
    "tag": r"[0-9A-Za-z._/+@-]{0,300}",
    "major": _NUMBER,
    "minor": _NUMBER,
    "patch": _NUMBER,
    "prerelease": r"[0-9A-Za-z.-]{0,100}",
    "prerelease_label": r"[0-9A-Za-z-]{0,40}",
    "build_number": _NUMBER,
    "value": _NUMBER,
    "previous_version": _VERSION,
    "previous_tag": r"[0-9A-Za-z._/+@-]{0,300}",
    "previous_commit": r"([0-9a-f]{40}([0-9a-f]{24})?)?",
    "release_type": r"[a-z]{0,20}",
    "changed": _BOOLEAN,
    "reused": _BOOLEAN,
    "is_latest": _BOOLEAN,
    "latest_in_major": _BOOLEAN,
    "latest_in_minor": _BOOLEAN,
    "docker_tag": r"[0-9A-Za-z_.-]{0,300}",
    "pep440": _SPELLING,
    "deb": _SPELLING,
    "rpm": _SPELLING,
    "maven": _SPELLING,
    "idempotency_token": rf"{_PRINTABLE}{{0,256}}",
    "reason": _TEXT,
    "notes": _TEXT,
}
"""The pattern of each output, in the order of action.yml."""


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
    "CHANGED": "changed",
    "PREVIOUS_TAG": "previous_tag",
    "PREVIOUS_COMMIT": "previous_commit",
    "LATEST_IN_MAJOR": "latest_in_major",
    "LATEST_IN_MINOR": "latest_in_minor",
    "DOCKER_TAG": "docker_tag",
    "PEP440": "pep440",
    "DEB": "deb",
    "RPM": "rpm",
    "MAVEN": "maven",
    "CREATOR_ID": "creator_id",
}
"""The variables of a version in the service's dotenv format, and the outputs they contain."""

DOTENV_OF_NUMBERS: Mapping[str, str] = {
    "VALUE": "value",
    "BUILD_NUMBER": "build_number",
    "REUSED": "reused",
    "CREATOR_ID": "creator_id",
}


def of_version(
    version: VersionInfo, *, tag_prefix: str, changed: bool, reason: str | None = None
) -> dict[str, str]:
    """The outputs for a version. The tag is empty if the name has no versions yet.

    *reason* is what determined its bump, by default what the service states.
    """
    exists = version.version != "0.0.0"
    return _outputs(
        version=version.version,
        tag=f"{tag_prefix}{version.version}" if exists else "",
        major=version.major,
        minor=version.minor,
        patch=version.patch,
        prerelease=version.prerelease,
        prerelease_label=(version.prerelease or "").partition(".")[0],
        previous_version=version.previous,
        previous_tag=f"{tag_prefix}{version.previous}" if version.previous else "",
        previous_commit=version.previous_token if is_hash(version.previous_token) else "",
        release_type=version.bump,
        changed=changed,
        reused=version.reused,
        is_latest=version.latest,
        latest_in_major=version.latest_in_major,
        latest_in_minor=version.latest_in_minor,
        docker_tag=version.spellings.get("docker"),
        **{name: version.spellings.get(name) for name in ("pep440", "deb", "rpm", "maven")},
        idempotency_token=version.token,
        reason=_one_line(version.reason if reason is None else reason),
        notes=_one_line(" ".join(version.notes)),
    )


def of_no_release(reason: str | None, notes: Sequence[str] = ()) -> dict[str, str]:
    """The outputs without a version: empty, so that no step publishes an old one again."""
    booleans = {name: False for name, pattern in GRAMMAR.items() if pattern == _BOOLEAN}
    return _outputs(**booleans, reason=_one_line(reason), notes=_one_line(" ".join(notes)))


def of_entry(entry: SeriesEntry, *, changed: bool) -> dict[str, str]:
    """The outputs for a build number."""
    return _outputs(
        build_number=entry.value,
        value=entry.value,
        changed=changed,
        reused=entry.reused,
        is_latest=False,
        latest_in_major=False,
        latest_in_minor=False,
        idempotency_token=entry.token,
    )


def write(path: str, outputs: Mapping[str, str]) -> None:
    """Append the outputs to the file that the runner reads. Raises Failure as `lines` does."""
    with open(path, "a", encoding="utf-8", newline="\n") as file:
        file.write(lines(outputs))


def dotenv(
    outputs: Mapping[str, str], creator_id: object = None, names: Mapping[str, str] = DOTENV
) -> str:
    """The outputs and *creator_id*, the account, in the service's dotenv format.

    *creator_id* is omitted unless it is an integer. *names* are `DOTENV` or `DOTENV_OF_NUMBERS`.

    Raises Failure as `lines` does.
    """
    lines(outputs)
    owner = str(creator_id) if type(creator_id) is int else ""
    metadata = outputs["version"].partition("+")[2]
    values = {**outputs, "metadata": metadata, "creator_id": owner}
    return "".join(f"MONOTRON_{name}={values[output]}\n" for name, output in names.items())


def lines(outputs: Mapping[str, str]) -> str:
    """A line NAME=VALUE for each output. Raises Failure if a value does not match its pattern."""
    for name, value in outputs.items():
        if not re.fullmatch(GRAMMAR[name], value):
            raise Failure(
                f"The output `{name}` contains invalid characters. No outputs were written.",
                "Check the name, the token and the server: one of them contains characters that "
                "a workflow cannot use safely.",
            )
    return "".join(f"{name}={value}\n" for name, value in outputs.items())


def _outputs(**values: object) -> dict[str, str]:
    """All outputs. Those that *values* does not contain are empty."""
    return {name: _text(values.get(name)) for name in GRAMMAR}


def _one_line(text: str | None) -> str:
    return escape_commands(text or "")[:MAX_TEXT_LENGTH]


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
