"""The revocation of API keys, with or without all that they created."""

from collections.abc import Callable

from monotron.auth.api_keys import ApiKeys, principal_name
from monotron.auth.principal import Principal
from monotron.auth.trust_policies import TrustPolicies
from monotron.errors import GrantNotFound


class Revocation:
    """Revokes API keys. Each stops working in this process immediately."""

    def __init__(
        self,
        api_keys: ApiKeys,
        trust_policies: TrustPolicies,
        forget: Callable[[str], None],
        forget_identities: Callable[[], None],
    ) -> None:
        """*forget* and *forget_identities* remove an API key, or all identity tokens, from the
        cache of authentications."""
        self._api_keys = api_keys
        self._trust_policies = trust_policies
        self._forget = forget
        self._forget_identities = forget_identities

    async def revoke(
        self, by: Principal, account: int, key: str, *, with_descendants: bool
    ) -> None:
        """Revoke the API key, and with *with_descendants* what it created, and so on.

        With descendants, the API key itself may be revoked already. Raises GrantNotFound if *by*
        cannot see the API key, and if nothing is left to remove.
        """
        not_found = None
        try:
            await self._api_keys.revoke(by, account, key)
        except GrantNotFound as error:
            # An API key with rights that *by* lacks would continue to work.
            if not with_descendants or await self._api_keys.find(key) is not None:
                raise
            not_found = error
        else:
            self._forget(key)
        removed = with_descendants and await self._remove_descendants(by, account, key)
        if not_found is not None and not removed:
            raise not_found

    async def _remove_descendants(self, by: Principal, account: int, key: str) -> bool:
        """Remove descendants until none is left. Returns whether there were any."""
        creator = principal_name(key)
        removed = False
        while True:
            api_keys = await self._api_keys.descendants(by, account, creator)
            policies = await self._trust_policies.descendants(by, account, creator)
            if not api_keys and not policies:
                return removed
            removed = True
            for api_key in api_keys:
                await self._api_keys.delete(by, api_key)
                self._forget(api_key.key)
            for policy in policies:
                await self._trust_policies.remove(by, policy)
            if policies:
                self._forget_identities()
