"""Removes secrets from texts that may contain them by mistake, for example in a path."""

import re

_API_KEY = re.compile(r"(mtk_[a-z]_[0-9A-Za-z]{8}_)[0-9A-Za-z]+")
_IDENTITY_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)


def redact(text: str) -> str:
    """Replace the secrets of API keys, and identity tokens, with `***`."""
    if "mtk_" in text:
        text = _API_KEY.sub(r"\1***", text)
    if "eyJ" in text:
        text = _IDENTITY_TOKEN.sub("eyJ***", text)
    return text
