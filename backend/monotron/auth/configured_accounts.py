"""The check at startup that the trust policies of the config file belong to existing accounts."""

from collections.abc import Sequence

from monotron.auth.accounts import Accounts
from monotron.auth.trust_schema import TrustPolicy
from monotron.errors import InvalidSetting


async def check_configured_accounts(policies: Sequence[TrustPolicy], accounts: Accounts) -> None:
    """Raise InvalidSetting if the account of a trust policy does not exist.

    Otherwise, the policy would belong to the account that gets this id later.
    """
    for number, policy in enumerate(policies, 1):
        if not await accounts.exists(policy.account):
            raise InvalidSetting(
                f"trusts, item {number}: `account` {policy.account} does not exist. Create it "
                "with `monotron account create` before the policy is added, or correct the id. "
                "With `--store`, the command needs no running server."
            )
