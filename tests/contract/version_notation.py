"""The notation of docs/versions.md: tables of requests for versions and of their responses.

A row has what happened before, a request, perhaps the body of it, and the response:

- `1.2.57` adopts that version, and `a?bump=minor` requests a version for the token `a`;
- `minor-v1=3` advances that series of the name to 3, and `minor-v1/a` assigns a value to `a`;
- `delete minor-v1` deletes the series, and `restart minor-v1` lets it start at 1 again;
- `withdraw 1.3.0` withdraws that version, and `reverse 1.3.0` reverses it;
- `on 2026-11-28` sets the date of the clock of the store.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from monotron.errors import MonotronError
from monotron.model.calendar_versions import parse_calendar
from monotron.model.commit_rules import CommitRules
from monotron.model.conventional_commits import decide
from monotron.model.semver import (
    ZERO_VERSION,
    Final,
    VersionName,
    parse_final,
    parse_line,
    parse_version,
    sort_key_range,
)
from monotron.model.series import ANYONE, Reuse, SeriesKey
from monotron.model.versions.requests import (
    Adopt,
    Assign,
    Request,
    VersionRequest,
    VersionResult,
)
from monotron.store import Store
from support.services import StoreServices

NAME = "some-great-service"

OTHER_TABLES = "version|you want|`calendar`"
"""The first columns of tables without examples: of spellings, of bumps and of calendar formats."""


class Clock:
    """A clock whose date a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def set_date(self, date: str) -> None:
        self.now = datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp()


class Row(NamedTuple):
    """One example."""

    before: list[str]
    request: str
    body: str
    response: str

    def __str__(self) -> str:
        return " ".join([*self.before, self.request]) + (f" {self.body[:20]}" if self.body else "")

    @property
    def has_date(self) -> bool:
        """Whether the example sets the date."""
        return any(step.startswith("on ") for step in self.before)


def rows(text: str) -> list[Row]:
    """The rows of all tables whose first column is `before`.

    Only the tables of OTHER_TABLES, and those of messages, have other rows
    (tests/unit/conventional_commits/test_documented_messages.py).
    """
    text = re.sub(rf"^\| ({OTHER_TABLES}) \|.*\n(?:\|.*\n)+", "", text, flags=re.MULTILINE)
    result = []
    text = re.sub(r"^\| messages \|(?:.*\|\n)+", "", text, flags=re.MULTILINE)
    for table in re.findall(r"^\| before \|.*\n\| ---.*\n((?:\|.*\n)+)", text, re.MULTILINE):
        for line in table.splitlines():
            before, request, *body, response = re.split(r" *\| *", line.strip("|").strip(" "))
            body_text = "".join(code(*body)).replace(r"\n", "\n").replace(r"\0", "\0")
            result.append(Row(code(before), code(request)[0], body_text, response))
    assert len(result) == len(re.findall(r"^\| .*`.* \|$", text, re.MULTILINE))
    return result


def code(*cells: str) -> list[str]:
    """The parts of the cells that are in backticks."""
    return re.findall(r"`([^`]*)`", "".join(cells))


def parse_request(query: str) -> VersionRequest:
    parameters = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    version = parse_final(parameters.pop("version")) if "version" in parameters else None
    bump = parameters.pop("bump", "patch" if version is None else "exact")
    label = parameters.pop("prerelease", None)
    initial = parameters.pop("initial", None)
    request = VersionRequest(
        bump=bump,  # type: ignore[arg-type]
        label=None if bump == "final" else label,
        promote=label if bump == "final" else None,
        version=version,
        calendar=parse_calendar(parameters.pop("calendar", "YYYY.M")),
        new_if_withdrawn=parameters.pop("on_withdrawn", "fail") == "new",
        line=parse_line(parameters.pop("line")) if "line" in parameters else None,
        metadata=parameters.pop("metadata", None),
        initial=parse_final(initial) if initial and initial != "required" else None,
        initial_required=initial == "required",
        reuse_on_conflict=parameters.pop("on_conflict", "fail") == "reuse",
        initial_development=parameters.pop("initial_development", "true") == "true",
        commit_rules=commit_rules(parameters),
        base=base(parameters.pop("base", None)),
        dry_run=parameters.pop("dry_run", "false") == "true",
    )
    assert not parameters
    return request


def store_request(account: int, request: str, messages: str = "") -> Request:
    """A request for a version, or an adoption, as a store receives it."""
    name = VersionName(account, NAME)
    if request[0].isdigit():
        return Adopt(name, parse_final(request), ANYONE)
    token, _, query = request.partition("?")
    parameters = parse_request(query)
    is_auto = parameters.bump == "auto"
    commits = decide(messages, parameters.commit_rules) if is_auto else None
    return Assign(name, token, parameters, commits)


