"""Situations that users of other tools have reported: sequences of requests and their versions."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from contract.version_notation import NAME, Notation
from monotron.errors import BaseOutdated
from monotron.model.spellings import spellings
from monotron.store import Store

CASES = {
    "a beta channel never goes backwards": [
        ("1.2.57", "", "1.2.57"),
        ("a?bump=auto&prerelease=beta", "feat: a", "1.3.0-beta.1"),
        ("b?bump=auto&prerelease=beta", "fix: b", "1.3.0-beta.2"),
        ("c?bump=auto&prerelease=beta", "feat!: c", "2.0.0-beta.1"),
        ("d?bump=auto&prerelease=beta", "docs: d", "2.0.0-beta.2"),
        ("d?bump=final", "", "2.0.0"),
    ],
    "a wrong footer is taken back, and its commits are read again": [
        ("1.2.57", "", "1.2.57"),
        ("a?bump=auto", "fix: a\n\nBREAKING CHANGE: wrong", "2.0.0"),
        ("withdraw 2.0.0", "", ""),
        ("b?bump=auto&base=1.2.57", "fix: b", "1.2.58"),
    ],
    "a documentation change needs no version": [
        ("1.2.57", "", "1.2.57"),
        ("a?bump=auto&skip_types=docs,ci,chore", "docs: a\0ci: b\0chore: c\0", "unchanged"),
        ("b?bump=auto&skip_types=docs,ci,chore", "fix: d\0docs: a\0", "1.2.58"),
    ],
    "messages with tickets and emoji": [
        ("1.2.57", "", "1.2.57"),
        ("a?bump=auto", "MT-230 | feat(tag): x", "1.3.0"),
        ("b?bump=auto", "[ENG-123] feat(x): y", "1.4.0"),
        ("c?bump=auto", "ENG-123: feat: z", "1.5.0"),
        ("d?bump=auto", "✨ feat(x): y", "1.6.0"),
        ("e?bump=auto", "feat(x)：新增", "1.7.0"),
        ("f?bump=auto", "feat!(api): y", "2.0.0"),
        ("g?bump=auto", "fix: a\n\nBREAKING CHANGES: x", "3.0.0"),
    ],
    "a branch with a hyphen is a label": [
        ("1.2.57", "", "1.2.57"),
        ("a?prerelease=pr-123", "", "1.2.58-pr-123.1"),
        ("b?prerelease=pr-123", "", "1.2.58-pr-123.2"),
    ],
    "exactly the next major version": [
        ("1.2.57", "", "1.2.57"),
        ("a?version=2.5.0", "", "2.5.0"),
        ("b?bump=minor", "", "2.6.0"),
    ],
}


@pytest.mark.parametrize("steps", CASES.values(), ids=CASES)
def test_a_reported_situation_has_the_expected_versions(
    durable_store: Store, steps: list[tuple[str, str, str]]
) -> None:
    async def run() -> list[str]:
        notation = Notation(durable_store)
        answers = []
        for request, body, _ in steps:
            if request.startswith("withdraw "):
                await notation.prepare(request)
                answers.append("")
                continue
            result = await notation.result(request, body)
            answers.append(result.release.version_text if result.changed else "unchanged")
        return answers

    assert asyncio.run(run()) == [expected for *_, expected in steps]


def test_two_concurrent_builds_do_not_count_a_commit_twice(durable_store: Store) -> None:
    async def run() -> list[str]:
        notation = Notation(durable_store)
        await notation.prepare("1.2.57")
        first, second = await asyncio.gather(
            notation.result("a?bump=auto&base=1.2.57", "feat: a"),
            notation.result("b?bump=auto&base=1.2.57", "fix: b\0feat: a"),
            return_exceptions=True,
        )
        assert not isinstance(first, BaseException)
        assert isinstance(second, BaseOutdated)
        assert second.members() == {"version": "1.3.0", "token": "a"}
        repeated = await notation.result(f"b?bump=auto&base={second.version}", "fix: b")
        return [first.release.version_text, repeated.release.version_text]

    assert asyncio.run(run()) == ["1.3.0", "1.3.1"]


def test_a_hotfix_is_the_latest_of_its_minor_line_only(durable_store: Store) -> None:
    async def run() -> tuple[bool, bool, bool]:
        notation = Notation(durable_store)
        await notation.prepare("1.8.3")
        await notation.prepare("1.9.0")
        return tuple((await notation.result("a?line=1.8")).latest)

    assert asyncio.run(run()) == (False, False, True)


def test_commits_of_a_version_that_was_wrong_are_not_read_again(durable_store: Store) -> None:
    async def run() -> list[str | None]:
        notation = Notation(durable_store)
        versions, after = notation.versions, []
        await notation.prepare("0.0.1")
        await notation.prepare("a")
        await notation.prepare("b?bump=major")
        release = (await notation.result("b?bump=major")).release
        for ignore in (False, True):
            await versions.withdraw(
                1, release.name.name, release.version, "x", ignore_commits=ignore, by="me"
            )
            after.append((await versions.latest(1, release.name.name)).auto_after)
            await versions.reverse_withdrawal(1, release.name.name, release.version, "me")
        after.append((await versions.latest(1, release.name.name)).auto_after)
        return after

    assert asyncio.run(run()) == ["a", "b", "b"]


def test_commits_after_a_withdrawn_version_are_read_once(durable_store: Store) -> None:
    async def run() -> str | None:
        notation = Notation(durable_store)
        await notation.prepare("1.2.57")
        release = (await notation.result("a?bump=major")).release
        await notation.versions.withdraw(
            1, NAME, release.version, "x", ignore_commits=True, by="me"
        )
        await notation.prepare("b")
        return (await notation.versions.latest(1, NAME)).auto_after

    assert asyncio.run(run()) == "b"


def test_the_date_of_a_calendar_version_is_that_of_the_store(durable_store: Store) -> None:
    result = asyncio.run(Notation(durable_store).result("a?bump=calendar&calendar=YYYY.MMDD"))
    assert result.release.created_at is not None
    created = datetime.fromtimestamp(result.release.created_at / 1000, UTC)
    days = [created - timedelta(minutes=1), created, created + timedelta(minutes=1)]
    assert str(result.release.target) in {f"{day:%Y.}{day.month}{day:%d}.1" for day in days}


def test_a_pre_release_has_spellings_for_package_managers(durable_store: Store) -> None:
    async def run() -> tuple[str | None, ...]:
        notation = Notation(durable_store)
        await notation.prepare("1.2.57")
        return spellings((await notation.result("a?bump=minor&prerelease=rc")).release)

    expected = ("1.3.0rc1", "1.3.0~rc.1", "1.3.0~rc.1", "1.3.0-rc.1", "1.3.0-rc.1")
    assert asyncio.run(run()) == expected


def test_a_withdrawal_and_its_reversal_are_events_of_the_account(durable_store: Store) -> None:
    async def run() -> None:
        notation = Notation(durable_store)
        for request in ("2.0.0", "withdraw 2.0.0", "withdraw 2.0.0", "reverse 2.0.0"):
            await notation.prepare(request)

    asyncio.run(run())
    events = durable_store.auth_records.page("event", None, "", 10)
    shown = [
        (event.account, *(event.body.get(name) for name in ("by", "action", "subject", "reason")))
        for event in events
    ]
    assert shown == [
        (1, "anyone", "withdraw", "release", "wrong"),
        (1, "anyone", "restore", "release", None),
    ]
    assert {event.body["subject_id"] for event in events} == {f"{NAME}/2.0.0"}
