"""The tables of examples in docs/versions.md, run on every store."""

import asyncio
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl

import pytest

from monotron.errors import MonotronError
from monotron.model.semver import parse_final, parse_line
from monotron.model.series import ANYBODY, Reuse, SeriesKey
from monotron.services.series import SeriesService
from monotron.services.versions import VersionRequest, VersionResult, VersionService
from monotron.store import Store
from support.services import StoreServices

PAGE = (Path(__file__).parents[2] / "docs/versions.md").read_text()
NAME = "some-great-service"


class Example(NamedTuple):
    before: list[str]
    request: str
    body: str
    answer: str


def examples() -> list[Example]:
    """The rows of all tables whose first column is `before`."""
    found = []
    for table in re.findall(r"^\| before \|.*\n\| ---.*\n((?:\|.*\n)+)", PAGE, re.MULTILINE):
        for row in table.splitlines():
            before, request, *body, answer = re.split(r" *\| *", row.strip("|").strip(" "))
            found.append(Example(words(before), words(request)[0], "".join(body), answer))
    assert len(found) == len(re.findall(r"^\| .*`.* \|$", PAGE, re.MULTILINE))
    return found


def words(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]*)`", cell)


def wanted(query: str) -> VersionRequest:
    asked = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    known = VersionRequest(
        bump=asked.pop("bump", "patch"),  # type: ignore[arg-type]
        label=asked.pop("prerelease", None),
        line=parse_line(asked.pop("line")) if "line" in asked else None,
        metadata=asked.pop("metadata", None),
        initial=parse_final(asked.pop("initial")) if "initial" in asked else None,
        reuse_on_conflict=asked.pop("on_conflict", "fail") == "reuse",
        initial_development=asked.pop("initial_development", "true") == "true",
        dry_run=asked.pop("dry_run", "false") == "true",
    )
    assert not asked
    return known


async def prepare(series: SeriesService, versions: VersionService, request: str) -> None:
    """Carry out what happened before: by hand, or as a request."""
    if by_hand := re.fullmatch(r"([\w.-]+)([=/])(\w+)", request):
        scope, how, what = by_hand.groups()
        key = SeriesKey(1, f"{NAME}-{scope}")
        if how == "=":
            await series.advance_to(key, int(what), ANYBODY)
        else:
            await series.next(key, what, Reuse.CURRENT, ANYBODY)
    else:
        await ask(versions, request)


async def ask(versions: VersionService, request: str, body: str = "") -> VersionResult:
    if request[0].isdigit():
        return await versions.adopt(1, NAME, parse_final(request), ANYBODY)
    token, _, query = request.partition("?")
    text = body.replace(r"\n", "\n").replace(r"\0", "\0").encode()
    return await versions.next(1, NAME, token, wanted(query), text)


def told(answer: VersionResult) -> str:
    """The answer as the table writes it, with all that it may say of it."""
    release = answer.release
    metadata = f"+{release.metadata}" if release.metadata else ""
    previous = f", previous `{release.previous}`" if release.previous else ""
    reused = ", reused" if answer.reused else ""
    latest = "" if answer.latest else ", not latest"
    return f"`{release.version}{metadata}`{previous}{reused}{latest}"


@pytest.mark.parametrize("example", examples(), ids=lambda each: f"{each.before} {each.request}")
def test_an_example_of_the_documentation_is_true(example: Example, store: Store) -> None:
    async def run() -> str:
        services = StoreServices(store)
        series, versions = services.series, services.versions
        for request in example.before:
            await prepare(series, versions, request)
        try:
            return told(await ask(versions, example.request, "".join(words(example.body))))
        except MonotronError as error:
            return f"`{error.status} {error.code}`"

    answer = asyncio.run(run())
    if "previous" not in example.answer:
        answer = re.sub(r", previous `[^`]*`", "", answer)
    assert answer == example.answer


def test_the_page_has_examples_of_every_bump_and_parameter() -> None:
    requests = " ".join(example.request for example in examples())
    for word in ("minor", "major", "final", "auto", "prerelease", "line", "metadata", "initial",
                 "on_conflict", "initial_development"):  # fmt: skip
        assert re.search(rf"[?&=]{word}\b", requests), word
