"""One connection to MongoDB for the stores of many tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo import MongoClient
from pymongo.uri_parser import parse_uri

from monotron.store.mongo import MongoStore
from support.member import Document


class SharedClient(MongoClient[Document]):
    """A client that remains open when a store is closed: connecting takes longer than most tests.

    It skips the checks of the server, which `MongoStore.open` makes. Tests that start a server, or
    reopen a store, include them.
    """

    @classmethod
    @contextmanager
    def connected(cls, url: str) -> Iterator[SharedClient]:
        """Yield a client that is closed at the end."""
        client = cls(url, retryWrites=False)
        yield client
        super(SharedClient, client).close()

    def close(self) -> None:
        """Do nothing: other stores use the connection."""

    def store(self, url: str) -> MongoStore:
        """Return a new store in the database of the URL."""
        return MongoStore(self[parse_uri(url)["database"]])