def commit_rules(parameters: dict[str, str]) -> CommitRules:
    """Remove the parameters that affect how commits are read."""
    minor_types = parameters.pop("minor_types", "feat")
    skip_types = parameters.pop("skip_types", "")
    return CommitRules(
        skip_types=frozenset(skip_types.split(",")) if skip_types else frozenset(),
        minor_types=frozenset(minor_types.split(",")),
        strict=parameters.pop("commits", "lenient") == "strict",
    )


def base(text: str | None) -> Final | None:
    if text == "none":
        return ZERO_VERSION
    return None if text is None else parse_final(text)


class Notation:
    """Carries out requests in this notation, on one account of a store."""

    def __init__(self, store: Store, account: int = 1, clock: Clock | None = None) -> None:
        """*clock* is that of the store, if steps set its date."""
        self.store = store
        self.account = account
        self.clock = clock
        self.services = StoreServices(store)
        self.series, self.versions = self.services.series, self.services.versions

    def key(self, suffix: str) -> SeriesKey:
        return SeriesKey(self.account, f"{NAME}-{suffix}")

    async def prepare(self, request: str) -> None:
        """Carry out a request, or a change of a series."""
        if request.startswith("withdraw "):
            version = parse_version(request.partition(" ")[2])
            await self.versions.withdraw(
                self.account, NAME, version, "wrong", ignore_commits=False, by=ANYONE
            )
        elif request.startswith("reverse "):
            version = parse_version(request.partition(" ")[2])
            await self.versions.reverse_withdrawal(self.account, NAME, version, ANYONE)
        elif request.startswith("on "):
            assert self.clock
            self.clock.set_date(request.partition(" ")[2])
        elif request.startswith(("delete ", "restart ")):
            operation, _, suffix = request.partition(" ")
            await self.series.delete(self.key(suffix), restart=operation == "restart")
        elif match := re.fullmatch(r"([\w.-]+)([=/])(\w+)", request):
            suffix, operator, operand = match.groups()
            if operator == "=":
                await self.series.advance_to(self.key(suffix), int(operand), ANYONE)
            else:
                await self.series.next(self.key(suffix), operand, Reuse.CURRENT, ANYONE)
        else:
            await self.result(request)

    async def result(self, request: str, body: str = "", *, dry_run: bool = False) -> VersionResult:
        if request[0].isdigit():
            return await self.versions.adopt(self.account, NAME, parse_final(request), ANYONE)
        token, _, query = request.partition("?")
        parsed = parse_request(query)
        if dry_run:
            parsed = parsed._replace(dry_run=True)
        return await self.versions.next(self.account, NAME, token, parsed, body.encode())

    async def response(self, request: str, body: str = "", *, dry_run: bool = False) -> str:
        """The response as a table contains it, or the status and code of the error."""
        try:
            return describe(await self.result(request, body, dry_run=dry_run))
        except MonotronError as error:
            applied = "" if error.applied == "no" else ", perhaps applied"
            return f"`{error.status} {error.code}`{applied}"

    async def version(self, request: str, body: str = "") -> str:
        """The version, or the code of the error."""
        try:
            return str((await self.result(request, body)).release.version)
        except MonotronError as error:
            return error.code

    def state(self) -> list[Any]:
        """All releases, series and ledgers of the name."""
        store = self.store
        series = store.series_page(self.account, f"{NAME}-", "", 1000)
        keys = [SeriesKey(self.account, entry.key) for entry in series]
        releases = store.releases.page(
            VersionName(self.account, NAME), sort_key_range(), None, 1000
        )
        return [releases, series, *(store.ledger_page(key, 1 << 63, 1000) for key in keys)]


def describe(result: VersionResult) -> str:
    """A result as a table contains it, with everything that the table can express."""
    release = result.release
    if not result.changed:
        version = "" if release.target == ZERO_VERSION else f" `{release.version_text}`"
        return f"no release{version}"
    metadata = f"+{release.metadata}" if release.metadata else ""
    previous = f", previous `{release.previous}`" if release.previous else ""
    reused = ", reused" if result.reused else ""
    latest = "" if result.latest.overall else ", not latest"
    note = ", with a note" if result.notes else ""
    return f"`{release.version_text}{metadata}`{previous}{reused}{latest}{note}"


async def check(row: Row, store: Store, clock: Clock | None = None) -> None:
    """Check the response, and that of a dry run.

    A dry run and a refused request change nothing.
    """
    notation = Notation(store, clock=clock)
    for request in row.before:
        await notation.prepare(request)
    before = notation.state()
    is_adoption = row.request[0].isdigit()
    previews = [] if is_adoption else [await notation.response(row.request, row.body, dry_run=True)]
    assert notation.state() == before
    response = await notation.response(row.request, row.body)
    if response.startswith("`4"):
        assert notation.state() == before
    assert previews in ([], [response])
    if "previous" not in row.response:
        response = re.sub(r", previous `[^`]*`", "", response)
    assert response == row.response, response
