"""The commands that ask a service: for terminals, and for scripts of any CI system."""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from semver import VersionInfo as SemVer

from monotron_ci import outputs
from monotron_ci.client import LAST, Client, SeriesEntry, VersionInfo
from monotron_ci.credential import parse_credential
from monotron_ci.errors import Failure, NoResponse
from monotron_ci.http import RetryPolicy
from monotron_ci.inputs import BUMPS, TAG_PREFIX, tag_prefix
from monotron_ci.workflow_commands import printable

REFUSED, TOLD_WRONG, NOTHING_THERE, NO_ANSWER = 1, 2, 3, 4
"""Exit codes: the service refused; so did the command; nothing is there yet; ask again."""

URL = "http://127.0.0.1:3030"

MAX_MESSAGES = 1 << 20
"""Bytes that the service reads."""


class Nothing(Exception):
    """There is nothing there yet."""


class Shown(NamedTuple):
    """An answer in each of the forms that can be asked for."""

    document: Any
    text: str
    dotenv: str = ""
    github: str = ""

    def form(self, name: str) -> str:
        if name == "json":
            return json.dumps(self.document) + "\n"
        return str(getattr(self, name))


def add_commands(commands: Any) -> None:
    """Add `next`, `version`, `peek`, `releases` and `adopt` to a parser's commands."""
    asking = asking_parser()
    for name, add, help in (
        ("next", _add_next, "the number of a token in a series: the one it has, or the next"),
        ("version", _add_version, "the semantic version of a token: the one it has, or the next"),
        ("peek", _add_peek, "the number that a series stands at; counts nothing"),
        ("releases", _add_releases, "the versions of a name, and who has them"),
        ("adopt", _add_adopt, "let a name's versions go on from the newest git tag here"),
    ):
        parser = commands.add_parser(
            name,
            parents=[asking],
            help=help,
            description=f"Print {help}." if name != "adopt" else f"{help.capitalize()}.",
            allow_abbrev=False,
        )
        forms = ("text", "json") if name == "releases" else ("text", "json", "dotenv", "github")
        parser.add_argument("--output", choices=forms, default="text")
        add(parser)


