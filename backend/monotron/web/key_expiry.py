"""The header that announces that an API key will expire soon."""

import time
from collections.abc import Callable

from monotron.auth.principal import Principal
from monotron.model.timestamps import rfc3339

KEY_EXPIRES = "Monotron-Key-Expires"

NOTICE_SECONDS = 30 * 24 * 3600
"""How long before the expiry the header appears."""


def announced_expiry(principal: Principal, *, clock: Callable[[], float] = time.time) -> str | None:
    """The expiry of the API key that the request used, if it is soon."""
    expires_at = principal.expires_at
    if expires_at is None or principal.identity is not None:  # a CI job does not renew its token
        return None
    return rfc3339(expires_at) if expires_at - clock() <= NOTICE_SECONDS else None
