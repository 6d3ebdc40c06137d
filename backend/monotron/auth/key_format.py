"""The format of API keys. Secret scanners recognize it; typing errors are found without a store.

The id of an API key is `mtk_k_` and 8 characters. Its secret consists of the id, `_`, 30 random
characters (178 bits) and a checksum of 6, so the secret alone identifies the key. The store holds
only the SHA-256 of the secret, which is sufficient for a value that cannot be guessed.
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
"""The pattern of a secret, for secret scanners."""


class NewKey(NamedTuple):
    """A new API key. Its repr does not contain the secret."""

    name: str
    secret: str

    def __repr__(self) -> str:
        return f"NewKey(name={self.name!r}, secret=***)"


def new_key() -> NewKey:
    """Create an API key with a random id and secret."""
    name = "mtk_k_" + _random(8)
    body = f"{name}_{_random(30)}"
    return NewKey(name, body + _checksum(body))


def key_id_of(unverified_secret: str) -> str | None:
    """The id of the API key that the secret belongs to; None if it is not a valid secret."""
    match = _SECRET.fullmatch(unverified_secret)
    if match is None or _checksum(unverified_secret[:-6]) != unverified_secret[-6:]:
        return None
    return match[1]


def digest(secret: str) -> str:
    """The hash that is stored instead of a secret."""
    return sha256(secret.encode()).hexdigest()


def constant_time_equals(unverified: str, expected: str) -> bool:
    """Whether both texts are equal. The time does not reveal how many characters match."""
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
