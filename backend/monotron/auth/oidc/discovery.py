"""Where an issuer keeps its keys (OpenID Connect Discovery 1.0 §4), and what lies there."""

import time
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

from monotron.auth.oidc.bounded_get import FetchDeadline, FetchFailed, get
from monotron.auth.oidc.issuers import Issuer, split_url
from monotron.auth.oidc.jwt_parsing import MalformedToken, read_object
from monotron.auth.oidc.ssrf import Resolve, resolve

Fetch = Callable[[Issuer], bytes]
"""The document with an issuer's keys. May block, in its thread. `FetchFailed`."""


def fetch_keys(
    issuer: Issuer,
    *,
    resolve: Resolve = resolve,
    monotonic: Callable[[], float] = time.monotonic,
) -> bytes:
    """The issuer's JWK Set as it comes, by one or two requests within one deadline."""
    deadline = FetchDeadline(monotonic)
    if issuer.jwks_url is not None:
        url = urlsplit(issuer.jwks_url)
    else:
        address = issuer.url.removesuffix("/") + "/.well-known/openid-configuration"
        url = _jwks_url(issuer, get(urlsplit(address), issuer, deadline, resolve))
    return get(url, issuer, deadline, resolve)


def _jwks_url(issuer: Issuer, document: bytes) -> SplitResult:
    try:
        found = read_object(document)
    except MalformedToken as error:
        raise FetchFailed(f"its discovery document cannot be used: {error}") from error
    if found.get("issuer") != issuer.url:
        raise FetchFailed(
            f"its discovery document is of the issuer {str(found.get('issuer'))[:200]!r}. Write "
            "the url of the issuer in that way, to the letter"
        )
    try:
        url = split_url(found.get("jwks_uri"), "jwks_uri", plain=issuer.allow_private)
    except ValueError as error:
        raise FetchFailed(f"in its discovery document, {error}") from error
    own = urlsplit(issuer.url)
    if (url.scheme, url.netloc.lower()) != (own.scheme, own.netloc.lower()):
        raise FetchFailed(
            f"its discovery document sends for keys to {url.netloc[:200]}, another host. If that "
            "is right, set jwks_url for it"
        )
    return url
