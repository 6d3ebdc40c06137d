"""Fill a store in bulk with the rows that years of requests would write.

`python -m bench.bulk URL SERIES ENTRIES` writes the series `bench-0` and `spread-N` with ledgers.
"""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from secrets import token_hex
from typing import Any, TypeAlias

from bson import Int64
from pymongo import MongoClient

from monotron.model.series import ANYONE
from monotron.store import open_store

Document: TypeAlias = dict[str, Any]

INSERT_BATCH_SIZE = 20_000
STEP = 7919
"""A prime number. Series that are requested in turn are stored far apart."""

_TOKENS = "lower(hex(randomblob(20)))"
_NUMBERS = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?)"
_HOT = """\
INSERT INTO series VALUES (1, 1, 'bench-0', ?, NULL, 1, 0, 0)"""
_SERIES = f"""\
{_NUMBERS}
INSERT INTO series SELECT n + 1, 1, 'spread-' || (n * {STEP} % ?), ?, NULL, 1, 0, 0 FROM n"""
_ENTRIES = f"""\
INSERT INTO entries (generation, value, token, created_at)
SELECT generation, n, {_TOKENS}, 1600000000 + n FROM series JOIN n ON n <= series.value"""
_CURRENT = """\
UPDATE series SET token =
(SELECT token FROM entries WHERE generation = series.generation AND entries.value = series.value)"""


def in_process(url: str, series: int, entries: int) -> None:
    """Fill a new store in a separate process, with half of *entries* in one series."""
    command = [sys.executable, "-m", "bench.bulk", url, str(series), str(entries)]
    subprocess.run(command, check=True)
    os.sync()  # otherwise the next measurement would wait for these writes


def fill_sqlite(path: str, series: int, entries: int) -> None:
    file = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -2000000"):
        file.execute(f"PRAGMA {pragma}").fetchall()
    # All indexes exist before the inserts, so that their pages are as full as after requests. The
    # pages of an index that is created afterwards are packed: almost each new token splits one.
    file.execute("BEGIN")
    hot, per_series = entries // 2, entries // 2 // series
    file.execute(_HOT, (hot,))
    file.execute(_SERIES, (series, series, per_series))
    # The join below needs a primary key to scan a range instead of the whole table.
    file.execute("CREATE TEMP TABLE n (n INTEGER PRIMARY KEY)")
    file.execute(f"{_NUMBERS} INSERT INTO temp.n SELECT n FROM n", (hot,))
    file.execute(_ENTRIES)
    file.execute("DROP TABLE temp.n")
    file.execute(_CURRENT)
    file.execute("COMMIT")
    file.close()


def fill_mongodb(url: str, series: int, entries: int) -> None:
    """Write a tenth of *entries* to `bench-0`, and one entry to each other series."""
    with MongoClient(url, w="majority") as client:
        database = client.get_default_database()
        hot = entries // 10
        spread = (_head(f"spread-{n * STEP % series}", 1) for n in range(series - 1))
        heads = chain([_head("bench-0", hot)], spread)
        for batch in _batched(heads):
            database["series"].insert_many(batch, ordered=False)
            for rows in _batched(chain.from_iterable(map(_rows, batch))):
                database["entries"].insert_many(rows, ordered=False)


def _batched(documents: Iterable[Document]) -> Iterator[list[Document]]:
    iterator = iter(documents)
    while batch := list(islice(iterator, INSERT_BATCH_SIZE)):
        yield batch


def _head(key: str, value: int) -> Document:
    return {
        "account": 1,
        "key": key,
        "generation": Int64(1),
        "value": Int64(value),
        "token": token_hex(20),
        "active": True,
    }


def _rows(head: Document) -> Iterator[Document]:
    common = {name: head[name] for name in ("account", "key", "generation")}
    common |= {"created_at": Int64(1_600_000_000), "assigned_by": ANYONE}
    for value in range(1, head["value"] + 1):
        token = head["token"] if value == head["value"] else token_hex(20)
        yield {**common, "value": Int64(value), "token": token}


def main() -> None:
    url, series, entries = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    open_store(url).close()
    if url.startswith("sqlite:///"):
        fill_sqlite(url.removeprefix("sqlite:///"), series, entries)
    else:
        fill_mongodb(url, series, entries)


if __name__ == "__main__":
    main()
