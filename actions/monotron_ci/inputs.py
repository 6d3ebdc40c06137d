"""The inputs of the action: all of them are parsed and validated here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from monotron_ci import input_parsers as parsers
from monotron_ci.combinations import REQUIRED_BUMPS, Contradiction, contradictions
from monotron_ci.credential import Credential
from monotron_ci.errors import Failure
from monotron_ci.labels import LabelRules
from monotron_ci.urls import server_url

MODES = ("semver", "counter")
BUMPS = ("major", "minor", "patch", "final", "auto", "calendar", "none")
CALENDARS = ("YYYY.M", "YY.M", "YYYY.MMDD", "YYYY")
COMMITS = ("lenient", "strict")
TAG_PREFIX = "v"
BRANCH = "branch"
"""The value of `prerelease` and `line` that derives them from the name of the branch."""

PARAMETERS = {
    "prerelease": "prerelease",
    "line": "line",
    "metadata": "build_metadata",
    "initial": "initial_version",
    "version": "version",
    "calendar": "calendar",
    "skip_types": "skip_types",
    "minor_types": "minor_types",
    "commits": "commits",
}
"""Query parameters of a version, and the fields of `Inputs` that are sent as their values."""

AUTO_ONLY = tuple(name.replace("-", "_") for name, bump in REQUIRED_BUMPS.items() if bump == "auto")
"""Fields and query parameters that affect `bump: auto` only."""

_LABELS = ("major_labels", "minor_labels", "patch_labels", "skip_labels")

_VERSION_FIELDS = (
    *PARAMETERS.values(),
    *("from_scratch", "create_tag", "move_tags", "on_conflict", "on_withdrawn", "since", "paths"),
    *_LABELS,
)
"""Inputs that `mode: counter` does not support."""

_MAY_BE_EMPTY = ("tag-prefix",)
"""Inputs for which an empty text differs from the default."""


class Inputs(NamedTuple):
    """The inputs of a step, with defaults for those that the workflow does not set."""

    url: str
    api_key: Credential | None = None
    audience: str = ""
    account: int | None = None
    name: str = ""
    mode: str = "semver"
    version: str = ""
    bump: str = "patch"
    calendar: str = ""
    skip_types: str = ""
    minor_types: str = ""
    commits: str = ""
    prerelease: str = ""
    line: str = ""
    initial_version: str = ""
    from_scratch: bool = False
    initial_value: int | None = None
    on_conflict: str = "fail"
    on_withdrawn: str = "fail"
    create_tag: bool = False
    move_tags: tuple[str, ...] = ()
    github_token: Credential | None = None
    idempotency_token: str = ""
    tag_prefix: str = TAG_PREFIX
    build_metadata: str = ""
    major_labels: tuple[str, ...] = ()
    minor_labels: tuple[str, ...] = ()
    patch_labels: tuple[str, ...] = ()
    skip_labels: tuple[str, ...] = ()
    since: str = ""
    paths: tuple[str, ...] = ()
    dry_run: bool = False
    summary: bool = True
    timeout: int = 60
    """Seconds."""
    retries: int = 8
    on_unavailable: str = "fail"
    on_no_credentials: str = "fail"

    @property
    def labels(self) -> LabelRules:
        """The labels that request a bump."""
        lists = (self.major_labels, self.minor_labels, self.patch_labels, self.skip_labels)
        return LabelRules.of_inputs(*lists, self.minor_types)


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
    parsed: dict[str, Any] = {"url": server_url(raw["url"], "`url`")}
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
    elif inputs.initial_value is not None:
        raise Failure(
            "`initial-value` requires `mode: counter`.",
            "Set the mode, or for versions `initial-version` instead:\n\n"
            f"with:\n  mode: counter\n  initial-value: {inputs.initial_value}",
        )
    if inputs.move_tags and not inputs.create_tag:
        raise Failure(
            "`move-tags` requires `create-tag: true`.",
            "Tags such as `v1` follow the tags of versions:\n\n"
            f"with:\n  create-tag: true\n  move-tags: {', '.join(inputs.move_tags)}",
        )
    given = {
        name: value
        for name in NAMES
        for value in [getattr(inputs, name.replace("-", "_"))]
        if value is not False and value not in ("", None, ())
    }
    # The runner passes defaults, too. So `bump: patch` means that `bump` is not set.
    bump = "" if inputs.version and inputs.bump == "patch" else inputs.bump
    for contradiction in contradictions(bump, given):
        raise _contradiction(contradiction, given)
    _check_label_types(inputs)
    if inputs.api_key and inputs.audience:
        raise Failure(
            "`api-key` cannot be combined with `audience`.",
            "Remove `audience` to sign in with the API key, or `api-key` for keyless sign-in.",
        )


def _check_label_types(inputs: Inputs) -> None:
    """Raise Failure if the messages that replace those of labelled requests would not count."""
    rules = inputs.labels
    for bump, type, name in (
        ("minor", rules.minor_type, "skip-types"),
        ("patch", "fix", "skip-types"),
        ("patch", "fix", "minor-types"),
    ):
        types = getattr(inputs, name.replace("-", "_")).lower().split(",")
        if rules.are_set and getattr(rules, bump) and type.lower() in types:
            raise Failure(
                f"`{name}` cannot contain `{type}`, because `{bump}-labels` counts as this type.",
                f"Remove the type, or ignore these labels:\n\nwith:\n  {bump}-labels: none",
            )


def _contradiction(found: Contradiction, given: Mapping[str, object]) -> Failure:
    first, second, is_missing = found
    if is_missing:
        return Failure(
            f"`{first}` requires `{second}`.",
            f"Remove `{first}`, or set both:\n\n"
            f"with:\n  {second}\n  {first}: {_yaml(given[first])}",
        )
    kept = first if ": " in first else f"{first}: {_yaml(given[first])}"
    return Failure(
        f"`{first}` cannot be combined with `{second}`.",
        f"{_REASONS[first]} Remove one of the two inputs, for example `{second}`:\n\n"
        f"with:\n  {kept}",
    )


_REASONS = {
    "version": "It assigns exactly this version.",
    "from-scratch": "It starts a name without versions from 0.0.0.",
    "bump: none": "It reads the latest version, or that of `idempotency-token`.",
    "bump: calendar": "The date determines the line.",
    "bump: final": "It makes a pre-release final. To promote one label only, set it.",
}


def _yaml(value: object) -> str:
    """The value of an input, as a workflow contains it."""
    if isinstance(value, tuple):
        return "|\n    " + "\n    ".join(value)
    return "true" if value is True else str(value)


def _not_for_counters(name: str) -> Failure:
    return Failure(
        f"`mode: counter` does not support `{name}`.",
        f"Remove `{name}`, or set `mode: semver` to assign a version.",
    )


_PARSERS: dict[str, Any] = {
    "api-key": parsers.credential,
    "audience": parsers.text,
    "account": parsers.account,
    "name": parsers.text,
    "mode": parsers.one_of(*MODES),
    "version": parsers.version,
    "bump": parsers.one_of(*BUMPS, example="patch", lower=True),
    "calendar": parsers.one_of(*CALENDARS),
    "skip-types": parsers.commit_types,
    "minor-types": parsers.commit_types,
    "commits": parsers.one_of(*COMMITS),
    "prerelease": parsers.matching(
        r"[0-9A-Za-z-]{1,40}",
        "a label of letters, digits and hyphens, or `branch`",
        "feature-login",
    ),
    "line": parsers.matching(
        rf"[0-9]+(\.[0-9]+)?|{BRANCH}", "a maintenance line, or `branch`", '"1.2"'
    ),
    "initial-version": parsers.version,
    "from-scratch": parsers.boolean,
    "initial-value": parsers.initial_value,
    "on-conflict": parsers.one_of("fail", "reuse"),
    "on-withdrawn": parsers.one_of("fail", "new"),
    "create-tag": parsers.boolean,
    "move-tags": parsers.floating_tags,
    "github-token": parsers.credential,
    "idempotency-token": parsers.token,
    "tag-prefix": parsers.tag_prefix,
    "build-metadata": parsers.matching(
        r"[0-9A-Za-z.-]+", "letters, digits, dots and hyphens", "sha.7d4c379"
    ),
    "major-labels": parsers.labels,
    "minor-labels": parsers.labels,
    "patch-labels": parsers.labels,
    "skip-labels": parsers.labels,
    "since": parsers.matching(
        r"[0-9A-Za-z_][0-9A-Za-z._/+@-]{0,250}", "a commit, a tag or a branch", "v1.4.2"
    ),
    "paths": parsers.paths,
    "dry-run": parsers.boolean,
    "summary": parsers.boolean,
    "timeout": parsers.integer(1, 3600, example="60"),
    "retries": parsers.integer(0, 100, example="8"),
    "on-unavailable": parsers.one_of("fail", "skip"),
    "on-no-credentials": parsers.one_of("fail", "skip"),
}

NAMES = ("url", *_PARSERS)
"""All inputs, in the order of action.yml."""
