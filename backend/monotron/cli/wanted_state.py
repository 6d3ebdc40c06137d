"""The file of `monotron apply`: accounts, and the API keys and trust policies they should have."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import click
import yaml

from monotron.auth.oidc import Issuer, parse_issuer
from monotron.auth.oidc.issuers import ISSUER_NAMES
from monotron.auth.oidc.providers import PROVIDERS
from monotron.auth.scopes import check_scope_list, parse_scopes
from monotron.auth.trust_schema import parse_trust_policy
from monotron.cli.options import EXPIRY, NEVER
from monotron.errors import InvalidRequest
from monotron.model.account_names import ACCOUNT_NAME_RULE, is_account_name
from monotron.model.name_patterns import ALL_NAMES, parse_name_patterns
from monotron.model.series import text_member
from monotron_ci.errors import Failure

Item = TypeVar("Item")

KEY_MEMBERS = ("description", "scopes", "names", "expires")
ACCOUNT_MEMBERS = ("name", "disabled", "api_keys", "trusts")


@dataclass(frozen=True)
class WantedKey:
    """An API key. Its description identifies it."""

    description: str
    scopes: tuple[str, ...]
    names: tuple[str, ...]
    expires: str | None = None
    """The expiry of a new one: a time or `NEVER`. None for the server's default."""

    def spec(self) -> dict[str, Any]:
        """The body of the request that creates it."""
        expires = {"expires_at": None if self.expires == NEVER else self.expires}
        return {
            "scopes": list(self.scopes),
            "names": list(self.names),
            "description": self.description,
            **(expires if self.expires is not None else {}),
        }


@dataclass(frozen=True)
class WantedTrust:
    """A trust policy."""

    spec: dict[str, Any]
    """The body of the request that creates it."""
    forms: tuple[dict[str, Any], ...]
    """What the server may return for it. It depends on the kind of the issuer, which only the
    settings of the server state for a self-managed one."""


@dataclass(frozen=True)
class WantedAccount:
    """An account. None for what the file does not mention, and is left unchanged."""

    name: str
    disabled: bool | None = None
    api_keys: tuple[WantedKey, ...] | None = None
    trusts: tuple[WantedTrust, ...] | None = None


