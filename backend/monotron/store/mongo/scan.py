"""Reads whole collections in pages, in the order of an index. Each page is one transaction."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, TypeAlias, TypeVar

from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from monotron.store.mongo.client import Document
from monotron.store.mongo.transactions import Transactions

Result = TypeVar("Result")
Documents: TypeAlias = "Collection[Document]"
Page: TypeAlias = list[tuple[Document, Document]]
"""Each row of a page, after the row before it. The first row follows an empty document."""

ROWS_PER_PAGE = 1000


def pages(
    transactions: Transactions,
    documents: Documents,
    order: Sequence[str],
    check: Callable[[Page, ClientSession], Result],
    *,
    size: int | None = None,
    fields: Sequence[str] | None = None,
    condition: Document | None = None,
) -> Iterator[Result]:
    """Call *check* in the transaction of each page of matching documents. Yield its results.

    Documents with equal values of *order* are in one page. By default, they have all fields,
    otherwise *fields* and those of *order*.
    """
    projection = None if fields is None else {"_id": 0} | dict.fromkeys((*order, *fields), 1)
    limit = size or ROWS_PER_PAGE
    last: Document = {}

    def read(session: ClientSession) -> tuple[list[Document], bool, Result]:
        unread = {**(condition or {}), **(after(last, order) if last else {})}
        cursor = documents.find(unread, projection, limit=limit, session=session)
        rows = list(cursor.sort([(field, ASCENDING) for field in order]))
        is_end = len(rows) < limit
        if not is_end:
            end = values_of(rows[-1], order)
            rows = [row for row in rows if values_of(row, order) != end] or rows
        return rows, is_end, check(list(pairwise([last, *rows])), session)

    is_end = False
    while not is_end:
        rows, is_end, result = transactions.read(read)
        yield result
        last = rows[-1] if rows else last


def rows(
    transactions: Transactions,
    documents: Documents,
    order: Sequence[str],
    fields: Sequence[str],
    condition: Document | None = None,
) -> Iterator[Document]:
    """Yield all matching documents, with the given fields."""
    for page in pages(
        transactions, documents, order, lambda page, _: page, fields=fields, condition=condition
    ):
        yield from (row for _, row in page)


def values_of(row: Document, fields: Sequence[str]) -> tuple[Any, ...]:
    """Return the values of these fields."""
    return tuple(row.get(field) for field in fields)


def after(row: Document, order: Sequence[str]) -> Document:
    """Match the rows after this one. Null sorts first, and `$gt` does not compare it."""
    return {
        "$or": [
            {each: row.get(each) for each in order[:depth]}
            | {field: {"$ne": None} if row.get(field) is None else {"$gt": row[field]}}
            for depth, field in enumerate(order)
        ]
    }
