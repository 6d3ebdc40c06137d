"""What a store contains, and the space that it uses."""

from contract.asking import put
from monotron.model.semver import VersionName
from monotron.model.series import SeriesKey
from monotron.model.versions.requests import Assign, VersionRequest
from monotron.store import Store

FILES = ({"database", "log"}, {"database"})


def test_series_and_names_with_versions_are_counted(store: Store) -> None:
    assert store.contents() == (0, 0)
    put(store, "t1")
    put(store, "t2", series=SeriesKey(2, "other"))
    store.releases.decide([Assign(VersionName(1, "shop"), "c1", VersionRequest())])
    assert store.contents() == (1, 3)  # a patch counts in one series
    store.delete(SeriesKey(2, "other"), restart=False)
    assert store.contents() == (1, 2)


def test_the_size_is_that_of_the_files_or_of_the_database(store: Store) -> None:
    put(store, "t1")
    size = store.size()
    assert set(size.bytes) in FILES
    assert size.bytes["database"] > 0
    assert (size.available is None) is store.shareable
