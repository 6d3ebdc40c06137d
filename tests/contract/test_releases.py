"""The guarantees of every store for releases. Runs unchanged on all stores."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from semver import Version

from contract.asking import BY, OTHER, SERIES, put, put_any
from contract.test_series import ODD_WORDS
from monotron.model.semver import Line, Release, VersionName, sort_key, sort_key_range
from monotron.model.series import INT64_MAX, Entry, SeriesKey
from monotron.store import Store, open_store

PRODUCT = VersionName(1, "some-great-service")
OTHER_PRODUCT = VersionName(1, "other")


def words(text: str) -> list[str]:
    return text.split()


# SemVer 2.0.0 §11, lowest first: the examples of the specification, and frequent mistakes.
IN_ORDER = words("""
    0.0.1-alpha.1 0.0.1 0.0.2 0.0.10 0.1.0-rc.1 0.1.0 0.2.0 0.10.0
    1.0.0-10a.1 1.0.0-1a.1 1.0.0-1a.2 1.0.0-9z.1 1.0.0-RC.1 1.0.0-Z.1 1.0.0-a.1
    1.0.0-alpha.1 1.0.0-alpha.2 1.0.0-alpha.10 1.0.0-alpha1.1 1.0.0-beta.2 1.0.0-beta.11
    1.0.0-rc.1 1.0.0-rc.9 1.0.0-rc.10 1.0.0-rc.100 1.0.0-rc.9223372036854775806
    1.0.0-rc.9223372036854775807 1.0.0-rc1.1 1.0.0-rca.1 1.0.0-z.1
    1.0.0 1.0.1-rc.1 1.0.1 1.2.3 1.2.10 1.10.0 2.0.0-rc.1 2.0.0 2.1.0 2.1.1 10.0.0
    9007199254740992.0.0 9007199254740993.0.0 9223372036854775806.0.0
    9223372036854775807.0.0 9223372036854775807.0.9007199254740993
    9223372036854775807.9223372036854775807.9223372036854775806
    9223372036854775807.9223372036854775807.9223372036854775807-rc.1
    9223372036854775807.9223372036854775807.9223372036854775807
