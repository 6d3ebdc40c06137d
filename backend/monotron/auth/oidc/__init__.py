"""OpenID Connect: verifies the identity tokens of CI jobs, which their platform signs.

`verifier.TokenVerifier` verifies a token and returns its `Identity`. A `ClaimRule` decides whether
this identity matches. This package has no knowledge of scopes, HTTP handlers or stores.
"""

from monotron.auth.oidc.audiences import account_audience, quoted
from monotron.auth.oidc.claims import LEEWAY_SECONDS, Identity
from monotron.auth.oidc.issuers import Issuer, parse_issuer
from monotron.auth.oidc.jwt_parsing import looks_like_identity_token
from monotron.auth.oidc.rejection import no_match
from monotron.auth.oidc.rule_schema import RULE_MEMBERS, parse_rule, rule_json
from monotron.auth.oidc.rules import ClaimRule, Distance, Mismatch

__all__ = [
    "LEEWAY_SECONDS",
    "RULE_MEMBERS",
    "ClaimRule",
    "Distance",
    "Identity",
    "Issuer",
    "Mismatch",
    "account_audience",
    "looks_like_identity_token",
    "no_match",
    "parse_issuer",
    "parse_rule",
    "quoted",
    "rule_json",
]
