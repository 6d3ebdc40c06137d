"""Commands for builds: numbers and versions, from a terminal or a script of any CI system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from monotron import __version__
from monotron.cli.auto_version import read_messages, version_of_commits
from monotron.cli.first_version import tag_check
from monotron.cli.options import client_options, fail_usage, integer, output_option, passed
from monotron.cli.output import FORMATS, CommandOutput, NothingFound, table
from monotron.cli.sections import BUILDS
from monotron.cli.tokens import complete_token, token_or_commit
from monotron.cli.unavailable import on_unavailable_option
from monotron.cli.version_options import (
    check_combinations,
    parse_paths,
    version_options,
    version_query,
)
from monotron_ci import outputs
from monotron_ci.client import Client
from monotron_ci.errors import Failure
from monotron_ci.input_parsers import tag_prefix
from monotron_ci.inputs import TAG_PREFIX
from monotron_ci.responses import INT64_MAX, SeriesEntry, VersionInfo

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
@click.option(
    "--initial-value",
    metavar="N",
    type=integer("n", 0, INT64_MAX),
    help="Last number that another system assigned, used only if KEY is new.",
)
@output_option(*FORMATS)
@on_unavailable_option(outputs.DOTENV_OF_NUMBERS)
@client_options
def next_number(
    client: Client, key: str, token: str | None, initial_value: int | None
) -> CommandOutput:
    """Get the build number of a commit (assigns the next one on first use).

    KEY is the name of the series. TOKEN is a commit or any other idempotency token [default: the
    current commit].
    """
    token = token_or_commit(token, f"monotron next {key}")
    return _entry_output(client.next(key, token, initial_value))


@BUILDS.command("version")
@click.argument("name", metavar="[NAME]", required=False)
@token_argument
@version_options
@tag_prefix_option
@output_option(*FORMATS)
@on_unavailable_option(outputs.DOTENV)
@client_options
def version(client: Client, name: str | None, token: str | None, **options: Any) -> CommandOutput:
    """Get the semantic version of a commit (assigns the next one on first use).

    NAME is the name to version; without it, the command prints the version of monotron itself.
    TOKEN is a commit or any other idempotency token [default: the current commit].
    """
    if name is None:
        return _program_version()
    prefix = tag_prefix("--tag-prefix", options["prefix"])
    check_combinations(options)
    options["paths"] = parse_paths(options["paths"])
    if options["bump"] == "none":
        return _current_version(client, name, token, prefix)
    token = token_or_commit(token, f"monotron version {name}")
    try:
        info, notes = _assign_version(client, name, token, prefix, options)
    except Failure as failure:
        if failure.code == "version_withdrawn":
            failure.hint = "to assign this commit a new version, pass --on-withdrawn new"
        raise
    if info.is_unchanged:
        return _no_release_output(info, *notes)
    return version_output(info, prefix, *notes, changed=not options["dry_run"])


@BUILDS.command("peek")
@click.argument("key", metavar="KEY")
@token_argument
@output_option(*FORMATS)
@client_options
def peek(client: Client, key: str, token: str | None) -> CommandOutput:
    """Show the current number without assigning one.

    KEY is the name of the series. With TOKEN, show the number of that commit.
    """
    token = complete_token(token) if token is not None else None
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
    rows: list[tuple[str, ...]] = [("VERSION", "TOKEN", "BUMP", "PREVIOUS", "CREATED", "REASON")]
    for info in infos:
        state = " (latest)" if info.latest else ""
        if info.is_withdrawn:
            state = " (withdrawn)"
        cells = (info.token, info.bump, info.previous, info.created_at, info.reason)
        rows.append((info.version + state, *(cell or "-" for cell in cells)))
    return CommandOutput(table(rows), [info.document for info in infos])


def _assign_version(
    client: Client, name: str, token: str, prefix: str, options: Mapping[str, Any]
) -> tuple[VersionInfo, tuple[str, ...]]:
    """The version of the token, and notes about it."""
    if not options["from_scratch"]:
        client.check_first_version(tag_check(client, name, prefix))
    query = version_query(options)
    file, since, paths = options["messages"], options["since"], options["paths"]
    if options["bump"] != "auto":
        return client.version(name, token, query), ()
    if file:
        return client.version(name, token, query, read_messages(file, name)), ()
    return version_of_commits(
        client, name, token, query, tag_prefix=prefix, since=since, paths=paths
    )


def _program_version() -> CommandOutput:
    ctx = click.get_current_context()
    if any(passed(ctx, parameter) for parameter in ctx.params):
        fail_usage("missing argument 'NAME'")
    return CommandOutput(f"monotron {__version__}\n", {"version": __version__})


def _current_version(client: Client, name: str, token: str | None, prefix: str) -> CommandOutput:
    token = complete_token(token) if token is not None else None
    info = client.find(name, token or "")
    if info.version == "0.0.0":
        raise NothingFound(
            f"{token!r} has no version of {name!r}"
            if token
            else f"{name!r} has no final version yet"
        )
    notes = (f"warning: version {info.version} was withdrawn",) if info.is_withdrawn else ()
    return version_output(info, prefix, *notes, changed=False)


def _entry_output(entry: SeriesEntry) -> CommandOutput:
    values = outputs.of_entry(entry, changed=True)
    creator_id = entry.document.get("creator_id")
    dotenv = outputs.dotenv(values, creator_id, outputs.DOTENV_OF_NUMBERS)
    github = outputs.lines(values)
    return CommandOutput(f"{entry.value}\n", entry.document, dotenv, github)


def version_output(info: VersionInfo, prefix: str, *notes: str, changed: bool) -> CommandOutput:
    """The output of a command whose result is a version."""
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
