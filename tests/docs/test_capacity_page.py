"""The page about capacity: it is current, and what it states about indexes and zones is true."""

from __future__ import annotations

import random
import re

import pytest

from docs import capacity_page, capacity_plan
from docs import capacity_sharding as sharding
from docs.bench_tables import MeasuredTables, MissingFigure
from docs.capacity_indexes import SHARD_KEYS, collections, unique_indexes
from docs.test_drift import page, section, table
from monotron.model.component_keys import COMPONENTS, component_key, label_key
from monotron.model.semver import ZERO_VERSION, VersionName

PERFORMANCE = page("docs/performance.md")


@pytest.fixture(scope="module")
def figures() -> MeasuredTables:
    return MeasuredTables(PERFORMANCE)


class TestPage:
    def test_the_page_is_up_to_date(self, figures: MeasuredTables) -> None:
        assert page("docs/capacity.md") == capacity_page.page(figures), "run `make docs`"

    def test_a_figure_that_was_not_measured_is_reported_with_its_command(self) -> None:
        without = re.sub(r"(?s)(<!-- bench links -->\n).*?(<!-- end -->)", r"\1\2", PERFORMANCE)
        with pytest.raises(MissingFigure, match=r"-m bench links --into docs/performance\.md"):
            capacity_page.page(MeasuredTables(without))

    def test_a_row_has_its_figure_and_the_processor_time_of_each_user(self) -> None:
        cells = ["a, b", "1,234 of c", "≤ 2", "met", "2,572", "24.45", "29.18"]
        row = f"| {' | '.join(cells)} | event loop 9, mongod 256 | waiting |"
        figure = MeasuredTables(f"<!-- bench x -->\n{row}\n<!-- end -->").row("x", "a, b")
        assert (figure.value, figure.unit) == (1234, "of c")
        assert (figure.rps, figure.p50_ms) == (2572, 24.45)
        assert (figure.server_us, figure.used("mongod"), figure.used("load")) == (9, 256, 0)

    def test_every_assumption_is_stated(self) -> None:
        stated = table(section(page("docs/capacity.md"), "## What a number of repositories needs"))
        assert [row[0] for row in stated] == list(capacity_plan.ASSUMPTIONS)

    def test_zones_are_at_least_as_even_as_hashes(self) -> None:
        rows = table(section(page("docs/capacity.md"), "### Simulated balance"))
        assert len(rows) == len(sharding.EXPONENTS) * len(sharding.SHARDS)
        for zones, hashed in ((float(row[5]), float(row[6])) for row in rows):
            assert zones <= hashed


class TestRequirements:
    def test_sqlite_has_the_capacity_for_10_000_repositories_and_not_for_a_million(
        self, figures: MeasuredTables
    ) -> None:
        available = capacity_plan.ASSUMPTIONS["busy cores"].value
        assert capacity_plan.requirements(figures, 10_000).sqlite_cores[1] < available
        assert capacity_plan.requirements(figures, 1_000_000).sqlite_cores[0] > available

    def test_ten_times_as_many_repositories_need_ten_times_as_much(
        self, figures: MeasuredTables
    ) -> None:
        small, large = (capacity_plan.requirements(figures, number) for number in (10**6, 10**7))
        for name in ("requests", "disk_gb", "cache_gb", "oplog_gb", "members_mbit"):
            assert getattr(large, name) == pytest.approx(10 * getattr(small, name))
        assert large.mongod_cores == pytest.approx([10 * cores for cores in small.mongod_cores])

    @pytest.mark.parametrize(
        ("kind", "measured_as"),
        [*((kind, kind) for kind in capacity_plan.NETWORK_ROWS), ("sign-ins", "numbers")],
    )
    def test_each_kind_of_requests_has_its_bytes_on_the_network(
        self, figures: MeasuredTables, monkeypatch: pytest.MonkeyPatch, kind: str, measured_as: str
    ) -> None:
        for other in ("numbers", "versions", "repeats", "sign-ins", "pages"):
            assumed = capacity_plan.Assumption(1 if other in (kind, "pages") else 0, "")
            monkeypatch.setitem(capacity_plan.ASSUMPTIONS, other, assumed)
        of = capacity_plan.requirements(figures, 864)  # one request a second at the peak
        client, *others = (
            8 * capacity_plan.network_bytes(figures, measured_as, way, "1 connection") / 1e6
            for way in capacity_plan.WAYS
        )
        assert of.client_mbit == pytest.approx(0 if kind == "sign-ins" else client)
        assert [of.primary_mbit, of.members_mbit] == pytest.approx(others)

    def test_a_few_repositories_need_two_processes(self, figures: MeasuredTables) -> None:
        assert capacity_plan.requirements(figures, 1).processes == (2, 2)

    @pytest.mark.parametrize("store", ["SQLite", "MongoDB"])
    def test_requests_in_full_batches_cost_less_than_alone(
        self, figures: MeasuredTables, store: str
    ) -> None:
        costs = capacity_plan.costs(figures, store)
        for kind in ("numbers", "versions", "repeats"):
            assert costs[kind].among.server_us < costs[kind].alone.server_us, kind


