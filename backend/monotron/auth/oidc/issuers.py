"""Who may sign identity tokens for us: the operator says so, and nobody else."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from monotron.auth.oidc.providers import PROVIDERS

GITHUB = "https://token.actions.githubusercontent.com"
GITLAB = "https://gitlab.com"

WORDS = {"github": GITHUB, "gitlab.com": GITLAB}
"""Short words for the two public issuers."""

_PUBLIC_KINDS = {GITHUB: "github", GITLAB: "gitlab"}
_MEMBERS = ("url", "kind", "jwks_url", "allow_private", "ca_file")


@dataclass(frozen=True)
class Issuer:
    """*url* is what its tokens have as `iss`, to the letter."""

    url: str
    kind: str
    """A key of `PROVIDERS`."""

    jwks_url: str | None = None
    """Where its keys are; else its discovery document says so (OpenID Connect Discovery 1.0 §4)."""

    allow_private: bool = False
    """Whether it may be at a loopback or private address, and speak plain HTTP."""

    ca_file: Path | None = None
    """The certificates to trust for it instead of the system's."""

    @property
    def label(self) -> str:
        """How its identities' names begin. Only GitHub's and GitLab's own begin without an `@`."""
        if self.url in _PUBLIC_KINDS:
            return self.kind
        word = "oidc" if self.kind == "other" else self.kind
        return f"{word}@{self.url.partition('://')[2]}"


def parse_issuer(given: object) -> Issuer:
    """An issuer from the config file: one of `WORDS`, or a mapping of the fields of `Issuer`.

    `ValueError` names the member and the cure, to be put behind the name of the setting.
    """
    if isinstance(given, str):
        given = {"url": given}
    if not isinstance(given, Mapping):
        raise ValueError(f"must be {_words()}, or a mapping with `url` and `kind`")
    for member in given:
        if member not in _MEMBERS:
            raise ValueError(f"has the member {member!r}. There are: {', '.join(_MEMBERS)}")
    if "url" not in given:
        raise ValueError(f"needs `url`: {_words()}, or the `iss` of its tokens, to the letter")
    allow_private = given.get("allow_private", False)
    if not isinstance(allow_private, bool):
        raise ValueError("allow_private must be true or false")
    url = WORDS.get(given["url"], given["url"]) if isinstance(given["url"], str) else given["url"]
    split_url(url, "url", plain=allow_private)
    if "?" in url:
        raise ValueError("url must have no query")
    jwks_url = given.get("jwks_url")
    if jwks_url is not None:
        split_url(jwks_url, "jwks_url", plain=allow_private)
    return Issuer(
        url, _kind(url, given.get("kind")), jwks_url, allow_private, _ca_file(given.get("ca_file"))
    )


def split_url(url: object, member: str, *, plain: bool) -> SplitResult:
    """A URL that can be fetched: https, or with *plain* http. `ValueError` names the *member*."""
    if not isinstance(url, str) or not re.fullmatch(r"[!-~]{1,2000}", url):
        raise ValueError(f"{member} must be a URL in printable ASCII")
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it is read for its ValueError
    except ValueError:
        raise ValueError(f"{member} is no URL that can be read") from None
    if parts.scheme != "https" and not (plain and parts.scheme == "http"):
        raise ValueError(
            f"{member} must begin with https://. An issuer in your own network may use http:// if "
            "allow_private is true"
        )
    if not re.fullmatch(r"[A-Za-z0-9._-]+(:[0-9]+)?|\[[0-9A-Fa-f:.]+\](:[0-9]+)?", parts.netloc):
        raise ValueError(f"{member} must name a host, perhaps with a port, and no user")
    if "#" in url or "\\" in url:
        raise ValueError(f"{member} must have no fragment and no backslash")
    return parts


def _words() -> str:
    return " or ".join(WORDS)


def _kind(url: str, given: object) -> str:
    kind = _PUBLIC_KINDS.get(url, given) if given is None else given
    if not isinstance(kind, str) or kind not in PROVIDERS:
        raise ValueError(
            f"kind must be one of: {', '.join(PROVIDERS)}. Use "
            "gitlab for a self-managed GitLab, github for GitHub Enterprise"
        )
    if _PUBLIC_KINDS.get(url, kind) != kind:
        raise ValueError(f"kind must be {_PUBLIC_KINDS[url]} for {url}; it may be left out")
    return kind


def _ca_file(given: object) -> Path | None:
    if given is None:
        return None
    if not isinstance(given, str | Path):
        raise ValueError("ca_file must be the path of a file of certificates (PEM)")
    try:
        ssl.create_default_context(cafile=given)
    except OSError as error:  # an SSLError is one, too
        raise ValueError("ca_file cannot be read as a file of certificates (PEM)") from error
    return Path(given)
