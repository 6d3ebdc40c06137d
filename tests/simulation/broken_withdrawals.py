"""Deliberately broken stores of versions: withdrawals, bases and calendar versions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any
from unittest.mock import patch

from monotron.errors import BaseOutdated
from monotron.model.semver import Release
from monotron.model.versions import calendar
from monotron.model.versions.batch import Results, decide_all
from monotron.model.versions.changes import Writes
from monotron.model.versions.requests import Assign, Decision, Request, Reverse, Withdraw
from monotron.model.versions.rules import decide
from monotron.model.versions.state import State
from monotron.store.mongo import MongoStore
from monotron.store.mongo.releases import MongoReleases, _withdrawal
from monotron.store.mongo.version_facts import of_name
from monotron.store.sqlite.releases import SqliteReleases
from monotron.store.sqlite.store import SqliteStore


def without_restarts(state: State, request: Request) -> Decision:
    decision = decide(state, request)
    return decision._replace(change=decision.change._replace(restarts=()))


class SeriesKept(SqliteReleases):
    rule = staticmethod(without_restarts)


class WithdrawalKeepsSeries(SqliteStore):
    """The series do not continue after their values before a version that is withdrawn."""

    releases_type = SeriesKept


def without_summaries(state: State, request: Request) -> Decision:
    decision = decide(state, request)
    if isinstance(request, Withdraw):
        return decision._replace(change=decision.change._replace(summaries=()))
    return decision


class SummaryKept(SqliteReleases):
    rule = staticmethod(without_summaries)


class WithdrawalKeepsSummary(SqliteStore):
    """A withdrawn version remains the newest one in the summary."""

    releases_type = SummaryKept


def without_replaced(state: State, request: Request) -> Decision:
    decision = decide(state, request)
    if isinstance(request, Assign):
        return decision._replace(change=decision.change._replace(replaced=()))
    return decision


class ReplacedNotMarked(MongoReleases):
    rule = staticmethod(without_replaced)


class ReversalAfterNewVersion(MongoStore):
    """A withdrawal can be reversed after the token was assigned a new version."""

    releases_type = ReplacedNotMarked


class DeferredWithdrawals(MongoReleases):
    later: Sequence[Release] = ()

    def decide(self, requests: Sequence[Request]) -> Results:
        results = super().decide(requests)
        if any(isinstance(request, Withdraw | Reverse) for request in requests):
            releases, self.later = self.later, ()
            self._transactions.run(partial(self._replace, releases))
        return results

    def _write(self, writes: Writes, *args: Any) -> None:
        if writes.events:  # a withdrawal or its reversal
            self.later = writes.replaced
            writes = writes._replace(replaced=())
        super()._write(writes, *args)

    def _replace(self, releases: Sequence[Release], session: Any) -> None:
        for release in releases:
            key = {**of_name(release.name), "sort_key": release.sort_key}
            self._releases.update_one(key, {"$set": _withdrawal(release)}, session=session)


class WithdrawalAfterCommit(MongoStore):
    """A withdrawal is recorded by a second transaction, and lost if the server ends between."""

    releases_type = DeferredWithdrawals


def without_base(state: State, request: Request) -> Decision:
    if isinstance(request, Assign):
        request = request._replace(parameters=request.parameters._replace(base=None))
    return decide(state, request)


class BaseReadBefore(MongoReleases):
    """Compares the base before the transaction, as a client would with GET and PUT."""

    rule = staticmethod(without_base)

    def decide(self, requests: Sequence[Request]) -> Results:
        def check(session: Any) -> Results:
            read = self._reader(session).read
            now = self._runtime.now_ms()
            return [decide_all(State(now, self._quotas), [each], read)[0] for each in based]

        based = [each for each in requests if isinstance(each, Assign) and each.parameters.base]
        checked: dict[Request, Any] = {}
        if based:
            checked = dict(zip(based, self._transactions.read(check), strict=True))
        outdated = {each for each in based if isinstance(checked[each], BaseOutdated)}
        results = iter(super().decide([each for each in requests if each not in outdated]))
        return [checked[each] if each in outdated else next(results) for each in requests]


class BaseNotInTransaction(MongoStore):
    """The base is not compared in the transaction that assigns the version."""

    releases_type = BaseReadBefore


def by_the_clock_alone(state: State, request: Request) -> Decision:
    with patch.object(calendar, "_is_earlier", return_value=False):
        return decide(state, request)


class ClockFollowed(SqliteReleases):
    rule = staticmethod(by_the_clock_alone)


class CalendarFollowsClock(SqliteStore):
    """Calendar versions follow the clock backwards into an earlier period."""

    releases_type = ClockFollowed
