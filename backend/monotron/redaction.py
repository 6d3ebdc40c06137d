"""Secrets that got into a text by mistake, a key in a path for example, cut out of it."""

import re

_KEY = re.compile(r"(mtk_[a-z]_[0-9A-Za-z]{8}_)[0-9A-Za-z]+")
_IDENTITY_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)


def redacted(text: str) -> str:
    """The text without the secret half of keys, and without identity tokens."""
    if "mtk_" in text:
        text = _KEY.sub(r"\1***", text)
    if "eyJ" in text:
        text = _IDENTITY_TOKEN.sub("eyJ***", text)
    return text
