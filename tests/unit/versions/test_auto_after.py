"""`auto_after`: the token after which `bump=auto` reads commits."""

import asyncio
from contextlib import closing
from itertools import count

import pytest

from contract.version_notation import NAME, Notation
from monotron.model.semver import parse_version
from monotron.runtime import Runtime
from monotron.store import open_store


@pytest.mark.parametrize("pace", [1, 0, -1])
@pytest.mark.parametrize(
    ("steps", "token"),
    [
        (["a?bump=major", "ignore 2.0.0"], "a"),
        (["a?bump=major", "ignore 2.0.0", "b"], "b"),
        (["a?bump=major", "ignore 2.0.0", "b", "withdraw 1.2.58"], "a"),
        (["a?bump=major", "ignore 2.0.0", "b", "ignore 1.2.58"], "b"),
        (["a?bump=major", "ignore 2.0.0", "b", "c?bump=major", "ignore 3.0.0"], "c"),
        (["a?bump=major", "b?line=1.2", "ignore 2.0.0"], "a"),
        (["a", "b", "ignore 1.2.59", "ignore 1.2.58"], "b"),
        (["a", "b", "ignore 1.2.59", "ignore 1.2.58", "c"], "c"),
        (["2.0.0", "ignore 2.0.0"], None),
        (["patch-v1.2/u", "a?bump=major", "ignore 2.0.0"], "a"),
    ],
)
def test_commits_are_read_after_the_newest_build_that_counts_or_was_ignored_with_any_clock(
    steps: list[str], token: str | None, pace: int
) -> None:
    seconds = count(1_700_000_000, pace)

    async def run() -> str | None:
        notation = Notation(store)
        await notation.prepare("1.2.57")
        for step in steps:
            if step.startswith("ignore "):
                version = parse_version(step.removeprefix("ignore "))
                await notation.versions.withdraw(
                    1, NAME, version, "wrong", ignore_commits=True, by="someone"
                )
            else:
                await notation.prepare(step)
        return (await notation.versions.latest(1, NAME)).auto_after

    with closing(open_store("sqlite://", runtime=Runtime(clock=lambda: next(seconds)))) as store:
        assert asyncio.run(run()) == token
