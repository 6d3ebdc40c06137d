"""The command `adopt`: versions of a project that was versioned without Monotron."""

from __future__ import annotations

import click

from monotron.cli import git
from monotron.cli.builds import tag_prefix_option, version_output
from monotron.cli.options import client_options, fail_usage, output_option
from monotron.cli.output import FORMATS, CommandOutput, count_text
from monotron.cli.sections import BUILDS
from monotron.cli.tag_history import record_history, tag_history
from monotron_ci.client import Client
from monotron_ci.input_parsers import tag_prefix
from monotron_ci.responses import VERSION


@BUILDS.command("adopt")
@click.argument("name", metavar="NAME")
@click.option(
    "--version",
    "existing",
    metavar="VERSION",
    show_default="the newest git tag that HEAD contains",
    help="Version to continue from.",
)
@click.option(
    "--tags",
    "with_history",
    is_flag=True,
    help="Also record the earlier versions, with the commits of their tags.",
)
@click.option("--dry-run", is_flag=True, help="Show the version without adopting it.")
@tag_prefix_option
@output_option(*FORMATS)
@client_options
def adopt(
    client: Client,
    name: str,
    existing: str | None,
    *,
    with_history: bool,
    dry_run: bool,
    prefix: str,
) -> CommandOutput:
    """Continue from an existing version (default: the newest git tag that HEAD contains).

    With --tags, the commits of all version tags keep their versions, and the next pre-release
    follows the tags of pre-releases, such as `v1.3.0-beta.2`.

    Example: monotron adopt shop --tags --dry-run
    """
    prefix = tag_prefix("--tag-prefix", prefix)
    notes: list[str] = []
    if existing and with_history:
        fail_usage("--version and --tags cannot be combined")
    if existing and not VERSION.fullmatch(existing.removeprefix("v")):
        fail_usage(f"--version must be a version such as 1.4.2, not {existing!r}")
    if not existing:
        tags = git.tags_of_head(client.policy, prefix, f"monotron adopt {name}")
        existing = tags.newest
        notes.append(f"tag {prefix}{existing}, of {count_text(tags.number, 'tag')} of versions")
        if tags.unreachable:
            notes.append(
                f"ignored tag {prefix}{tags.unreachable}, because HEAD does not contain its commit"
            )
    history = tag_history(git.commits_of_tags(), prefix, existing) if with_history else None
    if dry_run:
        notes += history.describe() if history else ()
        notes.append(f"{name!r} was not changed")
        existing = existing.removeprefix("v")
        return CommandOutput(f"{existing}\n", {"version": existing}, notes=tuple(notes))
    if history:
        notes += record_history(client, name, history)
        info = client.newest(name, "")
        if info is not None:  # otherwise, all of its versions were withdrawn
            return version_output(info, prefix, *notes, changed=False)
    return version_output(client.adopt(name, existing), prefix, *notes, changed=False)
