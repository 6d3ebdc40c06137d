"""The operations on versions: look up, assign, adopt."""

import asyncio
import time

from semver import Version

from monotron.errors import (
    MonotronError,
    SeriesExhausted,
    StorageFull,
    StoreUnavailable,
    TokenTaken,
)
from monotron.model.conventional_commits import CommitDecision
from monotron.model.semver import ZERO_VERSION, Release, VersionName
from monotron.model.series import INT64_MAX, Allocation, Reuse
from monotron.services.executor import StoreExecutor
from monotron.services.series import SeriesService
from monotron.services.versions.adoption import Adoption
from monotron.services.versions.conflicts import check_conflict
from monotron.services.versions.lookup import VersionLookup
from monotron.services.versions.messages import MessageParser
from monotron.services.versions.planner import Planner
from monotron.services.versions.state import NameState
from monotron.services.versions.types import Plan, VersionRequest, VersionResult
from monotron.store import Store
from monotron.store.interface import Clock

MAX_ATTEMPTS = 100
"""The number of plans per request. A plan fails only if a concurrent request got a version."""


class VersionService:
    """Looks up and assigns versions. Errors of the store are raised unchanged."""

    def __init__(
        self,
        store: Store,
        series: SeriesService,
        executor: StoreExecutor,
        *,
        clock: Clock = time.time,
    ) -> None:
        self._store = store
        self._releases = store.releases
        self._series = series
        self._executor = executor
        self._clock = clock
        self._state = NameState(store)
        self._lookup = VersionLookup(store, self._state)
        self._adoption = Adoption(store, self._state, clock)
        self._planner = Planner(store, self._state, self._adoption)
        self._messages = MessageParser()

    async def next(
        self,
        account: int,
        name: str,
        token: str,
        request: VersionRequest,
        text: bytes = b"",
        caller: str = "",
    ) -> VersionResult:
        """Return the version of the token. A token without a version is assigned the next one.

        *text* contains commit messages. It is read only for `bump=auto`, and only if the token has
        no version. Texts of one *caller* are read one after the other.
        """
        version_name = VersionName(account, name)
        try:
            return await self._next(version_name, token, request, text, caller)
        except (TokenTaken, StoreUnavailable, StorageFull):
            raise
        except MonotronError:
            # A concurrent request may have assigned a version to this token, and caused the error.
            existing = await self._executor.run(
                self._existing_linearizable, version_name, token, request
            )
            if existing is None:
                raise
            return existing

    async def adopt(
        self, account: int, name: str, version: Version, assigned_by: str
    ) -> VersionResult:
        """Record an existing version, so that the next one continues from it."""
        return await self._executor.run(
            self._adopt, VersionName(account, name), version, assigned_by
        )

    async def latest(self, account: int, name: str) -> VersionResult:
        """The highest final version. If it has no record, it is inferred from the series."""
        return await self._executor.run(self._lookup.latest, VersionName(account, name))

    async def of_token(
        self, account: int, name: str, token: str, label: str | None
    ) -> VersionResult:
        """The version of a token with this label.

        Without *label*, the final version, or else the highest pre-release.
        """
        return await self._executor.run(
            self._lookup.of_token, VersionName(account, name), token, label
        )

    async def at(self, account: int, name: str, version: Version) -> VersionResult:
        """The release of this version."""
        return await self._executor.run(self._lookup.at, VersionName(account, name), version)

    async def page(
        self, account: int, name: str, before: Version | None, limit: int
    ) -> tuple[list[VersionResult], Version | None]:
        """Releases in descending order, and the value of *before* for the next page."""
        return await self._executor.run(
            self._lookup.page, VersionName(account, name), before, limit
        )

    async def _next(
        self, name: VersionName, token: str, request: VersionRequest, text: bytes, caller: str
    ) -> VersionResult:
        decision = None
        if request.bump == "auto":
            existing = await self._executor.run(self._existing, name, token, request)
            if existing is not None:
                return existing
            decision = await self._messages.parse(text, caller)
        has_written = False
        for _ in range(MAX_ATTEMPTS):
            try:
                plan = await self._executor.run(self._plan, name, token, request, decision)
                if isinstance(plan, VersionResult):
                    return plan
                if plan is None:
                    continue
                has_written = has_written or plan.initial is not None
                allocation = await self._allocate(plan, name, token, request.assigned_by)
                if allocation is None:
                    continue
                has_written = has_written or not allocation.reused
                result = await self._executor.run(
                    self._record, plan, name, token, request, allocation
                )
            except MonotronError as error:
                if has_written:
                    raise error.in_doubt() from error
                raise
            if result is not None:
                return result
        raise StoreUnavailable(
            f"Too much contention on {name.name!r}. Concurrent requests got the version in "
            f"{MAX_ATTEMPTS} attempts. Retry the same request in a moment.",
            applied="unknown",
        )

    def _plan(
        self,
        name: VersionName,
        token: str,
        request: VersionRequest,
        decision: CommitDecision | None,
    ) -> VersionResult | Plan | None:
        """The existing version of the token, or a plan. None if the caller must plan again."""
        existing = self._existing(name, token, request)
        if existing is not None:
            return existing
        if request.bump == "final":
            plan = self._planner.plan_promotion(name, token, request)
        else:
            plan = self._planner.plan_bump(name, token, request, decision)
        return self._preview(plan, name, token, request) if plan and request.dry_run else plan

    def _existing(
        self, name: VersionName, token: str, request: VersionRequest
    ) -> VersionResult | None:
        """The version that the token already has. The read can be stale.

        Raises `TokenTaken` if it results from another bump or line.
        """
        release = self._releases.of_token(name, token, request.label)
        return self._existing_result(release, request) if release else None

    def _existing_linearizable(
        self, name: VersionName, token: str, request: VersionRequest
    ) -> VersionResult | None:
        """The version that the token already has, by a linearizable read.

        Raises `TokenTaken` if it results from another bump or line.
        """
        for release in self._releases.all_of_token(name, token):
            if release.label == request.label:
                return self._existing_result(release, request)
        return None

    def _existing_result(self, release: Release, request: VersionRequest) -> VersionResult:
        check_conflict(release, request)
        return self._lookup.reused_result(release)

    async def _allocate(
        self, plan: Plan, name: VersionName, token: str, assigned_by: str
    ) -> Allocation | None:
        """Allocate a value to the token, or reuse its value that has no release.

        Returns None if a concurrent request got the value. The caller must then plan again.
        """

        def next(reuse: Reuse) -> "asyncio.Future[Allocation]":
            return self._series.next(plan.series, token, reuse, assigned_by, up_to=plan.up_to)

        try:
            allocation = await next(Reuse.ANY)
            value = allocation.entry.value
            if not allocation.reused or await self._executor.run(
                self._state.is_reusable, name, plan, token, value
            ):
                return allocation
            return await next(Reuse.NEVER)
        except SeriesExhausted:
            if plan.up_to < INT64_MAX:
                return None  # a concurrent request got the value of the target
            raise

    def _record(
        self,
        plan: Plan,
        name: VersionName,
        token: str,
        request: VersionRequest,
        allocation: Allocation,
    ) -> VersionResult | None:
        """Record the version. None if the value cannot be used and the caller must plan again."""
        value = allocation.entry.value
        version = plan.version(value)
        if value < plan.next_value and not allocation.reused:
            return None  # the series was restarted after it was read
        if plan.label:
            start = self._planner.starting_point(name, request._replace(initial=None))
            if start.base.next_version(plan.component) != plan.target:
                return None  # a concurrent request released the target
        release = self._release(plan, name, token, request, version)
        recorded = self._releases.add(release)
        if recorded is None:
            return None  # the version was adopted, or another token has it, so the value is skipped
        if recorded is not release:
            return self._existing_result(recorded, request)
        return self._lookup.reused_result(release)._replace(reused=False)

    def _release(
        self, plan: Plan, name: VersionName, token: str, request: VersionRequest, version: Version
    ) -> Release:
        final = version.finalize_version()
        previous = self._state.previous_release(name, version)
        if previous is None:
            previous = plan.initial
        if previous is None:  # without a record, the series can have been counted directly
            candidates = (plan.base, plan.latest)
            below = [version for version in candidates if ZERO_VERSION < version < final]
            previous = max(below, default=None)
        return Release(
            name,
            token,
            version,
            bump=plan.bump,
            line=request.line,
            metadata=request.metadata,
            previous=previous,
            reason=plan.reason,
            created_at=int(self._clock() * 1000),
            assigned_by=request.assigned_by,
        )

    def _preview(
        self, plan: Plan, name: VersionName, token: str, request: VersionRequest
    ) -> VersionResult:
        """The result of the plan if it were carried out now."""
        value = self._state.value_of_token(name, plan, token)
        version = plan.version(plan.next_value if value is None else value)
        release = self._release(plan, name, token, request, version)
        # The series of later versions may have been advanced manually before.
        latest = max(plan.latest, self._state.manually_counted_beyond(name, version))
        return VersionResult(release, not plan.label and version == latest, reused=False)

    def _adopt(self, name: VersionName, version: Version, assigned_by: str) -> VersionResult:
        release, existed = self._adoption.adopt(name, version, assigned_by)
        return VersionResult(release, self._state.latest(name) == version, reused=existed)
