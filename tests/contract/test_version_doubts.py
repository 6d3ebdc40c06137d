"""What else goes on while a version is given, and what an error says of what was applied."""

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
    TokenTaken,
    in_doubt,
)
from monotron.model import conventional_commits as commits
from monotron.model.allocation import AllocationRequest
from monotron.model.semver import Line, Release, VersionName
from monotron.model.series import ANYBODY, INT64_MAX, Allocation, Reuse, SeriesKey
from monotron.services.versions import VersionRequest, VersionResult
from monotron.store import Store, open_store
from support.services import StoreServices

T = TypeVar("T")

NAME = "some-great-service"
PRODUCT = VersionName(1, NAME)
RC = VersionRequest(bump="minor", label="rc")


class Domain:
    """The domains of a store within one running loop."""

    def __init__(self, store: Store) -> None:
        self.store = store
        services = StoreServices(store)
        self.series, self.versions = services.series, services.versions

    async def next(
        self, token: str, wanted: VersionRequest | None = None, text: bytes = b""
    ) -> str:
        answer = await self.versions.next(1, NAME, token, wanted or VersionRequest(), text)
        return str(answer.release.version)

    async def adopt(self, version: str) -> None:
        await self.versions.adopt(1, NAME, Version.parse(version), ANYBODY)


def key(scope: str) -> SeriesKey:
    return SeriesKey(1, f"{NAME}-{scope}")


def once(owner: Any, name: str, instead: Callable[..., Any], *, with_method: bool = False) -> None:
    """Have *instead* called in place of a method, the next time; with the method, if it likes."""
    method = getattr(owner, name)

    def call(*args: Any, **more: Any) -> Any:
        setattr(owner, name, method)
        return instead(*([method] if with_method else []), *args, **more)

    setattr(owner, name, call)


def run(store: Store, ask: Callable[[Domain], Coroutine[Any, Any, T]]) -> T:
    async def within_a_loop() -> T:
        return await ask(Domain(store))

    return asyncio.run(within_a_loop())


class TestApplied:
    """What an error says of whether something was applied."""

    def test_an_error_that_requests_share_is_each_ones_own(self) -> None:
        """T has counted a number before, and U has not."""
        store = open_store("sqlite://")

        def begin(
            requests: Sequence[AllocationRequest],
        ) -> Callable[[], list[Allocation | MonotronError]]:
            def finish() -> list[Allocation | MonotronError]:
                raise StoreUnavailable("The store does not answer.")

            return finish if len(requests) > 1 else begin_allocate(requests)

        begin_allocate = store.begin_allocate
        store.begin_allocate = begin  # type: ignore[method-assign]

        async def ask(domain: Domain) -> tuple[MonotronError, MonotronError]:
            next_, shared = domain.series.next, list[asyncio.Future[Allocation]]()

            def next_with_another(series: SeriesKey, *args: Any, **more: Any) -> Any:
                if recorded:
                    shared.append(next_(key("other"), "U", Reuse.ANY, ANYBODY))
                return next_(series, *args, **more)

            def record(*_: object) -> None:
                recorded.append(True)

            recorded: list[bool] = []
            once(domain.versions, "_record", record)
            domain.series.next = next_with_another  # type: ignore[method-assign, assignment]
            with pytest.raises(StoreUnavailable) as of_t:
                await domain.next("T")
            with pytest.raises(StoreUnavailable) as of_u:
                await shared[0]
            return of_t.value, of_u.value

        of_t, of_u = run(store, ask)
        assert (of_t.applied, of_u.applied) == ("unknown", "no")
        assert of_t.detail == of_u.detail

    def test_a_refusal_after_a_number_was_counted_is_in_doubt(self, store: Store) -> None:
        last = Version(1, 2, INT64_MAX)

        async def ask(domain: Domain) -> MonotronError:
            await domain.adopt(f"1.2.{INT64_MAX - 1}")
            once(
                domain.versions,
                "_record",
                lambda *_: domain.versions._adopt(PRODUCT, last, ANYBODY) and None,
            )
            with pytest.raises(SeriesExhausted) as refused:
                await domain.next("T")
            return refused.value

        assert run(store, ask).applied == "unknown"

    def test_a_refusal_before_is_not(self, store: Store) -> None:
        async def ask(domain: Domain) -> MonotronError:
            await domain.adopt(f"1.2.{INT64_MAX}")
            with pytest.raises(SeriesExhausted) as refused:
                await domain.next("T")
            return refused.value

        assert run(store, ask).applied == "no"

    def test_a_copy_in_doubt_says_the_same_but_for_that(self) -> None:
        taken = TokenTaken("It has another.", version="1.3.0", bump="minor")
        with pytest.raises(TokenTaken) as raised, in_doubt():
            raise taken
        copy = raised.value
        assert (taken.applied, copy.applied) == ("no", "unknown")
        assert (copy.detail, str(copy), copy.members()) == (
            taken.detail,
            str(taken),
            taken.members(),
        )


