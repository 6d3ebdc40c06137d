"""The inputs of the action: all of them are parsed and validated here."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from monotron_ci.credential import Credential, parse_credential
from monotron_ci.errors import Failure
from monotron_ci.responses import INT64_MAX, VERSION
from monotron_ci.urls import checked_url

MODES = ("semver", "counter")
BUMPS = ("major", "minor", "patch", "final", "auto", "none")
TAG_PREFIX = "v"

PARAMETERS = {
    "prerelease": "prerelease",
    "line": "line",
    "metadata": "build_metadata",
    "initial": "initial_version",
}
"""Query parameters of a version, and the fields of `Inputs` that are sent as their values."""

_VERSION_FIELDS = (*PARAMETERS.values(), "create_tag", "on_conflict", "since", "paths")
"""Inputs that `mode: counter` does not support."""

_MAY_BE_EMPTY = ("tag-prefix", "major-labels", "minor-labels", "patch-labels")
"""Inputs for which an empty text differs from the default."""


class Inputs(NamedTuple):
    """The inputs of a step, with defaults for those that the workflow does not set."""

    url: str
    api_key: Credential | None = None
    audience: str = ""
    account: int | None = None
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
    since: str = ""
    paths: tuple[str, ...] = ()
    dry_run: bool = False
    summary: bool = True
    timeout: int = 60
    """Seconds."""
    retries: int = 8


def raw_inputs(environ: Mapping[str, str]) -> dict[str, str]:
    """The texts of the inputs in MONOTRON_INPUTS, without blank ones."""
    try:
        inputs = json.loads(environ["MONOTRON_INPUTS"])
    except (KeyError, ValueError, RecursionError):
        raise Failure(
            "MONOTRON_INPUTS does not contain inputs.",
            "Run this program as a step of the Monotron action.",
        ) from None
    texts = {str(name): str(value) for name, value in inputs.items()}
    return {name: text for name, text in texts.items() if text.strip() or name in _MAY_BE_EMPTY}


def parse_inputs(raw: Mapping[str, str], action: str) -> Inputs:
    """The inputs of an action: `version`, or `next` or `peek`, which have fewer inputs.

    Raises Failure, which names the input, if one is invalid or two cannot be combined.
    """
    if "url" not in raw:
        raise Failure("The input `url` is required.", "with:\n  url: https://monotron.example.com")
    parsed: dict[str, Any] = {"url": checked_url(raw["url"], "`url`")}
    for name, parse in _PARSERS.items():
        if name in raw:
            parsed[name.replace("-", "_")] = parse(name, raw[name])
    if action != "version":
        parsed["mode"] = "counter"
    if action == "peek":
        parsed["bump"] = "none"
    inputs = Inputs(**parsed)
    _check_combinations(inputs)
    return inputs


def _check_combinations(inputs: Inputs) -> None:
    if inputs.mode == "counter":
        for field in _VERSION_FIELDS:
            if getattr(inputs, field) != Inputs._field_defaults[field]:
                raise _not_for_counters(field.replace("_", "-"))
        if inputs.bump not in ("patch", "none"):
            raise _not_for_counters("bump")
    if inputs.bump == "none":
        for name in ("line", "prerelease"):
            if getattr(inputs, name):
                raise Failure(
                    f"`bump: none` cannot be combined with `{name}`.",
                    f"It reads the latest final version. Remove `{name}`, or set "
                    "`idempotency-token` to the commit whose version to read.",
                )
    if inputs.bump == "final" and inputs.prerelease:
        raise Failure(
            "`bump: final` cannot be combined with `prerelease`.",
            "It makes a pre-release final. Remove one of the two inputs.",
        )
    if inputs.bump != "auto":
        for name in ("since", "paths"):
            if getattr(inputs, name):
                raise Failure(
                    f"`{name}` is used only with `bump: auto`.",
                    f"It selects commits. Remove `{name}`, or add:\n\nwith:\n  bump: auto",
                )
    if inputs.api_key and inputs.audience:
        raise Failure(
            "`api-key` cannot be combined with `audience`.",
            "Remove `audience` to sign in with the API key, or `api-key` for keyless sign-in.",
        )


def _not_for_counters(name: str) -> Failure:
    return Failure(
        f"`mode: counter` does not support `{name}`.",
        f"Remove `{name}`, or set `mode: semver` to assign a version.",
    )


def _one_of(*words: str) -> Any:
    def parse(name: str, text: str) -> str:
        if text not in words:
            *others, last = (f"`{word}`" for word in words)
            raise _invalid(name, text, f"{', '.join(others)} or {last}")
        return text

    return parse


def _bump(name: str, text: str) -> str:
    return str(_one_of(*BUMPS)(name, text.lower()))


def _boolean(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):  # YAML also accepts True
        raise _invalid(name, text, "`true` or `false`")
    return text.lower() == "true"


def _account(name: str, text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,18}", text) or int(text) > INT64_MAX:
        raise _invalid(name, text, "the id of an account, a positive integer", "1")
    return int(text)


def _integer(minimum: int, maximum: int) -> Any:
    def parse(name: str, text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,6}", text) or not minimum <= int(text) <= maximum:
            raise _invalid(name, text, f"an integer from {minimum} to {maximum}")
        return int(text)

    return parse


def _matching(pattern: str, what: str, example: str) -> Any:
    def parse(name: str, text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise _invalid(name, text, what, example)
        return text

    return parse


def _version(name: str, text: str) -> str:
    if not VERSION.fullmatch(text[1:] if text[:1] == "v" else text):
        raise _invalid(name, text, "a version", "1.4.2")
    return text


def tag_prefix(name: str, text: str) -> str:
    """The prefix in *text*. Raises Failure, which mentions *name*, if git tags cannot have it."""
    # A subset of what git allows in tags (git check-ref-format).
    if not re.fullmatch(r"([0-9A-Za-z_@][0-9A-Za-z._/+@-]{0,99})?", text) or re.search(
        r"\.\.|//|/\.|\./|\.lock/", text
    ):
        raise Failure(
            f"`{name}` must contain only letters, digits and `._/+@-`, not {text[:100]!r}.",
            "It must be valid at the start of a git tag. Examples: `v`, `api/v`.",
        )
    return text


def _text(name: str, text: str) -> str:
    """Any text. The service validates it."""
    return text


def _labels(name: str, text: str) -> tuple[str, ...]:
    labels = (label.strip().casefold() for label in re.split(r"[,\n]", text))
    return tuple(label for label in labels if label)


def _paths(name: str, text: str) -> tuple[str, ...]:
    paths = tuple(path.strip() for path in text.splitlines() if path.strip())
    for path in paths:
        if path.startswith(("/", ":", "!")) or not path.isprintable():
            raise Failure(
                f"`{name}` must contain paths from the root of the repository, not {path[:100]!r}.",
                f"with:\n  {name}: |\n    api/**\n    libs/common/**",
            )
    return paths


def _credential(name: str, text: str) -> Credential:
    return parse_credential(text, f"The input `{name}`")


_PARSERS: dict[str, Any] = {
    "api-key": _credential,
    "audience": _text,
    "account": _account,
    "name": _text,
    "mode": _one_of(*MODES),
    "bump": _bump,
    "prerelease": _matching(
        r"[0-9A-Za-z-]{1,40}", "a label of letters, digits and hyphens", "feature-login"
    ),
    "line": _matching(r"[0-9]+(\.[0-9]+)?", "a maintenance line", "1.2"),
    "initial-version": _version,
    "on-conflict": _one_of("fail", "reuse"),
    "create-tag": _boolean,
    "github-token": _credential,
    "idempotency-token": _text,
    "tag-prefix": tag_prefix,
    "build-metadata": _matching(
        r"[0-9A-Za-z.-]+", "letters, digits, dots and hyphens", "sha.7d4c379"
    ),
    "major-labels": _labels,
    "minor-labels": _labels,
    "patch-labels": _labels,
    "since": _matching(
        r"[0-9A-Za-z_][0-9A-Za-z._/+@-]{0,250}", "a commit, a tag or a branch", "v1.4.2"
    ),
    "paths": _paths,
    "dry-run": _boolean,
    "summary": _boolean,
    "timeout": _integer(1, 3600),
    "retries": _integer(0, 100),
}

NAMES = ("url", *_PARSERS)
"""All inputs, in the order of action.yml."""


def _invalid(name: str, text: str, expected: str, example: str = "") -> Failure:
    example = example or str(Inputs._field_defaults[name.replace("-", "_")]).lower()
    return Failure(
        f"`{name}` must be {expected}, not {text[:100]!r}.", f"with:\n  {name}: {example}"
    )
