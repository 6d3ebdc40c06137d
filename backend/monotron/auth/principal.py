"""The caller of a request, with its account and permissions."""

from collections.abc import Sequence
from dataclasses import dataclass

from monotron.auth.scopes import ALL, format_scopes, parse_scopes
from monotron.errors import Forbidden, QuotaExceeded
from monotron.model import series as model
from monotron.model.component_keys import name_of_key
from monotron.model.name_patterns import ALL_NAMES, NamePatterns
from monotron.model.series import FIRST_ACCOUNT

MAX_CREATORS = 1000
"""The maximum number of creators of an API key or a trust policy. All are stored, so a revocation
with descendants finds everything that an API key led to."""

MAX_SHOWN_PATTERNS = 8


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller: its account, its scopes and its limits."""

    name: str
    """For the ledger and the log, at most 128 characters: `root`, `key:mtk_k_AbCdEfGh`, …"""
    account: int
    scopes: frozenset[str]
    names: NamePatterns = ALL_NAMES
    """The scopes on series apply only to these names and their series."""
    is_disabled: bool = False
    """Whether its account is disabled, so that it may do nothing."""
    is_root: bool = False
    """Whether it may use every account, not only its own."""
    expires_at: int | None = None
    """Seconds since the epoch. What the principal creates may be valid longer."""
    creators: tuple[str, ...] = ()
    """The principals that created its API key: the first one, what that created, and so on."""
    rate_limited: bool = True
    """Whether rate limits apply to its requests."""
    identity: str | None = None
    """The id of its identity token, which may be used for few operations only."""
    identity_expires_at: int = 0
    max_operations: int | None = None
    """How many operations its identity token may be used for, including reads. None: the setting
    applies, and reads do not count."""
    rate_limit_key: str = ""
    """Principals with the same key share their limits [default: the name]."""
    subject: str = "These credentials"
    """The start of sentences about its permissions."""
    hint: str = "Use other credentials, or ask an administrator."
    """What to do about a missing permission."""

    def __post_init__(self) -> None:
        if not self.rate_limit_key:
            object.__setattr__(self, "rate_limit_key", self.name)

    def require_enabled(self) -> None:
        """Raise Forbidden if the account of the principal is disabled."""
        if self.is_disabled:
            raise Forbidden(
                f"Account {self.account} is disabled, and so are all of its credentials. Nothing "
                "was deleted. Ask the operator to enable it."
            )

    def require(self, scope: str) -> None:
        """Raise Forbidden unless the principal has the scope."""
        if scope not in self.scopes:
            held = ", ".join(f"`{each}`" for each in format_scopes(self.scopes)) or "no scopes"
            raise Forbidden(f"Missing scope `{scope}`. {self.subject} have {held}. {self.hint}")

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
                f"{self.subject} belong to account {self.account} and cannot use another one. "
                "Omit `/accounts/…` to use their own account."
            )

    def require_name(self, name: str) -> None:
        """Raise Forbidden unless the principal may use the name."""
        if not self.names.allows(name):
            raise self._forbidden_name(name)

    def require_key(self, key: str) -> None:
        """Raise Forbidden unless the principal may use the name that the series belongs to."""
        if not self.names.allows_key(key):
            raise self._forbidden_name(name_of_key(key))

    def require_grant(self, scopes: Sequence[str], names: NamePatterns) -> None:
        """Raise Forbidden unless the principal may grant these permissions to others.

        Raises QuotaExceeded if what it creates would have too many creators.
        """
        if missing := parse_scopes(scopes) - self.scopes:
            raise Forbidden(
                "These credentials cannot grant scopes that they do not have: "
                f"{', '.join(format_scopes(missing))}. Request fewer scopes, or use other "
                "credentials."
            )
        if not self.names.covers(names):
            raise Forbidden(
                f"These credentials cannot grant names that they may not use. {self._own_names()} "
                "Restrict `names` to these, or use other credentials."
            )
        check_creators(self.lineage)

    def may_grant(self, scopes: Sequence[str], names: NamePatterns) -> bool:
        """Whether the principal may grant, and therefore list and revoke, these permissions."""
        return parse_scopes(scopes) <= self.scopes and self.names.covers(names)

    @property
    def lineage(self) -> tuple[str, ...]:
        """The creators of what the principal creates."""
        return (*self.creators, self.name)

    def _forbidden_name(self, name: str) -> Forbidden:
        return Forbidden(
            f"These credentials may not use the name {name!r}. {self._own_names()} Use one of "
            "these, or other credentials."
        )

    def _own_names(self) -> str:
        shown = ", ".join(f"`{text}`" for text in self.names.texts[:MAX_SHOWN_PATTERNS])
        more = ", …" if len(self.names.texts) > MAX_SHOWN_PATTERNS else ""
        return f"Their names are {shown}{more}."


def check_creators(creators: Sequence[str]) -> None:
    """Raise QuotaExceeded if an API key or a trust policy may not have so many creators."""
    if len(creators) > MAX_CREATORS:
        raise QuotaExceeded(
            f"This API key or trust policy would have more than {MAX_CREATORS} creators. Its "
            "creator, the creator of that one, and so on are counted. Create it with the root "
            "key, or with an API key that has fewer creators."
        )


ANONYMOUS = Principal("", 0, frozenset(), rate_limited=False)
"""The caller before authentication, and of paths that require none."""

ROOT = Principal("root", FIRST_ACCOUNT, ALL, is_root=True, rate_limited=False)

ANYONE = Principal(
    model.ANYONE,
    FIRST_ACCOUNT,
    frozenset(scope for scope in ALL if not scope.endswith(":acl")),
    rate_limited=False,
    subject="Requests without credentials",
    hint="This server has no credentials. Start it with MONOTRON_ROOT_API_KEY and "
    "MONOTRON_ROOT_API_SECRET, and send them with the request.",
)
"""Every caller of a server without credentials, which is reachable from its own machine only."""
