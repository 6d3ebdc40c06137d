"""The credential of a version, in its release and in the ledgers of its component series."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from contract.asking import credentials_of, put_any
from monotron.model.semver import Final, Line, VersionName, parse_final, sort_key_range
from monotron.model.series import SeriesKey
from monotron.model.versions.requests import VersionRequest
from monotron.services.versions import VersionService
from monotron.store import Store
from support.services import StoreServices

PRODUCT = VersionName(1, "api")
Ask = Callable[[VersionService], Coroutine[Any, Any, Any]]


@asynccontextmanager
async def versions_on(store: Store) -> AsyncIterator[VersionService]:
    services = StoreServices(store)
    yield services.versions
    services.close()


def ask(store: Store, *calls: Ask) -> None:
    async def run() -> None:
        async with versions_on(store) as versions:
            for call in calls:
                await call(versions)

    asyncio.run(run())


def next_version(token: str, wanted: VersionRequest) -> Ask:
    return lambda versions: versions.next(*PRODUCT, token, wanted)


def adopt(version: str, assigned_by: str) -> Ask:
    return lambda versions: versions.adopt(*PRODUCT, parse_final(version), assigned_by)


def records(store: Store) -> dict[str, str | None]:
    page = store.releases.page(PRODUCT, sort_key_range(), None, 100)
    return {each.version_text: each.assigned_by for each in page}


def series(store: Store, scope: str) -> list[tuple[str | None, str | None]]:
    return credentials_of(store, SeriesKey(1, f"{PRODUCT.name}-{scope}"))


def test_a_version_and_its_value_have_the_first_credential(store: Store) -> None:
    ask(
        store,
        next_version("a", VersionRequest(bump="minor", assigned_by="first")),
        next_version("a", VersionRequest(bump="minor", assigned_by="second")),
        next_version("b", VersionRequest(assigned_by="third")),
    )
    assert records(store) == {"0.1.0": "first", "0.1.1": "third"}
    assert series(store, "minor-v0") == [("a", "first")]
    assert series(store, "patch-v0.1") == [("b", "third")]


def test_a_pre_release_and_its_promotion_have_their_own_credentials(store: Store) -> None:
    ask(
        store,
        next_version("a", VersionRequest(bump="minor", label="rc", assigned_by="first")),
        next_version("a", VersionRequest(bump="final", assigned_by="second")),
    )
    assert records(store) == {"0.1.0-rc.1": "first", "0.1.0": "second"}
    assert series(store, "rc-v0.1.0") == [("a", "first")]
    assert series(store, "minor-v0") == [("a", "second")]


def test_an_adopted_version_and_its_advances_have_the_credential(store: Store) -> None:
    ask(store, adopt("1.2.3", "first"), adopt("1.2.3", "second"))
    assert records(store) == {"1.2.3": "first"}
    for scope in ("major", "minor-v1", "patch-v1.2"):
        assert series(store, scope) == [(None, "first")]


def test_an_initial_version_has_the_credential_of_the_request(store: Store) -> None:
    ask(store, next_version("a", VersionRequest(initial=Final(1, 4, 2), assigned_by="first")))
    assert records(store) == {"1.4.2": "first", "1.4.3": "first"}
    assert series(store, "patch-v1.4") == [(None, "first"), ("a", "first")]


@pytest.mark.parametrize("line", [None, Line(1, 2)])
def test_a_lagging_series_is_advanced_with_the_next_credential(
    store: Store, line: Line | None
) -> None:
    ask(store, adopt("1.2.3", "first"))
    store.delete(SeriesKey(1, "api-patch-v1.2"), restart=True)
    ask(store, next_version("a", VersionRequest(line=line, assigned_by="second")))
    assert records(store) == {"1.2.3": "first", "1.2.4": "second"}
    assert series(store, "patch-v1.2") == [(None, "second"), ("a", "second")]


def test_a_value_without_a_release_keeps_its_credential(store: Store) -> None:
    put_any(store, "a", SeriesKey(1, "api-patch-v0.0"))
    before = series(store, "patch-v0.0")
    ask(store, next_version("a", VersionRequest(assigned_by="later")))
    assert records(store) == {"0.0.1": "later"}
    assert series(store, "patch-v0.0") == before
