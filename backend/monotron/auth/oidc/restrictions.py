"""Whether the claims of a rule restrict where a job runs, and the reason if they do not.

Without such a restriction, anyone who can push a branch, or create a repository of the owner,
could run a job that matches.
"""

from collections.abc import Mapping

from monotron.auth.oidc.providers import Provider

Claims = Mapping[str, tuple[str, ...]]


def missing_restriction(provider: Provider, claims: Claims, *, accept_unprotected: bool) -> str:
    """Why anyone could satisfy the claims, and what to add; an empty text if they restrict jobs.

    With *accept_unprotected*, an environment suffices, although any branch may be able to use it.
    """
    if not provider.location_claims or _restricts_location(provider, claims):
        return ""
    if accept_unprotected and provider.unprotected_claims & claims.keys():
        return ""
    weak = {name: reason for name, reason in provider.weak_claims.items() if name in claims}
    incomplete = {name: pair for name, pair in provider.claims_of_id.items() if name in claims}
    weak |= {name: reason for name, (_, reason) in incomplete.items()}
    reasons = [f"`{name}` does not, because {reason}." for name, reason in weak.items()]
    needed = [
        f'`{name}: "true"`' if name.endswith("_protected") else f"`{name}`"
        for name in sorted(provider.location_claims - incomplete.keys())
    ]
    needed += [f"a list of accepted values of `{id}`" for id, _ in incomplete.values()]
    advice = [f"Add at least one of these to `claims`: {', '.join(needed)}.", provider.note]
    if provider.unprotected_claims & claims.keys():
        advice.append("To trust every job of the environment, set `accept_unprotected` to true.")
    start = "A trust must also restrict where the job runs."
    default = ["Otherwise anyone who can push a branch could authenticate."]
    return " ".join(filter(None, [start, *(reasons or default), *advice]))


def _restricts_location(provider: Provider, claims: Claims) -> bool:
    """Whether one of the claims restricts the location. `ref_protected: false` does not."""
    return any(
        claims[name] == ("true",)
        if name.endswith("_protected")
        else name not in provider.claims_of_id or provider.claims_of_id[name][0] in claims
        for name in provider.location_claims & claims.keys()
    )
