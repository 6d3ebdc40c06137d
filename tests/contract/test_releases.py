"""The guarantees of every store for releases. Runs unchanged on all stores."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from semver import Version

from contract.asking import (
    BY,
    OTHER,
    SERIES,
    ask,
    credentials_of,
    high_water_marks,
    put,
    put_any,
    values,
)
from contract.recording import read, write
from contract.test_series import ODD_WORDS
from monotron.errors import MonotronError
from monotron.model.quotas import Quotas
from monotron.model.semver import (
    Final,
    Line,
    Release,
    VersionName,
    Withdrawal,
    parse_final,
    sort_key,
    sort_key_range,
)
from monotron.model.series import INT64_MAX, Entry, Reuse, SeriesHead, SeriesKey
from monotron.model.versions.facts import (
    ANY_LABEL,
    BaseUses,
    HeadOf,
    HighestRecord,
    LastValueOf,
    NameSummary,
    OpenLabels,
    RecordAt,
    RecordsOf,
    SeriesUsed,
    SummaryOf,
    TokenAt,
)
from monotron.model.versions.requests import (
    Adopt,
    Assign,
    GetNewest,
    GetOfToken,
    GetRelease,
    Request,
    VersionRequest,
)
from monotron.store import Store, open_store

SHOP = VersionName(1, "some-great-service")
OTHER_NAME = VersionName(1, "other")
WITHDRAWN = Withdrawal(1_700_000_000_456, "key:mtk_k_A", "é 🚀 $set", True, False, 7)


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
    version: str, token: str | None = "token", name: VersionName = SHOP, **more: Any
) -> Release:
    parsed = Version.parse(version)
    label, _, number = (parsed.prerelease or "").partition(".")
    return Release(
        name, token, Final.of(parsed), label or None, int(number or 0), created_at=1_700_000_000_123
    )._replace(**more)


def record(store: Store, *versions: str, name: VersionName = SHOP) -> list[Release]:
    """Write records whose tokens are the texts of their versions."""
    releases = [release(version, version, name) for version in versions]
    write(store, *releases)
    return releases


def versions(releases: Sequence[Release]) -> list[str]:
    return [each.version_text for each in releases]


def page(store: Store, name: VersionName = SHOP) -> list[Release]:
    """All records, the highest version first."""
    return store.releases.page(name, sort_key_range(), None, 1000)


def assign(
    token: str,
    bump: Any = "patch",
    label: str | None = None,
    line: Line | None = None,
    *,
    name: VersionName = SHOP,
) -> Assign:
    return Assign(name, token, VersionRequest(bump, label, line=line, assigned_by=BY))


def adopt(version: str, name: VersionName = SHOP) -> Adopt:
    return Adopt(name, parse_final(version), BY)


def decide(store: Store, *requests: Request) -> list[str]:
    """The versions, or the codes of errors, of one batch that begins and then finishes."""
    results = store.releases.begin_decide(requests)()
    return [
        each.code if isinstance(each, MonotronError) else each.release.version_text
        for each in results
    ]


FULL = release(
    "1.3.0-rc.2",
    bump="minor",
    line=Line(1),
    metadata="sha.7d4c379",
    previous=Final(1, 2, 57),
    previous_token="🚀 $x",
    reason="feat: é 🚀 $set",
    assigned_by="github:acme/shop:123",
    attempt=3,
    position=6,
    base="1.2.57",
    withdrawn=WITHDRAWN,
)


class TestRecords:
    @pytest.mark.parametrize(
        "wanted",
        [
            FULL,
            FULL._replace(withdrawn=WITHDRAWN._replace(ignore_commits=False, replaced=True)),
            release("1.3.0", bump="final", line=Line(1, 3), base="none"),
            release("0.0.1", line=Line(0, 0), previous=Final(0, 0, 0)),
            release("1.0.0", line=Line(INT64_MAX, INT64_MAX), created_at=0),
            release("1.0.0", line=Line(0), previous=Final(INT64_MAX, INT64_MAX, INT64_MAX)),
            release("1.4.2", None),
            release("1.4.2-a-b.1", ""),
        ],
        ids=["full", "replaced", "promoted", "first", "line", "previous", "adopted", "hyphen"],
    )
    def test_a_record_is_returned_unchanged(self, store: Store, wanted: Release) -> None:
        write(store, wanted)
        assert page(store) == [wanted]
        assert read(store, RecordAt(SHOP, wanted.sort_key)) == [wanted]
        if wanted.token is not None:
            assert read(store, RecordsOf(SHOP, wanted.token)) == [(wanted,)]

    @pytest.mark.parametrize("word", [*ODD_WORDS, "rc", "1.0.0", "~", "\x7f", "\U0010ffff"])
    def test_names_and_tokens_are_returned_unchanged(self, store: Store, word: str) -> None:
        name = VersionName(1, word)
        pre_release = release("1.0.1-rc.1", word, name, reason=word)
        final = release("1.0.0", word, name, previous_token=word)
        theirs = release("2.0.0", f"{word}x", name)
        write(store, pre_release, final, theirs)
        (of_token,) = read(store, RecordsOf(name, word))
        assert set(of_token) == {pre_release, final}
        assert page(store, name) == [theirs, pre_release, final]
        assert page(store, VersionName(1, f"{word}x")) == []
        assert read(store, SummaryOf(name)) == [NameSummary(1, 3, 0, Final(2, 0, 0), f"{word}x")]

    def test_names_and_tokens_that_look_alike_are_different(self, store: Store) -> None:
        alike = ["é", "e\u0301", "E", "e", "e ", "$e", "e.e", "é*", "e_", "e%"]
        of_tokens = [release(f"1.0.{number}", word) for number, word in enumerate(alike)]
        of_names = [release("1.0.0", "token", VersionName(1, word)) for word in alike]
        write(store, *of_tokens, *of_names)
        assert read(store, *(RecordsOf(SHOP, word) for word in alike)) == [
            (each,) for each in of_tokens
        ]
        key = of_names[0].sort_key
        assert read(store, *(RecordAt(VersionName(1, word), key) for word in alike)) == of_names
        assert [page(store, VersionName(1, word)) for word in alike] == [
            [each] for each in of_names
        ]

    def test_accounts_and_names_have_records_of_their_own(self, store: Store) -> None:
        names = [SHOP, VersionName(2, SHOP.name), OTHER_NAME]
        records = [release("1.0.0", f"{name}", name) for name in names]
        write(store, *records)
        for name, each in zip(names, records, strict=True):
            assert page(store, name) == [each]
            assert read(
                store,
                RecordAt(name, each.sort_key),
                RecordsOf(name, f"{name}"),
                HighestRecord(name, *sort_key_range()),
                SummaryOf(name),
                *(RecordsOf(name, f"{other}") for other in names if other != name),
            ) == [each, (each,), each, NameSummary(1, 1, 0, Final(1, 0, 0), f"{name}"), (), ()]

    def test_a_token_can_have_several_records(self, store: Store) -> None:
        first = release("1.0.0", withdrawn=WITHDRAWN)
        second = release("1.0.1", attempt=2)
        labels = [release(f"1.0.2-{label}.1") for label in ("rc", "RC", "rc1", "beta")]
        write(store, first, second, *labels)
        (records,) = read(store, RecordsOf(SHOP, "token"))
        assert set(records) == {first, second, *labels}
        assert len(records) == 6

    def test_an_adopted_version_belongs_to_no_token(self, store: Store) -> None:
        write(store, release("1.0.0", None))
        tokens = ("", "None", "null", "1.0.0")
        assert read(store, *(RecordsOf(SHOP, token) for token in tokens)) == [()] * 4


class TestPages:
    def test_a_name_without_versions_has_an_empty_page(self, store: Store) -> None:
        assert page(store) == []

    @pytest.mark.parametrize("seed", range(3))
    def test_pages_are_ordered_as_in_semver(self, store: Store, seed: int) -> None:
        record(store, *Random(seed).sample(IN_ORDER, len(IN_ORDER)))
        assert versions(page(store)) == IN_ORDER[::-1]

    def test_withdrawn_versions_remain_in_pages(self, store: Store) -> None:
        write(store, release("1.0.0", "a"), release("1.0.1", "b", withdrawn=WITHDRAWN))
        assert versions(page(store)) == ["1.0.1", "1.0.0"]

    def test_a_page_starts_below_a_sort_key_and_ends_at_its_limit(self, store: Store) -> None:
        record(store, *IN_ORDER)
        descending = IN_ORDER[::-1]
        for number, version in enumerate(descending):
            below = sort_key(Version.parse(version))
            assert (
                versions(store.releases.page(SHOP, ("", below), None, 3))
                == descending[number + 1 :][:3]
            )

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
    def test_a_page_may_start_at_a_version_without_a_record(
        self, store: Store, before: str, first: str
    ) -> None:
        record(store, *IN_ORDER)
        below = sort_key(Version.parse(before))
        assert versions(store.releases.page(SHOP, ("", below), None, 1)) == [first]


class TestFacts:
    """What a store reads for the rules of versions."""

    def test_facts_that_do_not_exist_are_empty(self, store: Store) -> None:
        everything = sort_key_range()
        assert read(
            store,
            SummaryOf(SHOP),
            RecordsOf(SHOP, "token"),
            RecordAt(SHOP, Final(1, 0, 0).sort_key),
            HighestRecord(SHOP, *everything),
            HighestRecord(SHOP, *everything, label=ANY_LABEL),
            HighestRecord(SHOP, *everything, withdrawn=True),
            OpenLabels(SHOP, *everything),
            HeadOf(SERIES),
            LastValueOf(SERIES, "token"),
            LastValueOf(SERIES, None),
            TokenAt(SERIES, 1),
            SeriesUsed(1),
        ) == [NameSummary(), (), None, None, None, None, (), SeriesHead(), None, None, None, 0]

    def test_the_uses_of_a_base_are_counted_for_each_line(self, store: Store) -> None:
        line = Line(1, 2)
        write(
            store,
            release("1.2.58", "a", base="1.2.57", base_use=1),
            release("1.2.59", "b", base="1.2.57", base_use=2),
            release("1.2.60", "c", base="1.2.57", base_use=1, line=line),
            release("1.2.61", "d"),
            release("1.2.61", "d", OTHER_NAME, base="1.2.57", base_use=1),
        )
        facts = [BaseUses(SHOP, each, "1.2.57") for each in (None, line, Line(1))]
        assert read(store, *facts, BaseUses(SHOP, None, "1.2.58")) == [2, 1, 0, 0]

    def test_a_record_is_found_by_its_version(self, store: Store) -> None:
        recorded = record(store, "1.0.0", "1.0.1-rc.1", "1.0.2-rc.10")
        absent = words("""
            1.0.1 1.0.2 1.0.0-rc.1 1.0.1-rc.2 1.0.1-rc 1.0.1-rc.1.1 1.0.1-RC.1 1.0.1-1 1.0.1-rc-1
            1.0.1-rc.x 1.0.2-rc.1 0.1.0 10.0.0
        """)
        facts = [RecordAt(SHOP, each.sort_key) for each in recorded]
        facts += [RecordAt(SHOP, sort_key(Version.parse(version))) for version in absent]
        assert read(store, *facts) == [*recorded, *[None] * len(absent)]

    @pytest.mark.parametrize(
        ("line", "final", "pre_release"),
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
        ids=str,
    )
    def test_the_highest_record_of_a_line_is_final_or_a_pre_release(
        self, store: Store, line: Line | None, final: str | None, pre_release: str | None
    ) -> None:
        record(store, "0.1.2", "0.10.0", "1.2.9", "1.2.10", "1.2.11-rc.1", "1.20.0", "1.21.0-rc.1")
        record(store, "2.0.0", "12.0.0", "20.0.0", "20.0.1-rc.1")
        of_line = sort_key_range(line)
        facts = [HighestRecord(SHOP, *of_line, label=label) for label in (None, ANY_LABEL, "rc")]
        found = [each and each.version_text for each in read(store, *facts)]
        assert found == [final, pre_release, pre_release]

    @pytest.mark.parametrize(
        ("target", "label", "highest"),
        [
            ("1.3.0", "rc", "1.3.0-rc.10"),
            ("1.3.0", "rc1", "1.3.0-rc1.99"),
            ("1.3.0", "rc-1", "1.3.0-rc-1.98"),
            ("1.3.0", "r", None),
            ("1.3.0", "RC", "1.3.0-RC.4"),
            ("1.3.0", "z", None),
            ("1.3.1", "rc", "1.3.1-rc.77"),
            ("1.30.0", "rc", None),
            ("0.1.3", "rc", None),
        ],
    )
    def test_the_highest_pre_release_has_the_target_and_label(
        self, store: Store, target: str, label: str, highest: str | None
    ) -> None:
        record(store, "1.3.0-rc.9", "1.3.0-rc.10", "1.3.0-rc1.99", "1.3.0-RC.4", "1.3.0")
        record(store, "1.3.1-rc.77", "1.30.0", "1.3.0-rcx.1", "1.3.0-rc-1.98")
        of_target = sort_key_range(target=parse_final(target), label=label)
        facts = [HighestRecord(SHOP, *of_target, label=each) for each in (label, ANY_LABEL, None)]
        found = [each and each.version_text for each in read(store, *facts)]
        assert found == [highest, highest, None]

    def test_a_range_excludes_its_end(self, store: Store) -> None:
        first, second, _ = record(store, "1.0.0", "1.1.0", "1.2.0")
        end = parse_final("1.2.0").sort_key
        assert read(
            store, HighestRecord(SHOP, "", end), HighestRecord(SHOP, "", second.sort_key)
        ) == [second, first]
        assert read(
            store,
            HighestRecord(SHOP, second.sort_key, end),
            HighestRecord(SHOP, f"{second.sort_key}~", end),
        ) == [second, None]

    def test_withdrawn_records_are_read_separately(self, store: Store) -> None:
        write(
            store,
            *(release(version, version) for version in ("1.0.0", "1.1.0-rc.1", "1.1.0-beta.1")),
            *(
                release(version, version, withdrawn=WITHDRAWN)
                for version in ("0.9.0", "2.0.0", "2.1.0-rc.1", "2.1.0-beta.2")
            ),
        )
        everything = sort_key_range()
        facts = [
            HighestRecord(SHOP, *everything, label=label, withdrawn=withdrawn)
            for label in (None, "rc", ANY_LABEL)
            for withdrawn in (False, True)
        ]
        assert versions(read(store, *facts)) == words(
            "1.0.0 2.0.0 1.1.0-rc.1 2.1.0-rc.1 1.1.0-rc.1 2.1.0-rc.1"
        )
        (open_labels,) = read(store, OpenLabels(SHOP, *everything))
        assert sorted(versions(open_labels)) == ["1.1.0-beta.1", "1.1.0-rc.1"]
        assert read(store, SummaryOf(SHOP)) == [NameSummary(1, 7, 4, Final(1, 0, 0), "1.0.0")]

    def test_open_labels_have_the_highest_pre_release_of_each(self, store: Store) -> None:
        record(store, "1.0.0-rc.9", "1.0.0-rc.10", "1.0.0", "1.0.1-rc-1.1", "1.0.1-RC.3")
        record(store, "1.1.0-rc.2", "1.2.0-beta.1", "2.0.0-rc.1", "2.0.0-RC.1")
        record(store, "3.0.0-rc.1", name=OTHER_NAME)
        facts = [OpenLabels(SHOP, *sort_key_range(line)) for line in (None, Line(1), Line(1, 0))]
        assert [sorted(versions(each)) for each in read(store, *facts)] == [
            ["1.0.1-rc-1.1", "1.2.0-beta.1", "2.0.0-RC.1", "2.0.0-rc.1"],
            ["1.0.1-RC.3", "1.0.1-rc-1.1", "1.1.0-rc.2", "1.2.0-beta.1"],
            ["1.0.0-rc.10", "1.0.1-RC.3", "1.0.1-rc-1.1"],
        ]

    def test_the_newest_version_of_a_summary_is_the_highest_final_one(self, store: Store) -> None:
        expected = [
            ("1.0.0", "1.0.0"),
            ("1.2.0-rc.1", "1.0.0"),
            ("1.10.0", "1.10.0"),
            ("1.9.0", "1.10.0"),
            ("1.2.0", "1.10.0"),
        ]
        for number, (version, newest) in enumerate(expected, 1):
            record(store, version)
            assert read(store, SummaryOf(SHOP)) == [
                NameSummary(number, number, 0, parse_final(newest), newest)
            ]
        write(store, release("2.0.0", None))
        assert read(store, SummaryOf(SHOP)) == [NameSummary(6, 6, 0, Final(2, 0, 0), None)]

    def test_heads_values_and_tokens_of_series_are_read(self, store: Store) -> None:
        for token in ("a", "b", "a"):
            put(store, token)
        store.advance_to(SERIES, 9, BY)
        put(store, "c")
        head, other, *values = read(
            store,
            HeadOf(SERIES),
            HeadOf(OTHER),
            *(LastValueOf(SERIES, token) for token in ("a", "b", "c", "d", None)),
            *(TokenAt(SERIES, number) for number in (1, 2, 5, 9, 10, 11)),
            LastValueOf(OTHER, "a"),
            SeriesUsed(1),
        )
        assert (head.value, head.token, head.active) == (10, "c", True)
        assert other == SeriesHead()
        assert values == [3, 2, 10, None, 9, "a", "b", None, None, "c", None, None, 1]

    @pytest.mark.parametrize("restart", [False, True])
    def test_a_deleted_series_has_only_its_high_water_mark(
        self, store: Store, restart: bool
    ) -> None:
        put(store, "a")
        store.advance_to(SERIES, 9, BY)
        store.delete(SERIES, restart=restart)
        head, *values = read(
            store,
            HeadOf(SERIES),
            LastValueOf(SERIES, "a"),
            LastValueOf(SERIES, None),
            TokenAt(SERIES, 1),
            SeriesUsed(1),
        )
        assert (head.value, head.active) == (0 if restart else 9, False)
        assert values == [None, None, None, 0]


class TestDecide:
    def test_the_results_of_a_batch_are_in_order(self, store: Store) -> None:
        batch = [
            adopt("1.2.57"),
            assign("a"),
            assign("b", "minor"),
            assign("a"),
            assign("c", "minor", "rc"),
            GetNewest(SHOP),
            assign("d", "patch", "rc"),
            assign("c", "final"),
            GetOfToken(SHOP, "c", "rc"),
            GetOfToken(SHOP, "c", None),
        ]
        assert decide(store, *batch) == words(
            "1.2.57 1.2.58 1.3.0 1.2.58 1.4.0-rc.1 1.3.0 1.4.0-rc.2 1.4.0 1.4.0-rc.1 1.4.0"
        )
        assert versions(page(store)) == words("1.4.0 1.4.0-rc.2 1.4.0-rc.1 1.3.0 1.2.58 1.2.57")

    def test_an_error_of_one_request_does_not_affect_the_others(self, store: Store) -> None:
        batch = [
            GetNewest(SHOP),
            assign("a", "final"),
            assign("a", line=Line(7)),
            assign("a"),
            assign("a", "minor"),
            adopt("0.0.0"),
            GetOfToken(SHOP, "b", None),
            GetRelease(SHOP, Version(0, 0, 2)),
            assign("b"),
            GetRelease(SHOP, Version(0, 0, 2)),
        ]
        assert decide(store, *batch) == words("""
            version_not_found invalid_bump line_not_found 0.0.1 token_taken value_would_fall
            version_not_found version_not_found 0.0.2 0.0.2
        """)
        assert versions(page(store)) == ["0.0.2", "0.0.1"]

    def test_a_batch_can_have_several_names_and_accounts(self, store: Store) -> None:
        names = [SHOP, OTHER_NAME, VersionName(2, SHOP.name)]
        batch = [adopt("1.2.57"), adopt("4.0.0", OTHER_NAME)]
        batch += [assign(token, name=name) for token in "ab" for name in names]
        batch += [assign("a", "minor", "rc", name=name) for name in names]
        assert decide(store, *batch) == words(
            "1.2.57 4.0.0 1.2.58 4.0.1 0.0.1 1.2.59 4.0.2 0.0.2 1.3.0-rc.1 4.1.0-rc.1 0.1.0-rc.1"
        )
        assert [versions(page(store, name))[1] for name in names] == words("1.2.59 4.0.2 0.0.2")

    def test_an_empty_batch_has_no_results(self, store: Store) -> None:
        assert decide(store) == []

    def test_a_token_has_one_final_version_and_one_of_each_label(self, store: Store) -> None:
        requests = [assign("a", "patch", label) for label in (None, "rc", "RC", "rc1", "rc-1")]
        first = decide(store, *requests)
        assert first == words("0.0.1 0.0.2-rc.1 0.0.2-RC.1 0.0.2-rc1.1 0.0.2-rc-1.1")
        assert decide(store, *requests) == first
        assert [decide(store, request) for request in requests] == [[each] for each in first]
        assert sorted(versions(page(store))) == sorted(first)

    @pytest.mark.parametrize("word", [*ODD_WORDS, "rc", "1.0.0", "~", "\x7f", "\U0010ffff"])
    def test_unusual_names_and_tokens_have_versions(self, store: Store, word: str) -> None:
        name = VersionName(1, word[:200])
        batch = [assign(word, name=name), assign(f"{word[:200]}x", name=name)]
        for _ in range(2):
            assert decide(store, *batch) == ["0.0.1", "0.0.2"]
        assert [each.token for each in page(store, name)] == [f"{word[:200]}x", word]

    def test_tokens_that_look_alike_have_different_versions(self, store: Store) -> None:
        alike = ["é", "e\u0301", "E", "e", "e ", "$e", "e.e"]
        expected = [f"0.0.{number}" for number in range(1, 8)]
        for _ in range(2):
            assert decide(store, *(assign(word) for word in alike)) == expected
        for word in alike:
            assert decide(store, assign("a", name=VersionName(1, word))) == ["0.0.1"]

    def test_a_version_and_its_value_are_written_together(self, store: Store) -> None:
        decide(store, adopt("1.2.57"), assign("a"), assign("b"), assign("c", "minor"))
        patch, minor = (SeriesKey(1, f"{SHOP.name}-{key}") for key in ("patch-v1.2", "minor-v1"))
        assert credentials_of(store, patch) == [(None, BY), ("a", BY), ("b", BY)]
        assert store.entry(patch, "b") == Entry(*patch, "b", 59)
        assert store.entry(minor, "c") == Entry(*minor, "c", 3)

    def test_values_and_versions_use_one_series(self, store: Store) -> None:
        series = SeriesKey(1, f"{SHOP.name}-patch-v0.0")
        assert decide(store, assign("a")) == ["0.0.1"]
        assert values(store.allocate([ask("b", Reuse.ANY, series)])) == [2]
        assert decide(store, assign("c"), assign("b")) == ["0.0.3", "0.0.4"]
        assert values(store.allocate([ask("d", Reuse.ANY, series)])) == [5]
        assert decide(store, assign("d"), GetNewest(SHOP)) == ["0.0.5", "0.0.5"]

    def test_concurrent_batches_assign_each_version_once(self, durable_store: Store) -> None:
        batches = [[assign(f"{number}-{each}") for each in range(4)] for number in range(8)]
        with ThreadPoolExecutor(len(batches)) as threads:
            results = list(threads.map(lambda batch: decide(durable_store, *batch), batches))
        for of_batch in results:
            patches = [parse_final(version).patch for version in of_batch]
            assert patches == list(range(patches[0], patches[0] + 4))
        assigned = [version for of_batch in results for version in of_batch]
        assert sorted(assigned) == sorted(f"0.0.{number}" for number in range(1, 33))
        assert {each.token: each.version_text for each in page(durable_store)} == dict(
            zip((each.token for batch in batches for each in batch), assigned, strict=True)
        )

    def test_concurrent_requests_of_a_token_assign_one_version(self, durable_store: Store) -> None:
        for turn in range(3):
            with ThreadPoolExecutor(8) as threads:
                request = assign(f"{turn}")
                results = list(threads.map(lambda _: decide(durable_store, request), range(8)))  # noqa: B023
            assert results == [[f"0.0.{turn + 1}"]] * 8
        assert len(page(durable_store)) == 3


class TestQuotas:
    @pytest.fixture
    def limited(self, durable_url: str) -> Iterator[Store]:
        with closing(open_store(durable_url, quotas=Quotas(series=2))) as store:
            yield store

    def test_a_batch_creates_series_up_to_the_quota(self, limited: Store) -> None:
        batch = [
            assign("a"),
            assign("b", "minor"),
            assign("c", "major"),
            assign("d", "patch", "rc"),
            assign("e"),
            assign("f", "minor"),
            assign("g", name=VersionName(2, "other")),
        ]
        for _ in range(2):
            assert decide(limited, *batch) == words(
                "0.0.1 0.1.0 quota_exceeded quota_exceeded quota_exceeded 0.2.0 0.0.1"
            )
        assert [entry.key for entry in limited.series_page(1, "", "", 10)] == [
            f"{SHOP.name}-minor-v0",
            f"{SHOP.name}-patch-v0.0",
        ]

    def test_an_adoption_that_needs_too_many_series_changes_nothing(self, limited: Store) -> None:
        assert decide(limited, adopt("1.2.3"), adopt("1.2.0"), assign("a")) == [
            "quota_exceeded",
            "1.2.0",
            "quota_exceeded",
        ]
        assert versions(page(limited)) == ["1.2.0"]
        assert len(limited.series_page(1, "", "", 10)) == 2

    def test_a_deleted_series_does_not_count(self, limited: Store) -> None:
        assert decide(limited, assign("a"), assign("b", "minor"), assign("c")) == [
            "0.0.1",
            "0.1.0",
            "quota_exceeded",
        ]
        limited.delete(SeriesKey(1, f"{SHOP.name}-patch-v0.0"), restart=False)
        assert decide(limited, assign("c"), assign("d", "major")) == ["0.1.1", "quota_exceeded"]

    def test_values_and_versions_share_a_quota(self, limited: Store) -> None:
        put_any(limited, "a")
        assert decide(limited, assign("a"), assign("b", "minor")) == ["0.0.1", "quota_exceeded"]


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
            first, end = sort_key_range(target=Final(*core), label=label)
            same = version.finalize_version() == Version(*core) and (
                version.prerelease or ""
            ).startswith(f"{label}.")
            assert (first <= sort_key(version) < end) == same


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
            height = high_water_marks(store, [SERIES])[0] + 41
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
    write(first, FULL)
    assert decide(first, adopt("1.4.2"), assign("a")) == ["1.4.2", "1.4.3"]
    first.advance_to(SERIES, 41, BY)
    first.close()
    second = open_store(durable_url)
    yield second
    second.close()


class TestReopened:
    def test_a_reopened_store_contains_the_releases(self, reopened: Store) -> None:
        assert versions(page(reopened)) == ["1.4.3", "1.4.2", "1.3.0-rc.2"]
        assert page(reopened)[-1] == FULL
        assert decide(reopened, assign("a"), assign("b"), GetNewest(SHOP)) == [
            "1.4.3",
            "1.4.4",
            "1.4.4",
        ]
        assert high_water_marks(reopened, [SERIES]) == [41]
        assert reopened.entry(SERIES, None) == Entry(*SERIES, None, 41)
