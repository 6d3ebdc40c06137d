"""CI identity tokens: a job signs in as itself, with a token that its platform signed (OIDC).

`tokens.IdentityTokens` verifies a token and answers whose it is; a `Rule` says whether that is
somebody whom it was made for. What a rule lets its match do is its keeper's business. Nothing here
knows of accounts, scopes, HTTP handlers or stores.
"""

from monotron.auth.identity.claims import LEEWAY, Identity
from monotron.auth.identity.issuers import Issuer, parse_issuer
from monotron.auth.identity.reading import looks_like_identity_token
from monotron.auth.identity.rules import Rule, describe, parse_rule, rule_json

__all__ = [
    "LEEWAY",
    "Identity",
    "Issuer",
    "Rule",
    "describe",
    "looks_like_identity_token",
    "parse_issuer",
    "parse_rule",
    "rule_json",
]
