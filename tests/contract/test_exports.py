"""Exports and imports: another store continues exactly like the original."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial
from io import BytesIO
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.asking import high_water_marks
from contract.conftest import DURABLE_STORES
from contract.test_audit import findings
from monotron.errors import QuotaExceeded, StartupError
from monotron.model.attributes import MAX_ATTRIBUTE_BYTES, MAX_ATTRIBUTES
from monotron.model.quotas import Quotas
from monotron.model.series import INT64_MAX, Allocation, Reuse, SeriesKey
from monotron.store import Store, open_store
from monotron.store.export_format import ExportReader, InvalidExport
from support.store_contents import (
    ACCOUNT,
    EVERY_KIND,
    FAR,
    SERIES,
    Step,
    add_record,
    adopt,
    advance,
    apply,
    delete,
    exported,
    imported,
    put,
    reverse,
    set_attributes,
    use_token,
    version,
    withdraw,
)

TOKENS = st.sampled_from(["a", "b", "c", "é ☃"])
KEYS = st.sampled_from(SERIES)
VERSIONS = st.sampled_from(["0.1.0", "0.1.1", "1.0.0", "1.0.1-rc.1", "2.3.4"])
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(put, KEYS, TOKENS, st.sampled_from(Reuse)),
    st.builds(advance, KEYS, st.integers(1, 20) | st.just(INT64_MAX)),
    st.builds(delete, KEYS, restart=st.booleans()),
    st.builds(
        set_attributes, KEYS, TOKENS, st.tuples(st.sampled_from("xyz"), st.text('aé\\"\u2028'))
    ),
    st.builds(
        version, TOKENS, st.sampled_from(["major", "minor", "patch"]), st.none() | st.just("rc")
    ),
    st.builds(adopt, st.sampled_from(["0.1.0", "1.2.0", "2.3.4"])),
    st.builds(withdraw, VERSIONS),
    st.builds(reverse, VERSIONS),
    st.builds(add_record, st.sampled_from(["api_key", "badge", "binding"]), TOKENS, st.just(1)),
    st.builds(use_token, TOKENS, st.sampled_from(["PUT a", "PUT b"])),
)

NewStore = Callable[[str], str]
"""Returns the URL of an empty store of an engine."""


@pytest.fixture
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> NewStore:
    numbers = count()

    def url(engine: str) -> str:
        if engine == "sqlite-file":
            return f"sqlite:///{tmp_path}/{next(numbers)}.db"
        url: str = request.getfixturevalue("database_url")
        with request.getfixturevalue("replica_set").client(w="majority") as client:
            database = client[url.partition("?")[0].rpartition("/")[2]]
            for collection in database.list_collection_names():
                database[collection].delete_many({})
        return url

    return url


def other(engine: str) -> str:
    return next(each for each in DURABLE_STORES if each != engine)


def answers(store: Store) -> list[str]:
    """What the store answers to tokens with and without a value, without times."""
    results = [put(series, token)(store) for series in SERIES for token in ("a", "b", "new")]
    (decided,) = zip(*(version(token, "minor")(store) for token in ("a", "c", "new")), strict=True)
    versions = [getattr(each, "release", each) for each in decided]
    return [*map(str, results), *(str(getattr(each, "version", each)) for each in versions)]


@pytest.mark.parametrize("engine", DURABLE_STORES)
@settings(
    deadline=None,
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(STEPS, max_size=40))
def test_both_engines_have_the_same_export_and_continue_alike(
    engine: str, new_store: NewStore, steps: list[Step]
) -> None:
    with closing(apply(open_store(new_store(engine)), ACCOUNT, *steps)) as original:
        export = exported(original)
        expected = answers(original)
    with closing(imported(export, new_store(other(engine)))) as copy:
        assert exported(copy) == export
        assert findings(copy) == []
        size = copy.contents()
        assert answers(copy) == expected
    with closing(imported(export, new_store(engine))) as second:
        assert exported(second) == export
        assert second.contents() == size


@pytest.mark.parametrize("engine", DURABLE_STORES)
class TestExports:
    def test_an_export_contains_all_kinds_of_rows(self, engine: str, new_store: NewStore) -> None:
        with closing(apply(open_store(new_store(engine)), *EVERY_KIND)) as store:
            header = ExportReader(BytesIO(exported(store))).header
        assert {kind for kind, number in header.counts.items() if not number} == set()

    def test_rows_of_deleted_generations_are_omitted(
        self, engine: str, new_store: NewStore
    ) -> None:
        with closing(apply(open_store(new_store(engine)), *EVERY_KIND)) as store:
            export = exported(store).decode()
        assert "gone" not in export
        assert '"key":"web","value":1,"token":null,"is_active":false' in export

    def test_expired_uses_of_identity_tokens_are_omitted(
        self, engine: str, new_store: NewStore
    ) -> None:
        with closing(open_store(new_store(engine))) as store:
            store.token_uses.use("expired", "PUT", max_operations=1, expires_at=1)
            store.token_uses.use("valid", "PUT", max_operations=1, expires_at=FAR)
            export = exported(store).decode()
        assert "expired" not in export
        assert "valid" in export

    def test_a_use_of_an_identity_token_counts_after_an_import(
        self, engine: str, new_store: NewStore
    ) -> None:
        with closing(apply(open_store(new_store(engine)), use_token("t", "PUT"))) as store:
            export = exported(store)
        with closing(imported(export, new_store(other(engine)))) as copy:
            use = partial(copy.token_uses.use, "t", max_operations=1, expires_at=FAR)
            assert use("PUT")
            assert not use("POST")

    def test_a_fast_forward_raises_all_imported_series(
        self, engine: str, new_store: NewStore
    ) -> None:
        with closing(apply(open_store("sqlite://"), *EVERY_KIND)) as store:
            export = exported(store)
        with closing(imported(export, new_store(engine), 100)) as copy:
            assert high_water_marks(copy, SERIES) == [108, 100, 101]
            assert findings(copy) == []

    def test_a_store_with_data_is_refused_and_keeps_them(
        self, engine: str, new_store: NewStore
    ) -> None:
        url = new_store(engine)
        with closing(apply(open_store(url), *EVERY_KIND)) as store:
            export = exported(store)
        with pytest.raises(StartupError, match="not empty"):
            imported(export, url)
        with closing(open_store(url)) as store:
            assert exported(store) == export

    def test_a_failed_import_leaves_an_empty_store(self, engine: str, new_store: NewStore) -> None:
        with closing(apply(open_store("sqlite://"), *EVERY_KIND)) as store:
            export = exported(store)
            apply(store, *(delete(series, restart=True) for series in SERIES))
        lines = export.splitlines(keepends=True)
        url = new_store(engine)
        with closing(open_store("sqlite://")) as empty:
            nothing = exported(empty)
        for end in range(1, len(lines)):
            with pytest.raises(InvalidExport, match=f"line {end + 1} is incomplete"):
                imported(b"".join(lines[:end]), url)
        with closing(open_store(url)) as store:
            assert exported(store) == nothing
        with closing(imported(export, url)) as store:
            assert exported(store) == export

    def test_the_largest_attributes_are_imported(self, engine: str, new_store: NewStore) -> None:
        """Control characters become escapes, so the lines are six times as long as the values."""
        value = "\1" * MAX_ATTRIBUTE_BYTES
        pairs = [(f"{number}", value) for number in range(MAX_ATTRIBUTES)]
        steps = [set_attributes(SERIES[0], f"{number}", *pairs) for number in range(9)]
        with closing(apply(open_store("sqlite://"), *steps)) as store:
            export = exported(store)
        with closing(imported(export, new_store(engine))) as copy:
            assert copy.attributes.all(SERIES[0], "8") == dict(pairs)
            assert exported(copy) == export

    def test_usage_is_counted_again(self, engine: str, new_store: NewStore) -> None:
        with closing(apply(open_store(new_store(engine)), *EVERY_KIND)) as store:
            export = exported(store)
        url = new_store(other(engine))
        imported(export, url).close()
        quotas = Quotas(series=2, attribute_bytes=30)
        with closing(open_store(url, quotas=quotas)) as copy:
            (result,) = put(SeriesKey(2, "x"), "a")(copy)
            assert isinstance(result, Allocation)
            (refused,) = put(SeriesKey(1, "x"), "a")(copy)
            assert isinstance(refused, QuotaExceeded)
            with pytest.raises(QuotaExceeded):
                set_attributes(SERIES[0], "b", ("c", "1"))(copy)
            copy.delete(SERIES[0], restart=False)
            set_attributes(SERIES[0], "b", ("c", "1"))(copy)
