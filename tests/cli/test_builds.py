"""The commands for terminals and scripts, as processes, against a real server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.test_drift import code, section, table
from monotron_ci import outputs
from support.server import Client, Server
from support.stand_in import HANG_UP, Say, StandIn
from support.terminal import Terminal

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server("sqlite://") as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with server.client() as client:
        yield client


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


@pytest.fixture
def terminal(server: Server, tmp_path: Path) -> Terminal:
    return Terminal(tmp_path, server.url)


@pytest.fixture
def repository(terminal: Terminal) -> Terminal:
    terminal.git("init", "--quiet")
    terminal.commit("first")
    return terminal


class TestNumbers:
    def test_a_token_gets_the_next_number_and_keeps_it(self, terminal: Terminal, name: str) -> None:
        assert terminal.prints("next", name, "a") == "1\n"
        assert terminal.prints("next", name, "b") == "2\n"
        assert terminal.prints("next", name, "a") == "1\n"
        assert terminal.prints("peek", name) == "2\n"
        assert terminal.prints("peek", name, "a") == "1\n"

    def test_the_token_is_the_commit_where_none_is_named(
        self, repository: Terminal, client: Client, name: str
    ) -> None:
        repository.prints("next", name)
        entry = client.request("GET", f"/v1/series/{name}").json()
        assert entry["token"] == repository.git("rev-parse", "HEAD")

    def test_nothing_yet_is_an_exit_code_of_its_own(self, terminal: Terminal, name: str) -> None:
        told = [("peek", name), ("peek", name, "a"), ("version", name, "x", "--bump=none")]
        for arguments in [*told, ("version", name, "--bump=none"), ("releases", name)]:
            done = terminal.run(*arguments)
            assert (done.returncode, done.stdout) == (3, "")
            assert "has no" in done.stderr

    def test_outside_of_a_repository_the_token_must_be_named(self, terminal: Terminal) -> None:
        done = terminal.run("next", "x")
        assert (done.returncode, done.stdout) == (2, "")
        assert "Name the token." in done.stderr
        done = terminal.run("adopt", "x")
        assert (done.returncode, done.stdout) == (2, "")
        assert "Say --version." in done.stderr


class TestVersions:
    def test_a_commit_gets_its_version(self, repository: Terminal, name: str) -> None:
        assert repository.prints("version", name, "--bump=minor") == "0.1.0\n"
        assert repository.prints("version", name, "--bump=minor") == "0.1.0\n"
        assert repository.prints("version", name, "x", "--prerelease=rc") == "0.1.1-rc.1\n"
        assert repository.prints("version", name, "x", "--bump=final") == "0.1.1\n"
        assert repository.prints("version", name, "y", "--line=0.1", "--dry-run") == "0.1.2\n"
        assert repository.prints("version", name, "--bump=none") == "0.1.1\n"
        assert repository.prints("version", name, "y", "--initial=1.0.0") == "0.1.2\n"
        assert repository.prints("version", name, "z", "--metadata=sha.1") == "0.1.3+sha.1\n"

    def test_a_conflict_is_a_refusal_unless_it_is_reused(
        self, terminal: Terminal, name: str
    ) -> None:
        terminal.prints("version", name, "a")
        done = terminal.run("version", name, "a", "--bump=major")
        assert (done.returncode, done.stdout) == (1, "")
        assert "422 token_taken" in done.stderr
        reused = terminal.prints("version", name, "a", "--bump=major", "--on-conflict=reuse")
        assert reused == "0.0.1\n"

    def test_messages_since_the_latest_version_decide(
        self, repository: Terminal, name: str
    ) -> None:
        repository.prints("version", name, "--bump=major")
        repository.commit("feat: a coupon")
        repository.commit("fix: a typo")
        assert repository.prints("version", name, "--bump=auto") == "1.1.0\n"
        repository.commit("fix: another")
        assert repository.prints("version", name, "--bump=auto") == "1.1.1\n"
        assert repository.prints("version", name, "--bump=auto") == "1.1.1\n"

    def test_on_a_line_the_messages_since_its_newest_version_decide(
        self, repository: Terminal, name: str
    ) -> None:
        repository.prints("version", name, "--bump=major")
        repository.git("checkout", "--quiet", "-b", "line")
        repository.commit("feat: a coupon")
        assert repository.prints("version", name, "--bump=auto") == "1.1.0\n"
        repository.git("checkout", "--quiet", "-b", "next", "HEAD~1")
        repository.commit("feat!: no cash")
        assert repository.prints("version", name, "--bump=auto") == "2.0.0\n"
        repository.git("checkout", "--quiet", "line")
        repository.commit("fix: a typo")
        assert repository.prints("version", name, "--bump=auto", "--line=1") == "1.1.1\n"

    def test_after_an_adoption_the_tag_of_the_product_is_the_start(
        self, repository: Terminal, name: str
    ) -> None:
        repository.git("tag", "v1.0.0")  # of another product
        repository.commit("feat!: a coupon")
        repository.git("tag", "api/v1.0.0")
        repository.prints("adopt", name, "--tag-prefix=api/v")
        repository.commit("fix: a typo")
        arguments = ("version", name, "--bump=auto", "--tag-prefix=api/v", "--output=dotenv")
        told = repository.prints(*arguments)
        assert "MONOTRON_VERSION=1.0.1\nMONOTRON_TAG=api/v1.0.1\n" in told

    def test_an_initial_version_is_a_start_too(self, repository: Terminal, name: str) -> None:
        repository.commit("feat: before")
        repository.git("tag", "v1.4.2")
        repository.commit("fix: a typo")
        arguments = ("version", name, "--bump=auto", "--initial=1.4.2")
        assert repository.prints(*arguments) == "1.4.3\n"

    def test_a_commit_with_a_pre_release_only_is_decided_by_its_messages(
        self, repository: Terminal, name: str
    ) -> None:
        repository.prints("version", name, "--bump=major")
        repository.commit("feat: a coupon")
        for _ in range(2):
            arguments = ("version", name, "--bump=auto", "--prerelease=rc")
            assert repository.prints(*arguments) == "1.1.0-rc.1\n"
        assert repository.prints("version", name, "--bump=auto") == "1.1.0\n"

    def test_a_history_that_the_service_cannot_read_is_told_with_the_cure(
        self, repository: Terminal, name: str
    ) -> None:
        (repository.folder / "message").write_text("fix: a\n\n" + "x" * (1 << 20))
        repository.git("commit", "--quiet", "--allow-empty", "--file=message")
        done = repository.run("version", name, "--bump=auto")
        assert (done.returncode, done.stdout) == (2, "")
        assert "longer than the 1 MiB" in done.stderr
        assert "--bump minor" in done.stderr

    def test_messages_may_be_handed_over(self, terminal: Terminal, name: str) -> None:
        arguments = ("version", name, "a", "--bump=auto", "--messages")
        assert terminal.prints(*arguments, "-", stdin=b"fix: a\0feat: b\0") == "0.1.0\n"
        (terminal.folder / "messages").write_text("feat: a")
        arguments = ("version", name, "b", "--bump=auto", "--messages")
        assert terminal.prints(*arguments, "messages") == "0.2.0\n"
        done = terminal.run(*arguments, "nowhere")
        assert (done.returncode, "nowhere cannot be read" in done.stderr) == (2, True)

    def test_a_clone_without_the_history_does_not_guess(
        self, repository: Terminal, name: str
    ) -> None:
        repository.prints("version", name, "0123456789012345678901234567890123456789")
        done = repository.run("version", name, "--bump=auto")
        assert (done.returncode, done.stdout) == (2, "")
        assert "are not all here, so they cannot decide" in done.stderr

    def test_a_token_is_never_an_option_of_git(self, repository: Terminal, name: str) -> None:
        repository.prints("version", name, "--", "--output=pwned")
        done = repository.run("version", name, "--bump=auto")
        assert done.returncode == 2
        assert not list(repository.folder.glob("pwned*"))

    def test_releases_are_a_table(self, terminal: Terminal, name: str) -> None:
        terminal.prints("version", name, "a", "--bump=minor")
        terminal.prints("version", name, "b")
        head, newest, oldest = terminal.prints("releases", name).splitlines()
        assert head.split() == ["VERSION", "TOKEN", "BUMP", "AFTER", "GIVEN", "AT"]
        assert newest.split()[:5] == ["0.1.1", "(latest)", "b", "patch", "0.1.0"]
        assert oldest.split()[:4] == ["0.1.0", "a", "minor", "-"]
        assert len(terminal.prints("releases", name, "--limit=1").splitlines()) == 2
        documents = json.loads(terminal.prints("releases", name, "--output=json"))
        assert [document["version"] for document in documents] == ["0.1.1", "0.1.0"]

    def test_counting_goes_on_from_the_newest_tag_here(
        self, repository: Terminal, name: str
    ) -> None:
        tags = ("v1.9.0", "v1.10.0", "v2.0.0-rc.1", "v1.x", "other", "api/v7.0.0")
        for tag in (*tags, "v99999999999999999999.0.0", "v9223372036854775808.0.0"):
            repository.git("tag", tag)
        assert repository.prints("adopt", name) == "1.10.0\n"
        assert repository.prints("version", name) == "1.10.1\n"
        assert repository.prints("adopt", f"{name}-api", "--tag-prefix=api/v") == "7.0.0\n"
        assert repository.prints("adopt", f"{name}-named", "--version=v3.0.0") == "3.0.0\n"
        done = repository.run("adopt", name)
        assert (done.returncode, "409 value_would_fall" in done.stderr) == (1, True)

    def test_without_a_tag_there_is_nothing_to_go_on_from(
        self, repository: Terminal, name: str
    ) -> None:
        done = repository.run("adopt", name)
        assert (done.returncode, "no tag here is vX.Y.Z" in done.stderr) == (2, True)


class TestForms:
    def test_the_service_and_the_command_write_the_same_dotenv(
        self, terminal: Terminal, client: Client, name: str
    ) -> None:
        said = terminal.prints(
            "version", name, "a", "--prerelease=rc", "--metadata=x.1", "--output=dotenv"
        )
        told = client.request("GET", f"/v1/versions/{name}/a?format=dotenv").text
        assert said == told.replace("REUSED=true", "REUSED=false")
        said = terminal.prints("next", name, "a", "--output=dotenv")
        told = client.request("GET", f"/v1/series/{name}/a?format=dotenv").text
        assert said == told.replace("REUSED=true", "REUSED=false")

    def test_the_service_and_the_command_write_the_same_json(
        self, terminal: Terminal, client: Client, name: str
    ) -> None:
        said = json.loads(terminal.prints("next", name, "a", "--output=json"))
        assert said == client.request("GET", f"/v1/series/{name}").json()
        said = json.loads(terminal.prints("version", name, "a", "--output=json"))
        assert said == {**client.request("GET", f"/v1/versions/{name}").json(), "reused": False}

    def test_github_gets_the_outputs_of_the_action(self, terminal: Terminal, name: str) -> None:
        lines = terminal.prints("version", name, "a", "--output=github").splitlines()
        given = dict(line.split("=", 1) for line in lines)
        assert (given["version"], given["tag"]) == ("0.0.1", "v0.0.1")
        assert terminal.prints("next", name, "a", "--output=github").startswith("version=\n")


def version(**members: object) -> dict[str, object]:
    """A version as the service answers it, with other members."""
    return {
        "name": "a",
        "token": "b",
        "version": "1.0.0",
        "major": 1,
        "minor": 0,
        "patch": 0,
        "latest": True,
        "reused": False,
        **members,
    }


class TestHostileAnswers:
    @pytest.mark.parametrize("member", ["metadata", "tag"])
    def test_no_member_adds_a_line(self, member: str, terminal: Terminal) -> None:
        with StandIn([Say.json(version(**{member: "x\nPATH=/evil"}))]) as stand_in:
            terminal.url = stand_in.url
            said = terminal.prints("version", "a", "b", "--output=dotenv")
        assert [line.partition("=")[0] for line in said.splitlines()] == [
            f"MONOTRON_{name}" for name in outputs.DOTENV
        ]
        assert "/evil" not in said

    @pytest.mark.parametrize("form", ["json", "github", "dotenv"])
    def test_half_a_character_is_no_traceback(self, form: str, terminal: Terminal) -> None:
        with StandIn([Say.json(version(token="\ud800"))]) as stand_in:
            terminal.url = stand_in.url
            done = terminal.run("version", "a", "--bump=none", f"--output={form}")
        assert "Traceback" not in done.stderr
        assert done.stdout == "" or json.loads(done.stdout)["token"] == "\ud800"

    def test_a_terminal_gets_no_control_characters(self, terminal: Terminal) -> None:
        with StandIn([Say.problem(422, "invalid_bump", "\x1b]0;x\x07\x9b2J red")]) as stand_in:
            terminal.url = stand_in.url
            said = terminal.run("version", "a", "b").stderr
        page = {"releases": [version(token="\x1b[31m", created_at="\x9b")], "next": None}
        with StandIn([Say.json(page)]) as stand_in:
            terminal.url = stand_in.url
            said += terminal.prints("releases", "a")
            said += terminal.prints("releases", "a", "--output=json")
        assert "invalid_bump" in said
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", said)


class TestTrouble:
    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (("next", "a", "b", "--url=http://m.example.com"), "no https address"),
            (("next", "", "b"), "can be no name"),
            (("version", ".", "b"), "can be no name"),
            (("version", "a", "b", "--tag-prefix=-v"), "--tag-prefix"),
            (("adopt", "a", "--tag-prefix=a b"), "--tag-prefix"),
            (("version", "a", "--bump=none", "--line=1"), "looks at the latest"),
            (("next", "a", "b", "--retries=-1"), "from 0 to 100"),
            (("next", "a", "b", "--timeout=0"), "from 1 to 3600"),
            (("releases", "a", "--limit=0"), "from 1 to 999999"),
        ],
        ids=str,
    )
    def test_what_the_command_was_told_wrong_exits_with_2(
        self, arguments: tuple[str, ...], told: str, terminal: Terminal
    ) -> None:
        done = terminal.run(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert told in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_key_that_is_none_exits_with_2(self, terminal: Terminal) -> None:
        done = terminal.run("next", "a", "b", MONOTRON_API_KEY="se cret")
        assert (done.returncode, "MONOTRON_API_KEY holds spaces" in done.stderr) == (2, True)
        assert "se cret" not in done.stderr

    def test_what_passes_exits_with_4(self, terminal: Terminal) -> None:
        page = Say(200, b"<html>Sign in", {"Content-Type": "text/html"})
        for say in (Say.problem(503, "draining", "Soon."), page):
            with StandIn([say]) as stand_in:
                terminal.url = stand_in.url
                done = terminal.run("next", "a", "b", "--retries=0")
            assert (done.returncode, done.stdout) == (4, "")

    def test_a_server_that_is_gone_is_an_exit_code_of_its_own(self, terminal: Terminal) -> None:
        with StandIn([HANG_UP]) as gone:
            terminal.url = gone.url
        done = terminal.run("next", "a", "b", "--retries=0")
        assert (done.returncode, done.stdout) == (4, "")
        assert "did not answer: Connection refused" in done.stderr

    def test_the_key_comes_from_the_environment_and_is_not_shown(self, terminal: Terminal) -> None:
        with StandIn([Say.problem(401, "unauthenticated", "Who are you?")]) as stand_in:
            terminal.url = stand_in.url
            done = terminal.run("next", "a", "b", MONOTRON_API_KEY="secret-key")
        assert stand_in.heard[0].headers["Authorization"] == "Bearer secret-key"
        assert done.returncode == 1
        assert "401 unauthenticated: Who are you?" in done.stderr
        assert "secret-key" not in done.stdout + done.stderr

    def test_flags_win_over_the_environment(self, terminal: Terminal, server: Server) -> None:
        terminal.url = "https://monotron.invalid"
        assert terminal.prints("peek", "--help").startswith("usage: monotron peek")
        done = terminal.run("peek", "no-such-series", f"--url={server.url}")
        assert done.returncode == 3

    @pytest.mark.parametrize(
        "arguments", [("next",), ("version", "a", "--bump=huge"), ("peek", "a", "--wat")]
    )
    def test_a_wrong_call_exits_with_2(
        self, arguments: tuple[str, ...], terminal: Terminal
    ) -> None:
        done = terminal.run(*arguments)
        assert (done.returncode, done.stdout) == (2, "")


class TestPage:
    page = (ROOT / "docs" / "commands.md").read_text()

    def test_every_exit_code_is_documented(self) -> None:
        rows = table(section(self.page, "## Exit codes"))
        assert [code(row[0]) for row in rows] == ["0", "1", "2", "3", "4"]

    @pytest.mark.parametrize(
        "command",
        ["next", "version", "peek", "releases", "adopt", "audit", "backup", "restore", "bump"],
    )
    def test_every_flag_is_documented(self, command: str, terminal: Terminal) -> None:
        said = terminal.prints(command, "--help")
        flags = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", said)) - {"--help"}
        told = set(re.findall(r"--[a-z][a-z-]+", section(self.page, f"### monotron {command}")))
        common = {"--url", "--timeout", "--retries", "--output"}
        assert told | common == flags | common
        assert common <= set(re.findall(r"--[a-z][a-z-]+", section(self.page, "## Common options")))
