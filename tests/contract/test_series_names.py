"""Pages of the series that belong to names, on every store."""

import asyncio

import pytest

from monotron.errors import InvalidRequest
from monotron.model.allocation import AllocationRequest
from monotron.model.name_patterns import NamePatterns
from monotron.model.series import Reuse, SeriesKey
from monotron.services import series as series_module
from monotron.store import Store
from support.services import StoreServices

KEYS = [
    f"{name}{suffix}"
    for name in ("a", "a-", "a-b", "a-minor-v1", "ab", "é", "🙂")
    for suffix in ("", "-major", "-minor-v0", "-minor-v1", "-patch-v0.1", "-rc-v1.2.3", "-x")
]
PATTERNS = [
    ("*",),
    ("a",),
    ("a*",),
    ("a-*",),
    ("a-b", "é"),
    ("ab", "a-minor-v1"),
    ("b*", "🙂*", "a"),
]


def fill(store: Store) -> None:
    keys = [SeriesKey(account, key) for account in (1, 2) for key in dict.fromkeys(KEYS)]
    store.allocate([AllocationRequest(key, "t", Reuse.ANY, "root") for key in keys])


@pytest.mark.parametrize("batch_rows", [1, 3, 1000])
def test_pages_contain_all_series_of_the_names_in_order(
    store: Store, batch_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series_module, "BATCH_ROWS", batch_rows)
    fill(store)

    async def listed(names: NamePatterns, prefix: str, limit: int) -> list[str]:
        found: list[str] = []
        after: str | None = ""
        while after is not None:
            page, after = await services.series.page(1, names, prefix, after, limit)
            assert {entry.account for entry in page} <= {1}
            assert after is None or (len(page), page[-1].key) == (limit, after)
            found += [entry.key for entry in page]
        return found

    services = StoreServices(store)
    for texts in PATTERNS:
        names = NamePatterns(texts)
        for prefix in "", "a", "a-", "a-minor-v1", "é":
            expected = sorted(
                key for key in set(KEYS) if key.startswith(prefix) and names.allows_key(key)
            )
            for limit in 1, 4, 1000:
                assert asyncio.run(listed(names, prefix, limit)) == expected, (texts, prefix)
    services.close()


def test_a_page_reads_a_bounded_number_of_series_of_other_names(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [SeriesKey(1, f"shop-patch-v0.{number}") for number in range(30)]
    keys += [SeriesKey(1, key) for key in ("shop-zone", "a", "shop")]
    store.allocate([AllocationRequest(key, "t", Reuse.ANY, "root") for key in keys])
    services = StoreServices(store)

    def keys_of(*texts: str, prefix: str = "") -> list[str]:
        page, after = asyncio.run(
            services.series.page(1, NamePatterns(texts), prefix, "", limit=100)
        )
        assert after is None
        return [entry.key for entry in page]

    assert keys_of("shop-*", "a") == ["a", "shop-zone"]
    monkeypatch.setattr(series_module, "MAX_OMITTED_ROWS", 29)
    assert keys_of("shop-*", "a", prefix="shop-z") == ["shop-zone"]
    assert len(keys_of("*")) == 33
    with pytest.raises(InvalidRequest, match="Pass `prefix`"):
        keys_of("shop-*")
    services.close()