class TestMeanwhile:
    """What another request did between two steps of this one."""

    @pytest.mark.parametrize(
        ("wanted", "version"),
        [
            (VersionRequest(bump="final"), "1.3.0"),
            (VersionRequest(bump="auto"), "1.3.0"),
            (RC, "1.3.0-rc.1"),
        ],
    )
    def test_a_token_that_seemed_to_have_no_version_is_not_refused(
        self, store: Store, wanted: VersionRequest, version: str
    ) -> None:
        async def ask(domain: Domain) -> list[str]:
            await domain.adopt("1.2.57")
            given = [
                await domain.next("T", RC),
                await domain.next("T", VersionRequest(bump="final")),
            ]
            # As a primary may, that was elected just now.
            store.releases.of_token = lambda *_: None  # type: ignore[method-assign]
            return [*given, await domain.next("T", wanted)]

        assert run(store, ask) == ["1.3.0-rc.1", "1.3.0", version]

    def test_an_adoption_of_what_a_token_is_just_given_finds_it(self, store: Store) -> None:
        async def ask(domain: Domain) -> VersionResult:
            await domain.adopt("1.2.57")

            def add(method: Callable[[Release], Release | None], release: Release) -> Any:
                assert method(release._replace(token="T", bump="patch"))
                return method(release)

            once(store.releases, "add", add, with_method=True)
            return await domain.versions.adopt(1, NAME, Version(1, 2, 58), ANYBODY)

        answer = run(store, ask)
        assert (answer.release.token, answer.reused, answer.latest) == ("T", True, True)
        assert store.high_water_marks([key("patch-v1.2")]) == [58]

    def test_commit_messages_are_read_once(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read: list[str] = []

        def decide(text: str) -> commits.BumpDecision | None:
            read.append(text)
            return commits.BumpDecision("minor", text)

        monkeypatch.setattr("monotron.services.versions.planner.commits.decide", decide)

        async def ask(domain: Domain) -> list[str]:
            await domain.adopt("1.2.57")
            once(domain.versions, "_record", lambda *_: None)  # overtaken
            auto = VersionRequest(bump="auto")
            return [await domain.next("T", auto, b"feat: x") for _ in range(2)]

        assert run(store, ask) == ["1.3.0"] * 2
        assert read == ["feat: x"]

    def test_the_latest_is_one_that_was_so_at_one_moment(self, database_url: str) -> None:
        """A major and then a hotfix of the old line, while the high_water_marks are read."""
        store = open_store(database_url)

        async def prepare(domain: Domain) -> None:
            await domain.adopt("1.2.57")

        async def release(domain: Domain) -> list[str]:
            line = VersionRequest(line=Line(1, 2))
            return [
                await domain.next("a", VersionRequest(bump="major")),
                await domain.next("b", line),
            ]

        def read(method: Callable[..., Any], *args: Any) -> Any:
            assert run(store, release) == ["2.0.0", "1.2.58"]
            return method(*args)

        run(store, prepare)
        versions = StoreServices(store).versions
        once(store._heads, "read", read, with_method=True)  # type: ignore[attr-defined]
        assert str(versions._latest(PRODUCT).release.version) in ("1.2.57", "2.0.0")
        store.close()


class TestSkipped:
    """A token that comes back after a crash skips at most the number that was of no use."""

    @pytest.mark.parametrize(
        ("scope", "adopted", "wanted", "version"),
        [
            ("patch-v1.2", "1.2.58", VersionRequest(), "1.2.59"),
            ("minor-v1", "1.3.0", VersionRequest(bump="minor"), "1.4.0"),
            ("minor-v1", "1.3.5", VersionRequest(bump="minor"), "1.4.0"),
            ("major", "2.0.0", VersionRequest(bump="major"), "3.0.0"),
            ("major", "2.1.0", VersionRequest(bump="major"), "3.0.0"),
            ("rc-v1.3.0", "1.2.90", RC, "1.3.0-rc.1"),
        ],
    )
    def test_it_gets_the_next_one(
        self, store: Store, scope: str, adopted: str, wanted: VersionRequest, version: str
    ) -> None:
        async def ask(domain: Domain) -> list[str]:
            await domain.adopt("1.2.57")
            await domain.series.next(key(scope), "T", Reuse.ANY, ANYBODY)
            await domain.adopt(adopted)
            return [await domain.next("T", wanted) for _ in range(2)]

        assert run(store, ask) == [version] * 2