class TestIndexes:
    def test_every_collection_with_a_unique_index_has_a_plan(self) -> None:
        assert collections() == set(SHARD_KEYS)

    def test_every_unique_index_starts_with_the_shard_key_of_its_collection(self) -> None:
        assert len(unique_indexes()) >= len(SHARD_KEYS)
        assert all(index.starts_with_shard_key for index in unique_indexes())


class TestZones:
    def test_no_bound_of_letters_and_digits_is_between_a_name_and_its_series(self) -> None:
        chance = random.Random(1)

        def text(alphabet: str) -> str:
            return "".join(chance.choices(alphabet, k=chance.randint(1, 3)))

        for _ in range(5_000):
            name, bound = VersionName(1, text("ab-!. é0")), text("ab0").encode()
            keys = [component_key(name, component, ZERO_VERSION) for component in COMPONENTS]
            for series in [*keys, label_key(name, "rc", ZERO_VERSION)]:
                assert (name.name.encode() < bound) == (series.key.encode() < bound)


class TestSimulation:
    def test_equally_popular_names_fill_all_shards_equally(self) -> None:
        shares = [1 / 100] * 100
        for loads in (
            sharding.in_zones(shares, 4),
            sharding.in_hash_ranges(shares, 4),
            sharding.on_shards(sharding.chunk_sizes(shares, 1 / 20), 4),
        ):
            assert sharding.unevenness(loads) == pytest.approx(1, abs=0.05)

    def test_the_shares_of_names_follow_zipfs_law(self) -> None:
        shares = sorted(sharding.in_key_order(1.0), reverse=True)
        assert sum(shares) == pytest.approx(1)
        assert shares[0] == pytest.approx(10 * shares[9]) == pytest.approx(1000 * shares[999])

    def test_a_chunk_has_adjacent_names_or_one_that_does_not_fit(self) -> None:
        sizes = sharding.chunk_sizes([0.125, 0.125, 0.5, 0.125, 0.125], 0.25)
        assert sizes == [0.25, 0.5, 0.25]

    def test_a_hot_name_is_on_one_shard_with_every_shard_key(self) -> None:
        shares = [0.6, *[0.4 / 99] * 99]
        for loads in (sharding.in_zones(shares, 4), sharding.in_hash_ranges(shares, 4)):
            assert max(loads) >= 0.6

    @pytest.mark.parametrize("shares", [[0.3, 0.7], [0.7, 0.3], [0.1, 0.2, 0.7], [0.7, 0.1, 0.2]])
    def test_a_hot_name_is_not_added_to_a_zone_that_is_almost_full(
        self, shares: list[float]
    ) -> None:
        assert sorted(sharding.in_zones(shares, 2)) == pytest.approx([0.3, 0.7])

    def test_loads_are_those_of_all_names(self) -> None:
        shares = sharding.in_key_order(1.2)
        for loads in (sharding.in_zones(shares, 7), sharding.in_hash_ranges(shares, 7)):
            assert len(loads) == 7
            assert sum(loads) == pytest.approx(1)