""")


def release(
    version: str, token: str | None = "token", product: VersionName = PRODUCT, **more: object
) -> Release:
    return Release(product, token, Version.parse(version), created_at=1_700_000_000_123)._replace(
        **more
    )


def add(store: Store, *versions: str, product: VersionName = PRODUCT) -> list[Release]:
    """Add releases whose tokens are the texts of their versions."""
    added = [release(version, version, product) for version in versions]
    for each in added:
        assert store.releases.add(each) is each
    return added


def versions(releases: list[Release]) -> list[str]:
    return [str(release.version) for release in releases]


def page(store: Store, product: VersionName = PRODUCT) -> list[str]:
    """All versions with a release, the highest first."""
    return versions(store.releases.page(product, sort_key_range()[1], 1000))


def highest(store: Store, found_in: tuple[str, str], *, final: bool | None) -> str | None:
    found = store.releases.highest(PRODUCT, found_in, final=final)
    return str(found.version) if found else None


def at(store: Store, version: str) -> Release | None:
    return store.releases.at(PRODUCT, Version.parse(version))


FULL = release(
    "1.3.0-rc.2",
    bump="minor",
    line=Line(1),
    metadata="sha.7d4c379",
    previous=Version(1, 2, 57),
    reason="feat: é 🚀 $set",
    assigned_by="github:acme/shop:123",
)


class TestAdd:
    @pytest.mark.parametrize(
        "wanted",
        [
            FULL,
            release("1.3.0", bump="final", line=Line(1, 3)),
            release("0.0.1", line=Line(0, 0), previous=Version(0, 0, 0)),
            release("1.0.0", line=Line(INT64_MAX, INT64_MAX), created_at=0),
            release("1.0.0", line=Line(0), previous=Version(INT64_MAX, INT64_MAX, INT64_MAX)),
            release("1.4.2", None),
        ],
    )
    def test_a_release_is_returned_unchanged(self, store: Store, wanted: Release) -> None:
        assert store.releases.add(wanted) is wanted
        assert store.releases.at(PRODUCT, wanted.version) == wanted
        assert store.releases.page(PRODUCT, sort_key_range()[1], 10) == [wanted]
        assert store.releases.highest(PRODUCT, sort_key_range(), final=None) == wanted
        if wanted.token is not None:
            assert store.releases.of_token(PRODUCT, wanted.token, wanted.label) == wanted
            assert store.releases.all_of_token(PRODUCT, wanted.token) == [wanted]

    def test_a_token_has_one_final_version(self, store: Store) -> None:
        first = release("1.0.0", bump="major", metadata="sha.1")
        store.releases.add(first)
        assert store.releases.add(release("1.0.1", bump="patch")) == first
        assert page(store) == ["1.0.0"]
        assert at(store, "1.0.1") is None

    def test_a_token_has_one_version_per_label(self, store: Store) -> None:
        mine = ["1.0.0-rc.1", "1.0.0-RC.1", "1.0.0-rc1.1", "1.0.0-beta.1", "1.0.0"]
        first = [release(version) for version in mine]
        assert [store.releases.add(each) for each in first] == first
        more = ["1.0.0-rc.2", "2.0.0-RC.1", "1.0.0-rc1.7", "1.0.1-beta.1", "0.0.1"]
        assert [store.releases.add(release(version)) for version in more] == first
        assert sorted(page(store)) == sorted(mine)

    def test_a_version_has_one_token(self, store: Store) -> None:
        for version in ("1.0.0", "1.0.0-rc.1"):
            first = release(version, "first", metadata="sha.1")
            store.releases.add(first)
            assert store.releases.add(release(version, "second", metadata="sha.2")) is None
            assert at(store, version) == first
        assert store.releases.all_of_token(PRODUCT, "second") == []

    def test_a_token_whose_version_is_taken_may_get_another(self, store: Store) -> None:
        add(store, "1.0.0")
        assert store.releases.add(release("1.0.0")) is None
        assert store.releases.add(again := release("1.0.1")) is again

    def test_the_release_of_the_token_takes_precedence_over_that_of_the_version(
        self, store: Store
    ) -> None:
        add(store, "1.0.0")
        first = release("1.0.1")
        store.releases.add(first)
        assert store.releases.add(release("1.0.0")) == first

    @pytest.mark.parametrize("wanted", [FULL, release("1.0.0")], ids=["pre-release", "final"])
    def test_adding_a_release_may_be_repeated(self, store: Store, wanted: Release) -> None:
        for _ in range(3):
            assert store.releases.add(wanted) == wanted
        assert page(store) == [str(wanted.version)]

    def test_accounts_and_names_have_versions_of_their_own(self, store: Store) -> None:
        products = [PRODUCT, VersionName(2, PRODUCT.name), VersionName(1, "other")]
        added = [release("1.0.0", name=product) for product in products]
        assert [store.releases.add(each) for each in added] == added
        for product, each in zip(products, added, strict=True):
            assert store.releases.at(product, each.version) == each
            assert store.releases.of_token(product, "token", None) == each
            assert store.releases.all_of_token(product, "token") == [each]
            assert store.releases.highest(product, sort_key_range(), final=True) == each
            assert store.releases.page(product, sort_key_range()[1], 10) == [each]

    @pytest.mark.parametrize("word", [*ODD_WORDS, "rc", "1.0.0", "~", "\x7f", "\U0010ffff"])
    def test_names_and_tokens_are_returned_unchanged(self, store: Store, word: str) -> None:
        product = VersionName(1, word)
        mine = [release(version, word, product, reason=word) for version in ("1.0.1-rc.1", "1.0.0")]
        for each in mine:
            assert store.releases.add(each) is each
        store.releases.add(theirs := release("2.0.0", f"{word}x", product))
        assert store.releases.all_of_token(product, word) == mine
        assert store.releases.of_token(product, word, None) == mine[1]
        assert store.releases.of_token(product, word, "rc") == mine[0]
        assert store.releases.page(product, sort_key_range()[1], 10) == [theirs, *mine]
        assert store.releases.page(VersionName(1, f"{word}x"), sort_key_range()[1], 10) == []

    def test_names_and_tokens_that_look_alike_are_different(self, store: Store) -> None:
        alike = ["é", "e\u0301", "E", "e", "e ", "$e", "e.e"]
        for number, word in enumerate(alike):
            store.releases.add(release(f"1.0.{number}", word))
            store.releases.add(release("1.0.0", "token", VersionName(1, word), reason=word))
        for number, word in enumerate(alike):
            found = store.releases.of_token(PRODUCT, word, None)
            assert found is not None
            assert found.version == Version(1, 0, number)
            found = store.releases.at(VersionName(1, word), Version(1))
            assert found is not None
            assert found.reason == word

    def test_concurrent_adds_give_a_version_to_one_token(self, durable_store: Store) -> None:
        for turn in range(5):
            wanted = [release(f"1.0.{turn}", f"{turn}-{number}") for number in range(16)]
            with ThreadPoolExecutor(len(wanted)) as threads:
                stand = list(threads.map(durable_store.releases.add, wanted))
            assert [each for each in stand if each] == [at(durable_store, f"1.0.{turn}")]

    def test_concurrent_adds_give_a_token_one_version(self, durable_store: Store) -> None:
        for turn in range(5):
            wanted = [release(f"1.{turn}.{number}", f"{turn}") for number in range(16)]
            with ThreadPoolExecutor(len(wanted)) as threads:
                stand = list(threads.map(durable_store.releases.add, wanted))
            first = durable_store.releases.of_token(PRODUCT, f"{turn}", None)
            assert stand == [first] * len(wanted)
        assert len(page(durable_store)) == 5


class TestAdopted:
    """Releases without a token."""

    def test_many_versions_may_be_adopted(self, store: Store) -> None:
        adopted = [release(version, None) for version in ("1.0.0", "1.0.1", "2.0.0")]
        assert [store.releases.add(each) for each in adopted] == adopted
        assert store.releases.page(PRODUCT, sort_key_range()[1], 10) == adopted[::-1]

    def test_an_adopted_version_is_not_assigned_to_a_token(self, store: Store) -> None:
        store.releases.add(adopted := release("1.0.0", None))
        assert store.releases.add(release("1.0.0")) is None
        assert at(store, "1.0.0") == adopted

    def test_a_version_of_a_token_cannot_be_adopted(self, store: Store) -> None:
        store.releases.add(first := release("1.0.0"))
        assert store.releases.add(release("1.0.0", None)) is None
        assert at(store, "1.0.0") == first

    def test_an_adopted_version_belongs_to_no_token(self, store: Store) -> None:
        store.releases.add(release("1.0.0", None))
        for word in ("", "None", "null", "1.0.0"):
            assert store.releases.of_token(PRODUCT, word, None) is None
            assert store.releases.of_token(PRODUCT, word, "1.0.0") is None
            assert store.releases.all_of_token(PRODUCT, word) == []

    def test_adopting_a_version_may_be_repeated(self, store: Store) -> None:
        adopted = release("1.0.0", None)
        assert [store.releases.add(adopted) for _ in range(2)] == [adopted, adopted]

    def test_adopted_returns_whether_a_range_contains_an_adopted_version(
        self, store: Store
    ) -> None:
        add(store, "1.2.58", "1.2.60", "1.3.0-rc.1")
        for version in ("1.2.59", "2.0.0"):
            store.releases.add(release(version, None))
        store.releases.add(release("1.2.61", None, OTHER_PRODUCT))
        end = sort_key_range(Line(1, 2))[1]
        assert store.releases.adopted(PRODUCT, sort_key_range(Line(1, 2)))
        assert store.releases.adopted(PRODUCT, (sort_key(Version(1, 2, 59)), end))
        assert not store.releases.adopted(PRODUCT, (sort_key(Version(1, 2, 60)), end))
        assert store.releases.adopted(PRODUCT, (sort_key(Version(1, 2, 60)), sort_key_range()[1]))
        assert not store.releases.adopted(PRODUCT, sort_key_range(Line(1, 3)))
        assert not store.releases.adopted(VersionName(2, PRODUCT.name), sort_key_range())


class TestReads:
    def test_a_missing_release_is_not_found(self, store: Store) -> None:
        assert store.releases.of_token(PRODUCT, "token", None) is None
        assert store.releases.of_token(PRODUCT, "token", "rc") is None
        assert store.releases.all_of_token(PRODUCT, "token") == []
        assert at(store, "1.0.0") is None
        assert [highest(store, sort_key_range(), final=final) for final in (True, False, None)] == [
            None
        ] * 3
        assert page(store) == []

    def test_a_label_selects_its_pre_release_or_the_final_version(self, store: Store) -> None:
        for version in ("1.0.0-rc.1", "1.0.0"):
            store.releases.add(release(version))
        of_token = store.releases.of_token
        assert of_token(PRODUCT, "token", None) == release("1.0.0")
        assert of_token(PRODUCT, "token", "rc") == release("1.0.0-rc.1")
        assert of_token(PRODUCT, "token", "RC") is of_token(PRODUCT, "token", "r") is None
        assert of_token(PRODUCT, "Token", None) is None

    def test_all_releases_of_a_token_are_listed_highest_first(self, store: Store) -> None:
        mine = ["2.0.0-alpha.10", "1.3.0-rc.9", "1.3.0-beta.10", "1.2.9", "0.0.1-RC.1"]
        for version in Random(1).sample(mine, len(mine)):
            store.releases.add(release(version))
            store.releases.add(release(f"7.{version[2:]}", "another"))
        assert versions(store.releases.all_of_token(PRODUCT, "token")) == mine

    def test_a_release_is_found_by_its_version(self, store: Store) -> None:
        there = ["1.0.0", "1.0.1-rc.1", "1.0.2-rc.10"]
        add(store, *there)
        absent = words("""
            1.0.1 1.0.2 1.0.0-rc.1 1.0.1-rc.2 1.0.1-rc 1.0.1-rc.1.1 1.0.1-RC.1 1.0.1-1 1.0.1-rc-1
            1.0.1-rc.x 1.0.2-rc.1 0.1.0 10.0.0
        """)
        found = {version: at(store, version) for version in [*there, *absent]}
        assert [version for version, release in found.items() if release] == there

    @pytest.mark.parametrize("seed", range(3))
    def test_pages_are_ordered_as_in_semver(self, store: Store, seed: int) -> None:
        add(store, *Random(seed).sample(IN_ORDER, len(IN_ORDER)))
        assert page(store) == IN_ORDER[::-1]

    def test_a_page_starts_below_a_sort_key_and_ends_at_its_limit(self, store: Store) -> None:
        add(store, *IN_ORDER)
        descending = IN_ORDER[::-1]
        for number, version in enumerate(descending):
            below = sort_key(Version.parse(version))
            found = versions(store.releases.page(PRODUCT, below, 3))
            assert found == descending[number + 1 :][:3]

    @pytest.mark.parametrize(
        ("before", "first"),
        [
            ("1.0.0-rc", "1.0.0-beta.11"),
            ("1.0.0-rc.x", "1.0.0-rc.9223372036854775807"),
            ("1.0.0-rc.9.1", "1.0.0-rc.9"),
            ("1.0.0-rc-1.1", "1.0.0-rc.9223372036854775807"),
            ("1.0.0-1", "0.10.0"),
            ("1.0.0-0", "0.10.0"),
            ("0.5.0", "0.2.0"),
            ("1.2.4", "1.2.3"),
            ("1.0.0-zz", "1.0.0-z.1"),
        ],
    )
    def test_a_page_may_start_at_a_version_without_a_release(
        self, store: Store, before: str, first: str
    ) -> None:
        add(store, *IN_ORDER)
        below = sort_key(Version.parse(before))
        assert versions(store.releases.page(PRODUCT, below, 1)) == [first]

    def test_the_highest_version_is_final_or_a_pre_release_or_either(self, store: Store) -> None:
        add(store, "1.9.0", "1.10.0", "1.11.0-beta.2", "1.11.0-rc.9", "1.11.0-rc.10", "0.99.0")
        assert highest(store, sort_key_range(), final=True) == "1.10.0"
        assert highest(store, sort_key_range(), final=False) == "1.11.0-rc.10"
        assert highest(store, sort_key_range(), final=None) == "1.11.0-rc.10"
        add(store, "1.11.0")
        assert highest(store, sort_key_range(), final=None) == "1.11.0"
        assert highest(store, sort_key_range(), final=False) == "1.11.0-rc.10"

    @pytest.mark.parametrize(
        ("line", "final", "pre"),
        [
            (None, "20.0.0", "20.0.1-rc.1"),
            (Line(0), "0.10.0", None),
            (Line(0, 1), "0.1.2", None),
            (Line(1), "1.20.0", "1.21.0-rc.1"),
            (Line(1, 2), "1.2.10", "1.2.11-rc.1"),
            (Line(1, 1), None, None),
            (Line(1, 21), None, "1.21.0-rc.1"),
            (Line(2), "2.0.0", None),
            (Line(2, 0), "2.0.0", None),
            (Line(12), "12.0.0", None),
            (Line(3), None, None),
            (Line(INT64_MAX, INT64_MAX), None, None),
        ],
    )
    def test_the_highest_version_of_a_line_belongs_to_the_line(
        self, store: Store, line: Line | None, final: str | None, pre: str | None
    ) -> None:
        add(store, "0.1.2", "0.10.0", "1.2.9", "1.2.10", "1.2.11-rc.1", "1.20.0", "1.21.0-rc.1")
        add(store, "2.0.0", "12.0.0", "20.0.0", "20.0.1-rc.1")
        assert highest(store, sort_key_range(line), final=True) == final
        assert highest(store, sort_key_range(line), final=False) == pre
        assert highest(store, sort_key_range(line), final=None) == max(
            (version for version in (final, pre) if version), key=Version.parse, default=None
        )

    @pytest.mark.parametrize(
        ("target", "label", "found"),
        [
            ("1.3.0", "rc", "1.3.0-rc.10"),
            ("1.3.0", "rc1", "1.3.0-rc1.99"),
            ("1.3.0", "r", None),
            ("1.3.0", "RC", "1.3.0-RC.4"),
            ("1.3.0", "z", None),
            ("1.3.1", "rc", "1.3.1-rc.77"),
            ("1.30.0", "rc", None),
            ("0.1.3", "rc", None),
        ],
    )
    def test_the_highest_pre_release_has_the_target_and_label(
        self, store: Store, target: str, label: str, found: str | None
    ) -> None:
        add(store, "1.3.0-rc.9", "1.3.0-rc.10", "1.3.0-rc1.99", "1.3.0-RC.4", "1.3.0")
        add(store, "1.3.1-rc.77", "1.30.0", "1.3.0-rcx.1")
        wanted = sort_key_range(target=Version.parse(target), label=label)
        assert highest(store, wanted, final=False) == found
        assert highest(store, wanted, final=None) == found
        assert highest(store, wanted, final=True) is None


numbers = st.one_of(
    st.integers(0, 12),
    st.sampled_from([99, 2**31, 2**53, 2**53 + 1, 10**18, INT64_MAX - 1, INT64_MAX]),
)
cores = st.tuples(numbers, numbers, numbers)
labels = st.from_regex(r"(?=[0-9]*[A-Za-z-])[0-9A-Za-z-]{1,4}", fullmatch=True) | st.sampled_from(
    ["rc", "RC", "rc1", "rc-1", "rc-", "-rc", "a", "Z", "z" * 40, "0a", "1a", "9" * 39 + "z", "-"]
)
identifiers = st.one_of(
    numbers.map(str), labels, st.sampled_from(["-", "rc-", "rc-1", "-rc", "0-", "x-y-z", "--"])
)


@st.composite
def given_here(draw: st.DrawFn) -> Version:
    """A final version, or a pre-release with a label and a number."""
    core = draw(cores)
    pre = draw(st.none() | st.tuples(labels, numbers))
    return Version(*core, None if pre is None else f"{pre[0]}.{pre[1]}")


@st.composite
def any_version(draw: st.DrawFn) -> Version:
    pre = draw(st.lists(identifiers, max_size=4))
    return Version(*draw(cores), ".".join(pre) or None)


class TestSortKeys:
    def test_sort_keys_are_ordered_as_in_semver(self) -> None:
        table = [Version.parse(version) for version in IN_ORDER]
        assert sorted(table) == table
        assert sorted(table, key=sort_key) == table
        assert len({sort_key(version) for version in table}) == len(table)

    @settings(deadline=None)
    @given(a=given_here(), b=given_here())
    def test_two_versions_have_the_order_of_their_sort_keys(self, a: Version, b: Version) -> None:
        assert (sort_key(a) < sort_key(b)) == (a < b)
        assert (sort_key(a) == sort_key(b)) == (a == b)
        # Bytewise, as the engines compare.
        assert (sort_key(a).encode() < sort_key(b).encode()) == (a < b)

    @settings(deadline=None)
    @given(core=cores, pres=st.lists(st.tuples(labels, numbers), min_size=2, max_size=6))
    def test_pre_releases_of_a_target_have_the_order_of_their_sort_keys(
        self, core: tuple[int, int, int], pres: list[tuple[str, int]]
    ) -> None:
        them = [Version(*core, f"{label}.{number}") for label, number in pres]
        assert sorted(them) == sorted(them, key=sort_key)
        assert all(sort_key(each) < sort_key(Version(*core)) for each in them)

    @settings(deadline=None)
    @given(foreign=any_version(), data=st.data())
    def test_a_foreign_pre_release_has_a_sort_key_between_its_neighbours(
        self, foreign: Version, data: st.DataObject
    ) -> None:
        core = (foreign.major, foreign.minor, foreign.patch)
        label, number = data.draw(st.tuples(labels, numbers))
        ours = Version(*core, f"{label}.{number}")
        if foreign.prerelease:  # often one that is close to it
            first, *_ = foreign.prerelease.split(".")
            if not first.isdigit():
                ours = data.draw(st.sampled_from([ours, Version(*core, f"{first}.{number}")]))
        assert (sort_key(ours) < sort_key(foreign)) == (ours < foreign)
        assert (sort_key(ours) > sort_key(foreign)) == (ours > foreign)

    @settings(deadline=None)
    @given(version=given_here(), line=st.builds(Line, numbers, st.none() | numbers))
    def test_the_range_of_a_line_contains_its_versions(self, version: Version, line: Line) -> None:
        for each in (line, Line(version.major), Line(version.major, version.minor)):
            first, end = sort_key_range(each)
            assert (first <= sort_key(version) < end) == each.covers(version)
        first, end = sort_key_range()
        assert first <= sort_key(version) < end

    @settings(deadline=None)
    @given(version=given_here(), target=cores, label=labels)
    def test_the_range_of_a_target_and_label_contains_its_pre_releases(
        self, version: Version, target: tuple[int, int, int], label: str
    ) -> None:
        for core in (target, (version.major, version.minor, version.patch)):
            first, end = sort_key_range(target=Version(*core), label=label)
            same = version.finalize_version() == Version(*core) and (
                version.prerelease or ""
            ).startswith(f"{label}.")
            assert (first <= sort_key(version) < end) == same


class TestHighWaterMarks:
    def test_a_series_without_values_has_the_high_water_mark_0(self, store: Store) -> None:
        assert store.high_water_marks([SERIES]) == [0]

    def test_a_high_water_mark_is_the_last_value(self, store: Store) -> None:
        for token in "abc":
            put(store, token)
        assert store.high_water_marks([SERIES]) == [3]
        store.advance_to(SERIES, 41, BY)
        assert store.high_water_marks([SERIES]) == [41]
        store.advance_to(SERIES, INT64_MAX, BY)
        assert store.high_water_marks([SERIES]) == [INT64_MAX]

    def test_a_high_water_mark_is_returned_for_each_requested_key(self, store: Store) -> None:
        put(store, "a")
        store.advance_to(OTHER, 7, BY)
        unknown = SeriesKey(2, SERIES.key)
        keys = [OTHER, SERIES, unknown, OTHER, SERIES, SERIES]
        assert store.high_water_marks(keys) == [7, 1, 0, 7, 1, 1]

    def test_a_delete_keeps_the_high_water_mark_and_a_restart_resets_it(self, store: Store) -> None:
        for token in "abc":
            put(store, token)
        put(store, "a", series=OTHER)
        store.delete(SERIES, restart=False)
        assert store.high_water_marks([SERIES, OTHER]) == [3, 1]
        store.delete(SERIES, restart=True)
        assert store.high_water_marks([SERIES, OTHER]) == [0, 1]
        put(store, "b")
        assert store.high_water_marks([SERIES, OTHER]) == [1, 1]

    def test_reading_high_water_marks_changes_nothing(self, store: Store) -> None:
        store.high_water_marks([SERIES, OTHER])
        assert store.peek([SERIES]) == [None]
        assert store.series_page(1, "", "", 10) == []
        assert put(store, "a") == 1

    def test_every_allocation_changes_the_high_water_mark_immediately(self, store: Store) -> None:
        for value in range(1, 20):
            assert put(store, f"token-{value}") == value
            assert store.high_water_marks([SERIES, OTHER]) == [value, 0]


class TestAdvances:
    """`entry(series, None)`: the entry of the last advance."""

    def test_a_series_without_an_advance_has_no_entry_of_one(self, store: Store) -> None:
        assert store.entry(SERIES, None) is None
        put(store, "a")
        assert store.entry(SERIES, None) is None

    def test_the_entry_of_the_last_advance_is_returned(self, store: Store) -> None:
        put(store, "a")
        store.advance_to(SERIES, 41, BY)
        assert store.entry(SERIES, None) == Entry(1, SERIES.key, None, 41)
        for token in "bcd":
            put_any(store, token)
        assert store.entry(SERIES, None) == Entry(1, SERIES.key, None, 41)
        store.advance_to(SERIES, 50, BY)
        store.advance_to(SERIES, 60, BY)
        assert store.entry(SERIES, None) == Entry(1, SERIES.key, None, 60)

    def test_an_advance_to_the_current_value_has_no_entry(self, store: Store) -> None:
        put(store, "a")
        store.advance_to(SERIES, 1, BY)
        assert store.entry(SERIES, None) is None

    def test_the_entry_of_an_advance_ends_with_the_generation(self, store: Store) -> None:
        for restart in (False, True):
            height = store.high_water_marks([SERIES])[0] + 41
            store.advance_to(SERIES, height, BY)
            assert store.entry(SERIES, None) == Entry(1, SERIES.key, None, height)
            store.delete(SERIES, restart=restart)
            assert store.entry(SERIES, None) is None
            put(store, "a")
            assert store.entry(SERIES, None) is None

    def test_the_entry_of_an_advance_belongs_to_its_series(self, store: Store) -> None:
        store.advance_to(OTHER, 41, BY)
        put(store, "a")
        assert store.entry(SERIES, None) is None


@pytest.fixture
def reopened(durable_url: str) -> Iterator[Store]:
    """A store that opened the data of another, closed one."""
    first = open_store(durable_url)
    first.releases.add(FULL)
    first.releases.add(release("1.4.2", None))
    first.advance_to(SERIES, 41, BY)
    first.close()
    second = open_store(durable_url)
    yield second
    second.close()


class TestReopened:
    def test_a_reopened_store_contains_the_releases(self, reopened: Store) -> None:
        adopted = release("1.4.2", None)
        assert reopened.releases.page(PRODUCT, sort_key_range()[1], 10) == [adopted, FULL]
        assert reopened.releases.add(FULL._replace(version=Version.parse("2.0.0-rc.1"))) == FULL
        assert reopened.releases.add(release("1.4.2", "late")) is None
        assert reopened.high_water_marks([SERIES]) == [41]
        assert reopened.entry(SERIES, None) == Entry(1, SERIES.key, None, 41)
