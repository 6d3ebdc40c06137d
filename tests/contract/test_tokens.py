"""The guarantees of every store for the tokens of a name. Runs unchanged on all stores."""

import pytest

from contract.recording import write
from contract.test_releases import OTHER_NAME, SHOP, WITHDRAWN, release
from monotron.model.semver import VersionName
from monotron.store import Store

ALIKE = ["7d4c379", "7d4c379 ", "7d4c37900", "7d4c379~", "7d4c379é", "7d4c379\uffff", "7d4c379😀"]
"""In order of the code points, which differs from that of UTF-16."""

ALL = ("", "\U0010ffff")


class TestTokens:
    def test_a_name_without_versions_has_no_tokens(self, store: Store) -> None:
        assert store.releases.tokens(SHOP, ALL, 5) == []

    def test_tokens_are_in_order_of_the_code_points(self, store: Store) -> None:
        write(store, *(release(f"1.0.{n}", token) for n, token in enumerate(reversed(ALIKE))))
        assert store.releases.tokens(SHOP, ALL, 100) == ALIKE
        assert store.releases.tokens(SHOP, ("7d4c379", "7d4c37:"), 100) == ALIKE
        assert store.releases.tokens(SHOP, ("7d4c379 ", "7d4c379~"), 100) == ALIKE[1:3]

    def test_a_range_includes_its_start_and_excludes_its_end(self, store: Store) -> None:
        tokens = ["7d4c378f", "7d4c379", "7d4c379f", "7d4c37:", "7D4C379", "7d4c37", "e", ""]
        write(store, *(release(f"1.0.{n}", token) for n, token in enumerate(tokens)))
        assert store.releases.tokens(SHOP, ("7d4c379", "7d4c37:"), 5) == ["7d4c379", "7d4c379f"]
        assert store.releases.tokens(SHOP, ("", "7d"), 5) == ["", "7D4C379"]
        assert store.releases.tokens(SHOP, ("7d4c379", "7d4c379"), 5) == []

    @pytest.mark.parametrize("limit", [1, 2, 3, 4])
    def test_a_token_with_several_releases_counts_once(self, store: Store, limit: int) -> None:
        labels = ["rc", "beta", "RC", "a", "b", "c", "d", "e"]
        write(
            store,
            *(release(f"1.0.0-{label}.1", "aa") for label in labels),
            release("1.0.0", "aa", withdrawn=WITHDRAWN),
            release("1.0.1", "aa", attempt=2),
            *(release(f"1.0.1-{label}.1", "ab") for label in labels),
            release("1.0.2", "ac", withdrawn=WITHDRAWN),
        )
        assert store.releases.tokens(SHOP, ("a", "b"), limit) == ["aa", "ab", "ac"][:limit]

    def test_tokens_of_other_names_and_accounts_are_omitted(self, store: Store) -> None:
        for name in SHOP, OTHER_NAME, VersionName(2, SHOP.name):
            write(store, release("1.0.0", f"a {name}", name))
        assert store.releases.tokens(SHOP, ALL, 5) == [f"a {SHOP}"]

    def test_an_adopted_version_has_no_token(self, store: Store) -> None:
        write(store, release("1.0.0", None), release("1.0.1", "a"))
        assert store.releases.tokens(SHOP, ALL, 5) == ["a"]
