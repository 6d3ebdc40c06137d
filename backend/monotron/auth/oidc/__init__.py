"""CI identity tokens: a job signs in as itself, with a token that its platform signed (OIDC).

`tokens.TokenVerifier` verifies a token and answers whose it is; a `ClaimRule` says whether that is
somebody whom it was made for. What a rule lets its match do is its keeper's business. Nothing here
knows of accounts, scopes, HTTP handlers or stores.
"""

from monotron.auth.oidc.claims import LEEWAY, Identity
from monotron.auth.oidc.issuers import Issuer, parse_issuer
from monotron.auth.oidc.jwt_parsing import looks_like_identity_token
from monotron.auth.oidc.rules import ClaimRule, describe, parse_rule, rule_json

__all__ = [
    "LEEWAY",
    "ClaimRule",
    "Identity",
    "Issuer",
    "describe",
    "looks_like_identity_token",
    "parse_issuer",
    "parse_rule",
    "rule_json",
]
