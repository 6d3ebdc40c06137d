"""Commands for builds: numbers and versions, from a terminal or a script of any CI system."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from monotron import __version__
from monotron.cli import git
from monotron.cli.command import BUILDS
from monotron.cli.options import client_options, fail_usage, integer, output_option, passed
from monotron.cli.output import FORMATS, CommandOutput, NothingFound, table
from monotron_ci import outputs
from monotron_ci.client import Client
from monotron_ci.errors import Failure
from monotron_ci.inputs import BUMPS, TAG_PREFIX, tag_prefix
from monotron_ci.responses import SeriesEntry, VersionInfo

MAX_MESSAGES_BYTES = 1 << 20
"""The maximum size of a body that the server accepts."""

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
@click.option("--dry-run", is_flag=True, help="Show the version without assigning it.")
@tag_prefix_option
@click.option(
    "--messages",
    "messages_file",
    metavar="FILE",
    show_default="git log since the commit of the previous version",
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
    text = None
    if options["bump"] == "auto":
        text = _messages(client, name, token, query, options["messages_file"], prefix)
    info = client.version(name, token, query, text)
    if info.is_unchanged:  # an empty line, so that no script publishes an old version again
        output = _version_output(info, prefix, changed=False)
        return replace(output, text="\n", notes=(f"no release: {info.reason}",))
    return _version_output(info, prefix, changed=not options["dry_run"])


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


def _messages(
    client: Client,
    name: str,
    token: str,
    query: Mapping[str, str],
    file: str | None,
    prefix: str,
) -> str:
    """The commit messages from which the server decides the bump."""
    if file == "-":
        text = sys.stdin.buffer.read(MAX_MESSAGES_BYTES + 1).decode(errors="replace")
    elif file:
        try:
            text = Path(file).read_text(errors="replace")
        except OSError as error:
            raise Failure(f"cannot read {file}: {error.strerror}") from None
    else:
        text = _messages_since_previous(client, name, token, query, prefix)
    if len(text.encode(errors="replace")) > MAX_MESSAGES_BYTES:
        raise Failure(
            "the commit messages exceed the 1 MiB that the server accepts",
            "pass the bump (--bump minor), or fewer messages: git log --format=%B%x00 … | "
            f"monotron version {name} --bump auto --messages -",
        )
    return text


def _messages_since_previous(
    client: Client, name: str, token: str, query: Mapping[str, str], prefix: str
) -> str:
    # The server knows which version precedes on this line, so a preview finds it.
    preview = {**query, "bump": "patch", "dry_run": "true", "on_conflict": "reuse"}
    info = client.version(name, token, preview)
    if info.reused:
        return ""  # the messages cannot change a version that is already assigned
    since = info.previous
    if since:
        release = client.release(name, since)
        since = (release and release.token) or f"{prefix}{since}"
    try:
        return git.messages(since, token)
    except git.GitFailed:
        raise Failure(
            f"not all commits since {info.previous or 'the first one'} are in this clone",
            "fetch the whole history and the tags, pass --tag-prefix, or pass the messages: "
            f"git log --format=%B%x00 … | monotron version {name} --bump auto --messages -",
        ) from None


def _entry_output(entry: SeriesEntry) -> CommandOutput:
    values = outputs.of_entry(entry, changed=True)
    dotenv = outputs.dotenv(values, entry.document.get("creator_id"))
    github = outputs.lines(values)
    return CommandOutput(f"{entry.value}\n", entry.document, dotenv, github)


def _version_output(info: VersionInfo, prefix: str, *, changed: bool) -> CommandOutput:
    values = outputs.of_version(info, tag_prefix=prefix, changed=changed)
    dotenv = outputs.dotenv(values, info.document.get("creator_id"))
    github = outputs.lines(values)
    return CommandOutput(f"{info.version}\n", info.document, dotenv, github)
