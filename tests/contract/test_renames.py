"""Renames on every store, and what is left of the earlier name: the error with the new one."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from io import BytesIO
from typing import Any

import pytest
from semver import Version

from contract.asking import put_any
from contract.conftest import DURABLE_STORES, store_url
from contract.test_audit import findings
from contract.test_repository_bindings import bind
from monotron.auth.badges import Badge
from monotron.auth.renames import rename_of
from monotron.errors import Forbidden, MonotronError, NameRenamed, RepositoryRenamed, StartupError
from monotron.model.semver import Final, VersionName, sort_key_range
from monotron.model.series import SeriesKey
from monotron.model.versions.requests import Assign, GetNewest, VersionRequest, VersionResult
from monotron.services.executor import StoreExecutor
from monotron.services.name_overviews import NameOverviewService
from monotron.services.versions import VersionService
from monotron.store import Store, open_store
from monotron.store.auth_interface import RecordChange
from monotron.store.export_format import ExportReader
from monotron.store.renames import RENAMED_NAME, RenameRefused
from support.store_contents import (
    ACCOUNT,
    adopt,
    apply,
    delete,
    exported,
    put,
    set_attributes,
    version,
    withdraw,
)

COUNTER, OTHER = SeriesKey(1, "shop"), SeriesKey(1, "shop-api")
CONTENT = (
    ACCOUNT,
    adopt("1.2.57"),
    version("a", "minor"),
    version("b", "patch", "rc"),
    version("c", "patch"),
    withdraw("1.3.1"),
    put(COUNTER, "x"),
    put(COUNTER, "y"),
    set_attributes(COUNTER, "x", ("branch", "mäin")),
    set_attributes(SeriesKey(1, "shop-rc-v1.3.1"), "b", ("only", "here")),
    put(OTHER, "o"),
    put(SeriesKey(2, "shop"), "x"),
)


class Renaming:
    """A store that is opened anew for each rename, without other processes."""

    def __init__(self, url: str) -> None:
        self.url = url

    def open(self, exclusive: str = "") -> Store:
        return open_store(self.url, exclusive=exclusive)

    def rename(self, old: str, new: str, account: int = 1) -> None:
        with closing(self.open("rename")) as store:
            store.transfer.rename(rename_of(store.auth_records, account, old, new))
        with closing(self.open()) as store:
            assert findings(store) == []


@pytest.fixture(params=DURABLE_STORES)
def names(request: pytest.FixtureRequest) -> Renaming:
    renaming = Renaming(store_url(request.param, request))
    with closing(renaming.open()) as store:
        apply(store, *CONTENT)
    return renaming


def new_version(store: Store, name: str, token: str) -> str:
    (result,) = store.releases.decide([Assign(VersionName(1, name), token, VersionRequest())])
    assert isinstance(result, VersionResult), result
    return result.release.version_text


def rows(store: Store) -> list[dict[str, Any]]:
    """What the store contains, without what a rename adds."""
    lines = [json.loads(line) for line in exported(store).splitlines()]
    added = ("header", "event", "renamed_name", "checksum")
    return [{**line, "crc": 0} for line in lines if line["kind"] not in added]


def series(store: Store) -> set[tuple[int, str]]:
    """The accounts and keys of all series."""
    return {(row["account"], row["key"]) for row in rows(store) if row["kind"] == "series"}


def test_everything_of_a_name_moves_and_nothing_else(names: Renaming) -> None:
    with closing(names.open()) as store:
        before = series(store)
        entries = store.ledger_page(COUNTER, None, 10)
    names.rename("shop", "store")
    with closing(names.open()) as store:
        stays = {(1, "shop-api"), (2, "shop")}
        moves = {(1, key.replace("shop", "store")) for _, key in before - stays}
        assert series(store) == moves | stays
        assert len(moves) == 6
        assert store.releases.page(VersionName(1, "shop"), sort_key_range(), None, 9) == []
        moved = store.releases.page(VersionName(1, "store"), sort_key_range(), None, 9)
        assert [each.version_text for each in moved] == ["1.3.1", "1.3.1-rc.1", "1.3.0", "1.2.57"]
        assert store.peek([COUNTER]) == [None]
        ledger = store.ledger_page(SeriesKey(1, "store"), None, 10)
        assert entries
        assert ledger
        assert [each.entry.value for each in ledger] == [each.entry.value for each in entries]
        assert store.attributes.all(SeriesKey(1, "store"), "x") == {"branch": "mäin"}
        assert store.attributes.all(SeriesKey(1, "store-rc-v1.3.1"), "b") == {"only": "here"}
        assert store.attributes.all(COUNTER, "x") == {}
        assert put_any(store, "x", SeriesKey(1, "store")) == 1
        assert put_any(store, "z", SeriesKey(1, "store")) == 3
        assert put_any(store, "o", OTHER) == 1
        assert put_any(store, "x", SeriesKey(2, "shop")) == 1
        assert new_version(store, "store", "d") == "1.3.2"
        assert store.releases.names(1, "", "", 9) == ["store"]
        (event,) = store.auth_records.page("event", 1, "", 9)[-1:]
        assert (
            event.body.items()
            >= {
                "by": "root",
                "action": "rename",
                "subject": "name",
                "subject_id": "shop",
                "new_name": "store",
            }.items()
        )


def test_renaming_back_restores_the_same_rows(names: Renaming) -> None:
    with closing(names.open()) as store:
        before = rows(store)
    names.rename("shop", "store")
    names.rename("store", "shop")
    with closing(names.open()) as store:
        assert rows(store) == before
        assert store.auth_records.page(RENAMED_NAME, None, "", 9)[0].body == {"name": "shop"}
        store.renamed.check(1, "shop")
        with pytest.raises(NameRenamed, match="'store' was renamed to 'shop'"):
            store.renamed.check(1, "store")


def test_an_earlier_name_leads_to_the_last_one(names: Renaming) -> None:
    for old, new in (("shop", "store"), ("store", "mall"), ("mall", "market")):
        names.rename(old, new)
    with closing(names.open()) as store:
        for name in ("shop", "store", "mall"):
            with pytest.raises(NameRenamed, match=f"'{name}' was renamed to 'market'"):
                store.renamed.check(1, name)
            with pytest.raises(NameRenamed):
                store.renamed.check_key(SeriesKey(1, f"{name}-patch-v1.2"))
        store.renamed.check_key(SeriesKey(1, "shop-api"))
        store.renamed.check(2, "shop")
        exported_rows = exported(store)
    with closing(names.open("rename")) as store:
        with pytest.raises(RenameRefused, match="'store' was renamed to 'market'"):
            rename_of(store.auth_records, 1, "store", "other")
        with pytest.raises(RenameRefused, match="'shop' was renamed to 'market'"):
            rename_of(store.auth_records, 1, "shop-api", "shop")
    names.rename("market", "shop")
    with closing(names.open()) as store:
        store.renamed.check(1, "shop")
        for name in ("store", "mall", "market"):
            with pytest.raises(NameRenamed, match=f"'{name}' was renamed to 'shop'"):
                store.renamed.check(1, name)
    assert exported_rows.count(b'"kind":"renamed_name"') == 3


def test_a_refused_rename_changes_nothing(names: Renaming) -> None:
    with closing(names.open()) as store:
        apply(
            store,
            put(SeriesKey(1, "counted-major"), "a"),
            put(SeriesKey(1, "deleted-patch-v0.0"), "a"),
            delete(SeriesKey(1, "deleted-patch-v0.0")),
            put(SeriesKey(1, f"longest-{40 * 'l'}-v1000000.1000000.1000000"), "a"),
        )
        before = exported(store)
    with closing(names.open("rename")) as store:
        for old, new, reason in (
            ("shop", "shop-api", "'shop-api' has versions or series"),
            ("shop", "counted", "'counted' has versions or series"),
            ("shop", "deleted", "'deleted' has versions or series"),
            ("unknown", "new", "'unknown' has no versions and no series"),
            ("longest", 200 * "n", "is too long: the key of a series would have 2"),
        ):
            with pytest.raises(RenameRefused, match=reason):
                store.transfer.rename(rename_of(store.auth_records, 1, old, new))
        assert exported(store) == before
    with closing(names.open()):
        pass  # the store can be used


def test_a_badge_keeps_its_id(names: Renaming) -> None:
    badge = Badge("0" * 32, 1, "shop", 5, "root")
    with closing(names.open()) as store:
        changes = [
            RecordChange("badge", None, badge.row()),
            RecordChange("badge_name", None, badge.name_row()),
        ]
        assert store.auth_records.change(changes)
    names.rename("shop", "store")
    with closing(names.open()) as store:
        row = store.auth_records.find("badge", badge.id)
        assert row is not None
        assert Badge.of(row).name == "store"
        (name_row,) = store.auth_records.page("badge_name", 1, "", 9)
        assert Badge.of_name(name_row) == Badge.of(row)
    with (
        closing(names.open("rename")) as store,
        pytest.raises(RenameRefused, match="'store' has a badge"),
    ):
        rename_of(store.auth_records, 1, "shop-api", "store")


def test_a_derived_name_keeps_its_repository(names: Renaming) -> None:
    with closing(names.open()) as store:
        bind(store, 1, 777, "gh:acme:shop")
        bind(store, 1, 778, "gh:acme:taken")
        with pytest.raises(RepositoryRenamed, match="`monotron rename gh:acme:shop gh:acme:store`"):
            bind(store, 1, 777, "gh:acme:store")
    with (
        closing(names.open("rename")) as store,
        pytest.raises(RenameRefused, match="'gh:acme:taken' belongs to another repository"),
    ):
        rename_of(store.auth_records, 1, "gh:acme:shop", "gh:acme:taken")
    names.rename("gh:acme:shop", "gh:acme:store")
    with closing(names.open()) as store:
        bind(store, 1, 777, "gh:acme:store")
        for name in ("gh:acme:store", "gh:acme:shop"):
            with pytest.raises(Forbidden, match="belongs to another repository"):
                bind(store, 1, 779, name)
        with pytest.raises(RepositoryRenamed, match="`monotron rename gh:acme:store gh:acme:shop`"):
            bind(store, 1, 777, "gh:acme:shop")
    names.rename("gh:acme:store", "gh:acme:shop")
    with closing(names.open()) as store:
        bind(store, 1, 777, "gh:acme:shop")


@pytest.mark.parametrize("names", ["mongod"], indirect=True)
def test_a_database_in_use_cannot_be_opened_for_a_rename(names: Renaming) -> None:
    with closing(names.open()), pytest.raises(StartupError, match="`monotron rename` requires"):
        names.open("rename")


@pytest.mark.parametrize("new", ["store", "gh:acme:shop:api"])
def test_a_repository_keeps_its_path_if_its_name_is_not_that_of_another_path(
    new: str, names: Renaming
) -> None:
    with closing(names.open()) as store:
        bind(store, 1, 777, "gh:acme:shop")
        apply(store, put(SeriesKey(1, "gh:acme:shop"), "a"))
    names.rename("gh:acme:shop", new)
    with closing(names.open()) as store:
        bind(store, 1, 777, "gh:acme:shop")
        with pytest.raises(Forbidden, match="belongs to another repository"):
            bind(store, 1, 778, "gh:acme:shop")


def test_an_export_contains_renamed_names(names: Renaming) -> None:
    names.rename("shop", "store")
    with closing(names.open()) as store:
        export = exported(store)
    with closing(open_store("sqlite://")) as copy:
        copy.transfer.import_rows(ExportReader(BytesIO(export)).rows(), 0)
        assert exported(copy) == export
        assert copy.auth_records.find(RENAMED_NAME, f"{1:019d}/shop") is not None


def test_services_refuse_the_earlier_name(names: Renaming) -> None:
    names.rename("shop", "store")

    async def errors(store: Store) -> list[object]:
        executor = StoreExecutor(4)
        try:
            versions = VersionService(store, executor)
            final = Version.parse("1.3.0")
            calls = [
                versions.next(1, "shop", "n", VersionRequest()),
                versions.next(1, "shop", "n", VersionRequest("auto"), b"fix: a"),
                versions.latest(1, "shop"),
                versions.of_token(1, "shop", "a", None),
                versions.of_abbreviation(1, "shop", "abcdef1", 9),
                versions.adopt(1, "shop", Final(2, 0, 0), "root"),
                versions.at(1, "shop", final),
                versions.page(1, "shop", None, 9),
                versions.withdraw(1, "shop", final, "x", ignore_commits=False, by="root"),
                versions.reverse_withdrawal(1, "shop", final, "root"),
                NameOverviewService(store, executor).read(
                    1, "shop", None, 9, next_requests=lambda newest: []
                ),
            ]
            return [await asyncio.gather(call, return_exceptions=True) for call in calls]
        finally:
            executor.close()

    with closing(names.open()) as store:
        before = exported(store)
        for (error,) in asyncio.run(errors(store)):  # type: ignore[misc]
            assert isinstance(error, NameRenamed)
        assert exported(store) == before
        (newest,) = store.releases.decide([GetNewest(VersionName(1, "store"))])
        assert not isinstance(newest, MonotronError)
