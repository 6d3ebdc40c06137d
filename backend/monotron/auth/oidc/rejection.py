"""Why no trust policy matches an identity, for the caller and for the log.

The log contains the issuer and the project, but no values of other claims, which can be personal
data.
"""

from collections.abc import Iterable

from monotron.auth.oidc.claims import Identity
from monotron.auth.oidc.rules import MAX_REASONS, Distance, Mismatch, describe
from monotron.errors import Unauthenticated


def no_match(identity: Identity, mismatches: Iterable[Mismatch]) -> Unauthenticated:
    """Return the error for an identity that no trust policy matches.

    The detail is for the caller. Reason and claim for the log name the claims that differ.
    """
    mismatches = list(mismatches)
    nearest = min((mismatch.distance for mismatch in mismatches), default=Distance.ISSUER)
    claims = dict.fromkeys(
        mismatch.claim for mismatch in mismatches if mismatch.distance == nearest and mismatch.claim
    )
    subject = ("with these claims", "for this project", "for this issuer")[nearest]
    different = f" (different: {', '.join(list(claims)[:MAX_REASONS])})" if claims else ""
    if not claims and nearest is Distance.IDS:
        claims = dict.fromkeys(identity.ids)
    return Unauthenticated(
        describe(mismatches),
        reason=f"{identity.name}: no trust policy {subject} matches{different}",
        claim=", ".join(list(claims)[:MAX_REASONS]),
    )
