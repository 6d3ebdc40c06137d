"""The commands that ask a service: for terminals, and for scripts of any CI system."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from semver import Version as SemVer

from monotron_ci import outputs
from monotron_ci.client import Client, Entry, Version
from monotron_ci.credential import parse_credential
from monotron_ci.failure import Failure, NoAnswer
from monotron_ci.inputs import BUMPS, tag_prefix
from monotron_ci.sending import Patience

REFUSED, NOTHING_THERE, NO_ANSWER = 1, 3, 4
"""Exit codes: the service refused; there is nothing yet; it did not answer, so ask again."""

URL = "http://127.0.0.1:3030"

MOST_MESSAGES = 1 << 20
"""Bytes that the service reads."""

DOTENV = {
    "VERSION": "version",
    "TAG": "tag",
    "MAJOR": "major",
    "MINOR": "minor",
    "PATCH": "patch",
    "PRERELEASE_ID": "prerelease",
    "METADATA": "metadata",
    "RELEASE_TYPE": "bump",
    "PREVIOUS_VERSION": "previous",
    "IS_LATEST": "latest",
    "REUSED": "reused",
}
"""The variables of `--output dotenv` and the members that they show, as the service has them."""


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
            return json.dumps(self.document, ensure_ascii=False) + "\n"
        return str(getattr(self, name))


def add_commands(commands: Any) -> None:
    """Add `next`, `version`, `peek`, `releases` and `adopt` to a parser's commands."""
    asking = _asking()
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
            Patience(parsed.timeout, parsed.retries),
        )
        shown: Shown = parsed.ask(client, parsed)
    except Nothing as nothing:
        print(f"monotron: {nothing}", file=sys.stderr)
        return NOTHING_THERE
    except Failure as failure:
        print(f"monotron: {failure}", file=sys.stderr)
        return REFUSED if failure.code and not isinstance(failure, NoAnswer) else NO_ANSWER
    except UsageError as error:
        print(f"monotron: {error}", file=sys.stderr)
        return 2
    sys.stdout.write(shown.form(parsed.output))
    return 0


class UsageError(Exception):
    """The command cannot work with what it was given, or with what is in this folder."""


def _asking() -> argparse.ArgumentParser:
    """What all commands take. The key comes from the environment only: arguments can be seen."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--url", help=f"of the service (MONOTRON_URL; default: {URL})")
    parser.add_argument("--timeout", type=int, default=60, help="seconds to go on trying (60)")
    parser.add_argument("--retries", type=int, default=8, help="times to ask again (8)")
    return parser


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
    parser.add_argument(
        "--messages",
        metavar="FILE",
        help="commit messages for --bump auto, NUL-separated; - is the standard input (default: "
        "git log since the commit that has the latest version)",
    )
    parser.set_defaults(ask=_version)


def _add_releases(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="of what is versioned")
    parser.add_argument("--limit", type=int, default=20, help="how many at most (20)")
    parser.set_defaults(ask=_releases)


def _add_adopt(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="of what is versioned")
    parser.add_argument("--version", metavar="VERSION", help="(the newest of the tags here)")
    parser.add_argument("--tag-prefix", default="v", help="what the tags begin with (v)")
    parser.set_defaults(ask=_adopt)


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
    if parsed.bump == "none":
        version = client.find(parsed.name, parsed.token or "")
        if version.version == "0.0.0":
            raise Nothing(f"{parsed.name!r} has no version yet")
        return _version_shown(version, changed=False)
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
    text = _messages(client, parsed, token) if parsed.bump == "auto" else None
    version = client.version(parsed.name, token, query, text)
    return _version_shown(version, changed=not parsed.dry_run)


def _releases(client: Client, parsed: argparse.Namespace) -> Shown:
    found: list[Version] = []
    after: str | None = ""
    while after is not None and len(found) < parsed.limit:
        page, after = client.releases(parsed.name, min(1000, parsed.limit - len(found)), after)
        found += page
    rows: list[tuple[str, ...]] = [("VERSION", "TOKEN", "BUMP", "AFTER", "GIVEN AT")]
    for release in found:
        latest = " (latest)" if release.latest else ""
        cells = (release.token, release.bump, release.previous, release.created_at)
        rows.append((release.version + latest, *(cell or "-" for cell in cells)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return Shown([release.document for release in found], "".join(f"{line}\n" for line in lines))


def _adopt(client: Client, parsed: argparse.Namespace) -> Shown:
    version = parsed.version or _newest_tag(tag_prefix("--tag-prefix", parsed.tag_prefix))
    return _version_shown(client.adopt(parsed.name, version), changed=False)


def _entry_shown(entry: Entry) -> Shown:
    reused = str(entry.reused).lower()
    return Shown(
        entry.document,
        f"{entry.value}\n",
        f"MONOTRON_VALUE={entry.value}\nMONOTRON_BUILD_NUMBER={entry.value}\n"
        f"MONOTRON_REUSED={reused}\n",
        outputs.lines(outputs.of_entry(entry, changed=True)),
    )


def _version_shown(version: Version, *, changed: bool) -> Shown:
    values = {name: version.document.get(member) for name, member in DOTENV.items()}
    values["DOCKER_TAG"] = version.version.replace("+", "_")
    given = outputs.of_version(version, tag_prefix="v", changed=changed)
    return Shown(
        version.document,
        f"{version.version}\n",
        "".join(f"MONOTRON_{name}={outputs.text(value)}\n" for name, value in values.items()),
        outputs.lines(given),
    )


def _token(parsed: argparse.Namespace) -> str:
    token: str = parsed.token or _git("rev-parse", "HEAD").strip()
    return token


def _messages(client: Client, parsed: argparse.Namespace, token: str) -> str:
    """The messages that decide a bump; of git, those since the latest version's commit."""
    if parsed.messages == "-":
        return sys.stdin.buffer.read(MOST_MESSAGES + 1).decode(errors="replace")
    if parsed.messages:
        try:
            return Path(parsed.messages).read_text(errors="replace")
        except OSError as error:
            raise UsageError(f"{parsed.messages} cannot be read: {error.strerror}") from None
    if client.find(parsed.name, token).version != "0.0.0":
        return ""  # it keeps its version, whatever the messages are
    latest = client.find(parsed.name)
    since = latest.token or (f"v{latest.version}" if latest.version != "0.0.0" else None)
    try:
        commits = f"{since}..{token}" if since else token
        # Tokens are anybody's words: none of them is an option.
        return _git("log", "--format=%B%x00", "--end-of-options", commits, "--")
    except UsageError:
        raise UsageError(
            f"the commits since {latest.version} are not all here, so they cannot decide. Fetch "
            "the whole history, or name them: git log --format=%B%x00 … | monotron version … "
            "--bump auto --messages -"
        ) from None


def _newest_tag(prefix: str) -> str:
    """The highest final version among the tags here."""
    tags = _git("tag", "--list", f"{prefix}*").splitlines()
    found = [tag.removeprefix(prefix) for tag in tags]
    versions = [SemVer.parse(text) for text in found if SemVer.is_valid(text)]
    finals = [version for version in versions if version.prerelease is None]
    if not finals:
        raise UsageError(
            f"no tag here is {prefix}X.Y.Z. Fetch the tags (git fetch --tags), or say "
            "--tag-prefix or --version."
        )
    return str(max(finals))


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        raise UsageError("git is not installed, so name the token.") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()[:1]
        raise UsageError(f"git {arguments[0]} failed: {' '.join(said)}. Name the token.")
    return done.stdout.decode(errors="replace")
