"""What the operators' commands do, and what they print."""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from monotron.cli import builds
from monotron.cli import output as words
from monotron.cli.admin_backend import Document, Keeper
from monotron.cli.admin_http import Service
from monotron.cli.forges import (
    Part,
    Repository,
    github_claims,
    github_name,
    gitlab_claims,
    gitlab_name,
    on_github,
    on_gitlab,
)
from monotron_ci.credential import parse_credential
from monotron_ci.errors import Failure
from monotron_ci.http import RetryPolicy
from monotron_ci.workflow_commands import printable

SCOPES = ["read,write:series"]
"""What a trust gives where nothing else is said."""

CURES = {
    "unauthenticated": "Set MONOTRON_API_KEY to the root key, KEY:SECRET, or to a key with scopes "
    "on acl.",
    "forbidden": "Take the root key, or a key of that account (--account) with scopes on acl.",
}
"""What to do where a service refused."""


@dataclass(frozen=True)
class Told:
    """What a command came to. The text or document of a new key is its secret: no repr of them."""

    text: str = field(repr=False)
    document: Any = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    """For the standard error."""
    if_lost: str = ""
    """What to do if it could not be written."""


def run(parsed: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> int:
    """Do it, and print what came of it; notes and errors go to stderr. The exit code."""
    try:
        with _keeper(parsed, environ) as keeper:
            told: Told = parsed.operate(keeper, parsed, environ)
            notes = [*told.notes, *keeper.notes()]
    except Failure as failure:
        cure = failure.cure or CURES.get(failure.code, "")
        _say(f"{failure.cause}\n\n{cure}" if cure else failure.cause)
        return builds.exit_code(failure)
    as_json = getattr(parsed, "output", "text") == "json"
    try:
        sys.stdout.write(json.dumps(told.document) + "\n" if as_json else told.text)
        sys.stdout.flush()
    except OSError as error:
        # What could not be written would be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _say(f"the standard output takes nothing: {error.strerror}. {told.if_lost}".strip())
        return builds.REFUSED
    for note in notes:
        _say(note)
    return 0


def _say(text: str) -> None:
    print(f"monotron: {printable(text)}", file=sys.stderr)


def _keeper(parsed: argparse.Namespace, environ: Mapping[str, str]) -> Keeper:
    if parsed.store is None:
        if parsed.config is not None:
            raise Failure("--config is read with --store only: a service has its own.")
        key = environ.get("MONOTRON_API_KEY", "")
        return Service(
            parsed.url or environ.get("MONOTRON_URL") or builds.URL,
            parse_credential(key, "MONOTRON_API_KEY") if key else None,
            _patience(parsed),
        )
    if parsed.url is not None:
        raise Failure("--url is a service, and --store the file of one that is stopped: say one.")
    from monotron.cli.admin_offline import StoppedFile  # only now: it takes long to import

    return StoppedFile(parsed.store, parsed.config, environ, may_be_new=parsed.makes)


def _patience(parsed: argparse.Namespace) -> RetryPolicy:
    return RetryPolicy(parsed.timeout, parsed.retries)


def create_account(keeper: Keeper, parsed: argparse.Namespace, _: Mapping[str, str]) -> Told:
    account = keeper.create_account()
    return Told(f"{account['id']}\n", account)


def list_accounts(keeper: Keeper, parsed: argparse.Namespace, _: Mapping[str, str]) -> Told:
    accounts = keeper.accounts()
    return Told(words.accounts_table(accounts), accounts)


def create_key(keeper: Keeper, parsed: argparse.Namespace, _: Mapping[str, str]) -> Told:
    key = keeper.create_key(parsed.account, _wanted(parsed, {"expires_at": parsed.expires}))
    name, secret = key["api_key"]["key"], key["api_key"]["secret"]
    lost = f"So the secret of {name} is lost: revoke it, and make another."
    return Told(f"{secret}\n", key, (words.key_in_words(key),), lost)


def list_keys(keeper: Keeper, parsed: argparse.Namespace, _: Mapping[str, str]) -> Told:
    keys = keeper.keys(parsed.account)
    return Told(words.keys_table(keys), keys)


def revoke_key(keeper: Keeper, parsed: argparse.Namespace, _: Mapping[str, str]) -> Told:
    keeper.revoke_key(parsed.account, parsed.key)
    return Told(f"The key {parsed.key} works no more.\n")


def list_trusts(keeper: Keeper, parsed: argparse.Namespace, _: Mapping[str, str]) -> Told:
    trusts = keeper.trusts(parsed.account)
    return Told(words.trusts_table(trusts), trusts)


def create_trust(keeper: Keeper, parsed: argparse.Namespace, _: Mapping[str, str]) -> Told:
    claims: dict[str, list[str]] = {}
    for name, value in parsed.claim:
        claims.setdefault(name, []).append(value)
    return _trusted(keeper, parsed, parsed.issuer, claims)


def delete_trust(keeper: Keeper, parsed: argparse.Namespace, _: Mapping[str, str]) -> Told:
    keeper.delete_trust(parsed.account, parsed.trust)
    return Told(f"Trust {parsed.trust} lets nobody in any more.\n")


def trust_github(keeper: Keeper, parsed: argparse.Namespace, environ: Mapping[str, str]) -> Told:
    name = github_name(parsed.repository)
    repository = _known(name, parsed, "repository_id", "owner_id") or on_github(
        name, parsed.github_api, environ, _patience(parsed)
    )
    part = _part(parsed).of(repository)
    return _trusted(
        keeper, parsed, parsed.issuer, github_claims(repository, part), repository.name, part
    )


def trust_gitlab(keeper: Keeper, parsed: argparse.Namespace, environ: Mapping[str, str]) -> Told:
    name = gitlab_name(parsed.project)
    repository = _known(name, parsed, "project_id", "namespace_id") or on_gitlab(
        name, parsed.gitlab_url, environ, _patience(parsed)
    )
    part = _part(parsed).of(repository)
    claims = gitlab_claims(repository, part, parsed.gitlab_url)
    issuer = parsed.issuer or parsed.gitlab_url.rstrip("/")
    return _trusted(keeper, parsed, issuer, claims, repository.name, part)


def _known(name: str, parsed: argparse.Namespace, id: str, owner: str) -> Repository | None:
    """The repository by the ids that were told; None to look it up."""
    ids = getattr(parsed, id), getattr(parsed, owner)
    if None not in ids:
        return Repository(name, str(ids[0]), str(ids[1]), None)
    if ids != (None, None):
        flags = [f"--{each.replace('_', '-')}" for each in (id, owner)]
        raise Failure(f"Say both {flags[0]} and {flags[1]}, or neither.")
    return None


def _part(parsed: argparse.Namespace) -> Part:
    return Part(parsed.branch, parsed.environment, parsed.workflow, parsed.protected)


def _trusted(
    keeper: Keeper,
    parsed: argparse.Namespace,
    issuer: str,
    claims: Mapping[str, Any],
    name: str | None = None,
    part: Part | None = None,
) -> Told:
    more = {
        "issuer": issuer,
        "claims": claims,
        "allow_events": getattr(parsed, "allow_event", None),
    }
    trust = keeper.create_trust(parsed.account, _wanted(parsed, more, label=name))
    return Told(words.trust_in_words(trust), trust, tuple(_warnings(name, part)))


def _wanted(
    parsed: argparse.Namespace, more: Mapping[str, Any], label: str | None = None
) -> Document:
    """The body of a request, without what was not said."""
    wanted = {
        "scopes": parsed.scope or SCOPES,
        "prefix": parsed.prefix,
        "description": parsed.label or label,
        **more,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _warnings(name: str | None, part: Part | None) -> list[str]:
    """Where a rule is no narrower than it looks."""
    if part is None or part.branch or part.protected:
        return []
    if part.environment:
        return [
            f"{part.environment} is as safe as its own rules in {name}: without any, jobs of every "
            "branch may use it. --branch or --protected narrow it further."
        ]
    return [
        f"Whoever can push a branch of {name} can put another {part.workflow} there. --branch, "
        "--environment or --protected narrow it further."
    ]
