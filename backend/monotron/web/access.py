"""Authentication and authorization of a request: credentials, account, scope and limits."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256

from tornado.httputil import HTTPServerRequest

from monotron import errors
from monotron.auth.accounts import Accounts
from monotron.auth.authenticator import Authenticator, Principals
from monotron.auth.concurrency import ConcurrencyLimiter
from monotron.auth.principal import ANONYMOUS, Principal
from monotron.auth.rate_limit import RateLimiter
from monotron.auth.replay_guard import ReplayGuard
from monotron.web.hosts import is_loopback_host
from monotron.web.permissions import ROOT_KEY

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

    Methods return a plain value instead of an awaitable if the result is known at once.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        accounts: Accounts,
        replay_guard: ReplayGuard,
        per_key: RateLimiter,
        per_account: RateLimiter,
        concurrency: ConcurrencyLimiter,
    ) -> None:
        self._authenticator = authenticator
        self._accounts = accounts
        self._replay_guard = replay_guard
        self._per_key = per_key
        self._per_account = per_account
        self._concurrency = concurrency

    def check_origin(self, request: HTTPServerRequest) -> None:
        """Reject requests that a web page of another host could send. Raises InvalidHost."""
        open_to_all = self._authenticator.open_to_all
        if open_to_all and not is_loopback_host(request.host):
            raise errors.InvalidHost(
                "Without credentials this server only answers requests for localhost. This "
                "protects against DNS rebinding. Use http://127.0.0.1, or set a root key to serve "
                "other host names."
            )
        if request.method == "POST" and "Origin" in request.headers:
            # Browsers send POST to other hosts without a preflight, and no other writing method.
            host = request.headers["Origin"].rpartition("/")[2]
            if host != request.host and not (open_to_all and is_loopback_host(host)):
                raise errors.InvalidHost(
                    "This request was sent by a web page of another host. Send it from a script or "
                    "a terminal."
                )

    def authenticate(
        self, request: HTTPServerRequest, account_text: str | None
    ) -> Access | Awaitable[Access]:
        """Find out who sent the request. Raises Unauthenticated or TooManyRequests.

        *account_text* is the account in the path; None means the sender's own.
        """
        headers = request.headers
        header = None
        if "Authorization" in headers:
            header = headers["Authorization"]
        principals = self._authenticator.known(header)
        if principals is None:
            return self._verify(request, header, account_text)
        return _select(principals, account_text)

    async def _verify(
        self, request: HTTPServerRequest, header: str | None, account_text: str | None
    ) -> Access:
        if len(request.headers.get_list("Authorization")) > 1:
            raise errors.InvalidRequest("Duplicate `Authorization` header. Send one.")
        principals = await self._authenticator.check(header, request.remote_ip or "")
        return _select(principals, account_text)

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

        Raises Forbidden, PathNotFound, TokenReplayed, or an error of
        *required_scope*.
        """
        principal, account = access.principal, access.account
        principal.require_account(account)
        scope = required_scope()
        if scope is ROOT_KEY:
            principal.require_root()
        else:
            principal.require(scope)
        if account != principal.account:
            return self._check_account(account)
        if (
            principal.identity is not None
            and self._replay_guard.has_limit
            and scope != "read:series"
        ):
            return self._bind_identity(access, principal.identity, request.path)
        return None

    async def _check_account(self, account: int) -> None:
        if not await self._accounts.exists(account):
            name = f"Account {account}" if account != UNKNOWN_ACCOUNT else "The account"
            raise errors.PathNotFound(
                f"{name} does not exist. List accounts with `GET /v1/accounts`."
            )

    def _bind_identity(self, access: Access, identity: str, path: str) -> Awaitable[None] | None:
        """Bind an identity token to the resource that it writes to."""
        resource = path.removeprefix(f"/v1/accounts/{access.account}")
        operation = sha256(f"{access.account} {resource}".encode()).hexdigest()[:32]
        if self._replay_guard.is_known(identity, operation):
            return None
        return self._replay_guard.bind(access.principal, operation)


def _select(principals: Principals, account_text: str | None) -> Access:
    """Select the principal for the account in the path; a CI job can have several."""
    if account_text is None:
        return Access(principals[0], principals[0].account)
    account = _parse_account(account_text)
    principal = next((each for each in principals if each.account == account), principals[0])
    return Access(principal, account)


def _parse_account(text: str) -> int:
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,17}", text) else UNKNOWN_ACCOUNT