def run(parsed: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> int:
    """Ask, and print the answer; errors go to stderr. The exit code."""
    try:
        key = environ.get("MONOTRON_API_KEY", "")
        client = Client(
            parsed.url or environ.get("MONOTRON_URL") or URL,
            parse_credential(key, "MONOTRON_API_KEY") if key else None,
            RetryPolicy(parsed.timeout, parsed.retries),
        )
        shown: Shown = parsed.ask(client, parsed)
        sys.stdout.write(shown.form(parsed.output))
    except (Nothing, Failure) as error:
        print(f"monotron: {printable(str(error))}", file=sys.stderr)
        return exit_code(error)
    return 0


def exit_code(error: Nothing | Failure) -> int:
    if isinstance(error, Nothing):
        return NOTHING_THERE
    if isinstance(error, NoResponse):
        return NO_ANSWER
    return REFUSED if error.code else TOLD_WRONG


class UsageError(Failure):
    """The command cannot work with what it was given, or with what is in this folder."""


def asking_parser() -> argparse.ArgumentParser:
    """What all commands take. The key comes from the environment only: arguments can be seen."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--url", help=f"of the service (MONOTRON_URL; default: {URL})")
    seconds, times = _whole(1, 3600), _whole(0, 100)
    parser.add_argument("--timeout", type=seconds, default=60, help="seconds to go on trying (60)")
    parser.add_argument("--retries", type=times, default=8, help="times to ask again (8)")
    return parser


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,6}", text) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {most}")
        return int(text)

    return parse


def _add_next(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="KEY", help="of the series")
    _add_token(parser)
    parser.set_defaults(ask=_next)


def _add_peek(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="KEY", help="of the series")
    parser.add_argument("token", nargs="?", help="to see what it was given")
    parser.set_defaults(ask=_peek)


def _add_version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="of what is versioned")
    _add_token(parser)
    parser.add_argument("--bump", choices=BUMPS, default="patch", help="(patch); none only looks")
    parser.add_argument("--prerelease", metavar="LABEL", help="such as rc")
    parser.add_argument("--line", help="a maintenance line, such as 1 or 1.2")
    parser.add_argument("--initial", metavar="VERSION", help="the last one, for a new name")
    parser.add_argument("--metadata", help="to append, such as sha.7d4c379")
    parser.add_argument("--on-conflict", choices=("fail", "reuse"), default="fail")
    parser.add_argument("--dry-run", action="store_true", help="tell it, and count nothing")
    _add_tag_prefix(parser)
    parser.add_argument(
        "--messages",
        metavar="FILE",
        help="commit messages for --bump auto, NUL-separated; - is the standard input (default: "
        "git log since the commit that has the latest version)",
    )
    parser.set_defaults(ask=_version)


def _add_releases(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="of what is versioned")
    parser.add_argument(
        "--limit", type=_whole(1, 999_999), default=20, help="how many at most (20)"
    )
    parser.set_defaults(ask=_releases)


def _add_adopt(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="of what is versioned")
    parser.add_argument("--version", metavar="VERSION", help="(the newest of the tags here)")
    _add_tag_prefix(parser)
    parser.set_defaults(ask=_adopt)


def _add_tag_prefix(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tag-prefix", default=TAG_PREFIX, help="what git tags begin with (v)")


def _add_token(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("token", nargs="?", metavar="TOKEN", help="(git rev-parse HEAD)")


def _next(client: Client, parsed: argparse.Namespace) -> Shown:
    return _entry_shown(client.next(parsed.name, _token(parsed)))


def _peek(client: Client, parsed: argparse.Namespace) -> Shown:
    entry = client.peek(parsed.name, parsed.token)
    if not entry.value:
        whose = "" if parsed.token is None else f" for the token {parsed.token!r}"
        raise Nothing(f"the series {parsed.name!r} has no number yet{whose}")
    return _entry_shown(entry)


def _version(client: Client, parsed: argparse.Namespace) -> Shown:
    prefix = tag_prefix("--tag-prefix", parsed.tag_prefix)
    if parsed.bump == "none":
        if parsed.line or parsed.prerelease:
            raise UsageError("--bump none looks at the latest version, or at that of a TOKEN.")
        version = client.find(parsed.name, parsed.token or "")
        if version.version == "0.0.0":
            raise Nothing(f"{parsed.name!r} has no version yet")
        return _version_shown(version, prefix, changed=False)
    token = _token(parsed)
    wanted = {
        "bump": parsed.bump,
        "prerelease": parsed.prerelease,
        "line": parsed.line,
        "initial": parsed.initial,
        "metadata": parsed.metadata,
        "on_conflict": "reuse" if parsed.on_conflict == "reuse" else None,
        "dry_run": "true" if parsed.dry_run else None,
    }
    query = {name: value for name, value in wanted.items() if value is not None}
    text = _messages(client, parsed, token, query, prefix) if parsed.bump == "auto" else None
    version = client.version(parsed.name, token, query, text)
    return _version_shown(version, prefix, changed=not parsed.dry_run)


def _releases(client: Client, parsed: argparse.Namespace) -> Shown:
    found: list[VersionInfo] = []
    after: str | None = ""
    while after is not None and len(found) < parsed.limit:
        try:
            page, after = client.releases(parsed.name, min(1000, parsed.limit - len(found)), after)
        except Failure as failure:
            if failure.code != "version_not_found":
                raise
            raise Nothing(f"{parsed.name!r} has no version yet") from None
        found += page
    rows: list[tuple[str, ...]] = [("VERSION", "TOKEN", "BUMP", "AFTER", "GIVEN AT")]
    for release in found:
        latest = " (latest)" if release.latest else ""
        cells = (release.token, release.bump, release.previous, release.created_at)
        rows.append((release.version + latest, *(cell or "-" for cell in cells)))
    return Shown([release.document for release in found], table(rows))


def _adopt(client: Client, parsed: argparse.Namespace) -> Shown:
    prefix = tag_prefix("--tag-prefix", parsed.tag_prefix)
    version = parsed.version or _newest_tag(prefix)
    return _version_shown(client.adopt(parsed.name, version), prefix, changed=False)


def table(rows: Sequence[Sequence[str]]) -> str:
    """The rows as lines, in columns."""
    shown = [[printable(cell).replace("\n", " ") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in shown)
    return "".join(f"{line}\n" for line in lines)


def _entry_shown(entry: SeriesEntry) -> Shown:
    given = outputs.of_entry(entry, changed=True)
    dotenv, github = outputs.dotenv(given), outputs.lines(given)
    return Shown(entry.document, f"{entry.value}\n", dotenv, github)


def _version_shown(version: VersionInfo, prefix: str, *, changed: bool) -> Shown:
    given = outputs.of_version(version, tag_prefix=prefix, changed=changed)
    dotenv, github = outputs.dotenv(given), outputs.lines(given)
    return Shown(version.document, f"{version.version}\n", dotenv, github)


def _token(parsed: argparse.Namespace) -> str:
    token: str = parsed.token or _git("Name the token.", "rev-parse", "HEAD").strip()
    return token


def _messages(
    client: Client, parsed: argparse.Namespace, token: str, query: Mapping[str, str], prefix: str
) -> str:
    """The messages that decide a bump; of git, those since the version before it."""
    if parsed.messages == "-":
        text = sys.stdin.buffer.read(MAX_MESSAGES + 1).decode(errors="replace")
    elif parsed.messages:
        try:
            text = Path(parsed.messages).read_text(errors="replace")
        except OSError as error:
            raise UsageError(f"{parsed.messages} cannot be read: {error.strerror}") from None
    else:
        text = _messages_since(client, parsed.name, token, query, prefix)
    if len(text.encode(errors="replace")) > MAX_MESSAGES:
        raise UsageError(
            "the messages are longer than the 1 MiB that the service reads, so they cannot decide.",
            "Say the bump (--bump minor), or hand fewer of them over: git log --format=%B%x00 … | "
            "monotron version … --bump auto --messages -",
        )
    return text


def _messages_since(
    client: Client, name: str, token: str, query: Mapping[str, str], prefix: str
) -> str:
    # The service knows what a version on this line comes after, so a preview tells it.
    preview = {**query, "bump": "patch", "dry_run": "true", "on_conflict": "reuse"}
    coming = client.version(name, token, preview)
    if coming.reused:
        return ""  # it keeps its version, whatever the messages are
    since = coming.previous
    if since:
        release = client.release(name, since)
        since = (release and release.token) or f"{prefix}{since}"
    try:
        # Tokens are anybody's words: none of them is an option.
        commits = f"{since}..{token}" if since else token
        return _git("", "log", "--format=%B%x00", "--end-of-options", commits, "--")
    except UsageError:
        raise UsageError(
            f"the commits since {coming.previous or 'the first'} are not all here, so they cannot "
            "decide.",
            "Fetch the whole history and the tags, say what the tags begin with (--tag-prefix), or "
            "name the commits: git log --format=%B%x00 … | monotron version … --bump auto "
            "--messages -",
        ) from None


def _newest_tag(prefix: str) -> str:
    """The highest final version among the tags here that a service can count on from."""
    tags = _git("Say --version.", "tag", "--list", f"{prefix}*").splitlines()
    found = [tag.removeprefix(prefix) for tag in tags]
    versions = [SemVer.parse(text) for text in found if SemVer.is_valid(text)]
    finals = [version for version in versions if version.prerelease is None]
    countable = [each for each in finals if max(each.major, each.minor, each.patch) <= LAST]
    if not countable:
        raise UsageError(
            f"no tag here is {prefix}X.Y.Z.",
            "Fetch the tags (git fetch --tags), or say --tag-prefix or --version.",
        )
    return str(max(countable))


def _git(cure: str, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        raise UsageError("git is not installed.", cure) from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()[:1]
        raise UsageError(f"git {arguments[0]} failed: {' '.join(said)}.", cure)
    return done.stdout.decode(errors="replace")
