"""The recipes of docs/ci run against a real server, with the shell and variables of CI systems."""

from __future__ import annotations

import os
import re
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from docs.test_drift import section
from support.server import Client, Server
from support.stand_in import HANG_UP, ReceivedRequest, Reply, StandIn

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ci" / "README.md").read_text()
COMMIT = "7d4c379588"
VERSION = "0.1.0"

Shell = Callable[[str], str]


def block(heading: str) -> str:
    """The only code block of a recipe."""
    (text,) = re.findall(r"^```\w+\n(.*?)^```$", section(PAGE, heading), re.DOTALL | re.MULTILINE)
    return str(text)


def from_groovy(text: str) -> str:
    """The script of a step. Groovy joins lines with a backslash at the end within '''."""
    (script,) = re.findall(r"'''(.*?)'''", text, re.DOTALL)
    joined = str(script).replace("\\\n", "")
    assert "\\" not in joined, "Groovy would interpret the backslash"
    return joined


def from_yaml(*path: str) -> Shell:
    def read(text: str) -> str:
        (node,) = yaml.safe_load(text)
        for name in path:
            node = node[name]
        return node if isinstance(node, str) else "\n".join(node)

    return read


def from_buildkite(text: str) -> str:
    script = from_yaml("command")(text)
    assert not re.search(r"(?<!\$)(\$\$)*\$(?!\$)", script), (
        "Buildkite interpolates a single $ during the upload"
    )
    return script.replace("$$", "$")


def from_make(text: str) -> str:
    Path("Makefile").write_text(text)
    return "make -s version"


def showing(file: str, shell: Shell) -> Shell:
    """The shell of a recipe without output, followed by the output of the file that it writes."""
    return lambda text: f"{shell(text)}\ncat {file}\n"


RESULT = "monotron.txt"

RECIPES: dict[str, tuple[Shell, str]] = {
    "Plain curl": (str, f"{VERSION}\n"),
    "Make": (showing(RESULT, from_make), f"{VERSION}\n"),
    "Jenkins": (showing(RESULT, from_groovy), f"{VERSION}\n"),
    "CircleCI": (showing("$BASH_ENV", from_yaml("run", "command")), f"export VERSION={VERSION}\n"),
    "Azure Pipelines": (
        from_yaml("bash"),
        f"##vso[task.setvariable variable=VERSION;isOutput=true]{VERSION}\n",
    ),
    "Bitbucket": (showing(RESULT, from_yaml("step", "script")), f"{VERSION}\n"),
    "Buildkite": (from_buildkite, f"meta-data set version {VERSION}\n"),
    "Woodpecker and Drone": (showing(RESULT, from_yaml("commands")), f"{VERSION}\n"),
    "TeamCity": (str, f"##teamcity[buildNumber '{VERSION}']\n"),
}
"""For each recipe, how its CI system extracts the shell script, and the output of the script."""

COMMIT_OF = ("GIT_COMMIT", "CIRCLE_SHA1", "BUILD_SOURCEVERSION", "BITBUCKET_COMMIT")
COMMIT_OF += ("CI_COMMIT_SHA", "DRONE_COMMIT_SHA", "BUILD_VCS_NUMBER")

KEY = f"canary-{uuid.uuid4()}"

FOREIGN = {
    "a command": Reply(200, b"1.0.0; touch pwned\n"),
    "a substitution": Reply(200, b"$(touch pwned)\n"),
    "a second line": Reply(200, b"1.0.0\ntouch pwned\n"),
    "a command for Azure": Reply(200, b"1.0.0\n##vso[task.prependpath]/evil\n"),
    "a command for TeamCity": Reply(200, b"1.0.0\n##teamcity[buildStop comment='x']\n"),
    "a sign-in page": Reply(200, b"<html>Sign in</html>", {"Content-Type": "text/html"}),
    "a proxy's page": Reply(404, b"1.0.0\n"),
    "a redirect": Reply(302, b"1.0.0\n", {"Location": "/elsewhere"}),
    "nothing": Reply(200),
}
"""Responses of other servers than Monotron. They do not contain a version."""


