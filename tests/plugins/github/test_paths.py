"""Commits that change the files of `paths`: the answers of git and of GitHub's API agree."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from monotron_ci import github_api
from monotron_ci.git import Clone, Unavailable
from monotron_ci.github_commits import GitHubCommits
from monotron_ci.http import RetryPolicy
from monotron_ci.path_patterns import matcher
from plugins.github.action_step import ActionStep
from plugins.github.project import Project
from plugins.github.test_commit_range import TOKEN
from support.github_api import GitHubApi

Output = pytest.CaptureFixture[str]

FILES = (
    *("a.py", "README", "api", "web/a.py", "web/api/a", "web/\u00e9", "web/e"),
    *("lib/a.py", "lib/deep/b.py", "lib/deep/er/c.py", "lib2/a", "lib.d/a", "lib/x/deep/y"),
    *("docs/a b/c", "docs/a+b", "docs/(a)", "docs/.hidden", "docs/star*/x", "docs/star2/x"),
)

PATTERNS = (
    *("lib", "lib/", "lib/**", "lib/*", "lib/**/", "lib*", "lib**", "lib**/a", "lib/d**"),
    *("*", "**", "*.py", "**/*.py", "lib/**/*.py", "lib/**/deep/**", "**/deep", "**/deep/**"),
    *(
        "./lib",
        "lib//deep",
        "lib/./deep/",
        "lib/.",
        ".",
        "./",
        "lib/../api",
        "lib/deep/b.py",
        "lib/deep/b.py/",
    ),
    *("lib/deep/b.py", "lib/deep/b.py/", "?pi", "web/?", "web/??", "l?b/a*", "w*b/a*", "w*/"),
    *("api/", "api", "ap", "unknown"),
    *("docs/a b", "docs/a+b", "docs/(a)", "docs/*", "docs/star*", "docs/star*/", "docs/star*/x"),
    *("**/a", "***/a.py", "lib/***", "*/*", "*/*/*", "*/a.py", "**/**", "a**y", "lib/**b.py"),
)


def github_source(stand_in: GitHubApi) -> GitHubCommits:
    api = github_api.GitHubApi(stand_in.url, "acme/shop", None, RetryPolicy())
    return GitHubCommits(api)


class Sources:
    """One history, read by git and by GitHub's API."""

    def __init__(self, project: Project, api: GitHubApi) -> None:
        self._project = project
        self._api = api

    def subjects(self, start: str, *paths: str) -> list[str]:
        """The subjects of the commits since *start* that change *paths*, newest first."""
        head = self._project.git("rev-parse", "HEAD")
        sources = [
            Clone(str(self._project.origin), RetryPolicy()),
            github_source(self._api),
        ]
        answers = []
        for source in sources:
            commits = source.commits(start, head, paths)
            assert commits is not None
            answers.append([each.message.partition("\n")[0] for each in commits])
        assert answers[0] == answers[1], paths
        return answers[0]


def commit_files(project: Project, files: list[str]) -> str:
    """Create a commit with many empty files on HEAD. Returns its hash."""
    lines = ["commit refs/heads/main", "committer a <a@example.com> 1700000000 +0000"]
    lines += ["data 5", "large", "from refs/heads/main^0"]
    lines += [f"M 644 inline {file}\ndata 0\n" for file in files]
    stream = "\n".join([*lines, ""]).encode()
    command = ["git", "fast-import", "--quiet"]
    subprocess.run(command, cwd=project.origin, input=stream, check=True)
    return project.git("rev-parse", "HEAD")


@pytest.fixture
def project(tmp_path: Path, step: ActionStep) -> Project:
    project = Project(tmp_path, step)
    project.commit("first", "other")
    return project


@pytest.fixture
def sources(project: Project) -> Iterator[Sources]:
    with GitHubApi(project.origin) as api:
        yield Sources(project, api)


