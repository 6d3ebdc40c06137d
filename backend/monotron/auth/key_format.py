"""API keys: their form, so that scanners and typing errors are known without asking the store.

`mtk_k_` and 8 characters are the key's public name. Its secret is that name, `_`, 30 random
characters (178 bits) and 6 of a checksum: one string that stands for both. Only the SHA-256 of
the secret is kept, which is enough for what cannot be guessed.
"""

import hmac
import re
import secrets
import string
from hashlib import sha256
from typing import NamedTuple
from zlib import crc32

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SECRET = re.compile(r"(mtk_k_[0-9A-Za-z]{8})_[0-9A-Za-z]{36}")

PATTERN = r"mtk_k_[0-9A-Za-z]{8}_[0-9A-Za-z]{36}"
"""What a secret scanner should look for."""


class NewKey(NamedTuple):
    """A key that was just made. Its repr shows no secret."""

    name: str
    secret: str

    def __repr__(self) -> str:
        return f"NewKey(name={self.name!r}, secret=***)"


def new_key() -> NewKey:
    name = "mtk_k_" + _random(8)
    body = f"{name}_{_random(30)}"
    return NewKey(name, body + _checksum(body))


def name_in(unverified_secret: str) -> str | None:
    """The name of the key whose secret this may be; None if it is the secret of none."""
    match = _SECRET.fullmatch(unverified_secret)
    if match is None or _checksum(unverified_secret[:-6]) != unverified_secret[-6:]:
        return None
    return match[1]


def digest(secret: str) -> str:
    """What is kept of a secret."""
    return sha256(secret.encode()).hexdigest()


def same(unverified: str, expected: str) -> bool:
    """Whether they are equal, in a time that does not tell how much of them is."""
    return hmac.compare_digest(unverified.encode(), expected.encode())


def _random(length: int) -> str:
    return "".join(secrets.choice(_DIGITS) for _ in range(length))


def _checksum(text: str) -> str:
    number = crc32(text.encode())
    digits = ""
    for _ in range(6):  # 62 ** 6 is more than 2 ** 32
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return digits
