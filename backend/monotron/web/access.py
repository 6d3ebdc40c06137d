"""Who is let in: credentials, account, scope, limits. One place for all handlers."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from hashlib import sha256
from typing import TYPE_CHECKING

from monotron import errors
from monotron.auth.accounts import Accounts
from monotron.auth.authenticator import Authenticator, Principals
from monotron.auth.rate_limit import RateLimiter
from monotron.auth.replay_guard import ReplayGuard
from monotron.web.hosts import is_loopback_host
from monotron.web.permissions import NOTHING, ROOT_KEY

if TYPE_CHECKING:
    from monotron.web.handler import Handler

NO_ACCOUNT = -1


class AccessControl:
    """Decides on each request before its verb runs. Raises what it is refused with."""

    def __init__(
        self,
        sign_in: Authenticator,
        accounts: Accounts,
        replay: ReplayGuard,
        per_key: RateLimiter,
        per_account: RateLimiter,
    ) -> None:
        self.sign_in = sign_in
        self._replay = replay
        self._accounts = accounts
        self._per_key = per_key
        self._per_account = per_account

    def admit(self, handler: Handler, needed: str) -> Awaitable[None] | None:
        """Let the request in for what is *needed*; what is returned must be awaited."""
        self._check_origin(handler)
        if needed is NOTHING:
            return None
        header = handler.request.headers.get("Authorization")
        principals = self.sign_in.known(header)
        if principals is None:
            return self._check(handler, header, needed)
        return self._let_in(handler, principals, needed)

    async def _check(self, handler: Handler, header: str | None, needed: str) -> None:
        request = handler.request
        if len(request.headers.get_list("Authorization")) > 1:
            raise errors.InvalidRequest(
                "The request has two Authorization headers, so it was not acted upon. Send one."
            )
        principals = await self.sign_in.check(header, request.remote_ip or "")
        waits = self._let_in(handler, principals, needed)
        if waits is not None:
            await waits

    def _let_in(
        self, handler: Handler, principals: Principals, needed: str
    ) -> Awaitable[None] | None:
        account_text = handler.path_args.pop(0) if handler.in_account else None
        account = None if account_text is None else _account(account_text)
        principal = next((each for each in principals if each.account == account), principals[0])
        handler.principal = principal
        handler.account = principal.account if account is None else account
        if principal.rate_limited:  # what is forbidden is counted too
            self._per_key.count(principal.name)
            self._per_account.count(str(principal.account))
        principal.require_account(handler.account)
        scope = handler.needed(needed)
        if scope is ROOT_KEY:
            principal.require_root()
        else:
            principal.require(scope)
        if handler.account != principal.account:
            return self._check_account(handler.account)
        if principal.identity is not None and self._replay.is_bound and scope != "read:series":
            path = handler.request.path.removeprefix(f"/v1/accounts/{handler.account}")
            operation = sha256(f"{handler.account} {path}".encode()).hexdigest()[:32]
            if not self._replay.is_known(principal.identity, operation):
                return self._replay.bind(principal, operation)
        return None

    async def _check_account(self, account: int) -> None:
        if not await self._accounts.exists(account):
            raise errors.PathNotFound(
                "There is no such account. GET /v1/accounts lists what there is; POST makes "
                "one more."
            )

    def _check_origin(self, handler: Handler) -> None:
        """Keep web pages of other hosts out: they can send what a browser lets them."""
        request = handler.request
        if self.sign_in.open_to_all and not is_loopback_host(request.host):
            raise errors.InvalidHost(
                "This server is open to whoever can reach it, so it answers only to a loopback "
                "name in the Host header, such as localhost or 127.0.0.1 (a web page could "
                "otherwise count through a name of its own). Use http://127.0.0.1 in the URL."
            )
        origin = request.headers.get("Origin")
        if request.method == "POST" and origin is not None:
            # The one method of ours that a browser sends for any page without asking first.
            host = origin.rpartition("/")[2]
            if host != request.host and not (self.sign_in.open_to_all and is_loopback_host(host)):
                raise errors.InvalidHost(
                    "A web page of another host sent this, and such may start nothing here. Send "
                    "it without a browser."
                )


def _account(text: str) -> int:
    """The account of this id; what is no id is an account that there is not."""
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,17}", text) else NO_ACCOUNT