class _Loader(yaml.SafeLoader):
    """YAML without duplicate members, in which times are text, as in JSON."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - a class attribute of PyYAML
        first: [each for each in resolvers if each[0] != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in names:
                problem = f"the member {key.value[:64]!r} is repeated"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            names.add(key.value)
        return super().construct_mapping(node, deep)


def parse_wanted_state(data: bytes, file: str) -> tuple[WantedAccount, ...]:
    """The accounts in the YAML file *file*, whose content is *data*. Raises Failure."""
    try:
        document = _load(data)
        members = _members(document, ("accounts",), "the file")
        accounts = _list(members, "accounts", _account, "accounts")
        _check_unique((each.name, f"accounts: the name {each.name}") for each in accounts or ())
    except InvalidRequest as error:
        raise Failure(f"{file}: {error.detail}") from None
    return accounts or ()


def _load(data: bytes) -> object:
    try:
        return yaml.load(data, _Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        problem = getattr(error, "problem", None)
        raise InvalidRequest(f"Invalid YAML{line}{f': {problem}' if problem else ''}.") from None
    except (ValueError, RecursionError, TypeError):
        # PyYAML does not translate them: a number with thousands of digits, a list as a member.
        raise InvalidRequest("Invalid YAML: an invalid number, or too deep to be read.") from None


def _account(value: object, path: str) -> WantedAccount:
    members = _members(value, ACCOUNT_MEMBERS, path)
    name = members.get("name")
    if not isinstance(name, str) or not is_account_name(name):
        _fail(path, f"`name` must have {ACCOUNT_NAME_RULE}.")
    disabled = members.get("disabled")
    if not isinstance(disabled, bool | None):
        _fail(path, "`disabled` must be true or false.")
    api_keys = _list(members, "api_keys", _key, f"{name}, api_keys")
    trusts = _list(members, "trusts", _trust, f"{name}, trusts")
    _check_unique(
        (each.description, f"{name}, api_keys: the description {each.description!r}")
        for each in api_keys or ()
    )
    _check_unique(
        (trust_identity(each.forms[0]), f"{name}, trusts: the trust policy of item {number}")
        for number, each in enumerate(trusts or (), 1)
    )
    return WantedAccount(name, disabled, api_keys, trusts)


def _key(value: object, path: str) -> WantedKey:
    members = _members(value, KEY_MEMBERS, path)
    description = _within(path, text_member, members, "description")
    if not description:
        _fail(path, "`description` is missing. It identifies the API key.")
    scopes = members.get("scopes")
    if not isinstance(scopes, list) or not scopes:
        _fail(path, '`scopes` must be a list, such as ["read,write:series"].')
    names = ALL_NAMES
    if "names" in members:
        names = _within(path, parse_name_patterns, members["names"])
    return WantedKey(
        description,
        _within(path, check_scope_list, scopes),
        names.texts,
        _expiry(members["expires"], path) if "expires" in members else None,
    )


def _expiry(value: object, path: str) -> str:
    if not isinstance(value, str):
        _fail(path, "`expires` must be a text, such as 90d or never.")
    try:
        return str(EXPIRY.convert(value, None, None))
    except click.BadParameter as error:
        _fail(path, f"`expires` {error.message}.")


def _trust(value: object, path: str) -> WantedTrust:
    if not isinstance(value, dict):
        _fail(path, "A trust policy must be a mapping with `issuer`, `claims` and `scopes`.")
    issuers = _within(path, _possible_issuers, value.get("issuer"))
    forms = []
    for issuer in issuers:
        try:
            forms.append(parse_trust_policy(value, 1, [issuer]).body())
        except InvalidRequest as error:
            problem = error.detail
    if not forms:
        _fail(path, problem)
    return WantedTrust(value, tuple(forms))


def _possible_issuers(value: object) -> list[Issuer]:
    """The issuer with this name or URL, of each kind that it can have."""
    url = ISSUER_NAMES.get(value, value) if isinstance(value, str) else ""
    if not url.startswith(("https://", "http://")):
        names = ", ".join(ISSUER_NAMES)
        raise InvalidRequest(
            f"`issuer` must be one of {names}, or the URL of an issuer that the server trusts."
        )
    try:
        return [parse_issuer(url)]
    except ValueError:
        return [Issuer(url, kind) for kind in PROVIDERS]


def trust_identity(body: Mapping[str, Any]) -> Hashable:
    """Equal for trust policies that allow the same jobs the same. Ignores the description."""
    claims = {
        name: frozenset(
            (type(value).__name__, value)
            for value in (values if isinstance(values, list) else [values])
        )
        for name, values in body["claims"].items()
    }
    return (
        body["issuer"],
        frozenset(claims.items()),
        frozenset(body.get("allow_events", ())),
        body.get("accept_unprotected", False),
        body.get("names_from"),
        rights_identity(body),
    )


def rights_identity(body: Mapping[str, Any]) -> Hashable:
    """Equal for API keys and trust policies with the same scopes and names."""
    return parse_scopes(body["scopes"]), frozenset(body["names"])


def _members(value: object, allowed: tuple[str, ...], path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _fail(path, f"It must be a mapping with `{'`, `'.join(allowed)}`.")
    for name in value:
        if name not in allowed:
            shown = f"`{'`, `'.join(allowed)}`"
            _fail(path, f"Unknown member {str(name)[:64]!r}. Allowed: {shown}.")
    return value


def _list(
    members: Mapping[str, Any], name: str, parse: Callable[[object, str], Item], path: str
) -> tuple[Item, ...] | None:
    """The parsed items of a member. None if it is absent."""
    if name not in members:
        return None
    if not isinstance(members[name], list):
        _fail(path, "It must be a list.")
    return tuple(parse(each, f"{path}, item {i}") for i, each in enumerate(members[name], 1))


def _within(path: str, parse: Callable[..., Item], *arguments: object) -> Item:
    try:
        return parse(*arguments)
    except InvalidRequest as error:
        _fail(path, error.detail)


def _check_unique(named: Iterable[tuple[Hashable, str]]) -> None:
    seen = set()
    for identity, text in named:
        if identity in seen:
            raise InvalidRequest(f"{text} is repeated.")
        seen.add(identity)


def _fail(path: str, problem: str) -> NoReturn:
    raise InvalidRequest(f"{path}: {problem}")
