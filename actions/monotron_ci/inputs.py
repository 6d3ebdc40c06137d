"""The inputs of the action, read and typed in one place. An error names the input."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from monotron_ci.client import VERSION
from monotron_ci.credential import Credential, parse_credential
from monotron_ci.errors import Failure
from monotron_ci.http import checked_url

MODES = ("semver", "counter")
BUMPS = ("major", "minor", "patch", "final", "auto", "none")
TAG_PREFIX = "v"

OF_VERSIONS_ONLY = (
    "prerelease",
    "line",
    "initial-version",
    "build-metadata",
    "create-tag",
    "on-conflict",
)
"""Inputs that mean nothing for a plain number."""


MAY_BE_BLANK = ("tag-prefix", "major-labels", "minor-labels", "patch-labels")
"""Inputs for which nothing is something else than their default."""


class Inputs(NamedTuple):
    """What the workflow says under `with`, each at its default where it says nothing."""

    url: str
    api_key: Credential | None = None
    audience: str = ""
    name: str = ""
    mode: str = "semver"
    bump: str = "patch"
    prerelease: str = ""
    line: str = ""
    initial_version: str = ""
    on_conflict: str = "fail"
    create_tag: bool = False
    github_token: Credential | None = None
    idempotency_token: str = ""
    tag_prefix: str = TAG_PREFIX
    build_metadata: str = ""
    major_labels: tuple[str, ...] = ("major",)
    minor_labels: tuple[str, ...] = ("minor",)
    patch_labels: tuple[str, ...] = ("patch",)
    dry_run: bool = False
    summary: bool = True
    timeout: int = 60
    """Seconds."""
    retries: int = 8


def raw_inputs(environ: Mapping[str, str]) -> dict[str, str]:
    """The inputs as the runner gives them, in MONOTRON_INPUTS; without those left blank."""
    try:
        given = json.loads(environ["MONOTRON_INPUTS"])
    except (KeyError, ValueError, RecursionError):
        raise Failure(
            "MONOTRON_INPUTS holds no inputs.", "This runs as a step of the Monotron action."
        ) from None
    texts = {str(name): str(value) for name, value in given.items()}
    return {name: text for name, text in texts.items() if text.strip() or name in MAY_BE_BLANK}


def parse_inputs(raw: Mapping[str, str], kind: str) -> Inputs:
    """The inputs of the action (*kind* `version`), or of `next` or `peek`, which have fewer."""
    if "url" not in raw:
        raise Failure(
            "The input `url` is missing: where does Monotron run?",
            "with:\n  url: https://monotron.example.com",
        )
    parsed: dict[str, Any] = {"url": checked_url(raw["url"], "The input `url`")}
    for name, parse in _PARSERS.items():
        if name in raw:
            parsed[name.replace("-", "_")] = parse(name, raw[name])
    if kind != "version":
        parsed["mode"] = "counter"
    if kind == "peek":
        parsed["bump"] = "none"
    inputs = Inputs(**parsed)
    if inputs.mode == "counter":
        _check_counter(inputs)
    if inputs.bump == "none":
        _check_none(inputs)
    if inputs.bump == "final" and inputs.prerelease:
        raise Failure(
            "`bump: final` makes a pre-release final, so it goes without `prerelease`.",
            "Leave one of the two out.",
        )
    if inputs.api_key and inputs.audience:
        raise Failure(
            "Both `api-key` and `audience` are given: sign in with a key, or without one.",
            "Leave one of the two out.",
        )
    return inputs


def _check_none(inputs: Inputs) -> None:
    for name in ("line", "prerelease"):
        if getattr(inputs, name):
            raise Failure(
                f"`bump: none` looks at the latest final version, for which `{name}` means "
                "nothing.",
                f"Leave `{name}` out, or name a commit whose version is meant as "
                "`idempotency-token`.",
            )


def _check_counter(inputs: Inputs) -> None:
    default = Inputs._field_defaults
    fields = {name: name.replace("-", "_") for name in OF_VERSIONS_ONLY}
    unfit = [name for name, field in fields.items() if getattr(inputs, field) != default[field]]
    if inputs.bump not in ("patch", "none"):
        unfit.append("bump")
    if unfit:
        raise Failure(
            f"`mode: counter` gives a plain number, for which `{unfit[0]}` means nothing.",
            f"Leave `{unfit[0]}` out, or write `mode: semver` for a version.",
        )


def _one_of(*words: str) -> Any:
    def parse(name: str, text: str) -> str:
        if text not in words:
            raise _wrong(name, text, f"one of {', '.join(words)}")
        return text

    return parse


def _boolean(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):  # True is a boolean of YAML too
        raise _wrong(name, text, "true or false")
    return text.lower() == "true"


def _whole(least: int, most: int) -> Any:
    def parse(name: str, text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,6}", text) or not least <= int(text) <= most:
            raise _wrong(name, text, f"a whole number from {least} to {most}")
        return int(text)

    return parse


def _matching(pattern: str, what: str) -> Any:
    def parse(name: str, text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise _wrong(name, text, what)
        return text

    return parse


def _version(name: str, text: str) -> str:
    if not VERSION.fullmatch(text[1:] if text[:1] == "v" else text):
        raise _wrong(name, text, "a version, such as 1.4.2")
    return text


def tag_prefix(name: str, text: str) -> str:
    """What tags begin with; `Failure` where no tag of git can."""
    # What git allows in a tag (git check-ref-format), and a bit less.
    if not re.fullmatch(r"([0-9A-Za-z_@][0-9A-Za-z._/+@-]{0,99})?", text) or re.search(
        r"\.\.|//|/\.|\./|\.lock/", text
    ):
        raise _wrong(name, text, "letters, digits and . _ / + @ -, such as v or api/v")
    return text


def _words(name: str, text: str) -> str:
    """Any words, as one line: checked by the service."""
    return text


def _labels(name: str, text: str) -> tuple[str, ...]:
    labels = (label.strip().casefold() for label in re.split(r"[,\n]", text))
    return tuple(label for label in labels if label)


def _credential(name: str, text: str) -> Credential:
    return parse_credential(text, f"The input `{name}`")


_PARSERS: dict[str, Any] = {
    "api-key": _credential,
    "audience": _words,
    "name": _words,
    "mode": _one_of(*MODES),
    "bump": _one_of(*BUMPS),
    "prerelease": _matching(r"[0-9A-Za-z]{1,20}", "a label of letters and digits, such as rc"),
    "line": _matching(r"[0-9]+(\.[0-9]+)?", "a line of versions, such as 1 or 1.2"),
    "initial-version": _version,
    "on-conflict": _one_of("fail", "reuse"),
    "create-tag": _boolean,
    "github-token": _credential,
    "idempotency-token": _words,
    "tag-prefix": tag_prefix,
    "build-metadata": _matching(r"[0-9A-Za-z.-]+", "letters, digits, dots and hyphens"),
    "major-labels": _labels,
    "minor-labels": _labels,
    "patch-labels": _labels,
    "dry-run": _boolean,
    "summary": _boolean,
    "timeout": _whole(1, 3600),
    "retries": _whole(0, 100),
}

NAMES = ("url", *_PARSERS)
"""All inputs, in the order of action.yml."""


def _wrong(name: str, text: str, what: str) -> Failure:
    return Failure(f"The input `{name}` must be {what}, not {text[:100]!r}.", f"with:\n  {name}: …")
