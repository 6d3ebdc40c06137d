"""How commits reach a branch, and which events start a run: `bump: auto` on a real runner.

The repository has version 1.2.57. The action reads its commits with a separate fetch, as in a job
without `actions/checkout`, or from a clone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.git_server import GitServer
from support.github_api import GitHubApi
from support.server import Client, Server
from support.workflows import Repository, Run, expect, expected, step, workflow


class Shop(Repository):
    """The repository `acme/shop`, served by GitHub's protocol."""

    def __init__(self, folder: Path, server: Server, client: Client, name: str) -> None:
        (folder / "acme").mkdir()
        super().__init__(folder / "acme" / "shop.git")
        self._call = {"url": server.url, "name": name, "bump": "auto"}
        self._git_server = GitServer(folder)
        head = self.git("rev-parse", "HEAD")
        assert client.request("PUT", f"/v1/versions/{name}/{head}?version=1.2.57").status == 200

    def decides(
        self,
        version: str,
        *,
        event: str = "push",
        payload: dict[str, object] | None = None,
        env: dict[str, str] | None = None,
        first: str = "",
        inputs: dict[str, str] | None = None,
        **outputs: str,
    ) -> Run:
        """Run the action after the step *first*, and check the version."""
        steps = first + step(**self._call, **(inputs or {})) + expect(version=version, **outputs)
        run = self.run(
            workflow(steps, on=event),
            event=event,
            payload=payload,
            env={
                "GITHUB_REPOSITORY": "acme/shop",
                "GITHUB_SERVER_URL": self._git_server.url,
                **(env or {}),
            },
        )
        return expected(run)

    def merge(self, branch: str, *options: str) -> None:
        self.git("checkout", "--quiet", "main")
        self.git("merge", "--quiet", *options, branch)

    def stop(self) -> None:
        self._git_server.stop()


@pytest.fixture
def shop(tmp_path: Path, server: Server, client: Client, name: str) -> Iterator[Shop]:
    shop = Shop(tmp_path, server, client, name)
    yield shop
    shop.stop()


def cancelled_run(shop: Shop) -> None:
    """The run of the first push was cancelled."""
    shop.commit("feat: coupons")
    shop.commit("fix: a typo")


def five_commits(shop: Shop) -> None:
    for message in ("fix: a", "docs: b", "feat: c", "chore: d", "fix: e"):
        shop.commit(message)


def on_a_branch(shop: Shop) -> None:
    shop.git("checkout", "--quiet", "-b", "topic")
    shop.commit("feat: coupons")
    shop.commit("fix: a typo")


def fast_forward(shop: Shop) -> None:
    on_a_branch(shop)
    shop.merge("topic", "--ff-only")


def merge_commit(shop: Shop) -> None:
    on_a_branch(shop)
    shop.merge("topic", "--no-ff", "-m", "Merge pull request #12 from acme/topic")


def squash(shop: Shop) -> None:
    on_a_branch(shop)
    shop.git("checkout", "--quiet", "main")
    shop.commit("feat: coupons (#12)\n\n* feat: coupons\n\n* fix: a typo")


def squash_of_one_commit(shop: Shop) -> None:
    shop.commit("feat: coupons (#12)")


def rebase(shop: Shop) -> None:
    on_a_branch(shop)
    shop.git("checkout", "--quiet", "main")
    shop.commit("docs: meanwhile")
    shop.git("checkout", "--quiet", "topic")
    shop.git("rebase", "--quiet", "main")
    shop.merge("topic", "--ff-only")


Push = Callable[[Shop], None]


@pytest.mark.parametrize(
    "push",
    [
        cancelled_run,
        five_commits,
        fast_forward,
        merge_commit,
        squash,
        squash_of_one_commit,
        rebase,
    ],
    ids=lambda push: push.__name__,
)
def test_a_feature_counts_however_it_reached_the_branch(push: Push, shop: Shop) -> None:
    push(shop)
    run = shop.decides("1.3.0", previous_version="1.2.57", changed="true")
    assert "::warning" not in run.output


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("schedule", {"schedule": "0 4 * * *"}),
        ("workflow_dispatch", {"inputs": None}),
        ("workflow_run", {"workflow_run": {"event": "push", "head_repository": {"id": 1}}}),
        ("push", {"ref": "refs/tags/nightly", "commits": []}),
    ],
    ids=["schedule", "workflow_dispatch", "workflow_run", "tag"],
)
def test_every_event_reads_the_commits_since_the_last_version(
    event: str, payload: dict[str, object], shop: Shop
) -> None:
    cancelled_run(shop)
    shop.decides("1.3.0", event=event, payload={**payload, "repository": {"id": 1}})
    shop.decides("1.3.0", event=event, payload={**payload, "repository": {"id": 1}}, reused="true")


