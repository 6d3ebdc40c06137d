"""API keys and identity tokens: validation, the Authorization header, and redaction."""

from __future__ import annotations

import re

from monotron_ci.errors import Failure

_CREDENTIAL = re.compile(r"[\x21-\x7e]{1,16384}")


class Credential(str):
    """An API key or a token. Its repr does not show it."""

    def __repr__(self) -> str:
        return "Credential(***)"


def parse_credential(text: str, what: str) -> Credential:
    """The credential in *text*, without surrounding whitespace.

    Raises Failure, which does not show it, if an HTTP header cannot contain it.
    """
    stripped = text.strip()
    if not _CREDENTIAL.fullmatch(stripped):
        raise Failure(
            f"{what} contains spaces, line breaks or other invalid characters.",
            "Copy the complete value again, on one line.",
        )
    return Credential(stripped)


def authorization(credential: str) -> str:
    """The value of the Authorization header: Basic for `id:secret`, otherwise Bearer."""
    if ":" not in credential:
        return f"Bearer {credential}"
    return f"Basic {_base64(credential)}"


def secret_variants(secret: str) -> list[str]:
    """Texts that reveal *secret*: itself, each of its lines, and the Basic encoding.

    Lines are included with and without surrounding whitespace.
    """
    variants = [secret]
    for line in secret.splitlines():
        stripped = line.strip()
        variants += [line, stripped]
        if ":" in stripped:
            variants += [_base64(stripped), stripped.partition(":")[2]]
    return list(dict.fromkeys(variant for variant in variants if variant.strip()))


def redact(text: str, secret: str | None) -> str:
    """*text* with `***` in place of every variant of *secret*."""
    for variant in secret_variants(secret or ""):
        text = text.replace(variant, "***")
    return text


def _base64(text: str) -> str:
    import base64  # imported on demand: most keys do not need it

    return base64.b64encode(text.encode(errors="replace")).decode()
