"""Finds the trust policies of one account that may match a CI job, without checking the others."""

from collections import defaultdict
from collections.abc import Iterable

from monotron.auth.oidc import Identity
from monotron.auth.oidc.provider import ClaimValue
from monotron.auth.oidc.providers import PROVIDERS
from monotron.auth.trust_schema import TrustPolicy


class PolicyIndex:
    """The trust policies of one account, by issuer and by the first id claim of their rules.

    A rule without an id claim matches no job, so its policy is not in the index.
    """

    def __init__(self, policies: Iterable[TrustPolicy]) -> None:
        self.policies = list(policies)
        self._policies: dict[tuple[str, str, ClaimValue], list[TrustPolicy]] = defaultdict(list)
        for policy in self.policies:
            rule = policy.rule
            required_ids = PROVIDERS[rule.kind].required_ids
            for name in [name for name in rule.claims if name in required_ids][:1]:
                for value in rule.claims[name]:
                    self._policies[rule.issuer, name, value].append(policy)

    def candidates(self, identity: Identity) -> list[TrustPolicy]:
        """The policies whose issuer and first id claim match, in the order of their ids."""
        keys = [(identity.issuer, *id) for id in identity.ids.items()]
        policies = [policy for key in keys for policy in self._policies.get(key, ())]
        return sorted(policies, key=lambda policy: policy.id or 0)
