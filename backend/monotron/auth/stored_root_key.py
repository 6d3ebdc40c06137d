"""The root key in a store: a server with the setting `init_root_key` creates it.

The record never changes, and is never removed. So a store that has one is never open, and a server
reads it once, at its start.
"""

import logging
import time

from monotron.auth.authenticator import RootKey
from monotron.auth.key_format import NewKey, digest, new_key
from monotron.errors import StoreUnavailable
from monotron.model.series import FIRST_ACCOUNT
from monotron.services.executor import StoreExecutor
from monotron.store import Store
from monotron.store.auth_interface import AuthRecord

log = logging.getLogger("monotron.auth")

MAX_ATTEMPTS = 3
"""Attempts to store the key while it is unknown whether an earlier one was applied."""

_NAME = "root"
"""The name of the only record of its kind: of several servers, one creates it."""


async def stored_root_key(store: Store, executor: StoreExecutor) -> RootKey | None:
    """The root key in the store, or None."""
    record = await executor.run(store.auth_records.find, "root_key", _NAME)
    return None if record is None else RootKey(record.body["key"], record.body["digest"])


async def create_root_key(
    store: Store, executor: StoreExecutor
) -> tuple[RootKey | None, NewKey | None]:
    """Create the root key of the store, which contains only its hash.

    Returns the stored root key, and the new one with its secret; None instead of the latter if
    another server created it first. Raises StoreUnavailable or StorageFull.
    """
    created = new_key()
    body = {
        "key": created.name,
        "digest": digest(created.secret),
        "created_at": int(time.time()),
    }
    record = AuthRecord(_NAME, FIRST_ACCOUNT, body)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            await executor.run(store.auth_records.add, "root_key", record)
            break
        except StoreUnavailable as error:
            # If it was applied, no one would ever learn the secret.
            if error.applied == "no" or attempt == MAX_ATTEMPTS:
                raise
    stored = await stored_root_key(store, executor)
    if stored is None or stored.key != created.name:
        return stored, None
    log.info("created the root key %s in the store", created.name)
    return stored, created
