"""Name patterns, and the names that the keys of series belong to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from semver import Version

from monotron.errors import InvalidRequest
from monotron.model.component_keys import COMPONENTS, component_key, label_key, name_of_key
from monotron.model.name_patterns import (
    ALL_NAMES,
    MAX_PATTERNS,
    NamePatterns,
    parse_name_patterns,
)
from monotron.model.semver import VersionName, parse_label

NAME_OF_KEY = {
    # component series belong to the name before the suffix
    "shop-major": "shop",
    "shop-minor-v0": "shop",
    "shop-minor-v9223372036854775807": "shop",
    "shop-patch-v1.2": "shop",
    "shop-rc-v1.2.3": "shop",
    "shop-Beta2-v0.0.0": "shop",
    "shop-minor-v1.2.3": "shop",  # the label `minor`
    "shop-major-v1.2.3": "shop",
    "shop-feature.login-v1.2.3": "shop",  # the label `feature-login`
    "shop-minor.v1-v1.2.3": "shop",  # the label `minor-v1`
    "shop-.-v1.2.3": "shop",  # the label `-`
    "gh:acme:shop-patch-v1.2": "gh:acme:shop",
    "team-a/shop-major": "team-a/shop",
    "é🙂-major": "é🙂",
    " -major": " ",
    # only the last suffix counts
    "a-minor-v1-major": "a-minor-v1",
    "a-major-major": "a-major",
    "a-major-minor-v1": "a-major",
    "a-rc-v1.2.3-major": "a-rc-v1.2.3",
    "a-minor-v1-minor-v1": "a-minor-v1",
    "a-b-rc-v1.2.3": "a-b",
    "a-b-c-v1.2.3": "a-b",
    "a--major": "a-",
    "a--rc-v1.2.3": "a-",
    "a--.rc-v1.2.3": "a-",
    "a-b-.rc-v1.2.3": "a-b",
    "a-b.-rc-v1.2.3": "a-b.",
    "--major": "-",
    "*-major": "*",
    # any other key is its own name
    "shop": "shop",
    "shop-payments": "shop-payments",
    "shop-payments-major": "shop-payments",
    "-major": "-major",
    "-minor-v1": "-minor-v1",
    "-rc-v1.2.3": "-rc-v1.2.3",
    "major": "major",
    "shopmajor": "shopmajor",
    "shop-Major": "shop-Major",
    "shop-major ": "shop-major ",
    "shop-majority": "shop-majority",
    "shop-minor": "shop-minor",
    "shop-minor-v": "shop-minor-v",
    "shop-minor-1": "shop-minor-1",
    "shop-minor-v1x": "shop-minor-v1x",
    "shop-minor-v-1": "shop-minor-v-1",
    "shop-minor-v1.2": "shop-minor-v1.2",
    "shop-minor-v१": "shop-minor-v१",
    "shop-patch-v1": "shop-patch-v1",
    "shop-patch-v1.": "shop-patch-v1.",
    "shop-patch-v1.2.": "shop-patch-v1.2.",
    "shop-rc-v1.2": "shop-rc-v1.2",
    "shop-rc-v1.2.3.4": "shop-rc-v1.2.3.4",
    "shop--v1.2.3": "shop--v1.2.3",
    "shop-v1.2.3": "shop-v1.2.3",
    "-v1.2.3": "-v1.2.3",
    "shop-rc-V1.2.3": "shop-rc-V1.2.3",
    "-": "-",
}

names = st.text(alphabet="a-1.v*mjr\U0001f642", min_size=1, max_size=20) | st.sampled_from(
    sorted(NAME_OF_KEY)
)
numbers = st.integers(0, 12)
targets = st.builds(Version, numbers, numbers, numbers)
labels = (
    st.text(alphabet="a-1v", min_size=1, max_size=5).filter(lambda text: not text.isdigit())
    | st.sampled_from(["rc", "major", "minor-v1", "patch-v1", "-v1", "rc-v1", "a-rc", "x" * 40])
).map(parse_label)
patterns = st.builds(lambda text, end: text.replace("*", "")[:12] + end, names, st.just("*")) | (
    names.map(lambda text: text.replace("*", "") or "a")
)
pattern_lists = st.lists(patterns, min_size=1, max_size=5).map(
    lambda texts: NamePatterns((*texts,))
)


class TestNameOfKey:
    @pytest.mark.parametrize(("key", "name"), NAME_OF_KEY.items())
    def test_a_key_belongs_to_a_name(self, key: str, name: str) -> None:
        assert name_of_key(key) == name

    @given(name=names, version=targets, label=labels)
    def test_every_series_of_a_version_belongs_to_its_name(
        self, name: str, version: Version, label: str
    ) -> None:
        owner = VersionName(1, name)
        keys = [component_key(owner, component, version) for component in COMPONENTS]
        for series in (*keys, label_key(owner, label, version)):
            assert name_of_key(series.key) == name
            assert NamePatterns((name,)).allows_key(series.key)

    @given(data=st.data(), first=st.tuples(names, labels, targets))
    def test_a_key_belongs_to_one_name_label_and_target(
        self, data: st.DataObject, first: tuple[str, str, Version]
    ) -> None:
        name, label, target = first
        similar_names = names | st.sampled_from([name, f"{name}-{label}", f"{name}-"])
        similar_labels = labels | st.sampled_from([label, label[::-1], label.swapcase()])
        second = data.draw(
            st.tuples(similar_names, similar_labels, targets | st.just(target)), "second"
        )
        keys = [label_key(VersionName(1, name), *rest) for name, *rest in (first, second)]
        assert (keys[0] == keys[1]) == (first == second)

    @given(name=names, label=labels, target=targets, other=names, version=targets)
    def test_a_label_never_shares_the_key_of_a_component(
        self, name: str, label: str, target: Version, other: str, version: Version
    ) -> None:
        key = label_key(VersionName(1, name), label, target)
        for owner in (name, other, f"{name}-{label}"):
            for component in COMPONENTS:
                for each in (version, target):
                    assert component_key(VersionName(1, owner), component, each) != key

    def test_a_long_hostile_key_is_decided_quickly(self) -> None:
        for part in "-", "-1", "-minor-v", "-v1.1.1", "-a-v1.1.1x":
            key = (part * 256)[:256]
            assert name_of_key(key) in (key, key[: key.rfind("-")], key.rsplit("-", 2)[0])


class TestMatching:
    @pytest.mark.parametrize(
        ("pattern", "allowed", "refused"),
        [
            ("shop", ["shop"], ["shop-", "shop-payments", "sho", "Shop", "shop*", ""]),
            ("shop*", ["shop", "shop-", "shop-payments", "shop*"], ["sho", "Shop", "a-shop"]),
            ("team-a/*", ["team-a/", "team-a/x"], ["team-a", "team-b/x", "Team-a/x"]),
            ("*", ["", "x", "🙂"], []),
            ("a.b", ["a.b"], ["axb"]),
            ("[a]*", ["[a]x"], ["a", "ax"]),
        ],
    )
    def test_a_pattern_matches_a_name_or_its_prefix(
        self, pattern: str, allowed: list[str], refused: list[str]
    ) -> None:
        names = NamePatterns((pattern,))
        assert [name for name in (*allowed, *refused) if names.allows(name)] == allowed

    @pytest.mark.parametrize(
        ("texts", "allowed", "refused"),
        [
            (
                ("shop",),
                ["shop", "shop-major", "shop-minor-v1", "shop-patch-v1.2", "shop-rc-v1.2.3"],
                ["shop-payments", "shop-payments-major", "shop-minor-v1-major", "shop-minor"],
            ),
            (
                ("shop-*",),
                ["shop-payments", "shop-payments-major", "shop-minor-v1-major", "shop-"],
                ["shop", "shop-major", "shop-minor-v1", "shop-patch-v1.2", "shop-rc-v1.2.3"],
            ),
            (("shop-major",), ["shop-major-major"], ["shop-major", "shop"]),
            (("a", "b*"), ["a", "a-major", "bc", "bc-major"], ["c", "ab", "c-major"]),
        ],
    )
    def test_a_pattern_applies_to_the_name_that_a_key_belongs_to(
        self, texts: tuple[str, ...], allowed: list[str], refused: list[str]
    ) -> None:
        names = NamePatterns(texts)
        assert [key for key in (*allowed, *refused) if names.allows_key(key)] == allowed


class TestCovering:
    @pytest.mark.parametrize(
        ("own", "other", "covered"),
        [
            (("*",), ("*",), True),
            (("*",), ("a", "b*"), True),
            (("a*",), ("a",), True),
            (("a*",), ("ab", "ac*", "a*"), True),
            (("a*", "b"), ("b", "a"), True),
            (("a",), ("a",), True),
            (("a*",), ("*",), False),
            (("ab*",), ("a*",), False),
            (("a",), ("a*",), False),
            (("a",), ("a", "b"), False),
            (("a", "b"), ("a*",), False),
            (("shop",), ("shop-major",), False),
            (("A*",), ("a",), False),
        ],
    )
    def test_patterns_cover_what_is_within_one_of_them(
        self, own: tuple[str, ...], other: tuple[str, ...], covered: bool
    ) -> None:
        assert NamePatterns(own).covers(NamePatterns(other)) is covered

    @given(own=pattern_lists, other=pattern_lists, name=names)
    def test_covered_patterns_allow_no_further_name(
        self, own: NamePatterns, other: NamePatterns, name: str
    ) -> None:
        if own.covers(other) and other.allows(name):
            assert own.allows(name)


class TestKeyRanges:
    @given(
        allowed=pattern_lists,
        prefix=st.just("") | names,
        after=st.just("") | names,
        keys=st.sets(names | names.map("{}-major".format), max_size=20),
    )
    def test_ranges_contain_each_allowed_key_once_and_in_order(
        self, allowed: NamePatterns, prefix: str, after: str, keys: set[str]
    ) -> None:
        ranges = allowed.key_ranges(prefix, after)
        listed = [
            key
            for key_range in ranges
            for key in sorted(keys)
            if key in key_range and key > after and allowed.allows_key(key)
        ]
        assert listed == sorted(
            key
            for key in keys
            if key.startswith(prefix) and key > after and allowed.allows_key(key)
        )

    def test_overlapping_patterns_share_a_range(self) -> None:
        allowed = NamePatterns(("shop*", "shop", "shop-x*", "a", "a-*", "shop*"))
        assert allowed.key_ranges("", "") == [("a", True), ("a-", False), ("shop", False)]

    def test_all_names_have_one_range(self) -> None:
        assert ALL_NAMES.key_ranges("", "") == [("", False)]
        assert ALL_NAMES.key_ranges("a", "ab") == [("a", False)]

    def test_a_range_before_the_start_of_a_page_is_omitted(self) -> None:
        allowed = NamePatterns(("a*", "c*"))
        assert allowed.key_ranges("", "az") == [("a", False), ("c", False)]
        assert allowed.key_ranges("", "b") == [("c", False)]
        assert allowed.key_ranges("", "d") == []


class TestParsing:
    @pytest.mark.parametrize(
        "texts",
        [["a"], ["*"], ["team-a/*", "shop"], ["a" * 256], ["a" * 256 + "*"], ["é*"], ["a"] * 32],
        ids=lambda texts: texts[0][:20],
    )
    def test_valid_patterns_are_kept_as_given(self, texts: list[str]) -> None:
        assert parse_name_patterns(texts).texts == tuple(texts)

    @pytest.mark.parametrize(
        "value",
        [None, "shop", "*", 1, True, {}, {"a": 1}, [], ["a"] * (MAX_PATTERNS + 1)],
        ids=lambda value: repr(value)[:20],
    )
    def test_a_value_that_is_not_a_list_of_1_to_32_patterns_is_refused(self, value: object) -> None:
        with pytest.raises(InvalidRequest, match=r"`names` must be a list of 1 to 32 name pat"):
            parse_name_patterns(value)

    @pytest.mark.parametrize(
        "pattern",
        ["", "**", "*a", "a*b", "a**", "* ", "a\n", "\x00*", "a\x85", "\ud800", "a\udfff*",
         "a" * 257, "a" * 257 + "*", None, 1, True, ["a"], {}],
        ids=lambda pattern: ascii(pattern)[:20],
    )  # fmt: skip
    def test_an_invalid_pattern_is_refused(self, pattern: object) -> None:
        with pytest.raises(InvalidRequest, match=r"^Invalid name pattern .*`team-a/\*`") as refused:
            parse_name_patterns(["a", pattern])
        refused.value.detail.encode()
