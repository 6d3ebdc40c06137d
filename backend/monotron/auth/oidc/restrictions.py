"""Whether the claims of a rule restrict where a job runs, and the reason if they do not.

Without such a restriction, anyone who can push a branch, or create a repository of the owner,
could run a job that matches.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from monotron.auth.oidc.provider import ClaimValue, Provider

Claims = Mapping[str, tuple[ClaimValue, ...]]


def missing_restriction(provider: Provider, claims: Claims, *, accept_unprotected: bool) -> str:
    """Why anyone could satisfy the claims, and what to add; an empty text if they restrict jobs.

    With *accept_unprotected*, a claim such as an environment suffices, although any branch may be
    able to satisfy it.
    """
    for name, reason in provider.claims_of_rules.items():
        if name not in claims:
            return f"A trust policy for this issuer requires the claim `{name}`, because {reason}."
    can_be_restricted = provider.location_claims or provider.unprotected_claims
    if not can_be_restricted or _restricts_location(provider, claims):
        return ""
    if accept_unprotected and provider.unprotected_claims & claims.keys():
        return ""
    weak = {name: reason for name, reason in provider.weak_claims.items() if name in claims}
    incomplete = {name: pair for name, pair in provider.claims_of_id.items() if name in claims}
    weak |= {name: reason for name, (_, reason) in incomplete.items()}
    reasons = [f"`{name}` does not, because {reason}." for name, reason in weak.items()]
    default = ["Otherwise anyone who can push a branch could authenticate."]
    start = "A trust policy must also restrict where the job runs."
    advice = _advice(provider, claims, [id for id, _ in incomplete.values()], incomplete.keys())
    return " ".join(filter(None, [start, *(reasons or default), *advice]))


def _advice(
    provider: Provider, claims: Claims, ids: Iterable[str], incomplete: Collection[str]
) -> Iterator[str]:
    needed = [
        f'`{name}: "true"`' if name.endswith("_protected") else f"`{name}`"
        for name in sorted(provider.location_claims - set(incomplete))
    ]
    needed += [f"a list of accepted values of `{id}`" for id in ids]
    if needed:
        yield f"Add at least one of these to `claims`: {', '.join(needed)}."
    yield provider.note
    if provider.unprotected_claims & claims.keys():
        yield "To trust every job with this claim, set `accept_unprotected` to true."
    elif not needed:
        unprotected = ", ".join(f"`{name}`" for name in sorted(provider.unprotected_claims))
        yield (
            f"Add at least one of these to `claims`: {unprotected}. Anyone who can push may "
            "satisfy them, so also set `accept_unprotected` to true."
        )


def _restricts_location(provider: Provider, claims: Claims) -> bool:
    """Whether one of the claims restricts the location. `ref_protected: false` does not."""
    return any(
        claims[name] == ("true",)
        if name.endswith("_protected")
        else name not in provider.claims_of_id or provider.claims_of_id[name][0] in claims
        for name in provider.location_claims & claims.keys()
    )
