"""The members of a rule's JSON form: what each claim may be asked to be."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from monotron.auth.oidc.claims import REQUIRED, quoted
from monotron.auth.oidc.providers import PROVIDERS
from monotron.errors import InvalidRequest

MAX_CLAIMS = 16
MAX_VALUES = 32
MAX_VALUE = 512

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,99}")
_EVENT = re.compile(r"[a-z][a-z_]{0,49}")


class ClaimFormat(NamedTuple):
    """What a value must look like, and how to say so."""

    pattern: str
    cure: str


_ID = ClaimFormat(r"[1-9][0-9]{0,19}", 'be a number as a string, such as "123"')
_YES_OR_NO = ClaimFormat(r"true|false", 'be the string "true" or "false"')

CLAIM_FORMATS: Mapping[str, Mapping[str, ClaimFormat]] = {
    "github": {
        "repository_id": _ID,
        "repository_owner_id": _ID,
        "actor_id": _ID,
        "enterprise_id": _ID,
        "ref": ClaimFormat(
            r"refs/(heads|tags|pull)/.+", "be a whole ref, such as refs/heads/main or refs/tags/v1"
        ),
        "ref_type": ClaimFormat(r"branch|tag", "be branch or tag"),
        "ref_protected": _YES_OR_NO,
        "workflow": ClaimFormat(
            r"[^/@\s]+/[^/@\s]+/\.github/workflows/[^/@\s]+\.ya?ml",
            "be a file, such as acme/shop/.github/workflows/release.yml, without an @",
        ),
    },
    "gitlab": {
        "project_id": _ID,
        "namespace_id": _ID,
        "user_id": _ID,
        "ref": ClaimFormat(
            r"(?!refs/).+", "be a branch's or tag's name, such as main; or use ref_path"
        ),
        "ref_path": ClaimFormat(
            r"refs/(heads|tags)/.+", "be a whole ref, such as refs/heads/main or refs/tags/v1"
        ),
        "ref_type": ClaimFormat(r"branch|tag", "be branch or tag"),
        "ref_protected": _YES_OR_NO,
        "environment_protected": _YES_OR_NO,
        "workflow": ClaimFormat(
            r"[^/@\s]+/[^@\s]+//[^@\s]+",
            "be a file, such as gitlab.com/acme/shop//.gitlab-ci.yml, without an @",
        ),
    },
    "other": {},
}


def parse_claims(word: str, given: object) -> dict[str, tuple[str, ...]]:
    """The claims of a rule for an issuer of the kind *word*. `InvalidRequest`."""
    if not isinstance(given, Mapping) or not 1 <= len(given) <= MAX_CLAIMS:
        raise InvalidRequest(
            f"claims must be an object of 1 to {MAX_CLAIMS} claims with the values that will do, "
            'such as {"ref_protected": "true"}.'
        )
    claims: dict[str, tuple[str, ...]] = {}
    for name, values in given.items():
        _check_name(word, name)
        claims[name] = _values(name, values, CLAIM_FORMATS[word].get(name))
    if word == "gitlab" and "ref" in claims and not claims.keys() & {"ref_type", "ref_path"}:
        # A bare name is that of a branch and of a tag, and tags are protected one by one.
        claims["ref_type"] = ("branch",)
    return claims


def parse_events(word: str, given: object) -> tuple[str, ...]:
    """The events that a rule allows. `InvalidRequest`."""
    kind = PROVIDERS[word]
    if not isinstance(given, list | tuple) or len(given) > MAX_VALUES:
        raise InvalidRequest(
            f'allow_events must be a list of up to {MAX_VALUES} events, such as ["pull_request"].'
        )
    for event in given:
        if kind.event is None:
            raise InvalidRequest(
                "allow_events must be left out: it is not known which claim of this issuer is the "
                "event. Ask for the right value in claims."
            )
        if not isinstance(event, str) or not _EVENT.fullmatch(event):
            raise InvalidRequest(f"allow_events: {quoted(event)} is no event.")
        if event in kind.never:
            raise InvalidRequest(
                f"allow_events: {event} cannot be allowed, as it lets strangers' pull requests run "
                "with the rights of the repository. Count in a workflow that runs on push."
            )
        if event in kind.plain_events:
            raise InvalidRequest(
                f"allow_events: {event} is always allowed. To take nothing else, ask in claims for "
                f"{kind.event}."
            )
    return tuple(dict.fromkeys(given))


def _check_name(word: str, name: object) -> None:
    kind = PROVIDERS[word]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidRequest(f"claims: {quoted(name)} cannot be the name of a claim.")
    if name in REQUIRED:
        raise InvalidRequest(f"claims.{name} is checked for every token. Leave it out.")
    if name in kind.names:
        raise InvalidRequest(f"claims.{name} cannot decide anything. {kind.names[name]}.")
    known = kind.ids | kind.places | kind.conditions
    if name not in known and not kind.open_ended:
        raise InvalidRequest(
            f"claims.{name} is nothing that a rule can ask for. There are: "
            f"{', '.join(sorted(known))}."
        )


def _values(name: str, given: object, form: ClaimFormat | None) -> tuple[str, ...]:
    values = [given] if isinstance(given, str) else given
    if not isinstance(values, list | tuple) or not 1 <= len(values) <= MAX_VALUES:
        raise InvalidRequest(
            f"claims.{name} must be a string, or a list of 1 to {MAX_VALUES} strings. Numbers and "
            'yes or no are strings, too: "123", "true".'
        )
    for value in values:
        if not isinstance(value, str):
            raise InvalidRequest(
                f"claims.{name}: {quoted(value)} must be a string, as it is in the tokens: in "
                "quotes."
            )
        if not value or len(value) > MAX_VALUE or not value.isprintable():
            raise InvalidRequest(
                f"claims.{name}: a value must have 1 to {MAX_VALUE} printable characters."
            )
        if "*" in value:
            raise InvalidRequest(
                f"claims.{name}: {quoted(value)} has a *, and there are no wildcards. List the "
                "values that will do."
            )
        if form is not None and not re.fullmatch(form.pattern, value):
            raise InvalidRequest(f"claims.{name}: {quoted(value)} must {form.cure}.")
    return tuple(dict.fromkeys(values))
