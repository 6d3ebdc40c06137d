"""What can be asked of versions, and how a plan becomes a version."""

import time

from semver import Version

from monotron.components import part
from monotron.errors import StorageFull, StoreUnavailable, TokenTaken, VersionNotFound
from monotron.model import Given, Reuse, SeriesKey
from monotron.semantic import NOTHING, Line, Product, Release, place, places, pre_release
from monotron.series import Series
from monotron.store import Store
from monotron.store.base import Clock
from monotron.versions.adoption import Adoption
from monotron.versions.planning import Planner
from monotron.versions.standing import Standing
from monotron.versions.words import Answer, Plan, Wanted

MOST_TURNS = 100
"""How often a request may be overtaken before it is told so. Each time, another got a version."""


class Versions:
    """What can be asked of the versions of products. Raises the errors of the store untouched."""

    def __init__(self, store: Store, series: Series, *, clock: Clock = time.time) -> None:
        self._store = store
        self._releases = store.releases
        self._series = series
        self._clock = clock
        self._standing = Standing(store)
        self._adoption = Adoption(store, self._standing, clock)
        self._planner = Planner(store, self._standing, self._adoption)

    async def next(
        self, account: int, name: str, token: str, wanted: Wanted, text: bytes = b""
    ) -> Answer:
        """The version of the token: the one it has, or a new one.

        *text* holds commit messages, and is read only for `bump=auto` of a token without a
        version.
        """
        product = Product(account, name)
        spent: dict[SeriesKey, int] = {}
        for _ in range(MOST_TURNS):
            answer_or_plan = await self._series.run(self._plan, product, token, wanted, text)
            if isinstance(answer_or_plan, Answer):
                return answer_or_plan
            answer = await self._carry_out(answer_or_plan, product, token, wanted, spent)
            if answer is not None:
                return answer
        raise StoreUnavailable(
            f"Others were given versions of {name!r} faster, {MOST_TURNS} times over. Send the "
            "same request again.",
            applied="unknown",
        )

    async def adopt(self, account: int, name: str, version: Version, by: str) -> Answer:
        """Let counting go on from a version that was given elsewhere."""
        return await self._series.run(self._adopt, Product(account, name), version, by)

    async def latest(self, account: int, name: str) -> Answer:
        """The highest final version; from the series where no record of it is."""
        return await self._series.run(self._latest, Product(account, name))

    async def of_token(self, account: int, name: str, token: str, label: str | None) -> Answer:
        """The version of a token: that with *label*, else its final one, else its highest."""
        return await self._series.run(self._of_token, Product(account, name), token, label)

    async def at(self, account: int, name: str, version: Version) -> Answer:
        """The release of a version."""
        return await self._series.run(self._at, Product(account, name), version)

    async def page(
        self, account: int, name: str, before: Version | None, limit: int
    ) -> tuple[list[Answer], Version | None]:
        """Releases, the highest version first, and what to pass as *before* for the next page."""
        return await self._series.run(self._page, Product(account, name), before, limit)

    # Reading

    def _latest(self, product: Product) -> Answer:
        recorded = self._releases.newest(product, places(), final=True)
        counted = self._standing.counted(product, recorded.version if recorded else NOTHING)
        if recorded is None or counted > recorded.version:
            if counted == NOTHING:
                raise VersionNotFound(
                    f"{product.name!r} has no version yet. PUT a token to "
                    "/v1/versions/NAME/TOKEN for the first one."
                )
            recorded = self._releases.at(product, counted) or self._by_hand(product, counted)
        return Answer(recorded, latest=True, reused=True)

    def _of_token(self, product: Product, token: str, label: str | None) -> Answer:
        releases = self._releases.all_of_token(product, token)
        for release in sorted(releases, key=lambda release: release.label is not None):
            if label in (None, release.label):
                return self._given(release)
        which = "version" if label is None else f"pre-release with the label {label!r}"
        raise VersionNotFound(
            f"The token {token!r} has no {which} of {product.name!r}. PUT to the same path gives "
            "it one."
        )

    def _at(self, product: Product, version: Version) -> Answer:
        release = self._releases.at(product, version)
        if release is None:
            counted = self._standing.counted(product, version)
            if counted == version != NOTHING:
                return Answer(self._by_hand(product, version), latest=True, reused=True)
            raise VersionNotFound(
                f"{product.name!r} has no version {version}: it was not given, or was counted by "
                "hand."
            )
        return self._given(release)

    def _page(
        self, product: Product, before: Version | None, limit: int
    ) -> tuple[list[Answer], Version | None]:
        below = places()[1] if before is None else place(before)
        found = self._releases.page(product, below, limit + 1)
        latest = self._standing.newest(product)
        if latest == NOTHING and not found and before is None:
            raise VersionNotFound(f"{product.name!r} has no version yet.")
        more = len(found) > limit
        answers = [
            Answer(release, latest=release.version == latest, reused=True)
            for release in found[:limit]
        ]
        return answers, answers[-1].release.version if more else None

    def _given(self, release: Release) -> Answer:
        """The answer that gives what stands in the records."""
        final = release.label is None
        latest = final and self._standing.newest(release.product) == release.version
        return Answer(release, latest, reused=True)

    def _by_hand(self, product: Product, version: Version) -> Release:
        return Release(product, None, version, previous=self._standing.below(product, version))

    # Writing

    def _plan(self, product: Product, token: str, wanted: Wanted, text: bytes) -> "Answer | Plan":
        stands = self._releases.of_token(product, token, wanted.label)
        if stands is not None:
            return self._repeat(stands, wanted)
        if wanted.bump == "final":
            plan = self._planner.promotion(product, token, wanted)
        else:
            plan = self._planner.bump(product, wanted, text)
        return self._preview(plan, product, token, wanted) if wanted.dry_run else plan

    def _repeat(self, stands: Release, wanted: Wanted) -> Answer:
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

    async def _carry_out(
        self, plan: Plan, product: Product, token: str, wanted: Wanted, spent: dict[SeriesKey, int]
    ) -> Answer | None:
        """Take the step and record what it gave. None: it was overtaken, so plan again.

        The value is then *spent*: the token must not be given it again.
        """
        by = wanted.by
        given = await self._series.next(plan.series, token, Reuse.ANY, by)
        try:
            if given.reused:
                own = given.entry.value
                barred = await self._series.run(self._barred, plan.series, spent)
                if own <= barred:
                    given = await self._series.next(plan.series, token, Reuse.CURRENT, by)
                if own <= barred and given.reused:  # the current one: leave it behind
                    await self._series.run(self._standing.raise_to, plan.series, own + 1, by)
                    given = await self._series.next(plan.series, token, Reuse.CURRENT, by)
            spent[plan.series] = given.entry.value
            return await self._series.run(self._record, plan, product, token, wanted, given)
        except (StoreUnavailable, StorageFull) as error:
            error.applied = "unknown"  # a number was counted
            raise

    def _barred(self, series: SeriesKey, spent: dict[SeriesKey, int]) -> int:
        """Up to where values that a token was given earlier must not become versions any more.

        It was given them before a crash, and somebody started from a later version since.
        """
        raised = self._store.entry(series, None)
        # What was spent was found to be no good; what the series was raised to, is taken.
        return max(spent.get(series, 0), raised.value if raised else 0)

    def _record(
        self, plan: Plan, product: Product, token: str, wanted: Wanted, given: Given
    ) -> Answer | None:
        value = given.entry.value
        if value < plan.least and not given.reused and plan.bump != "final":
            return None  # the series was restarted under our feet
        if wanted.label:
            again = self._planner.start(product, wanted._replace(initial=None))
            if again.newest.next_version(plan.component) != plan.target:
                return None  # the target was released meanwhile
            version = pre_release(plan.target, wanted.label, value)
        else:
            version = plan.target.replace(**{plan.component: value})
        if plan.bump == "final" and version > plan.target:
            return None  # somebody else was given the target meanwhile
        if plan.bump == "final" and version < plan.target:
            # The token had an older number, without a record. The record of this one decides.
            self._standing.raise_to(plan.series, part(plan.target, plan.component), wanted.by)
            version = plan.target
        release = self._release(plan, product, token, wanted, version)
        stands = self._releases.add(release)
        if stands is None:
            return None  # another token has it, from before a restart: skip the number
        if stands is not release:
            return self._repeat(stands, wanted)
        return self._given(release)._replace(reused=False)

    def _release(
        self, plan: Plan, product: Product, token: str, wanted: Wanted, version: Version
    ) -> Release:
        below = self._standing.below(product, version) or NOTHING
        final = version.finalize_version()
        previous = max([below, *(each for each in (plan.newest, plan.latest) if each < final)])
        return Release(
            product,
            token,
            version,
            bump=plan.bump,
            line=wanted.line,
            metadata=wanted.metadata,
            previous=None if previous == NOTHING else previous,
            reason=plan.reason,
            given_at=int(self._clock() * 1000),
            by=wanted.by,
        )

    def _preview(self, plan: Plan, product: Product, token: str, wanted: Wanted) -> Answer:
        """What carrying the plan out would answer now."""
        number = self._standing.own(plan.series, token)
        if wanted.label and number is None:
            top = self._standing.top(product, plan.target, wanted.label)
            number = max(*self._store.heights([plan.series]), top) + 1
        if wanted.label:
            version = pre_release(plan.target, wanted.label, number or 1)
        elif number is None or plan.bump == "final":
            version = plan.target
        else:
            version = plan.target.replace(**{plan.component: number})
        release = self._release(plan, product, token, wanted, version)
        return Answer(release, version.prerelease is None and version >= plan.latest, reused=False)

    def _adopt(self, product: Product, version: Version, by: str) -> Answer:
        release, stood = self._adoption.adopt(product, version, by)
        return Answer(release, self._standing.newest(product) == version, reused=stood)


def _full(release: Release) -> str:
    """The version with its build metadata."""
    return f"{release.version}" + (f"+{release.metadata}" if release.metadata else "")


def _asked(bump: str | None, line: Line | None) -> str:
    return f"bump={bump}" + (f" on the line={line}" if line else " without a line")
