"""Authentication of CI jobs by their identity tokens, in one account."""

from typing import TYPE_CHECKING

from monotron.auth.oidc import Identity, account_audience, no_match, quoted
from monotron.auth.policy_matcher import PolicyMatcher
from monotron.auth.principal import Principal
from monotron.errors import (
    AmbiguousAccount,
    Forbidden,
    RejectedIdentity,
    RepositoryRenamed,
    Unauthenticated,
)

if TYPE_CHECKING:
    from monotron.auth.oidc.verifier import TokenVerifier


class OidcAuthenticator:
    """Authenticates CI jobs. Only the trust policies of one account apply to a request.

    Any tenant may trust any repository. If the trust policies of several accounts applied, a tenant
    could take over the jobs of another one.
    """

    def __init__(
        self, verifier: "TokenVerifier", matcher: PolicyMatcher, *, require_account: bool
    ) -> None:
        """With *require_account*, the path or the audience must always name the account."""
        self._verifier = verifier
        self._matcher = matcher
        self._require_account = require_account

    async def principal(self, unverified_token: str, account: int | None) -> Principal:
        """The principal of the job in the *account* that the path names (None: names none).

        Raises Unauthenticated, AmbiguousAccount if neither the path nor the audience of a valid
        token names an account, and the errors of `PolicyMatcher.principal`.
        """
        identity = await self._verifier.verify(unverified_token)
        try:
            return await self._principal(identity, account)
        except (AmbiguousAccount, Forbidden, RepositoryRenamed, Unauthenticated) as error:
            error.identity = RejectedIdentity(identity.issuer, identity.project)
            raise

    async def _principal(self, identity: Identity, account: int | None) -> Principal:
        if account is None:
            account = identity.account
        elif identity.account not in (None, account):
            raise Unauthenticated(
                f"The identity token is for account {identity.account}, but the path names another "
                f"one. Use `/v1/accounts/{identity.account}/…`, or request a token with another "
                "audience.",
                reason=f"{identity.name}: the token is for account {identity.account}, the path "
                "names another one",
                claim="aud",
            )
        if account is None:
            account = await self._only_account(identity)
        return await self._matcher.principal(identity, account)

    async def _only_account(self, identity: Identity) -> int:
        """The only account with trust policies. Raises AmbiguousAccount if there are several."""
        accounts = await self._matcher.accounts()
        if self._require_account or len(accounts) > 1:
            audience = account_audience(self._verifier.audience, "ID")
            raise AmbiguousAccount(
                "The identity token does not name an account, which this server requires. Name it "
                "in the path (`/v1/accounts/ID/…`), or request a token with the audience "
                f"{quoted(audience)}. An administrator of your account knows its ID."
            )
        if not accounts:
            raise no_match(identity, [])
        return accounts[0]
