"""What would happen if a CI job signed in to an account with its identity token."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from monotron.auth.oidc import Identity, Mismatch
from monotron.auth.oidc.jwt_parsing import MAX_TOKEN_CHARACTERS
from monotron.auth.policy_matcher import PolicyMatcher
from monotron.auth.principal import Principal
from monotron.auth.scopes import format_scopes
from monotron.auth.trust_schema import TrustPolicy
from monotron.errors import Forbidden, InvalidRequest, RepositoryRenamed, Unauthenticated
from monotron.model.timestamps import rfc3339

if TYPE_CHECKING:
    from monotron.auth.oidc.verifier import TokenVerifier

MAX_POLICIES = 20
"""The number of trust policies in a report, those that are nearest to the token."""


class SignInReports:
    """Verifies identity tokens like a sign-in, but grants nothing, stores nothing and uses up no
    operation of a token."""

    def __init__(
        self,
        verifier: "TokenVerifier | None",
        matcher: PolicyMatcher,
        is_disabled: Callable[[int], Awaitable[bool]],
    ) -> None:
        """*verifier* is None if the server trusts no issuers."""
        self._verifier = verifier
        self._matcher = matcher
        self._is_disabled = is_disabled

    async def report(self, by: Principal, account: int, body: object) -> dict[str, Any]:
        """Whether the account accepts the token, the permissions of the job, or the differences.

        It considers only trust policies whose rights *by* could have granted. Raises
        InvalidRequest if *body* contains no token.
        """
        token = _parse_token(body)
        if self._verifier is None:
            return _rejected("This server trusts no issuers. Set `issuers` and `audience`.", [])
        try:
            identity = await self._verifier.verify(token)
        except Unauthenticated as error:
            return _rejected(error.detail, [])
        policies = [
            policy
            for policy in await self._matcher.all_policies(account)
            if by.may_grant(policy.scopes, policy.names)
        ]
        compared = sorted(self._matcher.compare(policies, identity), key=_distance)
        trusts = [_trust(policy, names) for policy, names in compared[:MAX_POLICIES]]
        if identity.account not in (None, account):
            reason = f"The token's audience names account {identity.account}."
            return _rejected(reason, trusts)
        if await self._is_disabled(account):
            return _rejected(f"Account {account} is disabled.", trusts)
        try:
            principal = await self._matcher.decide(policies, identity, account, is_report=True)
        except (Unauthenticated, Forbidden, RepositoryRenamed) as error:
            return _rejected(error.detail, trusts)
        return _accepted(principal, identity, trusts)


def _parse_token(body: object) -> str:
    token = body.get("id_token") if isinstance(body, dict) and len(body) == 1 else None
    if not isinstance(token, str) or not 1 <= len(token) <= MAX_TOKEN_CHARACTERS:
        raise InvalidRequest(
            "The body must be an object with the member `id_token` only. Its value is an identity "
            f"token of at most {MAX_TOKEN_CHARACTERS} characters."
        )
    return token


def _distance(compared: tuple[TrustPolicy, object]) -> tuple[int, int]:
    policy, names = compared
    return names.distance if isinstance(names, Mismatch) else -1, policy.id or 0


def _trust(policy: TrustPolicy, names: object) -> dict[str, Any]:
    reason = f"{names.reason}." if isinstance(names, Mismatch) else None
    return {"id": policy.id, "matches": reason is None, "reason": reason}


def _accepted(
    principal: Principal, identity: Identity, trusts: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "accepted": True,
        "reason": None,
        "principal": principal.name,
        "scopes": format_scopes(principal.scopes),
        "names": list(principal.names.texts),
        "expires_at": rfc3339(identity.expires_at),
        "trusts": trusts,
    }


def _rejected(reason: str, trusts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"accepted": False, "reason": reason, "trusts": trusts}
