"""The state of a store, for `/v1/system/info` and the page `/status`."""

from typing import Any, NamedTuple

from monotron.store.contents import StoreContents
from monotron.web.services import Services


class StoreState(NamedTuple):
    """What a store contains, and when it was audited and backed up."""

    store: str
    """Where the store keeps its data, without secrets."""
    contents: StoreContents
    last_audit: dict[str, Any] | None
    last_backup: dict[str, Any] | None


async def state_of(services: Services) -> StoreState:
    """Read the state. Raises StoreUnavailable."""
    return StoreState(
        services.store_name,
        await services.series.contents(),
        await services.maintenance.last("audit"),
        await services.maintenance.last("backup"),
    )
