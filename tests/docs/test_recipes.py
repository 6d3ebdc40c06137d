"""The recipes of docs/ci, run as their CI systems would run them, against a live server."""

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
    """The one block of a recipe."""
    (found,) = re.findall(r"^```\w+\n(.*?)^```$", section(PAGE, heading), re.DOTALL | re.MULTILINE)
    return str(found)


def from_groovy(text: str) -> str:
    """The script of a step: within ''' a backslash at the end of a line joins it with the next."""
    (script,) = re.findall(r"'''(.*?)'''", text, re.DOTALL)
    joined = str(script).replace("\\\n", "")
    assert "\\" not in joined, "Groovy would read it"
    return joined


def from_yaml(*path: str) -> Shell:
    def read(text: str) -> str:
        (found,) = yaml.safe_load(text)
        for name in path:
            found = found[name]
        return found if isinstance(found, str) else "\n".join(found)

    return read


def from_buildkite(text: str) -> str:
    script = from_yaml("command")(text)
    assert not re.search(r"(?<!\$)(\$\$)*\$(?!\$)", script), "a lone $ is read at the upload"
    return script.replace("$$", "$")


def from_make(text: str) -> str:
    Path("Makefile").write_text(text)
    return "make -s version"


def showing(file: str, shell: Shell) -> Shell:
    """The shell of a recipe that prints nothing itself, and then what it has put into a file."""
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
"""Of each recipe, how its system finds the shell in it, and what that prints."""

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
"""Answers of something that is not Monotron, none of which is a version."""


class Machine:
    """A folder where a CI system runs steps, with the programs that it brings."""

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
                "BUILDKITE_COMMIT": "HEAD",  # of a build that was started by hand
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
    def test_it_has_at_most_ten_lines(self, recipe: str) -> None:
        assert len(block(f"## {recipe}").splitlines()) <= 10

    def test_it_gets_the_version_and_a_repeat_gets_the_same(
        self, recipe: str, server: Server, machine: Machine
    ) -> None:
        for _ in range(2):
            for left in ("bash_env", "monotron.txt"):
                (machine.folder / left).unlink(missing_ok=True)
            done = machine.run(shell_of(recipe), server.url)
            assert (done.returncode, done.stderr) == (0, b"")
            assert done.stdout.decode() == RECIPES[recipe][1]

    def test_it_asks_again_where_the_connection_breaks_and_shows_the_key_to_nobody(
        self, recipe: str, machine: Machine
    ) -> None:
        processes: list[str] = []
        trouble = [HANG_UP]

        def service(request: ReceivedRequest) -> Reply:
            for folder in Path("/proc").iterdir():
                if folder.name.isdigit() and int(folder.name) != os.getpid():
                    try:
                        processes.append((folder / "cmdline").read_text(errors="replace"))
                    except OSError:
                        continue  # it has ended
            return trouble.pop() if trouble else Reply(200, f"{VERSION}\n".encode())

        with StandIn(service) as stand_in:
            done = machine.run(shell_of(recipe), stand_in.url)
        assert done.returncode == 0, done.stderr
        assert done.stdout.decode() == RECIPES[recipe][1]
        first, second = stand_in.requests
        assert (first.method, first.path) == (second.method, second.path)
        assert first.path == f"/v1/versions/shop/{COMMIT}?bump=minor&format=text"
        assert first.headers["Authorization"] == f"Bearer {KEY}"
        assert any(line.startswith("curl\0") and stand_in.url in line for line in processes)
        assert not [line for line in processes if KEY in line]

    def test_it_fails_on_an_error_and_shows_what_it_says(
        self, recipe: str, machine: Machine
    ) -> None:
        refusal = Reply.problem(422, "token_taken", "The token has another version.")
        with StandIn([refusal]) as stand_in:
            done = machine.run(shell_of(recipe), stand_in.url)
        assert done.returncode != 0
        assert b"422 " in done.stderr
        assert b"The token has another version." in done.stdout + done.stderr
        assert len(stand_in.requests) == 1

    def test_it_passes_nothing_on_but_a_version(self, recipe: str, machine: Machine) -> None:
        shell = shell_of(recipe)
        for what, answer in FOREIGN.items():
            with StandIn([answer]) as stand_in:
                done = machine.run(f"{shell}\n. $BASH_ENV", stand_in.url)
            assert done.returncode != 0, what
            assert done.stdout == b"", what
            assert b"##" not in done.stderr, what
            assert not (machine.folder / "bash_env").exists(), what
            assert not (machine.folder / "pwned").exists(), what


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


def test_a_busy_service_is_asked_again(machine: Machine) -> None:
    busy = Reply.problem(503, "store_unavailable", "Wait.", Retry_After="1")
    with StandIn([busy, Reply(200, b"0.1.0\n")]) as stand_in:
        done = machine.run(shell_of("Plain curl"), stand_in.url)
    assert (done.returncode, done.stdout) == (0, b"0.1.0\n")
    assert len(stand_in.requests) == 2


def test_the_check_lets_a_plain_number_pass(machine: Machine) -> None:
    shell = shell_of("Plain curl").replace("/v1/versions/shop/", "/v1/series/shop/")
    with StandIn([Reply(200, b"42\n")]) as stand_in:
        assert machine.run(shell, stand_in.url).stdout == b"42\n"
