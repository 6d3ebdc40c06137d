"""Concurrent changes while a version is assigned, and `applied` in errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import pytest
from semver import Version

from monotron.errors import (
    MonotronError,
    SeriesExhausted,
    StoreUnavailable,
)
from monotron.model import conventional_commits as commits
from monotron.model.allocation import AllocationRequest
from monotron.model.semver import Line, Release, VersionName
from monotron.model.series import ANYONE, INT64_MAX, Allocation, Reuse, SeriesKey
from monotron.model.versions.requests import VersionRequest, VersionResult
from monotron.store import Store, open_store
from monotron.store.mongo import MongoStore
from support.services import StoreServices

T = TypeVar("T")

NAME = "some-great-service"
VERSION_NAME = VersionName(1, NAME)
RC = VersionRequest(bump="minor", label="rc")


class Services:
    """The services of a store within one running loop."""

    def __init__(self, store: Store) -> None:
        self.store = store
        services = StoreServices(store)
        self.series, self.versions = services.series, services.versions

    async def next(
        self, token: str, request: VersionRequest | None = None, text: bytes = b""
    ) -> str:
        result = await self.versions.next(1, NAME, token, request or VersionRequest(), text)
        return str(result.release.version)

    async def adopt(self, version: str) -> None:
        await self.versions.adopt(1, NAME, Version.parse(version), ANYONE)


def key(suffix: str) -> SeriesKey:
    return SeriesKey(1, f"{NAME}-{suffix}")


def replace_once(
    owner: Any, name: str, replacement: Callable[..., Any], *, with_method: bool = False
) -> None:
    """Call *replacement* instead of the next call of a method, with the method if requested."""
    method = getattr(owner, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        setattr(owner, name, method)
        return replacement(*([method] if with_method else []), *args, **kwargs)

    setattr(owner, name, call)


def run(store: Store, call: Callable[[Services], Coroutine[Any, Any, T]]) -> T:
    async def in_loop() -> T:
        return await call(Services(store))

    return asyncio.run(in_loop())


class TestApplied:
    """`applied` in errors: whether the request changed something."""

    def test_requests_that_share_a_failed_batch_get_their_own_errors(self) -> None:
        """T has allocated a value before, and U has not."""
        store = open_store("sqlite://")

        def begin(
            requests: Sequence[AllocationRequest],
        ) -> Callable[[], list[Allocation | MonotronError]]:
            def finish() -> list[Allocation | MonotronError]:
                raise StoreUnavailable("The store does not respond.")

            return finish if len(requests) > 1 else begin_allocate(requests)

        begin_allocate = store.begin_allocate
        store.begin_allocate = begin  # type: ignore[method-assign]

        async def call(services: Services) -> tuple[MonotronError, MonotronError]:
            next_, shared = services.series.next, list[asyncio.Future[Allocation]]()

            def next_with_another(series: SeriesKey, *args: Any, **kwargs: Any) -> Any:
                if recorded:
                    shared.append(next_(key("other"), "U", Reuse.ANY, ANYONE))
                return next_(series, *args, **kwargs)

            def record(*_: object) -> None:
                recorded.append(True)

            recorded: list[bool] = []
            replace_once(services.versions, "_record", record)
            services.series.next = next_with_another  # type: ignore[method-assign, assignment]
            with pytest.raises(StoreUnavailable) as of_t:
                await services.next("T")
            with pytest.raises(StoreUnavailable) as of_u:
                await shared[0]
            return of_t.value, of_u.value

        of_t, of_u = run(store, call)
        assert (of_t.applied, of_u.applied) == ("unknown", "no")
        assert of_t.detail == of_u.detail

    def test_a_refusal_after_an_allocation_is_in_doubt(self, store: Store) -> None:
        last = Version(1, 2, INT64_MAX)

        async def call(services: Services) -> MonotronError:
            await services.adopt(f"1.2.{INT64_MAX - 1}")
            replace_once(
                services.versions,
                "_record",
                lambda *_: services.versions._adopt(VERSION_NAME, last, ANYONE) and None,
            )
            with pytest.raises(SeriesExhausted) as refused:
                await services.next("T")
            return refused.value

        assert run(store, call).applied == "unknown"

    def test_a_refusal_before_an_allocation_is_not_in_doubt(self, store: Store) -> None:
        async def call(services: Services) -> MonotronError:
            await services.adopt(f"1.2.{INT64_MAX}")
            with pytest.raises(SeriesExhausted) as refused:
                await services.next("T")
            return refused.value

        assert run(store, call).applied == "no"


class TestConcurrentChanges:
    """Changes by another request between two store calls of this one."""

    @pytest.mark.parametrize(
        ("request_", "version"),
        [
            (VersionRequest(bump="final"), "1.3.0"),
            (VersionRequest(bump="auto"), "1.3.0"),
            (RC, "1.3.0-rc.1"),
        ],
    )
    def test_a_token_with_an_unseen_version_is_not_refused(
        self, store: Store, request_: VersionRequest, version: str
    ) -> None:
        async def call(services: Services) -> list[str]:
            await services.adopt("1.2.57")
            versions = [
                await services.next("T", RC),
                await services.next("T", VersionRequest(bump="final")),
            ]
            # A newly elected primary can return such a stale result.
            store.releases.of_token = lambda *_: None  # type: ignore[method-assign]
            return [*versions, await services.next("T", request_)]

        assert run(store, call) == ["1.3.0-rc.1", "1.3.0", version]

    def test_a_token_with_an_unseen_prerelease_is_not_refused_because_the_series_is_exhausted(
        self, store: Store
    ) -> None:
        async def call(services: Services) -> list[str]:
            versions = [await services.next("T", RC)]
            await services.series.advance_to(key("rc-v0.1.0"), INT64_MAX, ANYONE)
            store.releases.of_token = lambda *_: None  # type: ignore[method-assign]
            return [*versions, await services.next("T", RC)]

        assert run(store, call) == ["0.1.0-rc.1"] * 2

    def test_an_adoption_returns_a_version_that_a_token_gets_concurrently(
        self, store: Store
    ) -> None:
        async def call(services: Services) -> VersionResult:
            await services.adopt("1.2.57")

            def add(method: Callable[[Release], Release | None], release: Release) -> Any:
                assert method(release._replace(token="T", bump="patch"))
                return method(release)

            replace_once(store.releases, "add", add, with_method=True)
            return await services.versions.adopt(1, NAME, Version(1, 2, 58), ANYONE)

        result = run(store, call)
        assert (result.release.token, result.reused, result.latest) == ("T", True, True)
        assert store.high_water_marks([key("patch-v1.2")]) == [58]

    def test_an_adopted_version_below_a_concurrent_one_is_not_the_latest(
        self, store: Store
    ) -> None:
        async def call(services: Services) -> VersionResult:
            adoption = services.versions._adoption

            def adopt(method: Callable[..., Any], *args: Any) -> Any:
                result = method(*args)
                method(VERSION_NAME, Version(2), ANYONE)
                return result

            replace_once(adoption, "adopt", adopt, with_method=True)
            return await services.versions.adopt(1, NAME, Version(1, 2, 57), ANYONE)

        assert run(store, call).latest is False

    def test_a_series_restarted_before_the_allocation_assigns_no_lower_version(
        self, store: Store
    ) -> None:
        async def call(services: Services) -> str:
            await services.adopt("1.2.57")

            def restart_and_allocate(method: Callable[..., Any], *args: Any) -> Any:
                store.delete(key("patch-v1.2"), restart=True)
                return method(*args)

            replace_once(services.versions, "_allocate", restart_and_allocate, with_method=True)
            return await services.next("T")

        assert run(store, call) == "1.2.58"

    def test_a_prerelease_of_a_concurrently_released_target_gets_the_next_target(
        self, durable_store: Store
    ) -> None:
        async def release(services: Services) -> str:
            return await services.next("U", VersionRequest(bump="minor"))

        async def call(services: Services) -> str:
            await services.adopt("1.2.57")

            def release_and_record(method: Callable[..., Any], *args: Any) -> Any:
                assert run(durable_store, release) == "1.3.0"
                return method(*args)

            replace_once(services.versions, "_record", release_and_record, with_method=True)
            return await services.next("T", RC)

        assert run(durable_store, call) == "1.4.0-rc.1"

    def test_commit_messages_are_read_once(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read: list[str] = []

        def decide(text: str) -> commits.CommitDecision | None:
            read.append(text)
            return commits.CommitDecision("minor", text)

        monkeypatch.setattr("monotron.services.versions.planner.commits.decide", decide)

        async def call(services: Services) -> list[str]:
            await services.adopt("1.2.57")
            replace_once(
                services.versions, "_record", lambda *_: None
            )  # as if a concurrent request got the value
            auto = VersionRequest(bump="auto")
            return [await services.next("T", auto, b"feat: x") for _ in range(2)]

        assert run(store, call) == ["1.3.0"] * 2
        assert read == ["feat: x"]

    def test_the_latest_version_existed_at_one_moment(self, database_url: str) -> None:
        """A major version and a hotfix of the old line are assigned during the read."""
        store = open_store(database_url)

        async def prepare(services: Services) -> None:
            await services.adopt("1.2.57")

        async def release(services: Services) -> list[str]:
            line = VersionRequest(line=Line(1, 2))
            return [
                await services.next("a", VersionRequest(bump="major")),
                await services.next("b", line),
            ]

        def read(method: Callable[..., Any], *args: Any) -> Any:
            assert run(store, release) == ["2.0.0", "1.2.58"]
            return method(*args)

        run(store, prepare)
        versions = StoreServices(store).versions
        assert isinstance(store, MongoStore)
        store._reads._is_only_member = False  # so that the first head is read alone
        replace_once(store._reads, "after", read, with_method=True)
        assert str(versions._lookup.latest(VERSION_NAME).release.version) in ("1.2.57", "2.0.0")
        store.close()


class TestRetryAfterCrash:
    """A retry after a crash skips at most the value that cannot be used."""

    @pytest.mark.parametrize(
        ("suffix", "adopted", "request_", "version"),
        [
            ("patch-v1.2", "1.2.58", VersionRequest(), "1.2.59"),
            ("minor-v1", "1.3.0", VersionRequest(bump="minor"), "1.4.0"),
            ("minor-v1", "1.3.5", VersionRequest(bump="minor"), "1.4.0"),
            ("major", "2.0.0", VersionRequest(bump="major"), "3.0.0"),
            ("major", "2.1.0", VersionRequest(bump="major"), "3.0.0"),
            ("rc-v1.3.0", "1.2.90", RC, "1.3.0-rc.1"),
        ],
    )
    def test_a_retry_gets_the_next_version(
        self, store: Store, suffix: str, adopted: str, request_: VersionRequest, version: str
    ) -> None:
        async def call(services: Services) -> list[str]:
            await services.adopt("1.2.57")
            await services.series.next(key(suffix), "T", Reuse.ANY, ANYONE)
            await services.adopt(adopted)
            return [await services.next("T", request_) for _ in range(2)]

        assert run(store, call) == [version] * 2
