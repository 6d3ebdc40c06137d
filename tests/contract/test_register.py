"""What every store promises of accounts, keys, trusts and the uses of identity tokens."""

from concurrent.futures import ThreadPoolExecutor

from monotron.store import Store, open_store
from monotron.store.interface import AuthRecord

ROW = AuthRecord("mtk_k_1", 2, {"digest": "abc", "scopes": ["read:series"], "$set": {"a.b": None}})


def names(rows: list[AuthRecord]) -> list[str]:
    return [row.name for row in rows]


class TestRegister:
    def test_what_was_added_is_found_as_it_was(self, store: Store) -> None:
        assert store.auth_records.add("api_key", ROW)
        assert store.auth_records.find("api_key", ROW.name) == ROW

    def test_a_kind_does_not_see_another_ones_rows(self, store: Store) -> None:
        store.auth_records.add("api_key", ROW)
        assert store.auth_records.find("trust", ROW.name) is None
        assert store.auth_records.add("trust", ROW._replace(account=1))
        assert store.auth_records.find("api_key", ROW.name) == ROW

    def test_a_name_stands_once_and_keeps_what_it_has(self, store: Store) -> None:
        store.auth_records.add("api_key", ROW)
        assert not store.auth_records.add("api_key", ROW._replace(account=3, body={}))
        assert store.auth_records.find("api_key", ROW.name) == ROW

    def test_pages_are_in_order_of_name_of_one_account_or_of_all(self, store: Store) -> None:
        for name, account in (("c", 1), ("a", 2), ("B", 1), ("é", 2), ("$", 1)):
            store.auth_records.add("api_key", AuthRecord(name, account, {}))
        page = store.auth_records.page
        assert names(page("api_key", None, "", 10)) == ["$", "B", "a", "c", "é"]
        assert names(page("api_key", 1, "", 10)) == ["$", "B", "c"]
        assert names(page("api_key", 1, "B", 10)) == ["c"]
        assert names(page("api_key", None, "", 2)) == ["$", "B"]
        assert page("api_key", 3, "", 10) == []

    def test_a_row_is_replaced_only_where_it_stands(self, store: Store) -> None:
        assert not store.auth_records.replace("api_key", ROW)
        assert store.auth_records.find("api_key", ROW.name) is None
        store.auth_records.add("api_key", ROW)
        new = ROW._replace(body={"used": 1})
        assert store.auth_records.replace("api_key", new)
        assert store.auth_records.find("api_key", ROW.name) == new

    def test_a_row_is_removed_by_its_own_account_only(self, store: Store) -> None:
        store.auth_records.add("api_key", ROW)
        assert not store.auth_records.remove("api_key", 1, ROW.name)
        assert store.auth_records.find("api_key", ROW.name) == ROW
        assert store.auth_records.remove("api_key", 2, ROW.name)
        assert store.auth_records.find("api_key", ROW.name) is None
        assert not store.auth_records.remove("api_key", 2, ROW.name)

    def test_of_many_that_add_one_name_one_does(self, durable_store: Store) -> None:
        rows = [AuthRecord("same", number, {"n": number}) for number in range(16)]
        with ThreadPoolExecutor(16) as threads:
            added = list(
                threads.map(lambda row: durable_store.auth_records.add("account", row), rows)
            )
        assert added.count(True) == 1
        assert durable_store.auth_records.find("account", "same") == rows[added.index(True)]

    def test_all_of_it_is_there_when_the_store_is_opened_again(self, durable_url: str) -> None:
        store = open_store(durable_url)
        store.auth_records.add("api_key", ROW)
        store.close()
        store = open_store(durable_url)
        assert store.auth_records.find("api_key", ROW.name) == ROW
        store.close()


class TestUses:
    LATER = 4_000_000_000

    def use(self, store: Store, token: str, operation: str, most: int = 3) -> bool:
        return store.token_uses.use(token, operation, most=most, expires_at=self.LATER)

    def test_a_token_is_used_for_so_many_operations_and_no_more(self, store: Store) -> None:
        assert [self.use(store, "t", f"o{n}") for n in range(5)] == [True] * 3 + [False] * 2

    def test_an_operation_may_be_repeated_also_when_there_is_no_room(self, store: Store) -> None:
        for turn in range(2):
            assert [self.use(store, "t", f"o{n}") for n in range(3)] == [True] * 3, turn
        assert not self.use(store, "t", "o3")
        assert self.use(store, "t", "o1")

    def test_tokens_do_not_share_their_uses(self, store: Store) -> None:
        assert self.use(store, "t", "o1", most=1)
        assert self.use(store, "u", "o2", most=1)
        assert not self.use(store, "t", "o2", most=1)

    def test_callers_at_the_same_time_do_not_get_more_together(self, durable_store: Store) -> None:
        def use(number: int) -> bool:
            return self.use(durable_store, "t", f"o{number % 20}", most=5)

        with ThreadPoolExecutor(20) as threads:
            allowed = list(threads.map(use, range(60)))
        operations = {number % 20 for number, given in enumerate(allowed) if given}
        assert len(operations) == 5
        assert all(use(number) == (number in operations) for number in range(20))

    def test_uses_outlive_the_process(self, durable_url: str) -> None:
        store = open_store(durable_url)
        assert self.use(store, "t", "o", most=1)
        store.close()
        store = open_store(durable_url)
        assert not self.use(store, "t", "other", most=1)
        store.close()
