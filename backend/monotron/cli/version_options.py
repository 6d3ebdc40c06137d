"""The options of `monotron version`, named like the inputs of the action, and their query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from monotron.cli import git
from monotron.cli.options import fail_usage, passed
from monotron_ci.branch_names import Branch, UnknownDefaultBranch
from monotron_ci.combinations import contradictions
from monotron_ci.errors import Failure
from monotron_ci.input_parsers import paths
from monotron_ci.inputs import BRANCH, BUMPS, CALENDARS, COMMITS, PARAMETERS

_OPTIONS = (
    click.option("--version", metavar="VERSION", help="Assign exactly VERSION, such as `2.5.0`."),
    click.option(
        "--bump",
        type=click.Choice(BUMPS, case_sensitive=False),
        default="patch",
        show_default=True,
        help="Component to increment. `final` promotes a pre-release, `auto` decides from commit "
        "messages, `calendar` derives the version from the date, `none` shows the current version.",
    ),
    click.option(
        "--calendar",
        type=click.Choice(CALENDARS),
        show_default="YYYY.M",
        help="Format of `--bump calendar`.",
    ),
    click.option(
        "--skip-types",
        metavar="TYPES",
        help="Types of commits that request no version unless they are breaking, such as "
        "`docs,ci`, for `--bump auto`.",
    ),
    click.option(
        "--minor-types",
        metavar="TYPES",
        show_default="feat",
        help="Types of commits that request a minor version, for `--bump auto`.",
    ),
    click.option(
        "--commits",
        type=click.Choice(COMMITS),
        show_default="lenient",
        help="How to read commit messages, for `--bump auto`: `strict` follows Conventional "
        "Commits 1.0.0 literally.",
    ),
    click.option(
        "--prerelease",
        metavar="LABEL",
        help="Pre-release label, such as `rc`, or `branch` for the name of the current branch as "
        "label (none on the default branch).",
    ),
    click.option(
        "--line",
        metavar="LINE",
        help="Maintenance line, such as `1` or `1.2`, or `branch` for that of the current "
        "branch's name, such as `release/1.2` or `1.2.x`.",
    ),
    click.option(
        "--default-branch",
        metavar="NAME",
        show_default="origin/HEAD of the clone",
        help="Default branch, for `branch` as label or line.",
    ),
    click.option(
        "--initial-version",
        metavar="VERSION",
        help="Last released version, used only if NAME is new.",
    ),
    click.option(
        "--from-scratch",
        is_flag=True,
        help="Start a new NAME from 0.0.0, although the repository has version tags.",
    ),
    click.option(
        "--build-metadata",
        metavar="TEXT",
        help="Build metadata to append after `+`, such as `sha.7d4c379`.",
    ),
    click.option(
        "--on-conflict",
        type=click.Choice(("fail", "reuse")),
        default="fail",
        show_default=True,
        help="If the commit already has another version: fail, or return that one.",
    ),
    click.option(
        "--on-withdrawn",
        type=click.Choice(("fail", "new")),
        default="fail",
        show_default=True,
        help="If the version of the commit was withdrawn: fail, or assign the commit a new one.",
    ),
    click.option(
        "--since",
        metavar="REF",
        default="",
        show_default="the previous version",
        help="For `--bump auto`: read the commits after this commit, tag or branch.",
    ),
    click.option(
        "--paths",
        metavar="PATTERN",
        multiple=True,
        help="For `--bump auto`: only commits that change these files count, such as `api/**`. "
        "Repeatable.",
    ),
    click.option(
        "--messages",
        metavar="FILE",
        show_default="all commits since the previous version",
        help="Commit messages for `--bump auto`, separated by NUL; `-` reads standard input.",
    ),
    click.option("--dry-run", is_flag=True, help="Show the version without assigning it."),
)


def version_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that determine the version."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def check_combinations(options: Mapping[str, Any]) -> None:
    """Raise UsageError if two options contradict each other."""
    bump = options["bump"]
    if options["version"] and not passed(click.get_current_context(), "bump"):
        bump = ""
    given = {name.replace("_", "-"): value for name, value in options.items() if value}
    for first, second, is_missing in contradictions(bump, given):
        verb = "requires" if is_missing else "cannot be combined with"
        fail_usage(f"{_option(first)} {verb} {_option(second)}")


def _option(name: str) -> str:
    """`--bump auto` for `bump: auto`."""
    return "--" + name.replace(": ", " ")


def _of_branch(options: Mapping[str, Any]) -> dict[str, str | None]:
    """The label and the line, if they come from the name of the current branch."""
    names = [name for name in ("prerelease", "line") if options[name] == BRANCH]
    if not names:
        return {}
    default = options["default_branch"] or git.default_branch()
    branch = Branch(git.current_branch(), default)
    try:
        return {
            name: (branch.label if name == "prerelease" else branch.line) or None for name in names
        }
    except UnknownDefaultBranch as failure:
        failure.hint = "pass it: --default-branch main"
        raise


def parse_paths(values: Sequence[str]) -> tuple[str, ...]:
    """The patterns of `--paths`. Raises Failure if one cannot match a file."""
    found: list[str] = []
    for value in values:
        try:
            parsed = paths("--paths", value)
            if not parsed:
                raise Failure("`--paths` is empty.")
        except Failure as failure:
            failure.hint = (
                "pass a folder or a pattern, such as api/**; check that variables are set"
            )
            raise
        found += parsed
    return tuple(found)


def version_query(options: Mapping[str, Any]) -> dict[str, str]:
    """The query parameters of a request for a version, without those at their default."""
    query = {parameter: options[field] for parameter, field in PARAMETERS.items()}
    query.update(_of_branch(options))
    query["bump"] = None if options["version"] else options["bump"]
    query["on_conflict"] = "reuse" if options["on_conflict"] == "reuse" else None
    query["on_withdrawn"] = "new" if options["on_withdrawn"] == "new" else None
    query["dry_run"] = "true" if options["dry_run"] else None
    for name in ("skip_types", "minor_types"):
        query[name] = query[name] and query[name].replace(" ", "")
    return {name: value for name, value in query.items() if value is not None}
