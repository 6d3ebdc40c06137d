"""docs/ci/monotron.sh with bump=auto: the commits that count, in real clones."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from docs.ci_machine import Machine
from docs.ci_systems import blocks
from support.credentials import UNLIMITED, bearer, new_account, new_key
from support.server import ROOT, ROOT_ENV, Client, Server
from support.stand_in import ReceivedRequest, Reply, StandIn

OUTDATED = Reply.problem(409, "base_outdated", "The newest version is 1.3.0.")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server("sqlite://", env=ROOT_ENV, args=UNLIMITED) as server:
        yield server


@pytest.fixture
def key(server: Server) -> str:
    """An API key of a new account."""
    with server.client(authorization=ROOT) as root:
        return new_key(root, new_account(root), "read,write,delete:series")


@pytest.fixture
def client(server: Server, key: str) -> Iterator[Client]:
    with server.client(authorization=bearer(key)) as client:
        yield client


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A clone with one commit."""
    machine = Machine(tmp_path / "clone")
    machine.git("init", "--quiet", "--template=", "--initial-branch=main")
    machine.commit("fix: first")
    return machine


Auto = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def auto(machine: Machine, server: Server, key: str) -> Auto:
    """Runs the script for a commit, without other commands of the CI system."""

    def run(
        commit: str, parameters: str = "", *, url: str = server.url, **more: str
    ) -> subprocess.CompletedProcess[str]:
        query = f"bump=auto{parameters}"
        command = ["sh", "monotron.sh", "version", "shop", commit, query]
        return machine.run(command, url, **{"MONOTRON_API_KEY": key, **more})

    return run


def release(client: Client, version: str, token: str) -> None:
    """Assign a version to a token."""
    response = client.request("PUT", f"/v1/versions/shop/{token}?version={version}")
    assert response.status == 200, response.body


def commits(machine: Machine, *messages: str) -> Sequence[str]:
    return [machine.commit(message) for message in messages]


