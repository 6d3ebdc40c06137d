"""Commands for builds: numbers and versions, from a terminal or a script of any CI system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from monotron import __version__
from monotron.cli import git
from monotron.cli.auto_version import read_messages, version_of_commits
from monotron.cli.command import BUILDS
from monotron.cli.options import client_options, fail_usage, integer, output_option, passed
from monotron.cli.output import FORMATS, CommandOutput, NothingFound, table
from monotron_ci import outputs
from monotron_ci.client import Client
from monotron_ci.errors import Failure
from monotron_ci.inputs import BUMPS, TAG_PREFIX, tag_prefix
from monotron_ci.responses import SeriesEntry, VersionInfo

MAX_PAGE_SIZE = 1000
"""The maximum of `limit` in the API."""

token_argument = click.argument("token", metavar="[TOKEN]", required=False)

tag_prefix_option = click.option(
    "--tag-prefix",
    "prefix",
    metavar="PREFIX",
    default=TAG_PREFIX,
    show_default=True,
    help="Git tag prefix.",
)


@BUILDS.command("next")
@click.argument("key", metavar="KEY")
@token_argument
@output_option(*FORMATS)
@client_options
def next_number(client: Client, key: str, token: str | None) -> CommandOutput:
    """Get the build number of a commit (assigns the next one on first use).

    KEY is the name of the series. TOKEN is a commit or any other idempotency token [default: the
    current commit].
    """
    token = token or git.current_commit(f"monotron next {key}")
    return _entry_output(client.next(key, token))


@BUILDS.command("version")
@click.argument("name", metavar="[NAME]", required=False)
@token_argument
@click.option(
    "--bump",
    type=click.Choice(BUMPS, case_sensitive=False),
    default="patch",
    show_default=True,
    help="Component to increment. `final` promotes a pre-release, `auto` decides from commit "
    "messages, `none` shows the current version.",
)
@click.option("--prerelease", metavar="LABEL", help="Pre-release label, such as `rc`.")
@click.option("--line", metavar="LINE", help="Maintenance line, such as `1` or `1.2`.")
@click.option(
    "--initial", metavar="VERSION", help="Last released version, used only if NAME is new."
)
@click.option(
    "--metadata", metavar="TEXT", help="Build metadata to append after `+`, such as `sha.7d4c379`."
)
@click.option(
    "--on-conflict",
    type=click.Choice(("fail", "reuse")),
    default="fail",
    show_default=True,
    help="If the commit already has another version: fail, or return that one.",
)
@click.option(
    "--since",
    metavar="REF",
    default="",
    show_default="the previous version",
    help="For `--bump auto`: read the commits after this commit, tag or branch.",
)
@click.option(
    "--paths",
    metavar="PATTERN",
    multiple=True,
    help="For `--bump auto`: only commits that change these files count, such as `api/**`. "
    "Repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Show the version without assigning it.")
@tag_prefix_option
@click.option(
    "--messages",
    "messages_file",
    metavar="FILE",
    show_default="all commits since the previous version",
    help="Commit messages for `--bump auto`, separated by NUL; `-` reads standard input.",
)
@output_option(*FORMATS)
@client_options
def version(client: Client, name: str | None, token: str | None, **options: Any) -> CommandOutput:
    """Get the semantic version of a commit (assigns the next one on first use).

    NAME is the name to version; without it, the command prints the version of monotron itself.
    TOKEN is a commit or any other idempotency token [default: the current commit].
    """
    if name is None:
        return _program_version()
    prefix = tag_prefix("--tag-prefix", options["prefix"])
    if options["bump"] == "none":
        return _current_version(client, name, token, options, prefix)
    token = token or git.current_commit(f"monotron version {name}")
    query = _query(options)
    notes: tuple[str, ...] = ()
    file, since, paths = options["messages_file"], options["since"], options["paths"]
    if options["bump"] != "auto" and (file or since or paths):
        fail_usage("--messages, --since and --paths require --bump auto")
    if file and (since or paths):
        fail_usage("--messages cannot be combined with --since or --paths")
    if options["bump"] != "auto":
        info = client.version(name, token, query)
    elif file:
        info = client.version(name, token, query, read_messages(file, name))
    else:
        info, notes = version_of_commits(
            client, name, token, query, tag_prefix=prefix, since=since, paths=paths
        )
    if info.is_unchanged:
        return _no_release_output(info, *notes)
    return _version_output(info, prefix, *notes, changed=not options["dry_run"])


@BUILDS.command("peek")
@click.argument("key", metavar="KEY")
@token_argument
@output_option(*FORMATS)
@client_options
def peek(client: Client, key: str, token: str | None) -> CommandOutput:
    """Show the current number without assigning one.

    KEY is the name of the series. With TOKEN, show the number of that commit.
    """
    entry = client.peek(key, token)
    if not entry.value:
        if token is None:
            raise NothingFound(f"{key!r} has no builds yet")
        raise NothingFound(f"{token!r} has no number in {key!r}")
    return _entry_output(entry)


@BUILDS.command("releases")
@click.argument("name", metavar="NAME")
@click.option(
    "--limit",
    metavar="N",
    type=integer("n", 1, 999_999),
    default=20,
    show_default=True,
    help="List at most N versions.",
)
@output_option("text", "json")
@client_options
def releases(client: Client, name: str, limit: int) -> CommandOutput:
    """List the versions of a name, highest first."""
    infos: list[VersionInfo] = []
    before: str | None = ""
    while before is not None and len(infos) < limit:
        try:
            page, before = client.releases(name, min(MAX_PAGE_SIZE, limit - len(infos)), before)
        except Failure as failure:
            if failure.code != "version_not_found":
                raise
            raise NothingFound(f"{name!r} has no versions yet") from None
        infos += page
    rows: list[tuple[str, ...]] = [("VERSION", "TOKEN", "BUMP", "PREVIOUS", "CREATED")]
    for info in infos:
        state = " (latest)" if info.latest else ""
        if info.document.get("withdrawn"):
            state = " (withdrawn)"
        cells = (info.token, info.bump, info.previous, info.created_at)
        rows.append((info.version + state, *(cell or "-" for cell in cells)))
    return CommandOutput(table(rows), [info.document for info in infos])


@BUILDS.command("adopt")
@click.argument("name", metavar="NAME")
@click.option(
    "--version",
    "existing",
    metavar="VERSION",
    show_default="the newest git tag",
    help="Version to continue from.",
)
@tag_prefix_option
@output_option(*FORMATS)
@client_options
def adopt(client: Client, name: str, existing: str | None, prefix: str) -> CommandOutput:
    """Continue from an existing version (default: the newest git tag)."""
    prefix = tag_prefix("--tag-prefix", prefix)
    existing = existing or git.newest_tag(prefix, f"monotron adopt {name}")
    return _version_output(client.adopt(name, existing), prefix, changed=False)


def _program_version() -> CommandOutput:
    ctx = click.get_current_context()
    if any(passed(ctx, parameter) for parameter in ctx.params):
        fail_usage("missing argument 'NAME'")
    return CommandOutput(f"monotron {__version__}\n", {"version": __version__})


def _current_version(
    client: Client, name: str, token: str | None, options: Mapping[str, Any], prefix: str
) -> CommandOutput:
    if options["line"] or options["prerelease"]:
        fail_usage("--bump none cannot be combined with --line or --prerelease")
    info = client.find(name, token or "")
    if info.version == "0.0.0":
        raise NothingFound(
            f"{token!r} has no version of {name!r}" if token else f"{name!r} has no versions yet"
        )
    return _version_output(info, prefix, changed=False)


def _query(options: Mapping[str, Any]) -> dict[str, str]:
    """The query parameters of a request for a version, without those at their default."""
    query = {name: options[name] for name in ("bump", "prerelease", "line", "initial", "metadata")}
    query["on_conflict"] = "reuse" if options["on_conflict"] == "reuse" else None
    query["dry_run"] = "true" if options["dry_run"] else None
    return {name: value for name, value in query.items() if value is not None}


def _entry_output(entry: SeriesEntry) -> CommandOutput:
    values = outputs.of_entry(entry, changed=True)
    dotenv = outputs.dotenv(values, entry.document.get("creator_id"))
    github = outputs.lines(values)
    return CommandOutput(f"{entry.value}\n", entry.document, dotenv, github)


def _version_output(info: VersionInfo, prefix: str, *notes: str, changed: bool) -> CommandOutput:
    values = outputs.of_version(info, tag_prefix=prefix, changed=changed)
    return _output_of(info, f"{info.version}\n", values, *notes)


def _no_release_output(info: VersionInfo, *notes: str) -> CommandOutput:
    """An empty line instead of a version, so that no script publishes an old version again."""
    values = outputs.of_no_release(info.reason, info.notes)
    return _output_of(info, "\n", values, *(notes or (f"no release: {info.reason}",)))


def _output_of(
    info: VersionInfo, text: str, values: Mapping[str, str], *notes: str
) -> CommandOutput:
    dotenv = outputs.dotenv(values, info.document.get("creator_id"))
    github = outputs.lines(values)
    notes = (*notes, *(f"note: {note}" for note in info.notes))
    return CommandOutput(text, info.document, dotenv, github, notes)
