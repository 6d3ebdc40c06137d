"""What `monotron apply` changes: the difference between the wanted and the present state."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from monotron.auth.oidc.issuers import ISSUER_NAMES
from monotron.cli.admin_client import AdminClient
from monotron.cli.output import conditions, names_text
from monotron.cli.pages import Document
from monotron.cli.wanted_state import (
    WantedAccount,
    WantedKey,
    WantedTrust,
    rights_identity,
    trust_identity,
)

_SHORT_NAMES = {url: name for name, url in ISSUER_NAMES.items()}


class Change(Protocol):
    """A request that changes an account."""

    @property
    def account(self) -> str:
        """The name of the account."""

    def __str__(self) -> str:
        """A line of the diff, which starts with `+`, `~` or `-`."""

    def make(self, client: AdminClient, account: int) -> Document | None:
        """Make the change in the account with this id; 0 if the change creates the account.

        Returns the response with the created or changed object.
        """


@dataclass(frozen=True)
class PresentAccount:
    """An account, as far as the credentials can see it."""

    id: int
    disabled: bool
    api_keys: Sequence[Document] = ()
    trusts: Sequence[Document] = ()


@dataclass(frozen=True)
class AccountCreation:
    account: str

    def __str__(self) -> str:
        return f"+ account {self.account}"

    def make(self, client: AdminClient, account: int) -> Document:
        return client.create_account(self.account)


@dataclass(frozen=True)
class AccountSwitch:
    """Disables or enables an account."""

    account: str
    disabled: bool

    def __str__(self) -> str:
        return f"~ account {self.account}: {'disable' if self.disabled else 'enable'}"

    def make(self, client: AdminClient, account: int) -> Document:
        return client.change_account(account, {"disabled": self.disabled})


@dataclass(frozen=True)
class KeyCreation:
    account: str
    key: WantedKey
    replaced: tuple[str, ...]
    """The ids of API keys with the same description, and other rights."""

    def __str__(self) -> str:
        replaced = f" (replaces {', '.join(self.replaced)})" if self.replaced else ""
        rights = _rights(self.key.spec())
        return f"+ API key {self.key.description!r} in {self.account}: {rights}{replaced}"

    def make(self, client: AdminClient, account: int) -> Document:
        return client.create_key(account, self.key.spec())


@dataclass(frozen=True)
class KeyRemoval:
    account: str
    key: Document

    def __str__(self) -> str:
        id, description = self.key["api_key"]["key"], self.key.get("description")
        shown = f" {description!r}" if description is not None else ""
        return f"- API key {id}{shown} in {self.account}: {_rights(self.key)}"

    def make(self, client: AdminClient, account: int) -> None:
        client.revoke_key(account, self.key["api_key"]["key"], with_descendants=False)


@dataclass(frozen=True)
class TrustCreation:
    account: str
    trust: WantedTrust

    def __str__(self) -> str:
        return f"+ trust policy in {self.account}: {_trust(self.trust.forms[0])}"

    def make(self, client: AdminClient, account: int) -> Document:
        created, _ = client.create_trust(account, self.trust.spec)
        return created


@dataclass(frozen=True)
class TrustRemoval:
    account: str
    trust: Document

    def __str__(self) -> str:
        return f"- trust policy {self.trust['id']} in {self.account}: {_trust(self.trust)}"

    def make(self, client: AdminClient, account: int) -> None:
        client.delete_trust(account, self.trust["id"])


def required_changes(
    wanted: Sequence[WantedAccount],
    present: Mapping[str, PresentAccount],
    now: str,
    own_key: str = "",
) -> tuple[list[Change], list[Change]]:
    """What is missing, and the removal of what is not wanted.

    *present* has the accounts by name, *now* is the time in RFC 3339, and *own_key* the id of the
    API key that makes the changes, which is never removed.
    """
    missing: list[Change] = []
    unwanted: list[Change] = []
    for account in wanted:
        found = present.get(account.name)
        if found is None:
            missing.append(AccountCreation(account.name))
            found = PresentAccount(0, disabled=False)
        if account.disabled is not None and account.disabled != found.disabled:
            missing.append(AccountSwitch(account.name, account.disabled))
        if account.api_keys is not None:
            usable = [each for each in found.api_keys if not _is_expired(each, now)]
            missing += _missing_keys(account.name, account.api_keys, usable)
            others = [each for each in usable if each["api_key"]["key"] != own_key]
            unwanted += _unwanted_keys(account.name, account.api_keys, others)
        if account.trusts is not None:
            missing += _missing_trusts(account.name, account.trusts, found.trusts)
            unwanted += _unwanted_trusts(account.name, account.trusts, found.trusts)
    return missing, unwanted


def _missing_keys(
    account: str, wanted: Sequence[WantedKey], present: Sequence[Document]
) -> Iterator[Change]:
    for key in wanted:
        same = [each for each in present if each.get("description") == key.description]
        rights = rights_identity(key.spec())
        if all(rights_identity(each) != rights for each in same):
            yield KeyCreation(account, key, tuple(each["api_key"]["key"] for each in same))


def _unwanted_keys(
    account: str, wanted: Sequence[WantedKey], present: Sequence[Document]
) -> Iterator[Change]:
    """Not those with wanted rights, of which there are several while one is rotated."""
    rights = {key.description: rights_identity(key.spec()) for key in wanted}
    for key in present:
        if rights.get(key.get("description") or "") != rights_identity(key):
            yield KeyRemoval(account, key)


def _missing_trusts(
    account: str, wanted: Sequence[WantedTrust], present: Sequence[Document]
) -> Iterator[Change]:
    identities = {trust_identity(each) for each in present}
    for trust in wanted:
        if identities.isdisjoint(map(trust_identity, trust.forms)):
            yield TrustCreation(account, trust)


def _unwanted_trusts(
    account: str, wanted: Sequence[WantedTrust], present: Sequence[Document]
) -> Iterator[Change]:
    """Not those of the server's config file, which have no id."""
    identities = {trust_identity(form) for each in wanted for form in each.forms}
    for trust in present:
        if trust["id"] is not None and trust_identity(trust) not in identities:
            yield TrustRemoval(account, trust)


def _is_expired(key: Document, now: str) -> bool:
    return key.get("expires_at") is not None and key["expires_at"] <= now


def _rights(body: Mapping[str, Any]) -> str:
    scopes: Collection[str] = body["scopes"]
    return f"{' '.join(scopes)} on {names_text(body)}"


def _trust(body: Mapping[str, Any]) -> str:
    issuer = _SHORT_NAMES.get(body["issuer"], body["issuer"])
    return f"{issuer}, {conditions(body)} → {_rights(body)}"
