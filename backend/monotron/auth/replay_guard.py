"""The bound on replay: an identity token is for one job, and so for few operations."""

from collections import OrderedDict

from monotron.auth.principal import Principal
from monotron.errors import TokenReplayed
from monotron.services.executor import StoreExecutor
from monotron.store import Store

MAX_REMEMBERED = 100_000


class ReplayGuard:
    """Lets each identity token be used for so many operations, and for each as often as it likes.

    An operation is a write to one path. Repeating it is no replay: an answer may have been lost.
    """

    def __init__(self, store: Store, executor: StoreExecutor, most: int) -> None:
        """*most* 0: without bound."""
        self._uses = store.uses
        self._executor = executor
        self._most = most
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    @property
    def is_bound(self) -> bool:
        """Whether there is a bound at all."""
        return self._most > 0

    def is_known(self, identity: str, operation: str) -> bool:
        """Whether this is known here to be a repetition."""
        return (identity, operation) in self._known

    async def bind(self, principal: Principal, operation: str) -> None:
        """Use the principal's identity token for the operation; else `TokenReplayed`."""
        identity = principal.identity
        if identity is None or self.is_known(identity, operation):
            return
        allowed = await self._executor.run(
            self._uses.use,
            identity,
            operation,
            most=self._most,
            expires_at=principal.identity_expires_at,
        )
        if not allowed:
            raise TokenReplayed(
                f"This identity token was used for {self._most} other series, versions or tokens "
                "already, and is for one job. Ask for a fresh one, for example by re-running the "
                "job."
            )
        self._known[identity, operation] = None
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)
