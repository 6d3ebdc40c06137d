"""Audit events in the log: who changed credentials, accounts and what was assigned.

They are logged after the change is durable. The store records those of accounts, API keys, trust
policies, badges and withdrawals, too (`monotron.auth.events`), with equal actions and subjects.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from monotron.log_lines import PIPE_BUF_BYTES, shortened
from monotron.redaction import redact_log

AUDIT_LOGGER = "monotron.audit"
log = logging.getLogger(AUDIT_LOGGER)

EVENTS = {
    ("create", "account"): ("after",),
    ("update", "account"): ("before", "after"),
    ("create", "api_key"): ("granted",),
    ("rotate", "api_key"): ("granted", "replaces"),
    ("delete", "api_key"): ("granted",),
    ("create", "trust"): ("granted",),
    ("delete", "trust"): ("granted",),
    ("create", "badge"): ("name",),
    ("delete", "badge"): ("name",),
    ("advance", "series"): ("value",),
    ("delete", "series"): ("restart",),
    ("adopt", "release"): (),
    ("withdraw", "release"): ("reason", "commits"),
    ("restore", "release"): (),
}
"""The details of each event, by action and subject. docs/operations.md lists them."""

_MAX_DETAILS_BYTES = PIPE_BUF_BYTES - 768
"""The other members of a line are shorter than the rest."""


class Caller(NamedTuple):
    """Where a change came from."""

    request_id: str
    client: str
    """The address of the client."""


NO_CALLER = Caller("", "")
caller: ContextVar[Caller] = ContextVar("caller", default=NO_CALLER)
"""The caller of the current request."""


class Change:
    """A change that is being made."""

    happened = True
    """Whether anything was changed. Set it to False if everything was as requested already."""


@contextmanager
def audited(
    principal: str, account: int, action: str, subject: str, subject_id: str, /, **details: object
) -> Iterator[Change]:
    """Log the change that the block makes, after it.

    If the block raises an error with an unknown outcome, the event states `"applied": "unknown"`.
    A block that changed nothing logs nothing. *details* are those in `EVENTS`, without secrets.
    """
    if tuple(details) != EVENTS[action, subject]:
        raise ValueError(f"{action} {subject} has the details {EVENTS[action, subject]}")
    change = Change()
    applied = "yes"
    try:
        yield change
    except BaseException as error:
        # An error that is not one of Monotron's can occur before and after a commit.
        applied = getattr(error, "applied", "unknown")
        raise
    finally:
        if change.happened and applied != "no":
            request_id, client = caller.get()
            members = {
                "request_id": redact_log(request_id),  # a client may have chosen it
                "client": client,
                "principal": principal,
                "account": account,
                "action": action,
                "subject": subject,
                **shortened({"subject_id": subject_id, **details}, _MAX_DETAILS_BYTES),
                "applied": applied,
            }
            log.info("audit", extra={"members": members})
