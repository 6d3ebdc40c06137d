"""The state of a store, for `/v1/system/info`, the page `/status`, and the metrics."""

from typing import Any, NamedTuple

from monotron.store.contents import StoreContents, StoreSize
from monotron.web.services import Services


class Upkeep(NamedTuple):
    """The space that a store uses, and when it was audited and backed up: what metrics show."""

    size: StoreSize
    last_audit: dict[str, Any] | None
    last_backup: dict[str, Any] | None


class StoreState(NamedTuple):
    """The whole state of a store."""

    store: str
    """Where the store keeps its data, without secrets."""
    contents: StoreContents
    upkeep: Upkeep


async def upkeep_of(services: Services) -> Upkeep:
    """Read it, in a time that does not depend on the size of the store. Raises StoreUnavailable."""
    return Upkeep(
        await services.series.size(),
        await services.maintenance.last("audit"),
        await services.maintenance.last("backup"),
    )


async def state_of(services: Services) -> StoreState:
    """Read the state. Raises StoreUnavailable."""
    return StoreState(
        services.store_name, await services.series.contents(), await upkeep_of(services)
    )
