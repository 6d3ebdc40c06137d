"""Authentication and authorization of a request: credentials, account, scope and limits."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from tornado.httputil import HTTPServerRequest

from monotron import errors
from monotron.auth.accounts import Accounts
from monotron.auth.authenticator import Authenticator, kind_of_credentials
from monotron.auth.concurrency import ConcurrencyLimiter
from monotron.auth.principal import ANONYMOUS, ROOT, Principal
from monotron.auth.rate_limit import RateLimiter
from monotron.auth.replay_guard import ReplayGuard
from monotron.web.origin import check_local, check_page
from monotron.web.permissions import ANY_CREDENTIAL, ROOT_KEY

if TYPE_CHECKING:
    from monotron.metrics import Metrics

UNKNOWN_ACCOUNT = -1
"""The account of a path that names none, or an invalid one."""


@dataclass(frozen=True, slots=True)
class Access:
    """The sender of a request and the account that the request acts on."""

    principal: Principal
    account: int


NO_ACCESS = Access(ANONYMOUS, UNKNOWN_ACCOUNT)
"""The access of a request that is not, or not yet, authenticated."""


class AccessControl:
    """Authenticates and authorizes each request before its verb runs.

    Methods return a plain value instead of an awaitable if the result is known immediately.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        accounts: Accounts,
        replay_guard: ReplayGuard,
        per_key: RateLimiter,
        per_account: RateLimiter,
        concurrency: ConcurrencyLimiter,
        metrics: "Metrics",
    ) -> None:
        self._authenticator = authenticator
        self._accounts = accounts
        self._replay_guard = replay_guard
        self._per_key = per_key
        self._per_account = per_account
        self._concurrency = concurrency
        self._metrics = metrics

    @property
    def is_open(self) -> bool:
        """Whether requests need no credentials."""
        return self._authenticator.open_to_all

    def check_origin(self, request: HTTPServerRequest) -> None:
        """Reject requests of proxies and of other hosts' pages. Raises InvalidHost or Forbidden."""
        if self._authenticator.open_to_all:
            check_local(request)
        check_page(request)

    def authenticate(
        self, request: HTTPServerRequest, account_text: str | None
    ) -> Access | Awaitable[Access]:
        """Find out who sent the request. Raises Unauthenticated, AmbiguousAccount or
        TooManyRequests.

        *account_text* is the account in the path; None means the sender's own.
        """
        account = None if account_text is None else _parse_account(account_text)
        headers = request.headers
        header = None
        if "Authorization" in headers:
            header = headers["Authorization"]
        principal = self._authenticator.known(header, account)
        if principal is None:
            return self._verify(request, header, account)
        return Access(principal, principal.account if account is None else account)

    async def _verify(
        self, request: HTTPServerRequest, header: str | None, account: int | None
    ) -> Access:
        if len(request.headers.get_list("Authorization")) > 1:
            raise errors.InvalidRequest("Duplicate `Authorization` header. Send one.")
        kind = kind_of_credentials(header)
        try:
            principal = await self._authenticator.check(header, account, request.remote_ip or "")
        except (errors.Unauthenticated, errors.TooManyRequests) as error:
            is_limited = isinstance(error, errors.TooManyRequests)
            self._metrics.sign_in(kind, "limited" if is_limited else "rejected")
            raise
        self._metrics.sign_in("root_key" if principal is ROOT else kind, "accepted")
        return Access(principal, principal.account if account is None else account)

    def admit(self, principal: Principal) -> Awaitable[None] | None:
        """Count a request, and wait until few others of the principal are running.

        The result must be awaited unless it is None. Raises TooManyRequests. If it does not raise,
        call `leave` when the request has been answered.
        """
        if not principal.rate_limited:
            return None
        # Forbidden requests count, too.
        self._per_key.count(principal.rate_limit_key)
        self._per_account.count(str(principal.account))
        return self._concurrency.enter(principal.rate_limit_key)

    def leave(self, principal: Principal) -> None:
        """End a request that was admitted."""
        if principal.rate_limited:
            self._concurrency.leave(principal.rate_limit_key)

    def authorize(
        self, access: Access, request: HTTPServerRequest, required_scope: Callable[[], str]
    ) -> Awaitable[None] | None:
        """Check account, scope and replay; the result must be awaited unless it is None.

        Raises Forbidden, PathNotFound, TokenReplayed, or an error of *required_scope*.
        """
        principal, account = access.principal, access.account
        principal.require_enabled()
        principal.require_account(account)
        scope = required_scope()
        if scope is ROOT_KEY:
            principal.require_root()
        elif scope is not ANY_CREDENTIAL:
            principal.require(scope)
        if account != principal.account:
            return self._check_account(account)
        is_read = scope in ("read:series", ANY_CREDENTIAL)
        if principal.identity is not None and self._replay_guard.counts(principal, is_read=is_read):
            return self._bind_identity(access, principal.identity, request.path)
        return None

    async def _check_account(self, account: int) -> None:
        if not await self._accounts.exists(account):
            name = f"Account {account}" if account != UNKNOWN_ACCOUNT else "The account"
            raise errors.PathNotFound(
                f"{name} does not exist. List accounts with `GET /v1/accounts`."
            )

    def _bind_identity(self, access: Access, identity: str, path: str) -> Awaitable[None] | None:
        """Bind an identity token to the resource that it writes to, or reads.

        A path that names the account is the resource of the path that names none.
        """
        resource = path.removeprefix("/v1").removeprefix(f"/accounts/{access.account}")
        operation = sha256(f"{access.account} {resource}".encode()).hexdigest()[:32]
        if self._replay_guard.is_known(identity, operation):
            return None
        return self._replay_guard.bind(access.principal, operation)


def _parse_account(text: str) -> int:
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,17}", text) else UNKNOWN_ACCOUNT