class TestRange:
    def test_commits_of_builds_that_never_ran_count(
        self, auto: Auto, machine: Machine, client: Client
    ) -> None:
        release(client, "1.2.57", machine.git("rev-parse", "HEAD"))
        *_, last = commits(machine, "feat: a", "fix: b", "fix: c")
        process = auto(last)
        assert (process.returncode, process.stdout) == (0, "1.3.0\n")
        assert "newest version: 1.2.57, commits since then: 3\n" in process.stderr
        assert auto(last).stdout == "1.3.0\n"

    def test_a_breaking_change_in_a_body_counts(
        self, auto: Auto, machine: Machine, client: Client
    ) -> None:
        release(client, "1.2.57", machine.git("rev-parse", "HEAD"))
        *_, last = commits(machine, "fix: a\n\nBREAKING CHANGE: é is removed", "fix: b")
        assert auto(last).stdout == "2.0.0\n"

    def test_an_abbreviated_commit_gets_the_version_of_the_commit(
        self, auto: Auto, machine: Machine, client: Client
    ) -> None:
        (last,) = commits(machine, "feat: a")
        assert auto(last[:8]).stdout == "0.1.0\n"
        assert client.request("GET", f"/v1/versions/shop/{last}").status == 200

    def test_an_older_commit_gets_no_version(
        self, auto: Auto, machine: Machine, client: Client
    ) -> None:
        older, last = commits(machine, "feat: a", "fix: b")
        assert auto(last).stdout == "0.1.0\n"
        process = auto(older)
        assert (process.returncode, process.stdout) == (0, "\n")
        assert client.request("GET", f"/v1/versions/shop/{older}").status == 404

    def test_skipped_types_get_no_version(
        self, auto: Auto, machine: Machine, client: Client
    ) -> None:
        release(client, "1.2.57", machine.git("rev-parse", "HEAD"))
        *_, last = commits(machine, "docs: a", "ci: b")
        assert auto(last, "&skip_types=docs,ci").stdout == "\n"
        assert auto(last).stdout == "1.2.58\n"

    def test_a_start_from_another_server_is_not_an_option_of_git(
        self, auto: Auto, machine: Machine
    ) -> None:
        machine.git("remote", "add", "origin", str(machine.folder))
        (last,) = commits(machine, "feat: a")
        body = b"MONOTRON_VERSION=1.2.57\nMONOTRON_AUTO_AFTER=--upload-pack=touch pwned;\n"
        with StandIn([Reply(200, body)]) as stand_in:
            process = auto(last, url=stand_in.url)
        assert not (machine.folder / "pwned").exists()
        assert (process.returncode, process.stdout) == (1, "")
        assert f"monotron.sh: unexpected response of {stand_in.url}: 200 " in process.stderr

    def test_a_line_counts_from_its_own_version(
        self, auto: Auto, machine: Machine, client: Client
    ) -> None:
        first = machine.git("rev-parse", "HEAD")
        release(client, "1.2.57", first)
        release(client, "2.0.0", *commits(machine, "feat!: a"))
        machine.git("checkout", "--quiet", first)
        assert auto(*commits(machine, "fix: b"), "&line=1.2").stdout == "1.2.58\n"

    def test_a_version_with_build_metadata_is_the_start(self, auto: Auto, machine: Machine) -> None:
        first, last = commits(machine, "fix: a", "feat: b")
        assert auto(first, "&metadata=sha.7d4c379").stdout == "0.0.1+sha.7d4c379\n"
        assert auto(last).stdout == "0.1.0\n"

    def test_a_commit_that_the_clone_lacks_is_fetched(
        self, auto: Auto, machine: Machine, client: Client, tmp_path: Path
    ) -> None:
        """Another build is faster with a newer commit, which contains this one."""
        release(client, "1.2.57", machine.git("rev-parse", "HEAD"))
        (last,) = commits(machine, "feat: a")
        origin = tmp_path / "origin"
        shutil.copytree(machine.folder, origin)
        machine.git("remote", "add", "origin", str(origin))
        git = ["git", "-C", str(origin), "-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "fix: b"], check=True)
        newer = subprocess.check_output([*git, "rev-parse", "HEAD"], text=True).strip()
        release(client, "1.3.0", newer)
        assert auto(last).stdout == "\n"


class TestMissingCommit:
    @pytest.mark.parametrize("token", ["SHA-2026-11-28", "0" * 40, "cafe", "--output=pwned"])
    def test_the_tag_of_the_version_replaces_a_token_that_is_not_a_commit(
        self, token: str, auto: Auto, machine: Machine, client: Client
    ) -> None:
        release(client, "1.2.57", token)
        machine.git("tag", "v1.2.57")
        *_, last = commits(machine, "feat: a", "fix: b")
        machine.git("branch", "cafe")
        assert auto(last).stdout == "1.3.0\n"
        assert not (machine.folder / "pwned").exists()

    def test_without_a_tag_the_commit_itself_counts_with_a_warning(
        self, auto: Auto, machine: Machine, client: Client
    ) -> None:
        release(client, "1.2.57", "0" * 40)
        *_, last = commits(machine, "feat: a", "fix: b")
        process = auto(last)
        assert process.stdout == "1.2.58\n"
        assert "only " + last + " counts. Set MONOTRON_SINCE" in process.stderr

    def test_since_sets_the_start(self, auto: Auto, machine: Machine, client: Client) -> None:
        release(client, "1.2.57", "0" * 40)
        *_, last = commits(machine, "feat: a", "fix: b")
        assert auto(last, MONOTRON_SINCE="HEAD~2").stdout == "1.3.0\n"

    @pytest.mark.parametrize("since", ["unknown", "--output=pwned", "HEAD~9"])
    def test_an_invalid_since_fails(self, since: str, auto: Auto, machine: Machine) -> None:
        process = auto(machine.git("rev-parse", "HEAD"), MONOTRON_SINCE=since)
        assert (process.returncode, process.stdout) == (1, "")
        assert "MONOTRON_SINCE is not a commit" in process.stderr

    @pytest.mark.parametrize("commit", ["0" * 40, "--output=pwned"])
    def test_an_unknown_commit_fails(self, commit: str, auto: Auto) -> None:
        process = auto(commit)
        assert (process.returncode, process.stdout) == (1, "")
        assert "commit" in process.stderr

    def test_a_shallow_clone_fails(
        self, auto: Auto, machine: Machine, client: Client, tmp_path: Path
    ) -> None:
        """Although it contains both ends of the range."""
        first, *_, last = commits(machine, "fix: a", "feat: b", "fix: c")
        release(client, "1.2.57", first)
        source = tmp_path / "source"
        (machine.folder / ".git").rename(source)
        machine.git("init", "--quiet", "--template=")
        for commit in (last, first):
            machine.git("fetch", "--quiet", "--depth=1", f"file://{source}", commit)
        process = auto(last)
        assert (process.returncode, process.stdout) == (1, "")
        assert "this clone is shallow" in process.stderr


class TestFirstVersion:
    def test_a_new_name_counts_the_complete_history(self, auto: Auto, machine: Machine) -> None:
        *_, last = commits(machine, "feat: a", "fix: b")
        assert auto(last).stdout == "0.1.0\n"

    @pytest.mark.parametrize(("initial", "version"), [("1.10.0", "1.11.0\n"), ("0.0.0", "0.1.0\n")])
    def test_tags_of_versions_require_a_decision(
        self, initial: str, version: str, auto: Auto, machine: Machine
    ) -> None:
        for tag in ("v1.9.0", "v1.10.0", "v1.11.0-rc.1"):
            machine.git("tag", tag)
        (last,) = commits(machine, "feat: a")
        process = auto(last)
        assert (process.returncode, process.stdout) == (1, "")
        assert "there is a tag v1.10.0, but no version. Add initial=1.10.0" in process.stderr
        assert auto(last, f"&initial={initial}").stdout == version

    def test_commits_before_the_tag_of_the_initial_version_do_not_count(
        self, auto: Auto, machine: Machine
    ) -> None:
        commits(machine, "feat!: a", "fix: b")
        machine.git("tag", "v1.3.2")
        *_, last = commits(machine, "feat: c", "fix: d")
        assert auto(last, "&initial=1.3.2").stdout == "1.4.0\n"

    def test_all_commits_count_if_the_tag_of_the_initial_version_is_missing(
        self, auto: Auto, machine: Machine
    ) -> None:
        *_, last = commits(machine, "feat!: a", "fix: b")
        process = auto(last, "&initial=1.3.2")
        assert process.stdout == "2.0.0\n"
        assert "the tag v1.3.2 is not in this clone, so all commits count" in process.stderr

    def test_tags_of_other_branches_do_not_matter(self, auto: Auto, machine: Machine) -> None:
        machine.git("checkout", "--quiet", "--orphan", "other")
        machine.commit("fix: other")
        machine.git("tag", "v2019.10.5")
        machine.git("checkout", "--quiet", "main")
        assert auto(machine.git("rev-parse", "HEAD")).stdout == "0.0.1\n"


class TestConcurrentBuilds:
    def test_two_builds_do_not_count_the_same_commit(
        self, auto: Auto, machine: Machine, client: Client, server: Server, key: str
    ) -> None:
        """The build of `feat: a` is faster, after both have read the newest version."""
        release(client, "1.2.57", machine.git("rev-parse", "HEAD"))
        first, last = commits(machine, "feat: a", "fix: b")
        git = shutil.which("git")
        machine.provide(
            "git",
            f'if [ "$1" = log ] && mkdir raced; then {git} log -z --format=%B {first}^! |'
            f' curl -sS -X PUT --data-binary @- -H "Authorization: Bearer {key}"'
            f' "{server.url}/v1/versions/shop/{first}?bump=auto&base=1.2.57" >/dev/null; fi\n'
            f'exec {git} "$@"',
        )
        process = auto(last)
        assert process.stdout == "1.3.1\n"
        assert "another build was assigned a version. Attempt 1 of 6" in process.stderr
        assert client.request("GET", f"/v1/versions/shop/{first}").json()["version"] == "1.3.0"

    def test_an_outdated_base_is_read_again_at_most_five_times(
        self, auto: Auto, machine: Machine
    ) -> None:
        newest = Reply(
            body=b"MONOTRON_VERSION=1.2.57\nMONOTRON_AUTO_AFTER="
            + machine.git("rev-parse", "HEAD").encode()
        )
        *_, last = commits(machine, "feat: a")

        def respond(request: ReceivedRequest) -> Reply:
            return newest if request.method == "GET" else OUTDATED

        with StandIn(respond) as stand_in:
            process = auto(last, url=stand_in.url)
        assert (process.returncode, process.stdout) == (1, "")
        assert "base_outdated" in process.stderr
        assert [each.method for each in stand_in.requests] == ["GET", "PUT"] * 6
        assert {each.body for each in stand_in.requests} == {b"", b"feat: a\n\0"}
        assert "&bump=auto" in stand_in.requests[1].path
        assert "base=1.2.57&" in stand_in.requests[1].path


class TestAmount:
    def test_ten_thousand_commits_count_and_more_than_a_mebibyte_fails(
        self, auto: Auto, machine: Machine, client: Client
    ) -> None:
        release(client, "1.2.57", machine.git("rev-parse", "HEAD"))
        append(machine, ["feat: coupons", *(f"fix: {'x' * 90} {n}" for n in range(9_999))])
        process = auto("main")
        assert process.stdout == "1.3.0\n", process.stderr
        append(machine, [f"fix: {'x' * 200}" for _ in range(6_000)])
        process = auto("main")
        assert (process.returncode, process.stdout) == (1, "")
        assert "413" in process.stderr


def append(machine: Machine, messages: Sequence[str]) -> None:
    """Add many commits."""
    stream = "".join(
        "commit refs/heads/main\ncommitter a <a@example.com> 0 +0000\n"
        f"data {len(message)}\n{message}\n" + ("from refs/heads/main^0\n" if number == 0 else "")
        for number, message in enumerate(messages)
    )
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=machine.folder, input=stream, text=True, check=True
    )


class TestPage:
    def test_the_example_publishes_only_a_release(
        self, machine: Machine, server: Server, key: str
    ) -> None:
        (example,) = blocks("### The bump from commit messages")
        for message in ("docs: a", "feat: b"):
            machine.commit(message)
            process = machine.run(["sh", "-c", example], server.url, MONOTRON_API_KEY=key)
            assert process.returncode == 0, process.stderr
        assert (machine.folder / "published").read_text() == "0.0.1\n0.1.0\n"
        machine.commit("ci: c")
        assert machine.run(["sh", "-c", example], server.url, MONOTRON_API_KEY=key).stdout == ""
        assert (machine.folder / "published").read_text() == "0.0.1\n0.1.0\n"
