"""Encodings in which a secret can occur in a request by mistake."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from urllib.parse import quote

Encode = Callable[[str], str]


def percent(text: str) -> str:
    """Encode every character, which `quote` does not do for letters."""
    return "".join(f"%{byte:02x}" for byte in text.encode())


def some_percent(text: str) -> str:
    """Encode every third character."""
    return "".join(percent(c) if n % 3 == 0 else c for n, c in enumerate(text))


def percent_end(text: str) -> str:
    """Encode the second half."""
    middle = len(text) // 2
    return text[:middle] + percent(text[middle:])


def base64_after(text: str) -> Encode:
    return lambda secret: b64encode(f"{text}{secret}?>".encode()).decode()


ENCODINGS: Mapping[str, Encode] = {
    "plain": str,
    "percent": percent,
    "uppercase percent": lambda secret: percent(secret).upper().replace("%X", "%x"),
    "some characters": some_percent,
    "percent in the second half": percent_end,
    "twice": lambda secret: quote(percent(secret)),
    "seven times": lambda secret: percent(secret).replace("%", "%" + 6 * "25"),
    "mixed depth": lambda secret: some_percent(some_percent(secret)),
    "base64": base64_after(""),
    "base64, shifted by 1": base64_after(":"),
    "base64, shifted by 2": base64_after("k:"),
    "basic credentials": base64_after("root:"),
    "base64url": lambda secret: urlsafe_b64encode(f"k:{secret}".encode()).decode(),
    "percent and base64": lambda secret: percent(base64_after("root:")(secret)),
    "base64, percent in the second half": lambda secret: percent_end(base64_after(":")(secret)),
    "hexadecimal": lambda secret: secret.encode().hex(),
    "uppercase hexadecimal": lambda secret: secret.encode().hex().upper(),
    "hexadecimal, percent in the second half": lambda secret: percent_end(secret.encode().hex()),
}
"""By name; each is a text without spaces."""
