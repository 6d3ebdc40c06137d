"""The `Accept` header (RFC 9110 §12.5.1)."""

import re
from functools import lru_cache


@lru_cache(maxsize=256)
def prefers(accept: str, media_type: str) -> bool:
    """Whether an Accept header prefers a media type to JSON. False if it is undecided."""
    qualities: dict[str, float] = {}
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        if re.fullmatch(r"[01](\.[0-9]{0,3})?", quality):
            qualities[name] = float(quality)

    def quality_of(name: str) -> float:
        for media_range in (name, f"{name.partition('/')[0]}/*", "*/*"):
            if media_range in qualities:
                return qualities[media_range]
        return 0.0

    return quality_of(media_type) > quality_of("application/json")
