"""What can be asked of versions, and how a plan becomes a version."""

import asyncio
import time

from semver import Version

from monotron.errors import (
    MonotronError,
    SeriesExhausted,
    StorageFull,
    StoreUnavailable,
    TokenTaken,
    VersionNotFound,
)
from monotron.model.conventional_commits import BumpDecision
from monotron.model.semver import NOTHING, Line, Release, VersionName, sort_key, sort_key_range
from monotron.model.series import INT64_MAX, Allocation, Reuse
from monotron.services.executor import StoreExecutor
from monotron.services.series import SeriesService
from monotron.services.versions.adoption import Adoption
from monotron.services.versions.planner import Planner, decide
from monotron.services.versions.state import NameState
from monotron.services.versions.types import Plan, VersionRequest, VersionResult
from monotron.store import Store
from monotron.store.interface import Clock

MAX_TURNS = 100
"""How often a request may be overtaken before it is told so. Each time, another got a version."""


class VersionService:
    """What can be asked of the versions of products. Raises the errors of the store untouched."""

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
        self._standing = NameState(store)
        self._adoption = Adoption(store, self._standing, clock)
        self._planner = Planner(store, self._standing, self._adoption)

    async def next(
        self, account: int, name: str, token: str, wanted: VersionRequest, text: bytes = b""
    ) -> VersionResult:
        """The version of the token: the one it has, or a new one.

        *text* holds commit messages, and is read only for `bump=auto` of a token without a
        version.
        """
        product = VersionName(account, name)
        try:
            return await self._next(product, token, wanted, text)
        except (TokenTaken, StoreUnavailable, StorageFull):
            raise
        except MonotronError:
            # Perhaps refused for what this token was given meanwhile, by another request.
            stands = await self._executor.run(self._stands_now, product, token, wanted)
            if stands is None:
                raise
            return stands

    async def adopt(
        self, account: int, name: str, version: Version, assigned_by: str
    ) -> VersionResult:
        """Let counting go on from a version that was given elsewhere."""
        return await self._executor.run(
            self._adopt, VersionName(account, name), version, assigned_by
        )

    async def latest(self, account: int, name: str) -> VersionResult:
        """The highest final version; from the series where no record of it is."""
        return await self._executor.run(self._latest, VersionName(account, name))

    async def of_token(
        self, account: int, name: str, token: str, label: str | None
    ) -> VersionResult:
        """The version of a token: that with *label*, else its final one, else its highest."""
        return await self._executor.run(self._of_token, VersionName(account, name), token, label)

    async def at(self, account: int, name: str, version: Version) -> VersionResult:
        """The release of a version."""
        return await self._executor.run(self._at, VersionName(account, name), version)

    async def page(
        self, account: int, name: str, before: Version | None, limit: int
    ) -> tuple[list[VersionResult], Version | None]:
        """Releases, the highest version first, and what to pass as *before* for the next page."""
        return await self._executor.run(self._page, VersionName(account, name), before, limit)

    # Reading

    def _latest(self, product: VersionName) -> VersionResult:
        newest = self._standing.newest(product)
        if newest == NOTHING:
            raise VersionNotFound(
                f"{product.name!r} has no version yet. PUT a token to /v1/versions/NAME/TOKEN for "
                "the first one."
            )
        release = self._releases.at(product, newest) or self._by_hand(product, newest)
        return VersionResult(release, latest=True, reused=True)

    def _of_token(self, product: VersionName, token: str, label: str | None) -> VersionResult:
        releases = self._releases.all_of_token(product, token)
        for release in sorted(releases, key=lambda release: release.label is not None):
            if label in (None, release.label):
                return self._given(release)
        which = "version" if label is None else f"pre-release with the label {label!r}"
        raise VersionNotFound(
            f"The token {token!r} has no {which} of {product.name!r}. PUT to the same path gives "
            "it one."
        )

    def _at(self, product: VersionName, version: Version) -> VersionResult:
        release = self._releases.at(product, version)
        if release is not None:
            return self._given(release)
        if self._standing.newest(product) == version != NOTHING:
            return VersionResult(self._by_hand(product, version), latest=True, reused=True)
        raise VersionNotFound(
            f"{product.name!r} has no version {version}: it was not given, or was counted by hand."
        )

    def _page(
        self, product: VersionName, before: Version | None, limit: int
    ) -> tuple[list[VersionResult], Version | None]:
        below = sort_key_range()[1] if before is None else sort_key(before)
        found = self._releases.page(product, below, limit + 1)
        if not found and not self._standing.begun(product):
            raise VersionNotFound(f"{product.name!r} has no version yet.")
        latest = self._standing.newest(product)
        more = len(found) > limit
        answers = [
            VersionResult(release, latest=release.version == latest, reused=True)
            for release in found[:limit]
        ]
        return answers, answers[-1].release.version if more else None

    def _given(self, release: Release) -> VersionResult:
        """The answer that gives what stands in the records."""
        final = release.label is None
        latest = final and self._standing.newest(release.product) == release.version
        return VersionResult(release, latest, reused=True)

    def _by_hand(self, product: VersionName, version: Version) -> Release:
        return Release(product, None, version, previous=self._standing.below(product, version))

    # Writing

    async def _next(
        self, product: VersionName, token: str, wanted: VersionRequest, text: bytes
    ) -> VersionResult:
        decision = None
        if wanted.bump == "auto":
            stands = await self._executor.run(self._stands, product, token, wanted)
            if stands is not None:
                return stands
            decision = await asyncio.to_thread(decide, text)
        changed = False
        for _ in range(MAX_TURNS):
            try:
                plan = await self._executor.run(self._plan, product, token, wanted, decision)
                if isinstance(plan, VersionResult):
                    return plan
                if plan is None:
                    continue
                changed = changed or plan.initial is not None
                given = await self._step(plan, product, token, wanted.assigned_by)
                if given is None:
                    continue
                changed = changed or not given.reused
                answer = await self._executor.run(self._record, plan, product, token, wanted, given)
            except MonotronError as error:
                if changed:
                    raise error.in_doubt() from error
                raise
            if answer is not None:
                return answer
        raise StoreUnavailable(
            f"Others were given versions of {product.name!r} faster, {MAX_TURNS} times over. "
            "Send the same request again.",
            applied="unknown",
        )

    def _plan(
        self,
        product: VersionName,
        token: str,
        wanted: VersionRequest,
        decision: BumpDecision | None,
    ) -> VersionResult | Plan | None:
        """The version that the token has, or the step to one. None: overtaken, so plan again."""
        stands = self._stands(product, token, wanted)
        if stands is not None:
            return stands
        if wanted.bump == "final":
            plan = self._planner.promotion(product, token, wanted)
        else:
            plan = self._planner.bump(product, token, wanted, decision)
        return self._preview(plan, product, token, wanted) if plan and wanted.dry_run else plan

    def _stands(
        self, product: VersionName, token: str, wanted: VersionRequest
    ) -> VersionResult | None:
        stands = self._releases.of_token(product, token, wanted.label)
        return self._repeat(stands, wanted) if stands else None

    def _stands_now(
        self, product: VersionName, token: str, wanted: VersionRequest
    ) -> VersionResult | None:
        """The same, not stale."""
        for stands in self._releases.all_of_token(product, token):
            if stands.label == wanted.label:
                return self._repeat(stands, wanted)
        return None

    def _repeat(self, stands: Release, wanted: VersionRequest) -> VersionResult:
        """The version that a token has, unless something else was asked of it."""
        same = (wanted.bump, wanted.line) == (stands.bump, stands.line)
        if not same and wanted.bump != "auto" and not wanted.reuse_on_conflict:
            raise TokenTaken(
                f"The token {stands.token!r} has the version {_full(stands)} of "
                f"{stands.product.name!r} already, by {_asked(stands.bump, stands.line)}, and "
                f"keeps it; this request asks for {_asked(wanted.bump, wanted.line)}. Ask as at "
                "first, or with on_conflict=reuse for whatever the token has; a new commit gets a "
                "new version.",
                version=_full(stands),
                bump=str(stands.bump),
            )
        return self._given(stands)

    async def _step(
        self, plan: Plan, product: VersionName, token: str, assigned_by: str
    ) -> Allocation | None:
        """Give the token a number: the one it has without a record, if that is of use still.

        None: overtaken, so plan again.
        """

        def next(reuse: Reuse) -> "asyncio.Future[Allocation]":
            return self._series.next(plan.series, token, reuse, assigned_by, up_to=plan.up_to)

        try:
            given = await next(Reuse.ANY)
            value = given.entry.value
            if not given.reused or await self._executor.run(
                self._standing.usable, product, plan, token, value
            ):
                return given
            return await next(Reuse.NEVER)
        except SeriesExhausted:
            if plan.up_to < INT64_MAX:
                return None  # another token was given the target's number meanwhile
            raise

    def _record(
        self,
        plan: Plan,
        product: VersionName,
        token: str,
        wanted: VersionRequest,
        given: Allocation,
    ) -> VersionResult | None:
        """Make the number a version. None: overtaken, so plan again."""
        value = given.entry.value
        version = plan.version(value)
        if value < plan.least and not given.reused:
            return None  # the series was restarted under our feet
        if plan.label:
            again = self._planner.start(product, wanted._replace(initial=None))
            if again.newest.next_version(plan.component) != plan.target:
                return None  # the target was released meanwhile
        release = self._release(plan, product, token, wanted, version)
        stands = self._releases.add(release)
        if stands is None:
            return None  # another token has it, or it was adopted: skip the number
        if stands is not release:
            return self._repeat(stands, wanted)
        return self._given(release)._replace(reused=False)

    def _release(
        self, plan: Plan, product: VersionName, token: str, wanted: VersionRequest, version: Version
    ) -> Release:
        final = version.finalize_version()
        previous = self._standing.below(product, version)
        if previous is None and plan.initial and plan.initial < final:
            previous = plan.initial
        if previous is None:  # unless counted by hand, there is none
            counted = [each for each in (plan.newest, plan.latest) if NOTHING < each < final]
            previous = max(counted, default=None)
        return Release(
            product,
            token,
            version,
            bump=plan.bump,
            line=wanted.line,
            metadata=wanted.metadata,
            previous=previous,
            reason=plan.reason,
            created_at=int(self._clock() * 1000),
            assigned_by=wanted.assigned_by,
        )

    def _preview(
        self, plan: Plan, product: VersionName, token: str, wanted: VersionRequest
    ) -> VersionResult:
        """What carrying the plan out would answer now."""
        own = self._standing.own(product, plan, token)
        version = plan.version(plan.least if own is None else own)
        release = self._release(plan, product, token, wanted, version)
        # Series of the version to come may have been counted by hand already.
        latest = max(plan.latest, self._standing.ahead(product, version))
        return VersionResult(release, not plan.label and version == latest, reused=False)

    def _adopt(self, product: VersionName, version: Version, assigned_by: str) -> VersionResult:
        release, stood = self._adoption.adopt(product, version, assigned_by)
        return VersionResult(release, self._standing.newest(product) == version, reused=stood)


def _full(release: Release) -> str:
    """The version with its build metadata."""
    return f"{release.version}" + (f"+{release.metadata}" if release.metadata else "")


def _asked(bump: str | None, line: Line | None) -> str:
    return f"bump={bump}" + (f" on the line={line}" if line else " without a line")
