"""What the rows of an export must agree about."""

from typing import Any

from monotron.model.semver import VersionName
from monotron.model.series import FIRST_ACCOUNT, SYSTEM_ACCOUNT
from monotron.store.audit import NameState, ReleaseRow, check_release, check_summary
from monotron.store.export_rows import PARENTS, InvalidRow, Row, check_fields, position_of


class RowChecks:
    """Checks rows in the order of an export. Its memory is bounded by the accounts, and by the
    releases of one name."""

    def __init__(self) -> None:
        self.parent: Row | None = None
        """The series or name to which the next row can belong, with its fields."""
        self._last: tuple[Any, ...] = (-1,)
        self._last_child: tuple[Any, ...] = (-1,)
        self._accounts = {SYSTEM_ACCOUNT, FIRST_ACCOUNT}
        self._last_entry: Row | None = None
        self._recorded = NameState(0, 0, None, None)
        self._unique: set[tuple[object, ...]] = set()

    def add(self, row: Row) -> None:
        """Check the next row. Raises `InvalidRow`."""
        check_fields(row)
        kind, key = row["kind"], position_of(row)
        if kind in PARENTS:
            self._add_child(row, kind, key)
            return
        self.end()
        if key <= self._last:
            raise InvalidRow(f"({kind}) is a duplicate, or not in the order of an export")
        self._last, self._last_child = key, (-1,)
        self._add_top(row, kind)

    def end(self) -> None:
        """Check that the rows of the last series or name are complete. Raises `InvalidRow`."""
        parent, self.parent = self.parent, None
        if parent is None:
            return
        if parent["kind"] == "series":
            wrong = _head_contradiction(parent, self._last_entry)
        else:
            stated = NameState(*(parent[field] for field in NameState._fields))
            name = VersionName(parent["account"], parent["name"])
            wrong = " ".join(check_summary(name, stated, self._recorded))
        if wrong:
            invalid = InvalidRow(f"({parent['kind']}) contradicts the next lines. {wrong}")
            invalid.is_parent = True
            raise invalid

    def _add_top(self, row: Row, kind: str) -> None:
        if kind == "account":
            self._accounts.add(row["account"])
        elif row.get("account", SYSTEM_ACCOUNT) not in self._accounts:
            raise InvalidRow(f"({kind}) belongs to the unknown account {row['account']}")
        if kind == "token_use" and row["operations"] != sorted(set(row["operations"])):
            raise InvalidRow("(token_use) has duplicate operations, or unsorted ones")
        if kind in ("series", "name"):
            self.parent = row
            self._last_entry = None
            self._recorded = NameState(0, 0, None, None)
            self._unique = set()

    def _add_child(self, row: Row, kind: str, key: tuple[Any, ...]) -> None:
        if self.parent is None or self.parent["kind"] != PARENTS[kind]:
            raise InvalidRow(f"({kind}) follows no {PARENTS[kind]}")
        if key <= self._last_child:
            raise InvalidRow(f"({kind}) is a duplicate, or not in the order of an export")
        self._last_child = key
        if kind == "entry":
            self._last_entry = row
        elif kind == "release":
            self._add_release(row, self.parent)
        elif list(row["attributes"]) != sorted(row["attributes"]):
            raise InvalidRow("(attributes) is not in the order of an export")

    def _add_release(self, row: Row, name: Row) -> None:
        columns = (row[field] for field in ReleaseRow._fields[2:])
        wrong, _ = check_release(ReleaseRow(name["account"], name["name"], *columns))
        if wrong:
            raise InvalidRow(f"(release) is invalid. {wrong[0]}")
        keys: list[tuple[object, ...]] = []
        if row["token"] is not None:
            keys.append(("token", row["token"], row["label"], row["attempt"]))
        if row["base"] is not None:
            keys.append(("base", row["line"] or "", row["base"], row["base_use"]))
        if not self._unique.isdisjoint(keys):
            raise InvalidRow("(release) has the token or the base of another release")
        self._unique.update(keys)
        releases, withdrawn, newest, newest_token = self._recorded
        if row["withdrawn"] is not None:
            withdrawn += 1
        elif not row["label"]:
            newest, newest_token = row["version"], row["token"]
        self._recorded = NameState(releases + 1, withdrawn, newest, newest_token)


def _head_contradiction(head: Row, last: Row | None) -> str:
    series = f"The series {head['key']!r} of account {head['account']}"
    if not head["is_active"]:
        has_more = last is not None or head["token"] is not None
        return f"{series} is deleted, but has entries or a token." if has_more else ""
    if last is None or (last["value"], last["token"]) != (head["value"], head["token"]):
        return f"{series} is at {head['value']}, but its entries do not end with this value."
    return ""
