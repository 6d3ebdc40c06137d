"""Fetches the keys of an issuer, by its discovery document (OpenID Connect Discovery 1.0 §4)."""

import time
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

from monotron.auth.oidc.bounded_get import FetchDeadline, FetchFailed, get
from monotron.auth.oidc.issuers import Issuer, split_url
from monotron.auth.oidc.jwt_parsing import MalformedToken, read_object
from monotron.auth.oidc.ssrf import Resolve, resolve

Fetch = Callable[[Issuer], bytes]
"""Returns the document with an issuer's keys. May block its thread. Raises FetchFailed."""

_PATH = "/.well-known/openid-configuration"


def fetch_keys(
    issuer: Issuer,
    *,
    resolve: Resolve = resolve,
    monotonic: Callable[[], float] = time.monotonic,
) -> bytes:
    """The issuer's JWK Set, unparsed. Sends one or two requests within one deadline.

    Raises FetchFailed.
    """
    deadline = FetchDeadline(monotonic)
    if issuer.jwks_url is not None:
        url = urlsplit(issuer.jwks_url)
    else:
        document = get(urlsplit(issuer.url.removesuffix("/") + _PATH), issuer, deadline, resolve)
        url = _jwks_url(issuer, document)
    return get(url, issuer, deadline, resolve)


def _jwks_url(issuer: Issuer, document: bytes) -> SplitResult:
    try:
        members = read_object(document)
    except MalformedToken as error:
        raise FetchFailed(f"invalid discovery document: {error}") from error
    if members.get("issuer") != issuer.url:
        raise FetchFailed(
            f"its discovery document names the issuer {str(members.get('issuer'))[:200]!r}. Set "
            "`url` to exactly this value"
        )
    try:
        url = split_url(members.get("jwks_uri"), "jwks_uri", allow_http=issuer.allow_private)
    except ValueError as error:
        raise FetchFailed(f"invalid discovery document: {error}") from error
    own = urlsplit(issuer.url)
    if (url.scheme, url.netloc.lower()) != (own.scheme, own.netloc.lower()):
        raise FetchFailed(
            f"its discovery document refers to keys on another host, {url.netloc[:200]}. If that "
            "is correct, set `jwks_url` for this issuer"
        )
    return url
