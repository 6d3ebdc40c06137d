"""The limits of one series, server, store and account, each with its figure."""

from __future__ import annotations

from collections.abc import Iterator

from docs.bench_tables import MeasuredTables
from monotron.config import SETTINGS
from monotron.model.semver import MAX_NAME_LENGTH
from monotron.model.series import INT64_MAX, MAX_LENGTH
from monotron.services.batcher import MAX_WAITING, WAIT_SECONDS
from monotron.services.versions import MAX_BATCH_SIZE
from monotron.store.mongo import MongoStore
from monotron.store.mongo.remembered import MAX_REMEMBERED

MILLION = 1_000_000
SECONDS_A_YEAR = 365 * 86_400
LEDGER = 10**9
"""Entries of the largest store on the page."""


def limits(figures: MeasuredTables) -> Iterator[tuple[str, str, str, str]]:
    """The rows: the limit, its figure, what it is bound by, and what raises it."""

    def rate(part: str, name: str) -> str:
        return f"{figures.row(part, name).rps:,.0f}"

    def both(shape: str) -> str:
        sqlite = rate("sqlite", f"SQLite: {shape}")
        return f"{sqlite}/s on SQLite, {rate('mongodb', f'MongoDB, 3 nodes: {shape}')}/s on MongoDB"

    three = "MongoDB, 3 nodes"
    two = figures.row("mongodb", f"{three}, --processes 2: new tokens, one series").value
    waiting = figures.row("mongodb", f"{three}: new tokens, one series, 1 connection")
    yield (
        "new numbers of one series",
        both("new tokens, one series"),
        f"SQLite: the event loop. MongoDB: the commit, which a majority must journal "
        f"({waiting.p50_ms:.1f} ms alone), with at most {MongoStore.max_batch_size} requests each",
        "faster disks, members that are near each other, a faster core; not more servers",
    )
    yield (
        "new versions of one name",
        both("new versions of one name"),
        f"as above, with at most {MAX_BATCH_SIZE} requests a commit",
        "as above",
    )
    yield (
        "two processes, one series",
        f"{two:.2f} of one process",
        "the head: the second process repeats its transaction",
        "requests of one name to one server",
    )
    yield (
        "one server process, many series",
        both("new tokens, 10,000 series"),
        "one event loop, one core; one batch at a time",
        "`--processes`, [more servers](operations.md#several-processes-several-servers)",
    )
    yield (
        "one SQLite file",
        "one server process",
        "the lock of the file",
        "[MongoDB](operations.md#move-to-another-store)",
    )
    yield (
        "one replica set",
        f"{rate('mongodb', f'{three}: new tokens, 10,000 series, 256 connections')}/s with all "
        "nodes and the server on two cores",
        "processor and disk of the primary",
        "more cores; then [shards](#sharding)",
    )
    yield (
        "requests that wait",
        f"{MAX_WAITING:,}, each for {WAIT_SECONDS:g} s, then 503",
        "a constant of each process",
        "more servers",
    )
    yield (
        "heads that a server remembers",
        f"{MAX_REMEMBERED:,}",
        "a constant; other heads are read first, one command more",
        "requests of one name to one server",
    )
    yield (
        "one account",
        f"{_default('requests_per_account')} requests a minute, {_default('series_per_account')} "
        "series, by default",
        "[settings](configuration.md), so that an account leaves capacity to others",
        "`requests_per_account`, `series_per_account`, `attribute_bytes_per_account`; more "
        "accounts",
    )
    yield (
        "one API key, or the jobs of one repository",
        f"{_default('requests_per_key')} requests a minute, "
        f"{_default('concurrent_requests_per_key')} together, by default",
        "settings",
        "`requests_per_key`, `concurrent_requests_per_key`",
    )
    yield (
        "a value",
        f"{INT64_MAX:,}: {INT64_MAX / MILLION / SECONDS_A_YEAR:,.0f} years of {MILLION:,} a second",
        "64 bits; then `409`",
        "another name",
    )
    yield (
        "length of names, keys and tokens",
        f"{MAX_NAME_LENGTH}, {MAX_LENGTH} and {MAX_LENGTH} characters",
        "[API](api.md#limits)",
        "nothing",
    )
    yield (
        "the longest page",
        "a list page has up to 1,000 rows. `/names/{name}` takes "
        f"{figures.row('pages', 'SQLite: /names/{name}, one connection: p50').value:.1f} times "
        "as long as a peek on SQLite, "
        f"{figures.row('pages', 'MongoDB: /names/{name}, one connection: p50').value:.1f} times "
        "on MongoDB, for a name with 100,000 releases",
        "[pages take turns](decisions/0020-pages-take-turns.md)",
        "more servers",
    )
    exported = figures.row("export", "MongoDB: export of a million entries").value
    yield (
        "an export of the ledger",
        f"{exported:.0f} s for a million entries on MongoDB, so "
        f"{exported * LEDGER / MILLION / 3600:.0f} hours for {LEDGER:,}",
        "one process, one cursor",
        "[backups of MongoDB](operations.md#backup-and-restore-mongodb) instead",
    )


def _default(setting: str) -> str:
    (default,) = (each.default for each in SETTINGS if each.name == setting)
    return f"{int(default):,}"