def test_a_clone_is_read_if_it_is_complete(shop: Shop) -> None:
    cancelled_run(shop)
    shop.stop()
    shop.decides("1.3.0", first=f"- run: git clone --quiet file://{shop.folder} .\n")


def test_a_breaking_change_of_a_merged_branch_counts(shop: Shop) -> None:
    """Case 2: a fast-forward of three commits, the newest of which is a fix."""
    for message in ("feat!: a", "feat: b", "fix: c"):
        shop.commit(message)
    shop.decides("2.0.0", payload={"commits": [{"message": "fix: c"}]})


@pytest.mark.parametrize("event", ["pull_request", "merge_group"])
def test_an_unmerged_commit_gets_a_preview_of_all_commits(event: str, shop: Shop) -> None:
    shop.commit("fix: unreleased")
    on_a_branch(shop)
    head = shop.git("rev-parse", "HEAD")
    shop.merge("topic", "--no-ff", "-m", "Merge topic into main")  # the commit of the run
    pull_request = {"head": {"sha": head}, "title": "a title", "state": "open"}
    payload: dict[str, object] = {"pull_request": pull_request} if event == "pull_request" else {}
    shop.decides("1.3.0", event=event, payload=payload, changed="false")


LABELS = {"minor-labels": "minor", "skip-labels": "no-release"}


@pytest.mark.parametrize(
    ("label", "version", "changed", "reason"),
    [
        ("minor", "1.3.0", "true", "feat: label 'minor' of #12"),
        ("no-release", "", "false", "label 'no-release' of #12"),
    ],
    ids=["minor", "skip"],
)
def test_the_label_of_a_merged_request_counts_on_the_default_branch(
    label: str, version: str, changed: str, reason: str, shop: Shop
) -> None:
    """Case 7: a push to main of the merge of a labelled request."""
    commit = shop.commit("Add coupons (#12)")
    payload: dict[str, object] = {
        "commits": [{"id": commit, "message": "Add coupons (#12)"}],
        "repository": {"default_branch": "main"},
    }
    with GitHubApi(shop.folder) as api:
        api.merged(12, [commit], label, head="f" * 40)
        env = {"GITHUB_API_URL": api.url}
        run = shop.decides(version, payload=payload, env=env, inputs=LABELS, changed=changed)
        assert api.lookups == [commit]
    assert reason in run.summary
    assert ("| bump | `minor` |" in run.summary) == (label == "minor")
    if version:  # a re-run shows the stored reason, and needs no labels
        run = shop.decides(version, payload=payload, inputs=LABELS, reused="true", reason=reason)
        assert f"| reason | `{reason}` |" in run.summary


def test_a_preview_shows_the_version_for_each_merge_method(shop: Shop) -> None:
    """Case 11: GitHub uses the title of the request or that of its only commit."""
    shop.git("checkout", "--quiet", "-b", "topic")
    head = shop.commit("add coupons")
    base = shop.git("rev-parse", "main")
    shop.merge("topic", "--no-ff", "-m", f"Merge {head} into {base}")
    request = {"head": {"sha": head}, "base": {"sha": base}, "title": "feat: coupons"}
    payload: dict[str, object] = {"pull_request": {"number": 12, "state": "open", **request}}
    run = shop.decides("1.3.0", event="pull_request", payload=payload, changed="false")
    for method, version in (
        ("squash with the title", "1.3.0"),
        ("squash with the message of the only commit", "1.2.58"),
        ("merge commit", "1.3.0"),
        ("rebase", "1.2.58"),
    ):
        assert f"| {method} | `{version}` |" in run.summary


def test_only_commits_that_change_the_paths_count(shop: Shop) -> None:
    """Case 15: the feature belongs to another part of the repository."""
    for message, file in (("feat(web)!: b", "web/a"), ("fix(api): a", "api/a")):
        path = shop.folder / file
        path.parent.mkdir()
        path.write_text(message)
        shop.git("add", file)
        shop.commit(message)
    shop.decides("1.2.58", inputs={"paths": "api/**"})
