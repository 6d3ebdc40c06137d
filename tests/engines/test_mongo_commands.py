"""What the store sends to MongoDB is in docs/mongodb-versions.md, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from monotron.auth.renames import rename_of
from monotron.model.quotas import Quotas
from monotron.model.series import Reuse
from monotron.model.versions.requests import GetNewest
from monotron.store import Store, open_store
from monotron.store.auth_interface import RecordChange
from monotron.store.export_format import InvalidExport
from monotron.store.mongo import MongoStore, row_export, row_import, transactions
from monotron.store.mongo import client as mongo_client
from support.mongo_commands import (
    SentCommands,
    common_options,
    documented,
    sent_without_common_options,
)
from support.mongod import ReplicaSet
from support.store_contents import (
    EVERY_KIND,
    NAME,
    SERIES,
    apply,
    decide,
    delete,
    exported,
    imported,
    put,
    reverse,
    version,
)

FIRST = SERIES[0]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> SentCommands:
    """What the clients of stores send that are opened after this."""
    sent = SentCommands()

    def client(url: str, *, event_listeners: list[Any], **options: Any) -> MongoClient[Any]:
        return MongoClient(url, event_listeners=[*event_listeners, sent], **options)

    monkeypatch.setattr(mongo_client, "MongoClient", client)
    return sent


@pytest.fixture
def urls(replica_set: ReplicaSet) -> Iterator[list[str]]:
    """The URLs of databases that do not exist."""
    names = ["commands1", "commands2", "commands3"]
    yield [replica_set.url(name) for name in names]
    with replica_set.client(w="majority") as client:
        for name in names:
            client.drop_database(name)


def write(store: Store) -> None:
    apply(store, *EVERY_KIND, reverse("3.0.0"))
    apply(store, put(FIRST, "c", Reuse.CURRENT), put(FIRST, "a"), put(FIRST, "a"))
    apply(store, version("a", "minor"), version("e", "minor", "rc"), version("f", "final"))
    store.attributes.remove(FIRST, "b", "z")
    store.attributes.remove(FIRST, "b", None)
    records = store.auth_records
    record = records.find("api_key", "api_key 1")
    assert records.change([RecordChange("api_key", record, record)], {"action": "update"})
    assert records.remove("api_key", 2, "api_key 1", {"action": "delete"})
    store.fast_forward(5)
    apply(store, delete(SERIES[1], restart=True))


def read(store: Store) -> None:
    assert store.peek([FIRST])
    assert store.peek(list(SERIES))
    store.entry(FIRST, "a")
    store.entry(FIRST, None)
    store.series_page(1, "w", "", 9)
    store.ledger_page(FIRST, None, 9)
    store.ledger_page(FIRST, 5, 9)
    store.recent(1, 9, lambda key: True)
    store.contents()
    store.size()
    store.ping()
    assert list(store.audit())
    releases = store.releases
    releases.names(1, "s", "", 9)
    releases.recent(1, 9, lambda name: True)
    releases.tokens(NAME, ("a", "b"), 9)
    releases.page(NAME, ("", "~"), None, 9)
    releases.page(NAME, ("", "~"), "", 9)
    apply(store, decide(GetNewest(NAME)))
    store.attributes.all(FIRST, "b")
    records = store.auth_records
    records.page("api_key", None, "", 9)
    records.count("api_key", 2)


def end_orphans(store: MongoStore, replica_set: ReplicaSet) -> None:
    """Another server has left a transaction."""
    with replica_set.client(appname="monotron") as client, client.start_session() as session:
        session.start_transaction()
        client["commands1"].registrations.find_one(session=session)
        store._transactions._end_orphans(store._start_deadline())
        with pytest.raises(OperationFailure):
            session.commit_transaction()


def export(store: Store) -> bytes:
    """A complete export, after one that was interrupted."""
    with closing(store.transfer.export_rows(online=True)) as rows:
        assert any(row["kind"] == "entry" for row in rows)
    return exported(store, is_online=True)


def test_the_page_lists_what_the_store_sends(
    sent: SentCommands,
    urls: list[str],
    replica_set: ReplicaSet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(row_export, "ROWS_PER_BATCH", 2)
    monkeypatch.setattr(row_import, "ROWS_PER_COMMAND", 2)
    monkeypatch.setattr(transactions, "ORPHAN_SECONDS", 0.0)
    first, second, third = urls
    store = open_store(first, quotas=Quotas(1000, 1_000_000))
    assert isinstance(store, MongoStore)
    with closing(store):
        write(store)
        read(store)
        store._reads._is_only_member = False  # as in a replica set with several members
        read(store)
        end_orphans(store, replica_set)
        export_bytes = export(store)
    imported(export_bytes, second, 3).close()
    with pytest.raises(InvalidExport):
        imported(export_bytes[:-20], third)
    with closing(open_store(first, exclusive="rename")) as exclusive:
        exclusive.transfer.rename(rename_of(exclusive.auth_records, 1, "shop", "store"))
    listed, found = documented(), sent_without_common_options(sent)
    assert found - listed == set(), "add these to docs/mongodb-versions.md"
    assert listed - found == set(), "the store does not send these any more"
    assert common_options() <= {each.rpartition(" ")[2] for each in sent.seen}