def test_patterns_match_the_files_that_git_matches(project: Project) -> None:
    start = project.git("rev-parse", "HEAD")
    for file in FILES:
        head = project.commit(file, file)
    clone = Clone(str(project.origin), RetryPolicy())
    found: dict[str, list[str]] = {}
    for pattern in PATTERNS:
        commits = clone.commits(start, head, [pattern]) or []
        found[pattern] = [each.message.strip() for each in reversed(commits)]
        assert found[pattern] == list(filter(matcher([pattern]), FILES)), pattern
    assert found["lib"] == ["lib/a.py", "lib/deep/b.py", "lib/deep/er/c.py", "lib/x/deep/y"]
    assert found["lib"] == found["lib/"] == found["lib/**"]
    assert found["lib/*"] == ["lib/a.py"]
    assert found["*.py"] == ["a.py"]
    assert found["**/*.py"] == ["a.py", "web/a.py", "lib/a.py", "lib/deep/b.py", "lib/deep/er/c.py"]
    assert found["unknown"] == found["api/"] == found["./lib"] == []
    assert found["**"] == list(FILES)


@pytest.mark.parametrize("pattern", ["lib/[ab]", "lib/\\*"])
def test_a_pattern_that_only_git_can_match_makes_the_api_unavailable(
    pattern: str, project: Project
) -> None:
    head = project.git("rev-parse", "HEAD")
    with GitHubApi(project.origin) as api:
        source = github_source(api)
        with pytest.raises(Unavailable, match="only git can match"):
            source.commits("", head, [pattern])


class TestHistories:
    def test_the_first_commit_counts(self, sources: Sources) -> None:
        assert sources.subjects("", "other") == ["first"]
        assert sources.subjects("", "api") == []
        assert sources.subjects("", "api", "o*r") == ["first"]

    def test_a_rename_changes_both_files(self, project: Project, sources: Sources) -> None:
        start = project.commit("x\n" * 30, "web/a")
        project.git("mv", "web", "api")
        project.git("commit", "--quiet", "-m", "moved")
        assert sources.subjects(start, "web") == sources.subjects(start, "api") == ["moved"]

    def test_a_removal_a_mode_and_a_return_count(self, project: Project, sources: Sources) -> None:
        start = project.commit("a", "api/a")
        project.git("update-index", "--chmod=+x", "api/a")
        project.git("commit", "--quiet", "-m", "mode")
        project.git("rm", "--quiet", "-f", "api/a")
        project.git("commit", "--quiet", "-m", "removed")
        project.git("revert", "--no-edit", "HEAD")
        project.git("commit", "--quiet", "--allow-empty", "-m", "empty")
        assert sources.subjects(start, "api") == ['Revert "removed"', "removed", "mode"]

    def test_a_merge_counts_if_its_branch_changes_the_files(
        self, project: Project, sources: Sources
    ) -> None:
        """The message of a merge can be the title of the pull request."""
        project.git("checkout", "--quiet", "-b", "api", "main")
        project.commit("wip", "api/a")
        project.git("checkout", "--quiet", "-b", "web", "main")
        project.commit("web", "web/a")
        project.git("checkout", "--quiet", "main")
        start = project.git("rev-parse", "HEAD")
        project.git("merge", "--quiet", "--no-ff", "-m", "feat: API", "api")
        released = project.git("rev-parse", "HEAD")
        project.git("merge", "--quiet", "--no-ff", "-m", "feat: web", "web")
        assert sources.subjects(start, "api") == ["feat: API", "wip"]
        assert sources.subjects(start, "web") == ["feat: web", "web"]
        # The branch of the second request was created before the API was released.
        assert sources.subjects(released, "api") == []

    def test_a_merge_of_the_main_branch_counts_as_its_commits(
        self, project: Project, sources: Sources
    ) -> None:
        project.git("checkout", "--quiet", "-b", "web", "main")
        start = project.commit("web", "web/a")
        project.git("checkout", "--quiet", "main")
        project.commit("API", "api/a")
        project.git("checkout", "--quiet", "web")
        project.git("merge", "--quiet", "--no-ff", "-m", "update", "main")
        assert sources.subjects(start, "api") == ["update", "API"]
        assert sources.subjects(start, "web") == []

    def test_a_merge_of_released_commits_does_not_count(
        self, project: Project, sources: Sources
    ) -> None:
        """Such as GitHub's button "Update branch"."""
        project.git("checkout", "--quiet", "-b", "web", "main")
        project.commit("web", "web/a")
        project.git("checkout", "--quiet", "main")
        released = project.commit("API", "api/a")
        project.git("checkout", "--quiet", "web")
        project.git("merge", "--quiet", "--no-ff", "-m", "update", "main")
        project.git("checkout", "--quiet", "main")
        project.git("merge", "--quiet", "--no-ff", "-m", "feat: web", "web")
        assert sources.subjects(released, "api") == []
        assert sources.subjects(released, "web") == ["feat: web", "web"]

    def test_a_merge_that_changes_files_itself_counts(
        self, project: Project, sources: Sources
    ) -> None:
        """Such as `git subtree`, whose commits have the files in another folder."""
        project.git("checkout", "--quiet", "-b", "lib", "main")
        project.commit("lib", "a")
        project.git("checkout", "--quiet", "main")
        start = project.commit("main", "other")
        project.git("merge", "--quiet", "--no-ff", "--no-commit", "lib")
        (project.origin / "lib").mkdir()
        project.git("mv", "a", "lib/a")
        project.git("commit", "--quiet", "-m", "subtree")
        assert sources.subjects(start, "lib") == ["subtree"]
        assert sources.subjects(start, "other") == []

    def test_the_files_of_a_large_commit_are_on_several_pages(
        self, project: Project, sources: Sources
    ) -> None:
        start = project.git("rev-parse", "HEAD")
        commit_files(project, [*(f"a{number:03}" for number in range(650)), "z"])
        assert sources.subjects(start, "z") == ["large"]
        assert sources.subjects(start, "b") == []


