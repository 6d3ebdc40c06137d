"""The arguments of the operators' commands."""

import argparse
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from monotron.cli import admin as commands
from monotron.cli import builds
from monotron.cli.admin_http import KEY_NAME
from monotron.cli.forges import GITHUB_API, GITLAB
from monotron_ci.client import LAST


def add_commands(parsers: Any) -> None:
    """Add `account`, `key` and `trust` to a parser's commands."""
    account = _group(parsers, "account", "make and list accounts")
    _add(account, "create", commands.create_account, "make an account, and print its id")
    _add(account, "list", commands.list_accounts, "list all accounts")

    key = _group(parsers, "key", "make, list and revoke API keys")
    create = _add(key, "create", commands.create_key, "make a key, and print its secret, once")
    _add_account(create)
    _add_what_it_may(create)
    create.add_argument("--expires", metavar="90d|TIME", type=_expiry, help="(never)")
    _add_account(
        _add(key, "list", commands.list_keys, "list the keys of an account, without secrets")
    )
    revoke = _add(key, "revoke", commands.revoke_key, "let a key work no more", output=False)
    revoke.add_argument("key", metavar="KEY", type=_key_name, help="its name, mtk_k_…")
    _add_account(revoke)

    trust = _group(parsers, "trust", "say whose CI jobs may sign in without a stored secret")
    _add_account(_add(trust, "list", commands.list_trusts, "list the trusts of an account"))
    _add_trust(trust)
    delete = _add(trust, "delete", commands.delete_trust, "let a trust let nobody in", output=False)
    delete.add_argument("trust", metavar="TRUST", type=_id, help="its number")
    _add_account(delete)
    _add_github(trust)
    _add_gitlab(trust)


def _group(parsers: Any, name: str, help: str) -> Any:
    described = _sentence(help)
    group = parsers.add_parser(name, help=help, description=described, allow_abbrev=False)
    return group.add_subparsers(title="commands", required=True, metavar="COMMAND")


def _add(
    group: Any, name: str, operate: Callable[..., commands.Told], help: str, *, output: bool = True
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = group.add_parser(
        name,
        parents=[builds.asking_parser()],
        help=help,
        description=_sentence(help),
        allow_abbrev=False,
    )
    parser.add_argument(
        "--store", metavar="sqlite:///FILE", help="instead of --url: the file of a stopped server"
    )
    parser.add_argument("--config", metavar="FILE", help="that server's, for its issuers")
    if output:
        parser.add_argument("--output", choices=("text", "json"), default="text")
    makes = name not in ("list", "revoke", "delete")
    parser.set_defaults(operate=operate, makes=makes)
    return parser


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _add_account(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--account", metavar="ID", type=_id, default=1, help="(1)")


def _add_what_it_may(parser: argparse.ArgumentParser, default: str = "") -> None:
    parser.add_argument(
        "--scope",
        metavar="SCOPE",
        action="append",
        required=not default,
        help=f"such as read,write:series; may be repeated {default}".strip(),
    )
    parser.add_argument("--prefix", help="what the names that it is for begin with (every name)")
    parser.add_argument("--label", help="a word for people")


def _add_trust(trust: Any) -> None:
    parser = _add(trust, "add", commands.create_trust, "trust jobs with certain claims")
    parser.add_argument("issuer", metavar="ISSUER", help="github, gitlab.com, or its address")
    parser.add_argument(
        "--claim",
        metavar="NAME=VALUE",
        action="append",
        required=True,
        type=_claim,
        help="may be repeated; of a NAME that is repeated, any VALUE will do",
    )
    parser.add_argument(
        "--allow-event",
        metavar="EVENT",
        action="append",
        help="to take besides those that are always taken; may be repeated",
    )
    _add_account(parser)
    _add_what_it_may(parser, "(read,write:series)")


def _add_github(trust: Any) -> None:
    parser = _add(
        trust, "github", commands.trust_github, "trust the jobs of a repository of GitHub"
    )
    parser.add_argument("repository", metavar="OWNER/REPOSITORY")
    _add_part(parser, ".github/workflows/release.yml")
    parser.add_argument(
        "--repository-id", metavar="ID", type=_id, help="with --owner-id: GitHub is not asked"
    )
    parser.add_argument("--owner-id", metavar="ID", type=_id)
    parser.add_argument(
        "--github-api", metavar="URL", default=GITHUB_API, help=f"to ask ({GITHUB_API})"
    )
    parser.add_argument("--issuer", default="github", help="of the tokens (github)")
    _add_account(parser)
    _add_what_it_may(parser, "(read,write:series)")


def _add_gitlab(trust: Any) -> None:
    parser = _add(trust, "gitlab", commands.trust_gitlab, "trust the jobs of a project of GitLab")
    parser.add_argument("project", metavar="GROUP/PROJECT")
    _add_part(parser, ".gitlab-ci.yml")
    parser.add_argument(
        "--project-id", metavar="ID", type=_id, help="with --namespace-id: GitLab is not asked"
    )
    parser.add_argument("--namespace-id", metavar="ID", type=_id)
    parser.add_argument("--gitlab-url", metavar="URL", default=GITLAB, help=f"to ask ({GITLAB})")
    parser.add_argument("--issuer", help="of the tokens (what --gitlab-url says)")
    _add_account(parser)
    _add_what_it_may(parser, "(read,write:series)")


def _add_part(parser: argparse.ArgumentParser, file: str) -> None:
    parser.add_argument("--branch", help="(the default branch, if nothing else is said)")
    parser.add_argument("--environment")
    parser.add_argument("--workflow", metavar="FILE", help=f"such as {file}")
    parser.add_argument("--protected", action="store_true", help="any protected branch or tag")


def _id(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,18}", text) or int(text) > LAST:
        raise argparse.ArgumentTypeError("must be a number from 1 on")
    return int(text)


def _key_name(text: str) -> str:
    """The name, also of what somebody pasted whole. An error does not show it."""
    match = re.fullmatch(rf"({KEY_NAME.pattern})(_.*)?", text)
    if match is None:
        raise argparse.ArgumentTypeError(
            "must be the name of a key, mtk_k_ and 8 characters; monotron key list lists them"
        )
    return match[1]


def _claim(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError("must be NAME=VALUE, such as ref=refs/heads/main")
    return name, value


def _expiry(text: str) -> str:
    """`90d` or `12h` from now on; else a time, which whoever makes the key will read."""
    match = re.fullmatch(r"([1-9][0-9]{0,4})([dh])", text)
    if match is None:
        if re.match(r"[0-9]{4}-", text):
            return text
        raise argparse.ArgumentTypeError(
            "must be days or hours, such as 90d, or a time, such as 2027-01-31T00:00:00Z"
        )
    hours = int(match[1]) * (24 if match[2] == "d" else 1)
    return f"{datetime.now(UTC) + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"
