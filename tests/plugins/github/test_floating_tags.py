"""`move-tags`: which tags follow a version, also if other builds are faster."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plugins.github.action_step import COMMIT, ActionStep
from support.github_tags import GitHubTags
from support.server import Client
from support.stand_in import ReceivedRequest, Reply

OTHER = "f" * 40

Output = pytest.CaptureFixture[str]

Before = Callable[[ReceivedRequest], "Reply | None"]


def run(step: ActionStep, github: GitHubTags, **inputs: str) -> int:
    defaults = {"create-tag": "true", "move-tags": "major, minor", "github-token": "ghs_secret"}
    named = {name.replace("_", "-"): text for name, text in inputs.items()}
    return step.run({**defaults, **named}, GITHUB_API_URL=github.url)


def assign(client: Client, name: str, token: str, query: str) -> str:
    """Assign a version to another commit, as another build does."""
    response = client.request("PUT", f"/v1/versions/{name}/{token}?{query}")
    return str(response.json()["version"])


class TestSelection:
    def test_the_first_version_creates_both_tags(self, step: ActionStep) -> None:
        with GitHubTags() as github:
            assert run(step, github, version="1.2.0") == 0
        assert github.tags == {"v1.2.0": COMMIT, "v1": COMMIT, "v1.2": COMMIT}
        assert "the tag was created; v1 was moved; v1.2 was moved" in step.summary

    def test_existing_tags_are_moved(self, step: ActionStep) -> None:
        with GitHubTags() as github:
            github.tags |= {"v1": OTHER, "v1.2": OTHER}
            assert run(step, github, version="1.2.0") == 0
        assert github.tags == {"v1.2.0": COMMIT, "v1": COMMIT, "v1.2": COMMIT}
        assert github.writes == [("POST", "v1.2.0"), ("PATCH", "v1"), ("PATCH", "v1.2")]

    @pytest.mark.parametrize(("kind", "tag"), [("major", "v1"), ("minor", "v1.2")])
    def test_only_the_requested_tags_are_moved(self, kind: str, tag: str, step: ActionStep) -> None:
        with GitHubTags() as github:
            assert run(step, github, version="1.2.0", move_tags=kind) == 0
        assert github.tags == {"v1.2.0": COMMIT, tag: COMMIT}

    def test_a_hotfix_moves_the_tag_of_its_minor_line_only(
        self, step: ActionStep, client: Client, name: str
    ) -> None:
        for version in ("1.8.3", "1.9.0"):
            assign(client, name, version, f"version={version}")
        with GitHubTags() as github:
            github.tags |= {"v1": OTHER, "v1.8": OTHER}
            assert run(step, github, line="1.8") == 0
        assert github.tags == {"v1.8.4": COMMIT, "v1": OTHER, "v1.8": COMMIT}
        note = "v1 was not moved (the latest version of 1 is 1.9.0); v1.8 was moved"
        assert note in step.summary

    def test_a_re_run_of_an_older_version_moves_nothing(
        self, step: ActionStep, client: Client, name: str
    ) -> None:
        with GitHubTags() as github:
            assert run(step, github, version="1.2.0") == 0
            assign(client, name, OTHER, "bump=patch")
            github.tags |= {"v1": OTHER, "v1.2": OTHER}
            assert run(step, github, version="1.2.0") == 0
        assert github.tags == {"v1.2.0": COMMIT, "v1": OTHER, "v1.2": OTHER}

    def test_a_withdrawn_version_moves_nothing(
        self, step: ActionStep, client: Client, name: str
    ) -> None:
        def withdraw(request: ReceivedRequest) -> None:
            path = f"/v1/releases/{name}/1.2.0/withdrawal"
            assert client.request("PUT", path, '{"reason": "wrong"}').status == 200

        with GitHubTags(once(withdraw)) as github:
            assert run(step, github, version="1.2.0") == 0
        assert github.tags == {"v1.2.0": COMMIT}
        assert "v1 was not moved (it has no version)" in step.summary

    @pytest.mark.parametrize(
        "inputs", [{"prerelease": "rc"}, {"dry_run": "true"}], ids=["pre-release", "preview"]
    )
    def test_only_an_assigned_final_version_moves_tags(
        self, inputs: dict[str, str], step: ActionStep
    ) -> None:
        with GitHubTags() as github:
            assert run(step, github, bump="major", **inputs) == 0
        assert not {"v1", "v1.0"} & set(github.tags)

    def test_the_prefix_applies_and_build_metadata_does_not(self, step: ActionStep) -> None:
        with GitHubTags() as github:
            inputs = {"tag_prefix": "api/v", "build_metadata": "sha.1", "move_tags": "minor"}
            assert run(step, github, version="1.2.0", **inputs) == 0
        assert github.tags == {"api/v1.2.0+sha.1": COMMIT, "api/v1.2": COMMIT}


def once(action: Callable[[ReceivedRequest], Reply | None], method: str = "POST") -> Before:
    """Call *action* before the first request with this method."""
    pending = [action]

    def before(request: ReceivedRequest) -> Reply | None:
        return pending.pop()(request) if pending and request.method == method else None

    return before


class TestRaces:
    """Another build assigns 1.2.1 to the commit OTHER meanwhile."""

    def test_a_newer_version_before_the_move_keeps_its_tags(
        self, step: ActionStep, client: Client, name: str
    ) -> None:
        def newer(_: ReceivedRequest) -> None:
            assert assign(client, name, OTHER, "bump=patch") == "1.2.1"
            github.tags |= {"v1.2.1": OTHER, "v1": OTHER, "v1.2": OTHER}

        with GitHubTags(once(newer)) as github:
            assert run(step, github, version="1.2.0") == 0
        assert (github.tags["v1"], github.tags["v1.2"]) == (OTHER, OTHER)
        assert github.writes == [("POST", "v1.2.0")]

    def test_a_tag_that_a_newer_build_moved_meanwhile_is_moved_back(
        self, step: ActionStep, client: Client, name: str
    ) -> None:
        def newer(_: ReceivedRequest) -> None:
            assert assign(client, name, OTHER, "bump=patch") == "1.2.1"
            github.tags |= {"v1.2.1": OTHER, "v1": OTHER}

        with GitHubTags(once(newer, "PATCH")) as github:
            assert run(step, github, version="1.2.0", move_tags="major") == 0
        assert github.tags == {"v1.2.0": COMMIT, "v1.2.1": OTHER, "v1": OTHER}

    def test_a_newer_build_without_its_tag_moves_the_tag_itself(
        self, step: ActionStep, client: Client, name: str
    ) -> None:
        def newer(_: ReceivedRequest) -> None:
            assert assign(client, name, OTHER, "bump=patch") == "1.2.1"

        with GitHubTags(once(newer, "PATCH")) as github:
            assert run(step, github, version="1.2.0", move_tags="major") == 0
        assert github.tags == {"v1.2.0": COMMIT, "v1": COMMIT}

    def test_a_newer_tag_that_cannot_be_read_is_an_error(
        self, step: ActionStep, client: Client, name: str, capsys: Output
    ) -> None:
        """Otherwise v1 would remain on the older commit."""

        def newer(request: ReceivedRequest) -> Reply | None:
            if request.method == "GET":
                return Reply(502)
            if request.method == "PATCH":
                assign(client, name, OTHER, "bump=patch")
                github.tags |= {"v1.2.1": OTHER, "v1": OTHER}
            return None

        with GitHubTags(newer) as github:
            assert run(step, github, version="1.2.0", move_tags="major") == 1
        printed = capsys.readouterr().out
        cause = "GitHub returned 502 and did not read the tag v1.2.1."
        assert f"{cause}%0A%0ARun the job again later." in printed
        assert step.outputs["version"] == "1.2.0"

    def test_endless_newer_versions_are_an_error(
        self, step: ActionStep, client: Client, name: str, capsys: Output
    ) -> None:
        def newer(request: ReceivedRequest) -> None:
            if request.method == "PATCH":
                version = assign(client, name, f"t{len(github.requests)}", "bump=patch")
                github.tags[f"v{version}"] = OTHER

        with GitHubTags(newer) as github:
            assert run(step, github, version="1.2.0", move_tags="major") == 1
        assert "New versions were assigned 5 times while the tag v1 was" in capsys.readouterr().out

    def test_a_tag_that_appears_between_two_requests_is_moved(self, step: ActionStep) -> None:
        def appear(request: ReceivedRequest) -> None:
            if b'refs/tags/v1"' in request.body:
                github.tags["v1"] = OTHER

        with GitHubTags(appear) as github:
            assert run(step, github, version="1.2.0", move_tags="major") == 0
        assert github.writes[1:] == [("PATCH", "v1"), ("POST", "v1"), ("PATCH", "v1")]
        assert github.tags["v1"] == COMMIT


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "message"),
        [
            (403, "GitHub returned 403: `github-token` cannot move the tag v1."),
            (404, "GitHub returned 404: `github-token` cannot move the tag v1."),
            (422, "GitHub returned 422 and did not move the tag v1. A rule of the repository may"),
        ],
    )
    def test_a_refused_move_fails_the_step_after_the_outputs(
        self, status: int, message: str, step: ActionStep, capsys: Output
    ) -> None:
        def refuse(request: ReceivedRequest) -> Reply | None:
            if request.method == "PATCH" or b'refs/tags/v1"' in request.body:
                return Reply.json({"message": "No ghs_secret"}, status)
            return None

        with GitHubTags(refuse) as github:
            assert run(step, github, version="1.2.0") == 1
        printed = capsys.readouterr().out
        assert message in printed
        assert "No ghs_secret" not in printed
        assert step.outputs["version"] == "1.2.0"
        assert "the tag was created; not all tags were moved" in step.summary

    @pytest.mark.parametrize(
        ("inputs", "message"),
        [
            (
                {"move-tags": "minor"},
                "`move-tags` requires `create-tag: true`.\n\nTags such as `v1` follow the tags of "
                "versions:\n\nwith:\n  create-tag: true\n  move-tags: minor\n",
            ),
            ({"move-tags": "patch"}, "`move-tags` must be `major`, `minor` or both, not 'patch'."),
            ({"move-tags": ","}, "`move-tags` must be `major`, `minor` or both, not ','."),
            (
                {"mode": "counter", "move-tags": "major"},
                "`mode: counter` does not support `move-tags`.",
            ),
        ],
        ids=str,
    )
    def test_an_invalid_input_is_refused_with_the_yaml_to_write(
        self, inputs: dict[str, str], message: str, step: ActionStep, capsys: Output
    ) -> None:
        assert step.run(inputs) == 1
        assert message in capsys.readouterr().out.replace("%0A", "\n")
