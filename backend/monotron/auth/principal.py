"""Who asks."""

from dataclasses import dataclass

from monotron.auth.scopes import ALL
from monotron.errors import Forbidden
from monotron.model import series as model

FIRST_ACCOUNT = 1

SYSTEM_ACCOUNT = 0
"""Holds the series that Monotron itself counts with. It is nobody's."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, what they may do, and in which account."""

    name: str
    """For the ledger and the log, at most 128 characters: `root`, `key:mtk_k_AbCdEfGh`, …"""
    account: int
    scopes: frozenset[str]
    prefix: str = ""
    """What the keys and names begin with that the scopes on series are for."""
    everywhere: bool = False
    """In every account, not only in its own."""
    expires_at: int | None = None
    """Seconds since the epoch; what it grants may not last longer."""
    limited: bool = True
    """Whether its requests are counted against the limits."""
    identity: str | None = None
    """The name of the identity token that it signed in with, which may be used for few things."""
    identity_expires_at: int = 0
    cure: str = "Use other credentials, or ask an administrator of the account for some."
    """What to do about lacking something."""

    def require(self, scope: str) -> None:
        """`Forbidden` unless it has the scope."""
        if scope not in self.scopes:
            raise Forbidden(f"This needs the scope {scope}, which the caller lacks. {self.cure}")

    def require_root(self) -> None:
        """`Forbidden` unless it is the root key."""
        if not self.everywhere:
            raise Forbidden(f"This concerns all accounts, so it needs the root key. {self.cure}")

    def require_account(self, account: int) -> None:
        """`Forbidden` unless it may act there: the same whether or not it exists."""
        if account != self.account and not self.everywhere:
            raise Forbidden(
                "These credentials are for another account. Leave /accounts/… out of the path to "
                "act in their own."
            )

    def narrowed(self, prefix: str) -> str:
        """What listed names must begin with, where *prefix* was asked for; else `Forbidden`."""
        if self.prefix.startswith(prefix):
            return self.prefix
        self.require_name(prefix)
        return prefix

    def require_name(self, name: str) -> None:
        """`Forbidden` unless its scopes are for a series or version of this name."""
        if not name.startswith(self.prefix):
            raise Forbidden(
                f"These credentials are for names that begin with {self.prefix!r} only. Use such "
                "a name, or other credentials."
            )


NOBODY = Principal("", 0, frozenset(), limited=False)
"""Who asks before that is known, and for what is for everybody."""

ROOT = Principal("root", FIRST_ACCOUNT, ALL, everywhere=True, limited=False)

ANYBODY = Principal(
    model.ANYBODY,
    FIRST_ACCOUNT,
    frozenset(scope for scope in ALL if not scope.endswith(":acl")),
    limited=False,
    cure="This server has no credentials: start it with MONOTRON_ROOT_API_KEY and "
    "MONOTRON_ROOT_API_SECRET, and sign in with them.",
)
"""Everybody, while the server has no credentials: then it is reached from its machine only."""
