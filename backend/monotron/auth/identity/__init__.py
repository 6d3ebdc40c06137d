"""CI identity tokens: a job signs in as itself, with a token that its platform signed (OIDC).

`IdentityTokens` verifies a token and answers whose it is; a `Rule` says whether that is somebody
whom it was made for. What a rule lets its match do is its keeper's business. Nothing here knows
of accounts, scopes, HTTP handlers or stores.
"""
