"""What is known about a CI platform: its claims, its audiences, and which rules restrict its jobs.

`providers.py` and `ci_providers.py` contain the tables.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

MINUTE_SECONDS = 60


STANDARD_CLAIMS = ("iss", "aud", "exp", "iat", "nbf", "jti")
"""The claims of RFC 7519 that are always checked, so that rules cannot contain them."""

ClaimValue = str | int | bool | None
"""The value of a claim in a rule. It equals only values of its own type in a token."""

SCALARS: tuple[type, ...] = (str, int, bool, type(None))


class ClaimFormat(NamedTuple):
    """The format of a claim's value in a rule; *description* completes "must be …"."""

    pattern: str
    description: str


class Invariant(NamedTuple):
    """A condition that a claim of every token must satisfy, and the error if it does not."""

    is_satisfied: Callable[[object], bool]
    error: str


class WorkspaceAudience(NamedTuple):
    """An audience that the platform adds to a list: *prefix*, and the id in a claim.

    The id may be in braces in the claim and in the audience.
    """

    prefix: str
    claim: str


@dataclass(frozen=True)
class Workflow:
    """The claim that names the file of a pipeline's steps as `FILE@REF`.

    REF must be the value of one of the claims *refs* of the same token. Without this check, the
    file of another branch would be accepted (PyPI checks this, too).
    """

    claim: str
    refs: tuple[str, str]


@dataclass(frozen=True)
class Provider:
    """A platform. A rule needs one of *required_ids* and, if there are any, *location_claims*.

    `restrictions.py` describes the exceptions.
    """

    required_ids: frozenset[str]
    """Claims that identify the owner permanently. Numbers, as strings."""

    required_claims: tuple[str, ...] = STANDARD_CLAIMS
    """Claims that every token must have. Without `jti`, a hash identifies the token."""

    missing_claim_hint: str = ""
    """How to get a token with all required claims."""

    invariants: Mapping[str, Invariant] = field(default_factory=dict)
    """Conditions that do not depend on a rule, by claim."""

    audience_hint: str = ""
    """How to request a token with another audience."""

    accepts_audience_list: bool = False
    """Whether `aud` may be a list, with one audience of this server."""

    workspace_audience: WorkspaceAudience | None = None
    """The only other audience that such a list may contain."""

    fixed_audience: str | None = None
    """The audience of all tokens of a platform on which it cannot be chosen. The operator must
    repeat it as `audience` of the issuer, because tokens for other services have it, too."""

    is_single_use: bool = False
    """Whether a token may be used for one path only."""

    claims_of_rules: Mapping[str, str] = field(default_factory=dict)
    """Claims that every rule must contain, with the reason."""

    location_claims: frozenset[str] = frozenset()
    """Claims that restrict where a job runs, to places that not everyone who can push can use."""

    claims_of_id: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Location claims that restrict a job only together with this id claim, with the reason."""

    weak_claims: Mapping[str, str] = field(default_factory=dict)
    """Claims that seem to restrict where a job runs but do not, with the reason."""

    unprotected_claims: frozenset[str] = frozenset()
    """Weak claims that are sufficient for a rule with `accept_unprotected`."""

    note: str = ""
    """A sentence about the claims that the error of a rule without a restriction contains."""

    optional_claims: frozenset[str] = frozenset()
    """Claims that may restrict a rule further."""

    allows_any_claim: bool = False
    """Whether a rule may use any other claim: only the operator knows what the claims of an
    unknown issuer mean."""

    rejected_claims: Mapping[str, str] = field(default_factory=dict)
    """Claims that seem to identify the owner but do not, with what to use instead."""

    formats: Mapping[str, ClaimFormat] = field(default_factory=dict)
    """The formats of texts by claim."""

    types: Mapping[str, tuple[type, ...]] = field(default_factory=dict)
    """The types by claim, of those that are not only strings. A `list` in a token contains one of
    the strings in the rule."""

    workflow: Workflow | None = None
    case_insensitive: frozenset[str] = frozenset()
    """Claims whose case the platform ignores."""

    event_claim: str | None = None
    """The claim that states why the job runs. Every token must have it."""

    default_events: frozenset[str] = frozenset()
    """Events that run code of someone with write access. A rule must allow all others."""

    forbidden_events: frozenset[str] = frozenset()
    """Events that no rule can allow."""

    duplicate_ids: Mapping[str, str] = field(default_factory=dict)
    """Claims that must satisfy the rule of another claim, too, if a token has them."""

    max_age_seconds: int | None = None
    """The time after `iat` for which a token is accepted, if it is shorter than up to `exp`."""

    repository_claim: str = "sub"
    """The claim that identifies the repository permanently. Its jobs share their rate limit."""

    path_claim: str = ""
    """The claim with the path of the repository, from which names can be derived. Empty if the
    platform is not supported."""

    name_prefix: str = ""
    """The start of derived names, as in the names that the plugins use by default."""

    name_claims: tuple[str, str] = ("sub", "")
    """The claims for the name in ledger and log: the subject, and its run."""

    @property
    def allowed_claims(self) -> frozenset[str]:
        """The claims that a rule may use."""
        return self.required_ids.union(
            self.claims_of_rules, self.location_claims, self.weak_claims, self.optional_claims
        )

    def types_of(self, claim: str) -> tuple[type, ...]:
        """The types that the claim may have."""
        any_type = self.allows_any_claim and claim not in self.required_ids | self.formats.keys()
        return self.types.get(claim, SCALARS if any_type else (str,))
