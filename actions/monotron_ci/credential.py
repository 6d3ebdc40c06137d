"""A key or an identity token: what it must be, how it is sent, and what would show it."""

from __future__ import annotations

import re

from monotron_ci.errors import Failure

_CREDENTIAL = re.compile(r"[\x21-\x7e]{1,8192}")


class Credential(str):
    """A key or an identity token, which no repr shows."""

    def __repr__(self) -> str:
        return "Credential(***)"


def parse_credential(text: str, what: str) -> Credential:
    """The credential; `Failure`, which does not show it, if no header could carry it."""
    bare = text.strip()
    if not _CREDENTIAL.fullmatch(bare):
        raise Failure(
            f"{what} holds spaces, line breaks or characters that no key has.",
            "Copy it again, whole and on one line.",
        )
    return Credential(bare)


def authorization(credential: str) -> str:
    """The header's value: Basic for `key:secret`, Bearer for all else."""
    if ":" not in credential:
        return f"Bearer {credential}"
    return f"Basic {_base64(credential)}"


def forms(secret: str) -> list[str]:
    """What would show a secret: it with and without blanks, each line of it, what Basic sends."""
    found = [secret]
    for line in secret.splitlines():
        bare = line.strip()
        found += [line, bare]
        if ":" in bare:
            found += [_base64(bare), bare.partition(":")[2]]
    return list(dict.fromkeys(form for form in found if form.strip()))


def hidden(text: str, secret: str | None) -> str:
    """The text with `***` wherever it shows the secret."""
    for form in forms(secret or ""):
        text = text.replace(form, "***")
    return text


def _base64(text: str) -> str:
    import base64  # only now: most keys are one string

    return base64.b64encode(text.encode(errors="replace")).decode()
