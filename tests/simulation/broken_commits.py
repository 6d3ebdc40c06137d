"""Deliberately broken MongoDB stores: commits, sessions and orphans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError

from monotron.errors import StoreUnavailable
from monotron.store.mongo import MongoStore
from monotron.store.mongo.deadline import Deadline
from monotron.store.mongo.transactions import HasWritten, Transactions, always
from simulation.failures import TRANSIENT, UNKNOWN


class CommitOnce(Transactions):
    """Commits once. *is_failure* decides which errors count as an aborted transaction."""

    def is_failure(self, error: PyMongoError) -> bool:
        return not error.has_error_label(UNKNOWN)

    def commit(self, session: Any, deadline: Deadline, *, writes: bool) -> bool:
        try:
            with deadline.attempt():
                session.commit_transaction()
        except PyMongoError as error:
            if error.has_error_label(TRANSIENT) or self.is_failure(error):
                return False
            return super().commit(session, deadline, writes=writes)
        return True


class UnlabeledErrorIsFailure(MongoStore):
    """A commit error without a label counts as not applied: the transaction is repeated."""

    transactions_type = CommitOnce


class CommitNeverRepeated(CommitOnce):
    def is_failure(self, error: PyMongoError) -> bool:
        return True


class CommitNotRepeated(MongoStore):
    """After any error of a commit, the transaction is repeated instead of the commit."""

    transactions_type = CommitNeverRepeated


class CommitErrorIgnored(Transactions):
    def commit(self, session: Any, deadline: Deadline, *, writes: bool) -> bool:
        try:
            with deadline.attempt():
                session.commit_transaction()
        except PyMongoError as error:
            return not error.has_error_label(TRANSIENT)
        return True


class DoubtIsSuccess(MongoStore):
    """After an error of a commit that may have been applied, the request is answered."""

    transactions_type = CommitErrorIgnored


class CommitErrorIsNo(Transactions):
    def commit(self, session: Any, deadline: Deadline, *, writes: bool) -> bool:
        try:
            with deadline.attempt():
                session.commit_transaction()
        except PyMongoError as error:
            if error.has_error_label(TRANSIENT):
                return False
            raise StoreUnavailable("The commit failed.") from error
        return True


class DoubtIsNo(MongoStore):
    """An error of a commit that may have been applied is reported as not applied."""

    transactions_type = CommitErrorIsNo


class CommitErrorIsUnknown(Transactions):
    def commit(self, session: Any, deadline: Deadline, *, writes: bool) -> bool:
        try:
            with deadline.attempt():
                session.commit_transaction()
        except PyMongoError as error:
            raise StoreUnavailable("The commit failed.").in_doubt() from error
        return True


class SurvivingOrphans(Transactions):
    def _end_orphans(self, deadline: Deadline) -> None:
        pass


class OrphansNeverKilled(MongoStore):
    """A transaction that a server abandoned keeps its locks."""

    transactions_type = SurvivingOrphans


class FreshSessions(Transactions):
    def run(
        self,
        body: Callable[[ClientSession], Any],
        deadline: Deadline | None = None,
        *,
        writes: HasWritten = always,
    ) -> Any:
        session = self._client.start_session(causal_consistency=False)
        return self._repeat(session, body, deadline or self.start_deadline(), writes=writes)


class SessionsNotReused(MongoStore):
    """Each batch has a session of its own."""

    transactions_type = FreshSessions
