"""Issuers of identity tokens. Only the operator configures which ones are trusted."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from monotron.auth.oidc.providers import PROVIDERS

GITHUB = "https://token.actions.githubusercontent.com"
GITLAB = "https://gitlab.com"

ISSUER_NAMES = {"github": GITHUB, "gitlab.com": GITLAB}
"""Short names of the two public issuers."""

_PUBLIC_KINDS = {GITHUB: "github", GITLAB: "gitlab"}
_KNOWN_URLS = {
    # https://docs.github.com/en/actions/reference/security/oidc
    "github": rf"{re.escape(GITHUB)}(/[A-Za-z0-9-]+)?"  # with the slug of an enterprise
    r"|https://token\.actions\.[A-Za-z0-9-]+\.ghe\.com"
    r"|https?://[^/]+/_services/token",  # GitHub Enterprise Server
    "circleci": r"https://oidc\.circleci\.com(/org/[^/]+)?",
    "buildkite": r"https://agent\.buildkite\.com",
    "bitbucket": r"https://api\.bitbucket\.org/2\.0/workspaces/[^/]+/pipelines-config/identity/oidc",
    "azure": r"https://vstoken\.dev\.azure\.com/[^/]+",
}
"""The URLs of the issuers of a kind. Self-managed issuers have other ones."""

_MEMBERS = ("url", "kind", "jwks_url", "allow_private", "ca_file", "audience")


@dataclass(frozen=True)
class Issuer:
    """An issuer of identity tokens. *url* is exactly the `iss` of its tokens."""

    url: str
    kind: str
    """A key of `PROVIDERS`."""

    jwks_url: str | None = None
    """The URL of its keys. Default: from its discovery document (OIDC Discovery 1.0 §4)."""

    allow_private: bool = False
    """Whether it may have a loopback or private address, and use plain HTTP."""

    ca_file: Path | None = None
    """Certificates to trust for this issuer instead of the system's."""

    audience: str | None = None
    """The audience of its tokens instead of the server's, if it is fixed (`Provider`)."""

    @property
    def short_name(self) -> str:
        """The start of the names of its identities. It contains an `@` unless the issuer is public,
        so that no other issuer can imitate a public one."""
        if self.url in _PUBLIC_KINDS:
            return self.kind
        kind = "oidc" if self.kind == "other" else self.kind
        return f"{kind}@{self.url.partition('://')[2]}"


def parse_issuer(value: object) -> Issuer:
    """An issuer from the config file: one of `ISSUER_NAMES`, or the fields of `Issuer`.

    Raises ValueError, which names the invalid member.
    """
    if isinstance(value, str):
        value = {"url": value}
    if not isinstance(value, Mapping):
        raise ValueError(f"an issuer must be {_names()}, or a mapping with `url` and `kind`")
    for member in value:
        if member not in _MEMBERS:
            raise ValueError(f"unknown member {member!r}. Allowed: {', '.join(_MEMBERS)}")
    if "url" not in value:
        raise ValueError(f"`url` is missing: use {_names()}, or exactly the `iss` of the tokens")
    allow_private = value.get("allow_private", False)
    if not isinstance(allow_private, bool):
        raise ValueError("`allow_private` must be true or false")
    url = value["url"]
    if isinstance(url, str):
        url = ISSUER_NAMES.get(url, url)
    split_url(url, "url", allow_http=allow_private)
    if "?" in url:
        raise ValueError("`url` must not have a query")
    jwks_url = value.get("jwks_url")
    if jwks_url is not None:
        split_url(jwks_url, "jwks_url", allow_http=allow_private)
    kind = _parse_kind(url, value.get("kind"))
    ca_file = _parse_ca_file(value.get("ca_file"))
    audience = _parse_audience(kind, value.get("audience"))
    return Issuer(url, kind, jwks_url, allow_private, ca_file, audience)


def split_url(url: object, member: str, *, allow_http: bool) -> SplitResult:
    """Split an https (or http) URL that can be fetched. Raises ValueError, naming *member*."""
    if not isinstance(url, str) or not re.fullmatch(r"[!-~]{1,2000}", url):
        raise ValueError(f"`{member}` must be a URL in printable ASCII")
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it is read for its ValueError
    except ValueError:
        raise ValueError(f"`{member}` is not a valid URL") from None
    if parts.scheme != "https" and not (allow_http and parts.scheme == "http"):
        raise ValueError(
            f"`{member}` must start with https://. An issuer in your own network may use http:// "
            "if `allow_private` is true"
        )
    if not re.fullmatch(r"[A-Za-z0-9._-]+(:[0-9]+)?|\[[0-9A-Fa-f:.]+\](:[0-9]+)?", parts.netloc):
        raise ValueError(f"`{member}` must contain a host, an optional port, and no user")
    if "#" in url or "\\" in url:
        raise ValueError(f"`{member}` must not contain a fragment or a backslash")
    return parts


def _names() -> str:
    return " or ".join(ISSUER_NAMES)


def _known_kind(url: str) -> str | None:
    for kind, pattern in _KNOWN_URLS.items():
        if re.fullmatch(pattern, url):
            return kind
    return _PUBLIC_KINDS.get(url)


def _parse_kind(url: str, value: object) -> str:
    known = _known_kind(url)
    kind = known if value is None else value
    if not isinstance(kind, str) or kind not in PROVIDERS:
        raise ValueError(
            f"`kind` must be one of {', '.join(PROVIDERS)} (for {url}). Use gitlab for a "
            "self-managed GitLab"
        )
    if known not in (None, kind):
        raise ValueError(f"`kind` must be {known} or omitted (for {url})")
    return kind


def _parse_audience(kind: str, value: object) -> str | None:
    fixed = PROVIDERS[kind].fixed_audience
    if value == fixed:
        return fixed
    if fixed is None:
        raise ValueError(
            f"`audience` is not a member of an issuer of kind {kind}. Its tokens have the audience "
            "in the setting `audience` of the server"
        )
    raise ValueError(
        f"`audience` must be {fixed} for an issuer of kind {kind}. All services share this "
        "audience, so that another service could use a token that it received"
    )


def _parse_ca_file(value: object) -> Path | None:
    if value is None:
        return None
    if not isinstance(value, str | Path):
        raise ValueError("`ca_file` must be the path of a file of certificates (PEM)")
    try:
        ssl.create_default_context(cafile=value)
    except OSError as error:  # SSLError is a subclass
        raise ValueError("`ca_file` cannot be read as a file of certificates (PEM)") from error
    return Path(value)