class TestLimits:
    def test_too_many_commits_are_not_requested(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(github_api, "MAX_REQUESTS", 5)
        start = project.git("rev-parse", "HEAD")
        for number in range(4):
            project.git("commit", "--quiet", "--allow-empty", "-m", str(number))
        fourth = project.git("rev-parse", "HEAD")
        fifth = project.commit("fix: a", "api/a")
        with GitHubApi(project.origin) as api:
            assert github_source(api).commits(start, fourth, ["api"]) == []
            assert len(api.requests) == 5
            source = github_source(api)
            with pytest.raises(
                Unavailable, match="requests to GitHub's API are necessary for 5 commits"
            ):
                source.commits(start, fifth, ["api"])
            assert len(api.requests) == 6

    def test_a_commit_with_too_many_files_makes_the_api_unavailable(self, project: Project) -> None:
        start = project.git("rev-parse", "HEAD")
        head = commit_files(project, [*(f"a{number:04}" for number in range(3000)), "z"])
        with GitHubApi(project.origin) as api:
            source = github_source(api)
            assert source.commits(start, head, ["a0001"])
            with pytest.raises(Unavailable, match=r"lists only 3,000 files of commit [0-9a-f]{12}"):
                source.commits(start, head, ["z"])

    def test_the_error_of_the_step_states_the_reason(
        self, project: Project, capsys: Output
    ) -> None:
        head = project.commit("fix: a", "api/a")
        with GitHubApi(project.origin) as api:
            inputs = {"bump": "auto", "paths": "api/[a]", "github-token": TOKEN}
            assert project.step.run(inputs, GITHUB_SHA=head, GITHUB_API_URL=api.url) == 1
            assert project.run({"paths": "api/**"}, GITHUB_API_URL=api.url) == "0.0.1"
        printed = capsys.readouterr().out
        assert "The commits that change `paths` are unknown (" in printed
        assert "GitHub's API: only git can match 'api/[a]'" in printed
