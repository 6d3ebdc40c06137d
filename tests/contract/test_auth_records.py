"""The guarantees of every store for accounts, API keys, trust policies and token uses."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from monotron.store import Store, open_store
from monotron.store.auth_interface import AuthRecord, RecordChange, event_name

ROW = AuthRecord("mtk_k_1", 2, {"digest": "abc", "scopes": ["read:series"], "$set": {"a.b": None}})


def names(rows: list[AuthRecord]) -> list[str]:
    return [row.name for row in rows]


class TestAuthRecords:
    def test_an_added_record_is_found_unchanged(self, store: Store) -> None:
        assert store.auth_records.add("api_key", ROW)
        assert store.auth_records.find("api_key", ROW.name) == ROW

    def test_kinds_have_records_of_their_own(self, store: Store) -> None:
        store.auth_records.add("api_key", ROW)
        assert store.auth_records.find("trust", ROW.name) is None
        assert store.auth_records.add("trust", ROW._replace(account=1))
        assert store.auth_records.find("api_key", ROW.name) == ROW

    def test_a_taken_name_keeps_its_record(self, store: Store) -> None:
        store.auth_records.add("api_key", ROW)
        assert not store.auth_records.add("api_key", ROW._replace(account=3, body={}))
        assert store.auth_records.find("api_key", ROW.name) == ROW

    def test_pages_are_ordered_by_name_for_one_account_or_all(self, store: Store) -> None:
        for name, account in (("c", 1), ("a", 2), ("B", 1), ("é", 2), ("$", 1)):
            store.auth_records.add("api_key", AuthRecord(name, account, {}))
        page = store.auth_records.page
        assert names(page("api_key", None, "", 10)) == ["$", "B", "a", "c", "é"]
        assert names(page("api_key", 1, "", 10)) == ["$", "B", "c"]
        assert names(page("api_key", 1, "B", 10)) == ["c"]
        assert names(page("api_key", None, "", 2)) == ["$", "B"]
        assert page("api_key", 3, "", 10) == []

    def test_the_records_of_an_account_are_counted(self, store: Store) -> None:
        for name, account in (("a", 1), ("b", 2), ("c", 2)):
            store.auth_records.add("trust", AuthRecord(name, account, {}))
            store.auth_records.add("trust", AuthRecord(name, account, {}))
        store.auth_records.add("api_key", AuthRecord("a", 1, {}))
        assert [store.auth_records.count("trust", account) for account in (1, 2, 3)] == [1, 2, 0]
        assert store.auth_records.count("trust", None) == 3
        store.auth_records.remove("trust", 2, "b")
        assert store.auth_records.count("trust", 2) == 1

    def test_an_unchanged_record_is_replaced(self, store: Store) -> None:
        store.auth_records.add("api_key", ROW)
        new = ROW._replace(account=3, body={"used": 1})
        assert store.auth_records.change([RecordChange("api_key", ROW, new)])
        assert store.auth_records.find("api_key", ROW.name) == new
        assert names(store.auth_records.page("api_key", 2, "", 10)) == []
        assert names(store.auth_records.page("api_key", 3, "", 10)) == [ROW.name]

    def test_changes_add_replace_and_remove_records_together(self, store: Store) -> None:
        records = store.auth_records
        old_name, new_name = (AuthRecord(name, 2, {}) for name in ("old", "new"))
        account = AuthRecord("2", 2, {"name": "old"})
        renamed = account._replace(body={"name": "new"})
        assert records.change(
            [RecordChange("account", None, account), RecordChange("account_name", None, old_name)]
        )
        changes = [
            RecordChange("account", account, renamed),
            RecordChange("account_name", old_name, None),
            RecordChange("account_name", None, new_name),
        ]
        assert records.change(changes)
        assert records.find("account", "2") == renamed
        assert records.page("account_name", None, "", 10) == [new_name]
        assert not records.change(changes)

    @pytest.mark.parametrize(
        "refused",
        [
            RecordChange("trust", ROW, ROW),
            RecordChange("api_key", None, ROW),
            RecordChange("api_key", ROW._replace(account=1), ROW),
            RecordChange("api_key", ROW._replace(body={}), None),
            RecordChange("api_key", ROW._replace(name="missing"), None),
        ],
        ids=["missing", "taken", "another-account", "another-body", "missing-removed"],
    )
    def test_one_unexpected_record_prevents_all_changes(
        self, refused: RecordChange, store: Store
    ) -> None:
        records = store.auth_records
        other = AuthRecord("other", 2, {})
        records.add("api_key", ROW)
        records.add("account", other)
        changes = [
            RecordChange("account", other, None),
            RecordChange("account_name", None, other),
            refused,
        ]
        for order in changes, changes[::-1]:
            assert not records.change(order, {"n": 1})
        assert records.find("api_key", ROW.name) == ROW
        assert records.find("account", other.name) == other
        assert records.find("account_name", other.name) is None
        assert records.page("event", None, "", 10) == []

    def test_concurrent_changes_of_one_record_are_not_lost(self, durable_store: Store) -> None:
        records = durable_store.auth_records
        counter = AuthRecord("counter", 2, {"n": 0})
        records.add("account", counter)

        def increase(_: int) -> None:
            while True:
                before = records.find("account", "counter")
                assert before is not None
                after = before._replace(body={"n": before.body["n"] + 1})
                if records.change([RecordChange("account", before, after)]):
                    return

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(increase, range(24)))
        assert records.find("account", "counter") == counter._replace(body={"n": 24})

    def test_one_of_concurrent_changes_adds_the_record_of_a_name(
        self, durable_store: Store
    ) -> None:
        """A badge is added with the record of its name, of which there is one."""
        records = durable_store.auth_records

        def add(number: int) -> bool:
            badge = AuthRecord(f"badge-{number}", 2, {})
            name = AuthRecord("shop", 2, {"id": badge.name})
            changes = [RecordChange("badge", None, badge), RecordChange("badge_name", None, name)]
            return records.change(changes, {"n": number})

        with ThreadPoolExecutor(8) as threads:
            added = list(threads.map(add, range(16)))
        (winner,) = (number for number, is_added in enumerate(added) if is_added)
        assert names(records.page("badge", 2, "", 100)) == [f"badge-{winner}"]
        name = records.find("badge_name", "shop")
        assert name is not None
        assert name.body == {"id": f"badge-{winner}"}
        assert [row.body for row in records.page("event", 2, "", 100)] == [{"n": winner}]

    def test_a_change_that_requires_a_record_precedes_its_removal(
        self, durable_store: Store
    ) -> None:
        """Who removes the record then finds all that was created under this condition."""
        records = durable_store.auth_records
        for number in range(50):
            creator = AuthRecord(f"creator-{number}", 2, {})
            record = AuthRecord(f"record-{number}", 3, {})
            assert records.add("api_key", creator)
            start = threading.Barrier(2)

            def create(creator: AuthRecord, record: AuthRecord, start: threading.Barrier) -> bool:
                start.wait()
                required = RecordChange("api_key", creator, creator)
                change = RecordChange("api_key", None, record)
                return records.change([change, required])

            def remove(creator: AuthRecord, start: threading.Barrier) -> list[str]:
                start.wait()
                assert records.remove("api_key", 2, creator.name)
                return names(records.page("api_key", 3, "", 100))

            with ThreadPoolExecutor(2) as threads:
                creation = threads.submit(create, creator, record, start)
                found = threads.submit(remove, creator, start).result()
                assert creation.result() == (record.name in found)
            assert records.find("api_key", creator.name) is None

    def test_only_one_of_several_accounts_gets_a_name(self, durable_store: Store) -> None:
        def claim(account: int) -> bool:
            name = AuthRecord("acme", account, {})
            row = AuthRecord(f"{account:02}", account, {"name": "acme"})
            changes = [
                RecordChange("account", None, row),
                RecordChange("account_name", None, name),
            ]
            return durable_store.auth_records.change(changes, {"n": account})

        with ThreadPoolExecutor(8) as threads:
            claimed = list(threads.map(claim, range(16)))
        assert claimed.count(True) == 1
        records = durable_store.auth_records
        winner = claimed.index(True)
        for kind in "account", "account_name", "event":
            assert [row.account for row in records.page(kind, None, "", 100)] == [winner]

    def test_a_record_is_removed_by_its_own_account_only(self, store: Store) -> None:
        store.auth_records.add("api_key", ROW)
        assert not store.auth_records.remove("api_key", 1, ROW.name)
        assert store.auth_records.find("api_key", ROW.name) == ROW
        assert store.auth_records.remove("api_key", 2, ROW.name)
        assert store.auth_records.find("api_key", ROW.name) is None
        assert not store.auth_records.remove("api_key", 2, ROW.name)

    def test_only_one_of_several_concurrent_adds_succeeds(self, durable_store: Store) -> None:
        rows = [AuthRecord("same", number, {"n": number}) for number in range(16)]
        with ThreadPoolExecutor(16) as threads:
            added = list(
                threads.map(lambda row: durable_store.auth_records.add("account", row), rows)
            )
        assert added.count(True) == 1
        assert durable_store.auth_records.find("account", "same") == rows[added.index(True)]

    def test_a_reopened_store_contains_the_records(self, durable_url: str) -> None:
        store = open_store(durable_url)
        store.auth_records.add("api_key", ROW)
        store.close()
        store = open_store(durable_url)
        assert store.auth_records.find("api_key", ROW.name) == ROW
        store.close()


class TestEvents:
    """The events that are recorded together with a change."""

    def events(self, store: Store) -> list[AuthRecord]:
        return store.auth_records.page("event", None, "", 1000)

    def test_a_change_and_its_event_are_recorded_together(self, store: Store) -> None:
        records = store.auth_records
        assert records.add("api_key", ROW, {"action": "create", "$x": "é"})
        other = ROW._replace(body={})
        assert records.change([RecordChange("api_key", ROW, other)], {"action": "update"})
        assert records.remove("api_key", 2, ROW.name, {"action": "delete"})
        assert self.events(store) == [
            AuthRecord(event_name(1), 2, {"action": "create", "$x": "é"}),
            AuthRecord(event_name(2), 2, {"action": "update"}),
            AuthRecord(event_name(3), 2, {"action": "delete"}),
        ]

    def test_a_call_that_changes_nothing_records_no_event(self, store: Store) -> None:
        records = store.auth_records
        assert records.add("api_key", ROW)
        assert not records.add("api_key", ROW, {"n": 1})
        assert not records.remove("api_key", 1, ROW.name, {"n": 2})
        assert not records.remove("api_key", 2, "other", {"n": 3})
        assert self.events(store) == []

    def test_the_oldest_events_of_an_account_are_deleted_at_the_limit(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for engine in "sqlite", "mongo":
            monkeypatch.setattr(f"monotron.store.{engine}.auth_records.MAX_EVENTS", 3)
        add = store.auth_records.add
        assert add("account", AuthRecord("other", 9, {}), {"n": 0})
        for number in range(1, 6):
            assert add("api_key", AuthRecord(str(number), 2, {}), {"n": number})
        events = self.events(store)
        assert [(row.name, row.body["n"]) for row in events] == [
            (event_name(id), id - 1) for id in (1, 4, 5, 6)
        ]

    def test_concurrent_events_have_consecutive_ids(self, durable_store: Store) -> None:
        add = partial(durable_store.auth_records.add, "api_key")
        rows = [AuthRecord(f"{number:02}", number % 3, {}) for number in range(24)]
        with ThreadPoolExecutor(8) as threads:
            assert all(threads.map(lambda row: add(row, {"of": row.name}), rows))
        events = self.events(durable_store)
        assert [row.name for row in events] == [event_name(id) for id in range(1, 25)]
        assert sorted(row.body["of"] for row in events) == [row.name for row in rows]

    def test_events_are_ordered_by_number(self) -> None:
        assert event_name(9) < event_name(10) < event_name(2**63 - 1)


class TestUses:
    LATER = 4_000_000_000

    def use(self, store: Store, token: str, operation: str, most: int = 3) -> bool:
        return store.token_uses.use(token, operation, max_operations=most, expires_at=self.LATER)

    def test_an_identity_token_has_a_limited_number_of_operations(self, store: Store) -> None:
        assert [self.use(store, "t", f"o{n}") for n in range(5)] == [True] * 3 + [False] * 2

    def test_an_operation_may_be_repeated_at_the_limit(self, store: Store) -> None:
        for turn in range(2):
            assert [self.use(store, "t", f"o{n}") for n in range(3)] == [True] * 3, turn
        assert not self.use(store, "t", "o3")
        assert self.use(store, "t", "o1")

    def test_identity_tokens_have_limits_of_their_own(self, store: Store) -> None:
        assert self.use(store, "t", "o1", most=1)
        assert self.use(store, "u", "o2", most=1)
        assert not self.use(store, "t", "o2", most=1)

    def test_concurrent_uses_do_not_exceed_the_limit(self, durable_store: Store) -> None:
        def use(number: int) -> bool:
            return self.use(durable_store, "t", f"o{number % 20}", most=5)

        with ThreadPoolExecutor(20) as threads:
            allowed = list(threads.map(use, range(60)))
        operations = {number % 20 for number, given in enumerate(allowed) if given}
        assert len(operations) == 5
        assert all(use(number) == (number in operations) for number in range(20))

    def test_a_reopened_store_contains_the_uses(self, durable_url: str) -> None:
        store = open_store(durable_url)
        assert self.use(store, "t", "o", most=1)
        store.close()
        store = open_store(durable_url)
        assert not self.use(store, "t", "other", most=1)
        store.close()
