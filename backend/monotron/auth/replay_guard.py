"""Limits the use of an identity token, which is issued for one job, to a few operations."""

import time

from monotron.auth.bounded_cache import BoundedCache
from monotron.auth.principal import Principal
from monotron.errors import TokenReplayed
from monotron.services.executor import StoreExecutor
from monotron.store import Store

MAX_REMEMBERED = 100_000
"""Allowed operations that are known without reading the store."""


class ReplayGuard:
    """Allows a number of different operations per identity token, each any number of times.

    An operation is a write to one path, and for a principal with `max_operations` also a read. A
    repeated operation does not count again, because the response to the first request may have
    been lost.
    """

    def __init__(self, store: Store, executor: StoreExecutor, max_operations: int) -> None:
        """Allow *max_operations* per identity token; 0 is unlimited."""
        self._uses = store.token_uses
        self._executor = executor
        self._max_operations = max_operations
        self._allowed: BoundedCache[tuple[str, str], bool] = BoundedCache(MAX_REMEMBERED)

    def counts(self, principal: Principal, *, is_read: bool) -> bool:
        """Whether the principal's identity token can be used for a limited number of operations
        of this type."""
        if principal.identity is None:
            return False
        return principal.max_operations is not None or (self._max_operations > 0 and not is_read)

    def is_known(self, identity: str, operation: str) -> bool:
        """Whether the operation is a repetition, according to the memory of this process."""
        return (identity, operation) in self._allowed

    async def bind(self, principal: Principal, operation: str) -> None:
        """Use the principal's identity token for the operation. Raises TokenReplayed."""
        identity = principal.identity
        if identity is None or self.is_known(identity, operation):
            return
        max_operations = principal.max_operations or self._max_operations
        allowed = await self._executor.run(
            self._uses.use,
            identity,
            operation,
            max_operations=max_operations,
            expires_at=principal.identity_expires_at,
        )
        if not allowed:
            operations = "1 path" if max_operations == 1 else f"{max_operations} operations"
            raise TokenReplayed(
                f"This identity token has reached its limit of {operations}. An identity token is "
                "issued for one job. Request a new one, for example by re-running the job."
            )
        # Expired identity tokens are rejected earlier, so their operations need not be known.
        seconds = principal.identity_expires_at - time.time()
        self._allowed.put((identity, operation), True, seconds=seconds)