class Machine:
    """A folder in which a CI system runs steps, with the programs that it provides."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        programs = folder / "programs"
        programs.mkdir()
        for name, script in (("git", f"echo {COMMIT}"), ("buildkite-agent", 'echo "$@"')):
            (programs / name).write_text(f"#!/bin/sh\n{script}\n")
            (programs / name).chmod(0o755)
        self.path = f"{programs}{os.pathsep}{os.environ['PATH']}"

    def run(self, shell: str, url: str) -> subprocess.CompletedProcess[bytes]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MONOTRON"))}
        return subprocess.run(
            ["sh", "-e", "-c", shell],
            cwd=self.folder,
            env={
                **inherited,
                **dict.fromkeys(COMMIT_OF, COMMIT),
                "BUILDKITE_COMMIT": "HEAD",  # in a build that was started manually
                "PATH": self.path,
                "BASH_ENV": str(self.folder / "bash_env"),
                "MONOTRON_URL": url,
                "MONOTRON_API_KEY": KEY,
                "no_proxy": "127.0.0.1",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server("sqlite://") as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with server.client() as client:
        client.request("DELETE", "/v1/series/shop-minor-v0?restart=true")
        yield client


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.chdir(tmp_path)
    return Machine(tmp_path)


def shell_of(recipe: str) -> str:
    return RECIPES[recipe][0](block(f"## {recipe}"))


def test_every_recipe_is_run() -> None:
    assert list(RECIPES) == re.findall(r"^## (.*)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("recipe", RECIPES)
class TestRecipe:
    def test_a_recipe_has_at_most_ten_lines(self, recipe: str) -> None:
        assert len(block(f"## {recipe}").splitlines()) <= 10

    def test_a_recipe_gets_the_version_and_a_repeat_gets_the_same_one(
        self, recipe: str, server: Server, machine: Machine
    ) -> None:
        for _ in range(2):
            for output in ("bash_env", RESULT):
                (machine.folder / output).unlink(missing_ok=True)
            process = machine.run(shell_of(recipe), server.url)
            assert (process.returncode, process.stderr) == (0, b"")
            assert process.stdout.decode() == RECIPES[recipe][1]

    def test_a_recipe_retries_after_a_broken_connection_and_keeps_the_api_key_secret(
        self, recipe: str, machine: Machine
    ) -> None:
        processes: list[str] = []
        failures = [HANG_UP]

        def respond(request: ReceivedRequest) -> Reply:
            for folder in Path("/proc").iterdir():
                if folder.name.isdigit() and int(folder.name) != os.getpid():
                    try:
                        processes.append((folder / "cmdline").read_text(errors="replace"))
                    except OSError:
                        continue  # the process has ended
            return failures.pop() if failures else Reply(200, f"{VERSION}\n".encode())

        with StandIn(respond) as stand_in:
            process = machine.run(shell_of(recipe), stand_in.url)
        assert process.returncode == 0, process.stderr
        assert process.stdout.decode() == RECIPES[recipe][1]
        first, second = stand_in.requests
        assert (first.method, first.path) == (second.method, second.path)
        assert first.path == f"/v1/versions/shop/{COMMIT}?bump=minor&format=text"
        assert first.headers["Authorization"] == f"Bearer {KEY}"
        assert any(line.startswith("curl\0") and stand_in.url in line for line in processes)
        assert not [line for line in processes if KEY in line]

    def test_a_recipe_fails_on_an_error_and_shows_its_detail(
        self, recipe: str, machine: Machine
    ) -> None:
        refusal = Reply.problem(422, "token_taken", "The token has another version.")
        with StandIn([refusal]) as stand_in:
            process = machine.run(shell_of(recipe), stand_in.url)
        assert process.returncode != 0
        assert b"422 " in process.stderr
        assert b"The token has another version." in process.stdout + process.stderr
        assert len(stand_in.requests) == 1

    def test_a_recipe_outputs_only_a_version(self, recipe: str, machine: Machine) -> None:
        shell = shell_of(recipe)
        for description, reply in FOREIGN.items():
            with StandIn([reply]) as stand_in:
                process = machine.run(f"{shell}\n. $BASH_ENV", stand_in.url)
            assert process.returncode != 0, description
            assert process.stdout == b"", description
            assert b"##" not in process.stderr, description
            assert not (machine.folder / "bash_env").exists(), description
            assert not (machine.folder / "pwned").exists(), description


def test_all_recipes_share_one_idiom() -> None:
    def plain(line: str) -> str:
        line = re.sub(r"^\s*@?|\s*\\$", "", line).replace("$$", "$")
        return re.sub(r"shop/.*?\?", "shop/COMMIT?", line)

    idiom = [plain(line) for line in block("## Plain curl").splitlines()[1:5]]
    for recipe in RECIPES:
        assert idiom == [
            plain(line)
            for line in block(f"## {recipe}").splitlines()
            if re.search(r"curl -H|--retry|/v1/|grep", line)
        ]


def with_account() -> str:
    """The recipe that names an account."""
    (text,) = re.findall(r"^```sh\n(ACCOUNT=.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return str(text)


class TestAccount:
    def test_the_recipe_with_an_account_gets_the_version(
        self, server: Server, machine: Machine
    ) -> None:
        for _ in range(2):
            process = machine.run(with_account(), server.url)
            assert (process.returncode, process.stderr) == (0, b"")
            assert process.stdout == b"MONOTRON_VERSION=0.1.0\n"

    def test_the_recipe_with_an_account_refuses_the_version_of_another_one(
        self, machine: Machine
    ) -> None:
        for creator in ("2", "11", "1;id", ""):
            text = f"MONOTRON_VERSION=0.1.0\nMONOTRON_CREATOR_ID={creator}\n"
            with StandIn([Reply(200, text.encode())]) as stand_in:
                process = machine.run(with_account(), stand_in.url)
            assert (process.returncode != 0, process.stdout) == (True, b""), creator
            path = f"/v1/accounts/1/versions/shop/{COMMIT}?bump=minor&format=dotenv"
            assert [request.path for request in stand_in.requests] == [path]

    def test_the_recipe_with_an_account_outputs_only_a_version(self, machine: Machine) -> None:
        hostile = Reply(200, b"MONOTRON_VERSION=1.0.0;id\nMONOTRON_CREATOR_ID=1\n")
        for reply in (*FOREIGN.values(), hostile):
            with StandIn([reply]) as stand_in:
                process = machine.run(with_account(), stand_in.url)
            assert (process.returncode != 0, process.stdout) == (True, b""), reply

    def test_the_recipe_with_an_account_shows_an_ambiguous_account_without_a_retry(
        self, machine: Machine
    ) -> None:
        refusal = Reply.problem(409, "ambiguous_account", "Several accounts. Name yours.")
        with StandIn([refusal]) as stand_in:
            process = machine.run(with_account(), stand_in.url)
        assert process.returncode != 0
        assert b"Several accounts. Name yours." in process.stderr
        assert len(stand_in.requests) == 1


def test_a_request_to_a_busy_server_is_repeated(machine: Machine) -> None:
    busy = Reply.problem(503, "store_unavailable", "Wait.", Retry_After="1")
    with StandIn([busy, Reply(200, b"0.1.0\n")]) as stand_in:
        process = machine.run(shell_of("Plain curl"), stand_in.url)
    assert (process.returncode, process.stdout) == (0, b"0.1.0\n")
    assert len(stand_in.requests) == 2


def test_the_check_accepts_a_plain_number(machine: Machine) -> None:
    shell = shell_of("Plain curl").replace("/v1/versions/shop/", "/v1/series/shop/")
    with StandIn([Reply(200, b"42\n")]) as stand_in:
        assert machine.run(shell, stand_in.url).stdout == b"42\n"
