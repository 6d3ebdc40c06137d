"""The caller of a request, with its account and permissions."""

from dataclasses import dataclass

from monotron.auth.scopes import ALL, format_scopes
from monotron.errors import Forbidden
from monotron.model import series as model

FIRST_ACCOUNT = 1

SYSTEM_ACCOUNT = 0
"""Owns the series that Monotron itself uses. No credentials belong to it."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller: its account, its scopes and its limits."""

    name: str
    """For the ledger and the log, at most 128 characters: `root`, `key:mtk_k_AbCdEfGh`, …"""
    account: int
    scopes: frozenset[str]
    prefix: str = ""
    """The scopes on series apply only to keys and names that start with this."""
    is_root: bool = False
    """Whether it may use every account, not only its own."""
    expires_at: int | None = None
    """Seconds since the epoch. What the principal creates must not be valid longer."""
    rate_limited: bool = True
    """Whether rate limits apply to its requests."""
    identity: str | None = None
    """The id of its identity token, which may be used for few operations only."""
    identity_expires_at: int = 0
    rate_limit_key: str = ""
    """Principals with the same key share their limits [default: the name]."""
    hint: str = "Use other credentials, or ask an administrator."
    """What to do about a missing permission."""

    def __post_init__(self) -> None:
        if not self.rate_limit_key:
            object.__setattr__(self, "rate_limit_key", self.name)

    def require(self, scope: str) -> None:
        """Raise Forbidden unless the principal has the scope."""
        if scope not in self.scopes:
            held = ", ".join(f"`{each}`" for each in format_scopes(self.scopes)) or "no scopes"
            raise Forbidden(f"Missing scope `{scope}`. These credentials have {held}. {self.hint}")

    def require_root(self) -> None:
        """Raise Forbidden unless the principal is the root key."""
        if not self.is_root:
            raise Forbidden(
                f"Only the root key may do this, because it affects all accounts. {self.hint}"
            )

    def require_account(self, account: int) -> None:
        """Raise Forbidden unless the principal may use the account.

        The error does not depend on the account, so it does not reveal whether it exists.
        """
        if account != self.account and not self.is_root:
            raise Forbidden(
                f"These credentials belong to account {self.account} and cannot use another one. "
                "Omit `/accounts/…` to use their own account."
            )

    def effective_prefix(self, prefix: str) -> str:
        """The narrower of the principal's prefix and the requested *prefix*. Raises Forbidden."""
        if self.prefix.startswith(prefix):
            return self.prefix
        self.require_name(prefix)
        return prefix

    def require_name(self, name: str) -> None:
        """Raise Forbidden unless the principal may use the series or version name."""
        if not name.startswith(self.prefix):
            raise Forbidden(
                f"These credentials may only use names that start with {self.prefix!r}. Use such "
                "a name, or other credentials."
            )


ANONYMOUS = Principal("", 0, frozenset(), rate_limited=False)
"""The caller before authentication, and of paths that require none."""

ROOT = Principal("root", FIRST_ACCOUNT, ALL, is_root=True, rate_limited=False)

ANYONE = Principal(
    model.ANYONE,
    FIRST_ACCOUNT,
    frozenset(scope for scope in ALL if not scope.endswith(":acl")),
    rate_limited=False,
    hint="This server has no credentials. Start it with MONOTRON_ROOT_API_KEY and "
    "MONOTRON_ROOT_API_SECRET, and send them with the request.",
)
"""Every caller of a server without credentials, which is reachable from its own machine only."""
