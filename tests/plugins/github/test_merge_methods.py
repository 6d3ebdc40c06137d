"""Previews of an open pull request if its version depends on the merge method."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from monotron_ci.client import Client as ActionClient
from monotron_ci.merge_methods import COMMIT, MERGE, REBASE, TITLE, TITLE_AND_MESSAGES
from plugins.github.request_shop import RequestShop
from support.server import Client

Output = pytest.CaptureFixture[str]

ROOT = Path(__file__).parents[3]

BREAKING = "fix: a\n\nBREAKING CHANGE: b is gone"


def table(shop: RequestShop) -> dict[str, str]:
    """The versions in the table of the merge methods, or nothing without a table."""
    rows = re.findall(r"^\| ([a-z ]+) \| (`[^`]*`|no release) \| .* \|$", shop.step.summary, re.M)
    known = {TITLE, TITLE_AND_MESSAGES, COMMIT, MERGE, REBASE}
    return {method: version.strip("`") for method, version in rows if method in known}


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, str]]:
    """The queries of the requests for versions."""
    recorded = []
    request = ActionClient.version

    def version(
        client: ActionClient, name: str, token: str, query: Mapping[str, str], *messages: Any
    ) -> Any:
        recorded.append(query)
        return request(client, name, token, query, *messages)

    monkeypatch.setattr(ActionClient, "version", version)
    return recorded


def test_a_request_of_one_commit_is_squashed_with_its_title_or_that_of_the_commit(
    shop: RequestShop, capsys: Output
) -> None:
    """Case 11. The default message of a merge commit contains the title of the request."""
    shop.topic("add coupons")
    assert shop.preview({}, title="feat: coupons") == "1.3.0"
    assert table(shop) == {TITLE: "1.3.0", COMMIT: "1.2.58", MERGE: "1.3.0", REBASE: "1.2.58"}
    assert "unless the message is edited:" in shop.step.summary
    documented = (ROOT / "docs" / "ci" / "github.md").read_text().partition("### Merge methods")[2]
    rows = re.findall(r"^\|.*\|$", documented.partition("\n## ")[0], re.MULTILINE)
    assert shop.step.summary.endswith("\n".join(["", *rows, "", ""]))
    assert (
        f"The version depends on the merge method: 1.3.0 ({TITLE}), 1.2.58 ({COMMIT}), "
        f"1.3.0 ({MERGE}), 1.2.58 ({REBASE})\n"
    ) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("title", "messages", "versions"),
    [
        (
            "Coupons",
            ["feat: a", "fix: b"],
            {TITLE: "1.2.58", TITLE_AND_MESSAGES: "1.3.0", MERGE: "1.3.0", REBASE: "1.3.0"},
        ),
        (
            "feat: a",
            ["fix: a", BREAKING],
            {TITLE: "1.3.0", TITLE_AND_MESSAGES: "2.0.0", MERGE: "2.0.0", REBASE: "2.0.0"},
        ),
        (
            "feat: a",
            [BREAKING],
            {
                TITLE: "1.3.0",
                TITLE_AND_MESSAGES: "2.0.0",
                COMMIT: "2.0.0",
                MERGE: "2.0.0",
                REBASE: "2.0.0",
            },
        ),
        (
            "docs: a",
            ["docs: a", "fix: b"],
            {TITLE: "no release", TITLE_AND_MESSAGES: "1.2.58", MERGE: "1.2.58", REBASE: "1.2.58"},
        ),
    ],
    ids=["body", "footer", "footer of one commit", "no release"],
)
def test_a_squash_keeps_the_messages_or_only_the_title(
    title: str, messages: list[str], versions: dict[str, str], shop: RequestShop
) -> None:
    shop.topic(*messages)
    highest = max(version for version in versions.values() if version != "no release")
    assert shop.preview({"skip-types": "docs"}, title=title) == highest
    assert table(shop) == versions


def test_a_rebase_omits_merge_commits(shop: RequestShop) -> None:
    shop.topic("docs: a")
    shop.project.git("checkout", "--quiet", "main")
    shop.project.commit("docs: unreleased", "other")
    shop.merge("main", "Merge branch 'main' into topic", into="topic")
    assert shop.preview({"skip-types": "docs"}, title="docs: a") == "1.2.58"
    assert table(shop) == {
        TITLE: "no release",
        COMMIT: "no release",
        MERGE: "1.2.58",
        REBASE: "no release",
    }


def test_with_paths_a_squash_also_keeps_the_messages_of_other_commits(shop: RequestShop) -> None:
    shop.topic("fix: a")
    shop.project.commit("feat: b", "web/b")
    assert shop.preview({"paths": "topic"}, title="fix: a") == "1.2.58"
    assert table(shop) == {
        TITLE: "1.2.58",
        TITLE_AND_MESSAGES: "1.3.0",
        MERGE: "1.2.58",
        REBASE: "1.2.58",
    }


@pytest.mark.parametrize(
    ("title", "messages", "requests"),
    [
        ("feat: a", ["feat: a"], 1),
        ("feat: a", ["feat: a\n\nbody"], 5),
        ("feat: a", ["feat: b"], 5),
        ("fix: a", ["docs: b", "c"], 5),
    ],
    ids=["equal texts", "two equal texts", "equal bumps", "patches"],
)
def test_without_a_difference_the_summary_has_no_table(
    title: str,
    messages: list[str],
    requests: int,
    shop: RequestShop,
    queries: list[Mapping[str, str]],
    capsys: Output,
) -> None:
    shop.topic(*messages)
    shop.preview({}, title=title)
    assert table(shop) == {}
    assert "merge method" not in shop.step.summary + capsys.readouterr().out
    assert len(queries) == requests
    assert all(query["dry_run"] == "true" for query in queries)


def test_unreleased_commits_of_the_target_branch_count_for_every_method(shop: RequestShop) -> None:
    shop.squash("Add gifts (#11)", 11, "minor")
    shop.topic("add coupons")
    assert shop.preview({"minor-labels": "minor"}, title="feat: coupons") == "1.3.0"
    assert table(shop) == {}


@pytest.mark.parametrize(
    ("inputs", "labels", "version"),
    [
        ({"minor-labels": "minor"}, ["minor"], "1.3.0"),
        ({}, ["minor"], "1.3.0"),
        ({"bump": "minor"}, [], "1.3.0"),
        ({"prerelease": "pr", "dry-run": "true"}, [], "1.3.0-pr.1"),
    ],
    ids=["label", "default label", "bump", "pre-release"],
)
def test_what_a_merge_method_cannot_change_is_requested_once(
    inputs: dict[str, str],
    labels: list[str],
    version: str,
    shop: RequestShop,
    queries: list[Mapping[str, str]],
) -> None:
    shop.topic("add coupons")
    assert shop.preview(inputs, *labels, title="feat: coupons") == version
    assert len(queries) == 1
    assert table(shop) == {}


def test_a_request_that_was_closed_has_no_merge_methods(
    shop: RequestShop, queries: list[Mapping[str, str]]
) -> None:
    shop.topic("add coupons")
    assert shop.preview({}, title="feat: coupons", state="closed") == "1.3.0"
    assert len(queries) == 1


def test_a_version_that_another_build_assigns_meanwhile_leaves_the_preview(
    shop: RequestShop, client: Client, name: str, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    shop.topic("add coupons")
    request = ActionClient.version

    def version(action: ActionClient, *arguments: Any) -> Any:
        result = request(action, *arguments)
        client.request("PUT", f"/v1/versions/{quote(name)}/another?bump=minor")
        return result

    monkeypatch.setattr(ActionClient, "version", version)
    assert shop.preview({}, title="feat: coupons") == "1.3.0"
    assert table(shop) == {}
    assert "The version for each merge method is unknown: base_outdated" in capsys.readouterr().out
