"""The versions of all git tags of a project, and how they are recorded with their commits."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from monotron.cli.output import count_text
from monotron_ci.client import Client
from monotron_ci.errors import Failure
from monotron_ci.version_tags import version_tags

MAX_PAGE_SIZE = 1000
"""The maximum of `limit` in the API."""

Numbers = tuple[int, int, int]
"""Major, minor and patch."""

_PRE_RELEASE = re.compile(r"([0-9.]+)-([0-9A-Za-z-]*[A-Za-z-][0-9A-Za-z-]*)\.([1-9][0-9]{0,17})")
"""The form of pre-releases that Monotron assigns: a label, and a number from 1."""

MAX_LABEL_LENGTH = 40

MAX_NAMED_VERSIONS = 20
"""The number of versions that a dry run names."""


class TaggedVersion(NamedTuple):
    """A final version, and the commit of its tag."""

    numbers: Numbers
    text: str
    """Without build metadata."""
    metadata: str
    commit: str | None
    """None if a higher version has a tag on this commit: a token has one version."""


class TaggedPreRelease(NamedTuple):
    """The last pre-release of a target and a label, and the commit of its tag."""

    target: Numbers
    label: str
    number: int
    commit: str

    @property
    def text(self) -> str:
        return f"{_text(self.target)}-{self.label}.{self.number}"


class TagHistory(NamedTuple):
    """What the tags of a repository show, each in ascending order."""

    versions: list[TaggedVersion]
    """All up to the one that the name continues from, also those of maintenance lines."""
    pre_releases: list[TaggedPreRelease]
    """Of targets that have no tag."""
    others: int
    """The number of tags of other pre-releases, such as `1.3.0-beta`. Monotron assigns no such
    version."""
    newest: Numbers
    """The version that the name continues from."""

    def describe(self) -> tuple[str, ...]:
        """What would be recorded, as notes of a command."""
        texts = [version.text for version in self.versions]
        passed: list[str] = []
        for each in self.pre_releases:
            (texts if _bump(self.newest, each.target) else passed).append(each.text)
        notes = [f"versions to record: {_listed(texts)}"]
        if passed:
            notes.append(f"pre-releases that are only never assigned again: {_listed(passed)}")
        return (*notes, *self.ignored())

    def ignored(self) -> tuple[str, ...]:
        """A note about other pre-releases, if there are any."""
        if not self.others:
            return ()
        return (f"ignored {count_text(self.others, 'tag')} of pre-releases of another form",)


def _listed(texts: list[str]) -> str:
    shown = texts[-MAX_NAMED_VERSIONS:]
    more = f"{len(texts) - len(shown)} others, " if len(texts) > len(shown) else ""
    return f"{more}{', '.join(shown)}"


def tag_history(commits: Mapping[str, str], prefix: str, newest: str) -> TagHistory:
    """The history up to the version *newest*. *commits*: the commit of each tag of a clone."""
    end = _numbers(newest)
    found: dict[Numbers, tuple[str, str]] = {}
    released: set[Numbers] = set()
    pre_releases: dict[tuple[Numbers, str], TaggedPreRelease] = {}
    others = 0
    for tag, commit in commits.items():
        if not tag.startswith(prefix):
            continue
        for final in version_tags([tag], prefix):
            numbers = (final.major, final.minor, final.patch)
            released.add(numbers)
            if (0, 0, 0) < numbers <= end:
                found.setdefault(numbers, (final.version, commit))
        version = tag[len(prefix) :].partition("+")[0]
        match = _PRE_RELEASE.fullmatch(version)
        target = version_tags([match[1]], "") if match else []
        if match and target and len(match[2]) <= MAX_LABEL_LENGTH:
            of = (target[0].major, target[0].minor, target[0].patch)
            each = TaggedPreRelease(of, match[2], int(match[3]), commit)
            if each.number > pre_releases.get((of, each.label), each._replace(number=0)).number:
                pre_releases[of, each.label] = each
        elif "-" in version and version_tags([version.partition("-")[0]], ""):
            others += 1
    owners = {commit: numbers for numbers, (_, commit) in sorted(found.items())}
    versions = []
    for numbers, (version, commit) in sorted(found.items()):
        text, _, metadata = version.partition("+")
        owner = commit if owners[commit] == numbers else None
        versions.append(TaggedVersion(numbers, text, metadata, owner))
    open_ones = [each for (of, _), each in sorted(pre_releases.items()) if of not in released]
    return TagHistory(versions, open_ones, others, end)


def record_history(client: Client, name: str, history: TagHistory) -> tuple[str, ...]:
    """Record the versions that the name lacks, and return notes about it. May be repeated."""
    recorded = _recorded(client, name)
    before = len(recorded)
    passed = 0
    for version in history.versions:
        if version.text not in recorded:
            added = _record(client, name, version)
            passed += not added
            recorded |= {version.text} if added else set()
    newest = client.newest(name, "")
    if newest is not None:
        start = (newest.major, newest.minor, newest.patch)
        for each in history.pre_releases:
            if each.text not in recorded and _record_pre_release(client, name, each, start):
                recorded.add(each.text)
    notes = [f"recorded {count_text(len(recorded) - before, 'version')}"]
    if passed:
        notes.append(f"{count_text(passed, 'version')} not recorded: {name!r} is past them")
    return (*notes, *history.ignored())


def _recorded(client: Client, name: str) -> set[str]:
    """The versions that have records."""
    found: set[str] = set()
    before: str | None = ""
    while before is not None:
        try:
            page, before = client.releases(name, MAX_PAGE_SIZE, before)
        except Failure as failure:
            if failure.code != "version_not_found":
                raise
            return found
        found |= {each.version.partition("+")[0] for each in page}
    return found


def _record(client: Client, name: str, version: TaggedVersion) -> bool:
    """Record a version. False if its line, or the name, is past it, so it is never assigned."""
    if version.commit is not None:
        query = {"version": version.text}
        if version.metadata:
            query["metadata"] = version.metadata
        try:
            client.version(name, version.commit, query)
        except Failure as failure:
            if failure.code == "value_would_fall":
                return False
            if failure.code not in ("token_taken", "version_withdrawn"):
                raise
        else:
            return True
    try:
        client.adopt(name, version.text)
    except Failure as failure:
        if failure.code != "value_would_fall":
            raise
        return False
    return True


def _record_pre_release(
    client: Client, name: str, pre_release: TaggedPreRelease, newest: Numbers
) -> bool:
    """Record a pre-release that a bump of the newest version results in.

    Otherwise, only its number is never assigned again. Returns whether it was recorded.
    """
    key = f"{name}-{pre_release.label.replace('-', '.')}-v{_text(pre_release.target)}"
    last, number = client.peek(key).value, pre_release.number
    if last >= number:
        return False
    if bump := _bump(newest, pre_release.target):
        if last < number - 1:
            _advance(client, key, number - 1)
        query = {"bump": bump, "prerelease": pre_release.label}
        try:
            preview = client.version(name, pre_release.commit, {**query, "dry_run": "true"})
        except Failure as failure:
            if failure.code not in ("token_taken", "version_withdrawn"):
                raise
        else:
            if preview.version == pre_release.text and not preview.reused:
                recorded = client.version(name, pre_release.commit, query)
                if recorded.version != pre_release.text:
                    raise Failure(
                        f"a build was assigned {pre_release.text} of {name} meanwhile, so its "
                        f"commit {pre_release.commit} has {recorded.version} now",
                        "let no builds run during the command; withdraw a version that is wrong",
                    )
                return True
    _advance(client, key, number)
    return False


def _advance(client: Client, key: str, value: int) -> None:
    """Continue a series after a value. Values never decrease, so others cannot interfere."""
    body = json.dumps({"value": value}).encode()
    client.request("PUT", client.path("series", key), body, "application/json")


def _bump(newest: Numbers, target: Numbers) -> str:
    """The bump of the newest version that results in the target, or empty."""
    major, minor, patch = newest
    results = {
        "patch": (major, minor, patch + 1),
        "minor": (major, minor + 1, 0),
        "major": (major + 1, 0, 0),
    }
    return next((bump for bump, result in results.items() if result == target), "")


def _numbers(version: str) -> Numbers:
    (found,) = version_tags([version.removeprefix("v")], "")
    return found.major, found.minor, found.patch


def _text(numbers: Iterable[int]) -> str:
    return ".".join(map(str, numbers))
