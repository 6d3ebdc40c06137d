"""The rows of an export: their kinds, fields and order."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, get_args

from monotron.model.series import INT64_MAX, MAX_LENGTH
from monotron.store.auth_interface import AuthRecordKind

Row: TypeAlias = dict[str, Any]
"""The `kind` of the row, then the fields of `FIELDS` in their order."""

Identity: TypeAlias = tuple[int | str, ...]
"""Identifies a series or a name: its account and key, in MongoDB also its generation."""

IdentifiedRows: TypeAlias = Iterator[tuple[Identity, Row]]

MAX_TIME = 253_402_300_799
"""The last second of the year 9999."""

Check: TypeAlias = Callable[[object], bool]


def _is_number(value: object) -> bool:
    return type(value) is int and 0 <= value <= INT64_MAX


def _is_positive(value: object) -> bool:
    return type(value) is int and 1 <= value <= INT64_MAX


def _is_time(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_TIME


def _is_name(value: object) -> bool:
    return type(value) is str and 1 <= len(value) <= MAX_LENGTH


def _is_text(value: object) -> bool:
    return type(value) is str


def _is_flag(value: object) -> bool:
    return type(value) is bool


def _is_object(value: object) -> bool:
    return type(value) is dict


def _is_attributes(value: object) -> bool:
    return isinstance(value, dict) and bool(value) and all(map(_is_text, value.values()))


def _is_operations(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_name, value))


def _optional(check: Check) -> Check:
    return lambda value: value is None or check(value)


_WITHDRAWAL: dict[str, Check] = {
    "at": _is_number,
    "by": _is_text,
    "reason": _is_text,
    "ignore_commits": _is_flag,
    "replaced": _is_flag,
    "releases": _is_number,
}


def _is_withdrawal(value: object) -> bool:
    return isinstance(value, dict) and not _wrong_field(value, _WITHDRAWAL)


_AUTH_RECORD: dict[str, Check] = {"name": _is_text, "account": _is_number, "body": _is_object}
_RELEASE: dict[str, Check] = {
    "token": _optional(_is_name),
    "label": _is_text,
    "sort_key": _is_text,
    "version": _is_name,
    "bump": _optional(_is_text),
    "line": _optional(_is_text),
    "metadata": _optional(_is_text),
    "previous": _optional(_is_text),
    "previous_token": _optional(_is_text),
    "reason": _optional(_is_text),
    "created_at": _is_number,
    "assigned_by": _optional(_is_text),
    "attempt": _is_number,
    "base": _optional(_is_text),
    "base_use": _is_number,
    "position": _is_number,
    "withdrawn": _optional(_is_withdrawal),
}

FIELDS: Mapping[str, Mapping[str, Check]] = {
    **dict.fromkeys(get_args(AuthRecordKind), _AUTH_RECORD),
    "series": {
        "account": _is_number,
        "key": _is_name,
        "value": _is_number,
        "token": _optional(_is_name),
        "is_active": _is_flag,
        "updated_at": _is_number,
    },
    "entry": {
        "value": _is_positive,
        "token": _optional(_is_name),
        "created_at": _is_number,
        "assigned_by": _optional(_is_text),
    },
    "attributes": {"token": _is_name, "attributes": _is_attributes},
    "name": {
        "account": _is_number,
        "name": _is_name,
        "revision": _is_positive,
        "releases": _is_number,
        "withdrawn": _is_number,
        "newest": _optional(_is_text),
        "newest_token": _optional(_is_text),
    },
    "release": _RELEASE,
    "token_use": {"token": _is_name, "expires_at": _is_time, "operations": _is_operations},
}
"""The kinds of rows in their order, and the checks of their fields.

The entries and then the attributes of a series follow its row, and the releases of a name follow
its row. `attributes` are those of one token. Rows of a kind are sorted by the fields of `_KEYS`.
"""

PARENTS = {"entry": "series", "attributes": "series", "release": "name"}
"""The kind of the row to which rows of a kind belong."""

_KEYS = {
    **dict.fromkeys(get_args(AuthRecordKind), ("name",)),
    "series": ("account", "key"),
    "entry": ("value",),
    "attributes": ("token",),
    "name": ("account", "name"),
    "release": ("sort_key",),
    "token_use": ("token",),
}

_CHECKS = {kind: {"kind": _is_text, **fields} for kind, fields in FIELDS.items()}
_RANKS = {kind: rank for rank, kind in enumerate(FIELDS)}


class InvalidRow(Exception):
    """Raised for a row that contradicts the format or other rows."""

    is_parent = False
    """Whether the contradiction is in the last series or name, not in the row that was added."""


def check_fields(row: Row) -> None:
    """Check that the kind is known, and that its fields are valid. Raises `InvalidRow`."""
    kind = row["kind"]
    checks = _CHECKS.get(kind)
    if checks is None:
        raise InvalidRow(f"has the unknown kind {kind!r}")
    if wrong := _wrong_field(row, checks):
        raise InvalidRow(f"({kind}) has an invalid `{wrong}`")


def _wrong_field(row: Mapping[str, Any], checks: Mapping[str, Check]) -> str:
    """The first field that is missing, invalid, or not in its place. Empty if there is none."""
    if tuple(row) != tuple(checks):
        return next((field for field in checks if field not in row), "order of fields")
    for field, check in checks.items():
        if not check(row[field]):
            return field
    return ""


def position_of(row: Row) -> tuple[Any, ...]:
    """The rank of the kind, and the fields by which its rows, of one parent if any, are sorted."""
    kind = row["kind"]
    return _RANKS[kind], *(row[field] for field in _KEYS[kind])


def nested(parents: IdentifiedRows, *children: IdentifiedRows) -> Iterator[Row]:
    """Yield each parent, and after it those of its children that have its identity.

    All iterators are sorted by identity. Children of an earlier generation are omitted: they will
    be deleted. Raises `InvalidRow` for children without a parent.
    """
    waiting = [next(each, None) for each in children]
    for identity, row in parents:
        yield row
        for position, rows in enumerate(children):
            child = waiting[position]
            while child is not None and child[0] <= identity:
                if child[0] == identity:
                    yield child[1]
                elif child[0][:2] != identity[:2]:
                    raise _orphan(*child)
                child = next(rows, None)
            waiting[position] = child
    for child in waiting:
        if child is not None:
            raise _orphan(*child)


def _orphan(identity: Identity, row: Row) -> InvalidRow:
    account, name = identity[:2]
    kind = row["kind"]
    return InvalidRow(f"({kind}) belongs to no {PARENTS[kind]} {name!r} of account {account}")
