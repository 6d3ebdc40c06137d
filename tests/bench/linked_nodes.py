"""A replica set whose members reach each other over delayed links."""

from __future__ import annotations

from pathlib import Path

from bench.delayed_links import DelayedLinks
from support.mongod import ReplicaSet

HEARTBEAT_MS = 2000
"""MongoDB's default. Shorter intervals would add to the bytes of a request."""

ELECTION_MS = 10_000


class LinkedNodes(ReplicaSet):
    """Each member is known to the others by the address of its link."""

    _links: DelayedLinks | None = None

    @property
    def links(self) -> DelayedLinks:
        """The links between the members, which `launch` has created."""
        assert self._links is not None
        return self._links

    @classmethod
    def on_disk(cls, folder: Path) -> LinkedNodes:
        """Start three members, with links that do not delay yet."""
        return cls.start(folder, election_ms=ELECTION_MS, heartbeat_ms=HEARTBEAT_MS)

    def launch(self) -> None:
        super().launch()
        self._links = DelayedLinks([member.port for member in self.members])
        for member, port in zip(self.members, self.links.ports, strict=True):
            member.address = f"127.0.0.1:{port}"

    def stop(self) -> None:
        super().stop()
        if self._links is not None:
            self._links.stop()

    def url_at(self, port: int, database: str) -> str:
        """The URL of a database at a port of the primary, or of a link to it, only."""
        return f"mongodb://127.0.0.1:{port}/{database}?directConnection=true"

    def near_url(self, database: str) -> str:
        """The URL for a server beside the primary: its own connections are not delayed."""
        return self.url_at(self.primary().port, database)

    def far_url(self, database: str) -> str:
        """The URL for a server that is as far from the primary as the other members."""
        return self.url_at(int(self.primary().address.rpartition(":")[2]), database)
