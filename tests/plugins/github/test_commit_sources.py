"""What the sources of commits return: hashes, messages and parents, newest first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from monotron_ci.commit_range import Source
from monotron_ci.commits import Commit
from monotron_ci.events import read_event
from monotron_ci.git import Clone, Fetched, Unavailable
from monotron_ci.github_api import GitHubApi
from monotron_ci.github_commits import GitHubCommits
from monotron_ci.http import RetryPolicy
from support.github_api import GitHubApi as GitHubStandIn
from support.stand_in import Reply, StandIn
from support.workflows import Repository


def policy() -> RetryPolicy:
    return RetryPolicy(seconds=60, retries=0)


@pytest.fixture
def source(
    request: pytest.FixtureRequest, repository: Repository, tmp_path: Path
) -> Iterator[Source]:
    folder = tmp_path / "fetched"
    folder.mkdir()
    if request.param == "clone":
        yield Clone(str(repository.folder), policy())
    elif request.param == "fetch":
        yield Fetched(str(folder), f"file://{repository.folder}", "", policy())
    else:
        with GitHubStandIn(repository.folder) as api:
            yield GitHubCommits(GitHubApi(api.url, "acme/shop", None, policy()))


SOURCES = pytest.mark.parametrize("source", ["clone", "fetch", "API"], indirect=True)


def merged(repository: Repository) -> tuple[str, list[Commit]]:
    """The first commit, and those after it: a branch of one commit and its merge."""
    first = repository.git("rev-parse", "HEAD")
    feature = repository.commit("feat: coupons\n\nwith a body\n\nRefs: #1")
    repository.git("reset", "--quiet", "--hard", first)
    repository.git("merge", "--quiet", "--no-ff", feature, "-m", "Merge pull request #12")
    merge = repository.git("rev-parse", "HEAD")
    return first, [
        Commit(merge, "Merge pull request #12", (first, feature)),
        Commit(feature, "feat: coupons\n\nwith a body\n\nRefs: #1", (first,)),
    ]


def read(source: Source, start: str, commit: str) -> list[Commit]:
    """The commits of a range, without the line breaks at the end of messages."""
    commits = source.commits(start, commit, ())
    assert commits is not None
    return [each._replace(message=each.message.rstrip("\n")) for each in commits]


@SOURCES
def test_a_range_has_hashes_messages_and_parents(source: Source, repository: Repository) -> None:
    first, commits = merged(repository)
    assert read(source, first, commits[0].hash) == commits


@SOURCES
def test_the_first_commit_of_the_history_has_no_parents(
    source: Source, repository: Repository
) -> None:
    first, commits = merged(repository)
    history = read(source, "", commits[0].hash)
    assert set(history) == {*commits, Commit(first, "first")}


def test_commits_that_change_files_have_no_parents(repository: Repository) -> None:
    first = repository.git("rev-parse", "HEAD")
    (repository.folder / "api").touch()
    repository.git("add", "api")
    head = repository.commit("feat: an API")
    assert Clone(str(repository.folder), policy()).commits(first, head, ["api"]) == [
        Commit(head, "feat: an API\n")
    ]


@pytest.mark.parametrize(
    "document",
    [
        "x",
        {},
        {"sha": "a" * 40},
        {"sha": 1, "commit": {"message": "a"}},
        {"sha": "a" * 40, "commit": {"message": 1}},
    ],
    ids=str,
)
def test_a_commit_in_an_unknown_format_makes_the_api_unavailable(document: object) -> None:
    reply = Reply.json({"total_commits": 1, "commits": [document]})
    with StandIn([reply]) as api:
        source = GitHubCommits(GitHubApi(api.url, "acme/shop", None, policy()))
        with pytest.raises(Unavailable, match="a commit in an unknown format"):
            source.commits("a" * 40, "b" * 40)


@pytest.mark.parametrize("parents", [None, 1, [1], [{"sha": 1}], [{"sha": "-x"}]], ids=str)
def test_parents_in_an_unknown_format_are_unknown(parents: object) -> None:
    commit = {"sha": "a" * 40, "commit": {"message": "a"}, "parents": parents}
    with StandIn([Reply.json({"total_commits": 1, "commits": [commit]})]) as api:
        source = GitHubCommits(GitHubApi(api.url, "acme/shop", None, policy()))
        assert source.commits("a" * 40, "b" * 40) == [Commit("a" * 40, "a")]


@pytest.mark.parametrize(
    ("payload", "commits"),
    [
        (
            {"commits": [{"id": "a" * 40, "message": "a"}, {"id": "b" * 40, "message": "b"}]},
            [Commit("b" * 40, "b"), Commit("a" * 40, "a")],
        ),
        ({"head_commit": {"id": "a" * 40, "message": "a"}}, [Commit("a" * 40, "a")]),
        ({"commits": [{"id": "--output=x", "message": "a"}]}, [Commit("", "a")]),
        ({"commits": [{"id": 1, "message": "a"}, {"id": "a" * 40}]}, [Commit("", "a")]),
    ],
    ids=["push", "head", "option", "types"],
)
def test_an_event_has_hashes_and_messages(
    payload: dict[str, object], commits: list[Commit], tmp_path: Path
) -> None:
    (tmp_path / "event.json").write_text(json.dumps(payload))
    event = read_event({"GITHUB_EVENT_PATH": str(tmp_path / "event.json")})
    assert list(event.commits) == commits
