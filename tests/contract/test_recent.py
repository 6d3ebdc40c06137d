"""The newest entries and releases of an account."""

from secrets import token_hex

from contract.asking import BY, ask_any, put_any
from contract.test_releases import assign, decide
from monotron.model.semver import VersionName
from monotron.model.series import SeriesKey
from monotron.store import Store

OTHER_ACCOUNT = 2


def everything(_: str) -> bool:
    return True


def newest(store: Store, limit: int, account: int = 1) -> list[tuple[str, int]]:
    return [(row.entry.key, row.entry.value) for row in store.recent(account, limit, everything)]


def versions(store: Store, limit: int, account: int = 1) -> list[tuple[str, str]]:
    return [
        (each.name.name, each.version_text)
        for each in store.releases.recent(account, limit, everything)
    ]


def wait_for_another_millisecond(store: Store) -> None:
    """Assign values until the time of an entry differs, because times order entries."""
    series = SeriesKey(OTHER_ACCOUNT, "clock")
    times: set[int] = set()
    while True:
        put_any(store, token_hex(8), series)  # a token of an earlier call would get no entry
        (row,) = store.ledger_page(series, None, 1) or ()
        times.add(row.created_at)
        if len(times) == 2:
            return


def test_the_newest_entries_of_all_series_are_merged(store: Store) -> None:
    for key, token in ("a", "1"), ("b", "2"), ("a", "3"), ("a", "4"), ("c", "5"):
        wait_for_another_millisecond(store)
        put_any(store, token, SeriesKey(1, key))
    assert newest(store, 3) == [("c", 1), ("a", 3), ("a", 2)]
    assert newest(store, 100) == [("c", 1), ("a", 3), ("a", 2), ("b", 1), ("a", 1)]
    assert newest(store, 100, account=3) == []


def test_series_without_a_newer_entry_are_not_read(store: Store) -> None:
    for key, token in ("a", "1"), ("b", "2"), ("c", "3"):
        wait_for_another_millisecond(store)
        put_any(store, token, SeriesKey(1, key))
    asked: list[str] = []

    def is_visible(key: str) -> bool:
        asked.append(key)
        return True

    oldest = store.recent(1, 3, everything)[-1].created_at
    rows = store.recent(1, 3, is_visible, newer_than=oldest)
    assert [row.entry.key for row in rows] == asked == ["c", "b"]


def test_entries_of_one_batch_are_ordered_by_value(store: Store) -> None:
    store.allocate([ask_any(token, SeriesKey(1, "a")) for token in "xyz"])
    assert newest(store, 2) == [("a", 3), ("a", 2)]


def test_a_repeat_is_not_a_new_assignment(store: Store) -> None:
    put_any(store, "1", SeriesKey(1, "a"))
    wait_for_another_millisecond(store)
    put_any(store, "2", SeriesKey(1, "b"))
    wait_for_another_millisecond(store)
    put_any(store, "1", SeriesKey(1, "a"))
    assert newest(store, 2) == [("b", 1), ("a", 1)]


def test_deleted_series_are_omitted(store: Store) -> None:
    put_any(store, "1", SeriesKey(1, "a"))
    store.delete(SeriesKey(1, "a"), restart=False)
    assert newest(store, 10) == []


def test_advances_are_assignments(store: Store) -> None:
    store.advance_to(SeriesKey(1, "a"), 7, BY)
    assert newest(store, 10) == [("a", 7)]


def test_invisible_series_and_names_are_omitted(store: Store) -> None:
    for key in "abc":
        put_any(store, "t", SeriesKey(1, key))
        decide(store, assign("t", name=VersionName(1, key)))
    rows = store.recent(1, 10, lambda key: key == "b")
    assert [row.entry.key for row in rows] == ["b"]
    releases = store.releases.recent(1, 10, lambda name: name == "b")
    assert [each.name.name for each in releases] == ["b"]


def test_the_newest_releases_of_all_names_are_merged(store: Store) -> None:
    for name, token in ("a", "1"), ("b", "2"), ("a", "3"):
        wait_for_another_millisecond(store)
        decide(store, assign(token, name=VersionName(1, name)))
    assert versions(store, 2) == [("a", "0.0.2"), ("b", "0.0.1")]
    assert versions(store, 10, account=OTHER_ACCOUNT) == []
