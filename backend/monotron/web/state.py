"""The state of a server, for `/v1/system/info` and the page `/status`."""

from typing import Any, NamedTuple

from monotron.store.contents import StoreContents
from monotron.web.services import Services


class ServerState(NamedTuple):
    """What a server and its store contain, and how they are maintained."""

    store: str
    """Where the store keeps its data, without secrets."""
    started_at: int
    """Seconds since the epoch."""
    is_ready: bool
    """Whether the server is not shutting down."""
    contents: StoreContents
    last_audit: dict[str, Any] | None
    last_backup: dict[str, Any] | None


async def state_of(services: Services) -> ServerState:
    """Read the state. Raises StoreUnavailable."""
    lifecycle = services.lifecycle
    return ServerState(
        services.store_name,
        lifecycle.started_at,
        not (lifecycle.draining or lifecycle.leaving),
        await services.series.contents(),
        await services.maintenance.last("audit"),
        await services.maintenance.last("backup"),
    )
