"""Stores that contain rows of all kinds, and their exports."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from io import BytesIO
from typing import get_args

from semver import Version

from monotron.errors import MonotronError
from monotron.model.allocation import AllocationRequest
from monotron.model.semver import VersionName, parse_final
from monotron.model.series import Reuse, SeriesKey
from monotron.model.versions.requests import (
    Adopt,
    Assign,
    Request,
    Reverse,
    VersionRequest,
    Withdraw,
)
from monotron.store import Store, open_store
from monotron.store.auth_interface import AuthRecord, AuthRecordKind
from monotron.store.export_format import ExportReader, write_export

BY = "key:mtk_k_AbCdEfGh"
NAME = VersionName(1, "shop")
SERIES = (SeriesKey(1, "web"), SeriesKey(1, "wéb \U0001f600"), SeriesKey(2, "web"))
FAR = 4_000_000_000
"""When the uses of identity tokens expire: seconds since the epoch, after all tests."""

Step = Callable[[Store], object]


def put(series: SeriesKey, token: str, reuse: Reuse = Reuse.ANY) -> Step:
    return lambda store: store.allocate([AllocationRequest(series, token, reuse, BY)])


def set_attributes(series: SeriesKey, token: str, *pairs: tuple[str, str]) -> Step:
    return lambda store: store.attributes.merge(series, token, dict(pairs))


def decide(request: Request) -> Step:
    return lambda store: store.releases.decide([request])


def version(token: str, bump: str, label: str | None = None) -> Step:
    parameters = VersionRequest(bump, label, assigned_by=BY)  # type: ignore[arg-type]
    return decide(Assign(NAME, token, parameters))


def adopt(text: str) -> Step:
    return decide(Adopt(NAME, parse_final(text), BY))


def withdraw(text: str) -> Step:
    return decide(Withdraw(NAME, Version.parse(text), "broken", True, BY))


def reverse(text: str) -> Step:
    return decide(Reverse(NAME, Version.parse(text), BY))


def add_record(kind: AuthRecordKind, name: str, account: int) -> Step:
    record = AuthRecord(name, account, {"b": 1, "a": [None, 1.5, "é"], "name": name})
    return lambda store: store.auth_records.add(kind, record, {"action": "create", "name": name})


def use_token(token: str, operation: str) -> Step:
    return lambda store: store.token_uses.use(token, operation, max_operations=9, expires_at=FAR)


def delete(series: SeriesKey, *, restart: bool = False) -> Step:
    return lambda store: store.delete(series, restart=restart)


def advance(series: SeriesKey, value: int) -> Step:
    return lambda store: store.advance_to(series, value, BY)


ACCOUNT = add_record("account", "2", 2)

EVERY_KIND: tuple[Step, ...] = (
    *(add_record(kind, f"{kind} 1", 2) for kind in get_args(AuthRecordKind) if kind != "event"),
    put(SERIES[0], "a"),
    put(SERIES[0], "b"),
    advance(SERIES[0], 7),
    put(SERIES[0], "c"),
    set_attributes(SERIES[0], "b", ("z", "1"), ("branch", "mäin")),
    set_attributes(SERIES[1], "a", ("only", "an attribute")),
    put(SERIES[2], "a"),
    set_attributes(SERIES[2], "a", ("gone", "with its generation")),
    delete(SERIES[2]),
    version("a", "minor"),
    version("b", "patch", "rc"),
    adopt("2.0.0"),
    version("c", "patch"),
    version("d", "major"),
    withdraw("3.0.0"),
    use_token("t" * 43, "PUT a"),
    use_token("t" * 43, "PUT b"),
)


def apply(store: Store, *steps: Step) -> Store:
    """Take the steps. Those that the store refuses have no effect."""
    for step in steps:
        with suppress(MonotronError):
            step(store)
    return store


def exported(store: Store, *, is_online: bool = False) -> bytes:
    """The export of the store."""
    target = BytesIO()
    with closing(store.transfer.export_rows(online=is_online)) as rows:
        write_export(rows, target, is_online=is_online)
    return target.getvalue()


def imported(export: bytes, url: str, increase: int = 0) -> Store:
    """Import into a new store, and return it."""
    store = open_store(url, exclusive="import")
    try:
        store.transfer.import_rows(ExportReader(BytesIO(export)).rows(), increase)
    except BaseException:
        store.close()
        raise
    return store
