"""The callers of the access matrix: every kind of credential, with every scope and name pattern."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from support.access_table import PATTERNS

OPERATIONS = ("read", "write", "delete")
SERIES, ACCOUNT, ACL, SYSTEM = (
    tuple(f"{operation}:{resource}" for operation in OPERATIONS)
    for resource in ("series", "account", "acl", "system")
)


class Held(NamedTuple):
    """What a credential may do in one account."""

    scopes: frozenset[str]
    pattern: str = "*"

    @property
    def slug(self) -> str:
        """Its scopes and its name pattern."""
        return f"{'+'.join(sorted(self.scopes))}/{self.pattern}"


@dataclass(frozen=True)
class Caller:
    """A credential, and what it may do."""

    description: str
    authorization: str | None
    account: int | None = None
    """The account of requests whose path names none; None if such requests are ambiguous."""
    held: dict[int, Held] = field(default_factory=dict)
    """By account."""
    is_root: bool = False
    is_known: bool = True
    """Whether the credential is valid."""
    is_disabled: bool = False
    """Whether its account is disabled."""
    elsewhere: int = 403
    """The status in accounts in which it may do nothing."""

    @property
    def kind(self) -> str:
        """The kind of its credential."""
        return self.description.partition(" of ")[0]


def single_scopes(resources: tuple[tuple[str, ...], ...]) -> Iterator[frozenset[str]]:
    for resource in resources:
        for scope in resource:
            yield frozenset((scope,))


def held_by_tenants() -> Iterator[Held]:
    """Each scope that API keys of any account can have, with each pattern."""
    for scopes in single_scopes((SERIES, ACCOUNT, ACL)):
        yield Held(scopes)
    for scope in ACL:
        yield Held(frozenset((scope, "read:series")))
    yield Held(frozenset(ACL))
    yield Held(frozenset((*SERIES, *ACCOUNT, *ACL)))
    for pattern in PATTERNS[1:]:
        for scopes in single_scopes((SERIES,)):
            yield Held(scopes, pattern)
        for scope in ACL:
            yield Held(frozenset((scope, "read:series")), pattern)
        yield Held(frozenset((*SERIES, *ACCOUNT, *ACL)), pattern)


def held_by_first_account() -> Iterator[Held]:
    """Each scope, which API keys of account 1 can have, and all of them."""
    for scopes in single_scopes((SERIES, ACCOUNT, ACL, SYSTEM)):
        yield Held(scopes)
    yield Held(frozenset((*SERIES, *ACCOUNT, *ACL, *SYSTEM)))


def held_by_jobs() -> Iterator[Held]:
    """Each scope that trust policies can grant, with each pattern."""
    for pattern in PATTERNS:
        for scopes in single_scopes((SERIES,)):
            yield Held(scopes, pattern)
