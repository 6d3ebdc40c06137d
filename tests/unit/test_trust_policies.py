"""Trust policies: what a sign-in reads and parses, and how long it is kept."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from monotron.auth import authenticator, trust_schema
from monotron.auth.api_keys import ApiKeys
from monotron.auth.oidc import Identity, parse_issuer
from monotron.auth.oidc.claims import check_claims
from monotron.auth.policy_matcher import CACHE_SECONDS, PAGE_SIZE
from monotron.auth.principal import ROOT
from monotron.auth.trust_policies import TrustPolicies
from monotron.auth.trust_schema import TrustPolicy, configured_trusts
from monotron.errors import MonotronError, QuotaExceeded, Unauthenticated
from monotron.services.executor import StoreExecutor
from monotron.services.series import SeriesService
from monotron.store import Store, open_store
from monotron.store.auth_interface import AuthRecord, AuthRecords, RecordChange
from support.claims import AUDIENCE, NOW, github

ISSUERS = [parse_issuer("github"), parse_issuer("gitlab.com")]
FEW, MANY = 10, 10_000


def body(repository: int = 777, **members: Any) -> dict[str, Any]:
    claims = {"repository_id": str(repository), "ref": "refs/heads/main"}
    return {"issuer": "github", "claims": claims, "scopes": ["read:series"], **members}


def identity(**changes: Any) -> Identity:
    return check_claims(github(**changes), ISSUERS[0], AUDIENCE, NOW, "")


def stored(account: int, id: int, members: dict[str, Any]) -> AuthRecord:
    name = f"{account:019d}/{id:019d}"
    return AuthRecord(name, account, {**members, "names": ["*"], "creators": ["root"]})


class CountingRecords:
    """The records of a store. Counts the pages and rows that are read, and can delay a page."""

    def __init__(self, records: AuthRecords) -> None:
        self._records = records
        self.pages = 0
        self.rows = 0
        self.was_read = threading.Event()
        self.responding = threading.Event()
        self.responding.set()

    def page(self, *args: Any) -> list[AuthRecord]:
        rows = self._records.page(*args)  # as of the time of the call
        self.pages += 1
        self.rows += len(rows)
        self.was_read.set()
        assert self.responding.wait(10)
        return rows

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)


class Scene:
    """Trust policies in a store, with a clock that only tests advance."""

    def __init__(self, store: Store, parsed: list[object], **options: Any) -> None:
        self.now = 1000.0
        self.numbers = count()
        self.parsed = parsed
        """The bodies that were parsed."""
        self.store = store
        self.executor = StoreExecutor(4)
        self.records = CountingRecords(store.auth_records)
        store.auth_records = self.records  # type: ignore[assignment]
        series = SeriesService(store, self.executor)
        self.policies = TrustPolicies(
            store,
            series,
            self.executor,
            ApiKeys(store, series, self.executor),
            ISSUERS,
            monotonic=lambda: self.now,
            **options,
        )

    def add(self, account: int, count: int) -> None:
        """Add the records of another process."""
        for number in range(count):
            self.store.auth_records.add("trust", stored(account, number + 1, body(number + 1)))
            record = AuthRecord(f"{account:019d}", account, {})
            self.store.auth_records.add("trusting_account", record)

    async def create(self, account: int, repository: int = 777, **members: Any) -> TrustPolicy:
        """Create a trust policy, which equals no other one."""
        description = str(next(self.numbers))
        members = {"description": description, **members}
        policy, _ = await self.policies.create(ROOT, account, body(repository, **members))
        self.records.pages = 0
        self.records.was_read.clear()
        return policy

    async def matches(self, account: int, **changes: Any) -> bool:
        try:
            await self.policies.matcher.principal(identity(**changes), account)
        except Unauthenticated:
            return False
        return True

    async def cost(self, account: int) -> tuple[int, int, int]:
        """The numbers of pages, rows and policies that a sign-in without a cache needs."""
        self.now += CACHE_SECONDS
        before = (self.records.pages, self.records.rows, len(self.parsed))
        await self.policies.matcher.accounts()
        assert await self.matches(account)
        after = (self.records.pages, self.records.rows, len(self.parsed))
        pages, rows, parsed = (
            later - earlier for later, earlier in zip(after, before, strict=True)
        )
        return pages, rows, parsed


NewScene = Callable[..., Scene]


@pytest.fixture
def new_scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[NewScene]:
    parsed: list[object] = []
    parse = trust_schema.parse_trust_policy

    def parse_and_count(value: object, *args: Any) -> TrustPolicy:
        parsed.append(value)
        return parse(value, *args)

    monkeypatch.setattr(trust_schema, "parse_trust_policy", parse_and_count)
    scenes: list[Scene] = []

    def new_scene(**options: Any) -> Scene:
        scenes.append(Scene(open_store("sqlite://"), parsed, **options))
        return scenes[-1]

    yield new_scene
    for scene in scenes:
        scene.executor.close()
        scene.store.close()


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 60))


class TestCost:
    def test_policies_of_other_accounts_do_not_increase_the_cost_of_a_sign_in(
        self, new_scene: NewScene
    ) -> None:
        async def scenario() -> None:
            costs = []
            for others in FEW, MANY:
                scene = new_scene()
                await scene.create(1)
                scene.add(2, others)
                scene.parsed.clear()
                costs.append(await scene.cost(1))
            # One page with two accounts, and one with the only policy of account 1.
            assert costs == [(2, 3, 1), (2, 3, 1)]

        run(scenario())

    def test_a_policy_is_parsed_once(self, new_scene: NewScene) -> None:
        async def scenario() -> None:
            scene = new_scene()
            scene.add(1, PAGE_SIZE + 1)
            scene.parsed.clear()
            assert await scene.policies.matcher.principal(identity(repository_id="3"), 1)
            assert len(scene.parsed) == PAGE_SIZE + 1
            for _ in range(3):
                scene.now += CACHE_SECONDS
                assert await scene.matches(1, repository_id=str(PAGE_SIZE))
            assert len(scene.parsed) == PAGE_SIZE + 1

        run(scenario())

    def test_a_record_that_another_process_replaced_is_parsed_again(
        self, new_scene: NewScene
    ) -> None:
        async def scenario() -> None:
            scene = new_scene()
            created = await scene.create(1)
            assert await scene.matches(1)
            assert created.id is not None
            record = stored(1, created.id, body(778))
            former = scene.store.auth_records.find("trust", record.name)
            change = RecordChange("trust", former, record)
            assert scene.store.auth_records.change([change])
            scene.now += CACHE_SECONDS
            assert not await scene.matches(1)
            assert await scene.matches(1, repository_id="778")

        run(scenario())

    def test_concurrent_sign_ins_share_one_load(self, new_scene: NewScene) -> None:
        async def scenario() -> None:
            scene = new_scene()
            await scene.create(1)
            scene.records.responding.clear()
            sign_ins = [asyncio.create_task(scene.matches(1)) for _ in range(10)]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            scene.records.responding.set()
            assert await asyncio.gather(*sign_ins) == 10 * [True]
            assert scene.records.pages == 1

        run(scenario())

    def test_only_policies_with_an_id_of_the_job_are_compared(self, new_scene: NewScene) -> None:
        async def scenario() -> None:
            scene = new_scene()
            for repository in range(770, 780):
                await scene.create(1, repository)
            index = await scene.policies.matcher._indexes.get(1)
            candidates = index.candidates(identity())
            assert [each.rule.claims["repository_id"] for each in candidates] == [("777",)]

        run(scenario())


class TestFreshness:
    def test_a_change_in_this_process_applies_immediately(self, new_scene: NewScene) -> None:
        async def scenario() -> None:
            scene = new_scene()
            assert not await scene.matches(1)
            created = await scene.create(1)
            assert await scene.matches(1)
            assert created.id is not None
            await scene.policies.delete(ROOT, 1, created.id)
            assert not await scene.matches(1)

        run(scenario())

    def test_a_load_that_began_before_a_change_is_not_kept(self, new_scene: NewScene) -> None:
        async def scenario() -> None:
            scene = new_scene()
            created = await scene.create(1)
            scene.records.responding.clear()
            earlier = asyncio.create_task(scene.matches(1))
            assert await asyncio.to_thread(scene.records.was_read.wait, 10)
            assert created.id is not None
            await scene.policies.delete(ROOT, 1, created.id)
            scene.records.responding.set()
            await earlier
            assert not await scene.matches(1)

        run(scenario())

    def test_a_change_in_another_process_applies_after_some_seconds(
        self, new_scene: NewScene
    ) -> None:
        async def scenario() -> None:
            scene = new_scene()
            created = await scene.create(1)
            assert await scene.matches(1)
            assert created.id is not None
            name = stored(1, created.id, {}).name
            assert scene.store.auth_records.remove("trust", 1, name)
            scene.now += CACHE_SECONDS - 0.1
            assert await scene.matches(1)
            scene.now += 0.1
            assert not await scene.matches(1)

        run(scenario())

    def test_a_change_in_another_process_applies_to_jobs_within_the_documented_5_s(self) -> None:
        assert CACHE_SECONDS + authenticator.CACHE_SECONDS <= 5

    def test_a_failed_load_is_repeated(self, new_scene: NewScene) -> None:
        async def scenario() -> None:
            scene = new_scene()
            await scene.create(1)
            page = scene.records.page

            def fail(*_: Any) -> list[AuthRecord]:
                raise QuotaExceeded("")

            scene.records.page = fail  # type: ignore[method-assign]
            with pytest.raises(MonotronError):
                await scene.policies.matcher.principal(identity(), 1)
            scene.records.page = page  # type: ignore[method-assign]
            assert await scene.matches(1)

        run(scenario())

    def test_a_policy_whose_issuer_is_not_trusted_any_more_is_ignored(
        self, new_scene: NewScene
    ) -> None:
        async def scenario() -> None:
            scene = new_scene()
            other = body(issuer="https://removed.example")
            scene.store.auth_records.add("trust", stored(1, 999, other))
            await scene.create(1)
            scene.parsed.clear()
            for _ in range(3):
                assert await scene.matches(1)
                scene.now += CACHE_SECONDS
            assert len(scene.parsed) == 2

        run(scenario())


class TestAccounts:
    def test_an_account_counts_permanently(self, new_scene: NewScene) -> None:
        async def scenario() -> None:
            scene = new_scene()
            assert await scene.policies.matcher.accounts() == ()
            created = [await scene.create(account) for account in (9, 4, 7)]
            assert await scene.policies.matcher.accounts() == (4, 7)
            for policy in created:
                assert policy.id is not None
                await scene.policies.delete(ROOT, policy.account, policy.id)
            assert await scene.policies.matcher.accounts() == (4, 7)

        run(scenario())

    def test_accounts_of_the_config_file_count(self, new_scene: NewScene) -> None:
        async def scenario() -> None:
            trusts = [{"account": account, **body()} for account in (3, 2, 3)]
            scene = new_scene(configured=configured_trusts(trusts, ISSUERS))
            await scene.policies.matcher.mark_configured()
            assert await scene.policies.matcher.accounts() == (2, 3)

        run(scenario())

    @pytest.mark.parametrize(
        "members",
        [{"scopes": []}, {"issuer": "https://unknown.example"}, {"names": 1}, {"unknown": 1}],
        ids=str,
    )
    def test_a_refused_policy_does_not_make_its_account_count(
        self, new_scene: NewScene, members: dict[str, Any]
    ) -> None:
        async def scenario() -> None:
            scene = new_scene()
            with pytest.raises(MonotronError):
                await scene.create(1, **members)
            assert await scene.policies.matcher.accounts() == ()

        run(scenario())


class TestRepetition:
    def test_the_same_policy_is_created_once(self, new_scene: NewScene) -> None:
        async def scenario() -> None:
            create = new_scene(quota=2).policies.create
            results = await asyncio.gather(*(create(ROOT, 1, body()) for _ in range(5)))
            assert sorted(reused for _, reused in results) == [False, True, True, True, True]
            assert {policy.id for policy, _ in results} == {1}
            assert (await create(ROOT, 2, body()))[1] is False

        run(scenario())

    def test_the_order_of_values_does_not_matter(self, new_scene: NewScene) -> None:
        async def scenario() -> None:
            create = new_scene().policies.create
            refs = ["refs/heads/main", "refs/heads/next"]
            first = body(scopes=["read,write:series"], names=["a", "b"])
            first["claims"] = {"repository_id": "777", "ref": refs}
            first["allow_events"] = ["merge_group", "pull_request"]
            again = body(scopes=["write:series", "read:series"], names=["b", "a"])
            again["claims"] = {"ref": refs[::-1], "repository_id": ["777"]}
            again["allow_events"] = first["allow_events"][::-1]
            created, _ = await create(ROOT, 1, first)
            assert await create(ROOT, 1, again) == (created, True)

        run(scenario())

    @pytest.mark.parametrize(
        "members",
        [
            {"scopes": ["write:series"]},
            {"names": ["shop"]},
            {"description": "main"},
            {"claims": {"repository_id": "777", "ref": ["refs/heads/main", "refs/heads/next"]}},
            {"allow_events": ["pull_request"]},
            {"names_from": "repository"},
        ],
        ids=str,
    )
    def test_a_different_policy_is_created(
        self, new_scene: NewScene, members: dict[str, Any]
    ) -> None:
        async def scenario() -> None:
            create = new_scene().policies.create
            await create(ROOT, 1, body())
            policy, reused = await create(ROOT, 1, body(**members))
            assert (policy.id, reused) == (2, False)

        run(scenario())

    def test_the_policy_of_another_creator_is_not_reused(self, new_scene: NewScene) -> None:
        async def scenario() -> None:
            create = new_scene().policies.create
            await create(ROOT, 1, body())
            other = replace(ROOT, name="other")
            assert (await create(other, 1, body()))[1] is False
            assert (await create(other, 1, body()))[1] is True

        run(scenario())


class TestQuota:
    def test_an_account_has_at_most_its_quota(self, new_scene: NewScene) -> None:
        async def scenario() -> None:
            scene = new_scene(quota=2)
            policy = await scene.create(1)
            await scene.create(1)
            with pytest.raises(QuotaExceeded, match="`trust_policies_per_account`") as refused:
                await scene.create(1)
            assert refused.value.detail.startswith(
                "Account 1 has 2 trust policies, and 2 are allowed. "
            )
            await scene.create(2)
            assert policy.id is not None
            await scene.policies.delete(ROOT, 1, policy.id)
            await scene.create(1)

        run(scenario())

    def test_concurrent_requests_do_not_exceed_the_quota(self, new_scene: NewScene) -> None:
        async def scenario() -> None:
            scene = new_scene(quota=3)
            results = await asyncio.gather(
                *(scene.create(1) for _ in range(10)), return_exceptions=True
            )
            assert sum(isinstance(each, TrustPolicy) for each in results) == 3
            assert sum(isinstance(each, QuotaExceeded) for each in results) == 7
            assert scene.store.auth_records.count("trust", 1) == 3

        run(scenario())

    def test_the_creation_in_one_account_does_not_wait_for_another(
        self, new_scene: NewScene
    ) -> None:
        async def scenario() -> None:
            scene = new_scene(quota=3)
            matcher: Any = scene.policies.matcher
            mark, is_marking, may_mark = matcher.mark, asyncio.Event(), asyncio.Event()

            async def mark_when_permitted(account: int) -> None:
                if account == 1:
                    is_marking.set()
                    await may_mark.wait()
                await mark(account)

            matcher.mark = mark_when_permitted
            first = asyncio.create_task(scene.create(1))
            await is_marking.wait()
            await scene.create(2)
            assert not first.done()
            may_mark.set()
            await first
            assert [scene.store.auth_records.count("trust", each) for each in (1, 2)] == [1, 1]

        run(scenario())

    def test_zero_is_unlimited(self, new_scene: NewScene) -> None:
        async def scenario() -> None:
            scene = new_scene(quota=0)
            for _ in range(5):
                await scene.create(1)

        run(scenario())
