"""The recipes of docs/ci run against a real server, with the shell and variables of CI systems."""

from __future__ import annotations

import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from docs.ci_machine import Machine, Result
from docs.ci_systems import FORMS, PAGE, SYSTEMS, Step, blocks, from_teamcity
from docs.test_drift import section, table
from support.credentials import UNLIMITED, bearer, new_account, new_key
from support.pipelines import SHELLCHECK
from support.server import ROOT, ROOT_ENV, Client, Server
from support.stand_in import HANG_UP, Reply, StandIn

FOREIGN_PAGE = Reply(
    200,
    b"<html>\n##vso[task.setvariable variable=VERSION]9.9.9\n"
    b"##teamcity[setParameter name='env.VERSION' value='9.9.9']\n</html>",
)
BUSY = Reply.problem(503, "draining", "The server is shutting down.", Retry_After="100")

RECIPES = pytest.mark.parametrize("form", FORMS)
ALL_SYSTEMS = pytest.mark.parametrize("name", SYSTEMS)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server("sqlite://", env=ROOT_ENV, args=UNLIMITED) as server:
        yield server


class Account(NamedTuple):
    client: Client
    key: str


@pytest.fixture
def account(server: Server) -> Iterator[Account]:
    """A new account, in which `shop` has no version."""
    with server.client(authorization=ROOT) as root:
        key = new_key(root, new_account(root), "read,write:series")
    with server.client(authorization=bearer(key)) as client:
        yield Account(client, key)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with one commit."""
    machine = Machine(tmp_path_factory.mktemp("clone"))
    machine.git("init", "--quiet", "--template=")
    machine.commit("feat: coupons")
    shutil.rmtree(machine.programs)
    return machine.folder


@pytest.fixture
def machine(tmp_path: Path, clone: Path) -> Machine:
    return Machine(tmp_path / "clone", clone)


@RECIPES
@ALL_SYSTEMS
class TestRecipe:
    def test_a_recipe_publishes_the_version_and_a_repeat_the_same_one(
        self, name: str, form: str, server: Server, account: Account, machine: Machine
    ) -> None:
        steps = FORMS[form](name)
        for expected in ("0.1.0\n", "0.1.0\n0.1.0\n"):
            result = machine.run_recipe(name, steps, server.url, MONOTRON_API_KEY=account.key)
            assert (result.code, result.published) == (0, expected), result
            assert account.key not in result.stdout + result.stderr
        commit = machine.git("rev-parse", "HEAD")
        assert account.client.request("GET", f"/v1/versions/shop/{commit}").status == 200

    def test_a_recipe_fails_with_a_message_and_without_a_version(
        self, name: str, form: str, server: Server, account: Account, clone: Path, tmp_path: Path
    ) -> None:
        steps = FORMS[form](name)
        taken = f"/v1/versions/shop/{Machine(tmp_path, clone).git('rev-parse', 'HEAD')}?bump=major"
        assert account.client.request("PUT", taken).status == 200
        refusal = Reply.problem(422, "token_taken", "It already has version 1.0.0.")

        def run(folder: str, url: str, key: str = account.key) -> Result:
            machine = Machine(tmp_path / folder, clone)
            return machine.run_recipe(name, steps, url, MONOTRON_API_KEY=key, MONOTRON_TIMEOUT="1")

        with (
            StandIn([refusal]) as refusing,
            StandIn([BUSY]) as busy,
            StandIn([HANG_UP]) as broken,
            StandIn([FOREIGN_PAGE]) as foreign,
            ThreadPoolExecutor() as pool,
        ):
            cases = {
                "Invalid credentials": pool.submit(run, "401", server.url, f"no-{uuid.uuid4()}"),
                "It already has version": pool.submit(run, "422", refusing.url),
                "The server is shutting down": pool.submit(run, "503", busy.url),
                "Empty reply from server": pool.submit(run, "broken", broken.url),
                "<html>": pool.submit(run, "foreign", foreign.url),
            }
            if form == "three lines":
                cases["already has version 1.0.0 of"] = pool.submit(run, "taken", server.url)
        for message, case in cases.items():
            code, stdout, stderr, published = case.result()
            assert (code != 0, published) == (True, None), message
            assert message in stderr
            assert "##" not in stdout + stderr
            assert not re.search(r"\d\.\d\.\d", stdout)


@ALL_SYSTEMS
class TestRelease:
    def test_a_recipe_with_the_script_publishes_nothing_without_a_release(
        self, name: str, server: Server, account: Account, machine: Machine
    ) -> None:
        machine.commit("fix: totals")
        steps = FORMS["script"](name)
        released = machine.run_recipe(name, steps, server.url, MONOTRON_API_KEY=account.key)
        assert released.published == "0.1.0\n"
        machine.commit("docs: prices [skip release]")
        result = machine.run_recipe(name, steps, server.url, MONOTRON_API_KEY=account.key)
        assert (result.code, result.published) == (0, "0.1.0\n"), result


RUNS = {row[0]: row for row in table(section(PAGE, "## Variables"))}
ROWS = {re.sub(r"\[(.*)\]\(.*\)", r"\1", name): row for name, row in RUNS.items()}
"""The rows of the table of variables, by the name of the system."""


def code_in(cell: str) -> str:
    (text,) = re.findall(r"`([^`]+)`", cell)
    return str(text)


@pytest.mark.parametrize("name", ROWS)
class TestVariables:
    def test_a_section_uses_the_commit_of_the_table(self, name: str) -> None:
        commit = code_in(ROWS[name][1])
        for block in blocks(f"## {name}")[:2]:
            assert commit in block.replace("$$", "$")

    def test_a_section_names_only_variables_that_the_system_sets(self, name: str) -> None:
        recipe_variables = {"VERSION", "NUMBER", "BASH_ENV", "MONOTRON_URL", "MONOTRON_API_KEY"}
        text = section(PAGE, f"## {name}") + "".join(ROWS[name][1:3])
        named = set(re.findall(r"(?<![A-Z_])[A-Z]+_[A-Z_0-9]+|(?<=\$)[A-Z]+", text))
        named |= {each.replace(".", "_").upper() for each in re.findall(r"%([a-z.]+)%", text)}
        assert named - recipe_variables <= {*SYSTEMS[name].variables, "ROOT_ID"}

    def test_the_line_for_the_complete_history_is_in_the_recipe(self, name: str) -> None:
        (setting,) = re.findall(r"^`(.*)`$", ROWS[name][3]) or [""]
        if setting:
            recipe = yaml.safe_load(blocks(f"## {name}")[1])
            assert contains(recipe, yaml.safe_load(setting)), setting
        else:
            assert not re.search("clone:|depth", "".join(blocks(f"## {name}")))

    def test_all_jobs_of_a_run_get_one_number_and_each_run_another(
        self, name: str, server: Server, account: Account, machine: Machine
    ) -> None:
        expression = code_in(ROWS[name][2])
        if name == "TeamCity":
            expression = from_teamcity(expression)[0].script
        numbers = []
        for form in blocks("### Build numbers"):
            script = Step(f'RUN="{expression}"\n{form}')
            for run in ("1", "2", "1"):
                result = machine.run_recipe(
                    name, [script], server.url, run, MONOTRON_API_KEY=account.key
                )
                assert result.code == 0, result
                numbers.append(result.stdout)
        assert numbers == ["1\n", "2\n", "1\n"] * 2


def contains(document: Any, part: dict[str, Any]) -> bool:
    """Whether a mapping anywhere in the document has the members of *part*."""
    if isinstance(document, list):
        return any(contains(each, part) for each in document)
    if isinstance(document, dict):
        return part.items() <= document.items() or contains(list(document.values()), part)
    return False


class TestJenkins:
    def test_two_branches_of_a_multibranch_pipeline_get_different_numbers(
        self, server: Server, account: Account, machine: Machine
    ) -> None:
        steps = SYSTEMS["Jenkins"].steps(blocks("## Jenkins")[2])
        numbers = []
        for tag, commit in (("jenkins-shop-main-1", "a"), ("jenkins-shop-main-1", "b")):
            environment = {"BUILD_TAG": tag, "GIT_COMMIT": commit, "BUILD_ID": "1"}
            process = machine.run(
                ["sh", "-xe", "-c", steps[0].script],
                server.url,
                MONOTRON_API_KEY=account.key,
                **environment,
            )
            numbers.append(process.stdout)
        assert numbers == ["1\n", "2\n"]


class TestPage:
    def test_the_sections_and_the_table_contain_all_systems(self) -> None:
        headings = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
        assert headings == ["Variables", "Three lines", "The script", *SYSTEMS]
        assert list(ROWS) == [name for name in SYSTEMS if name != "Make"]

    def test_every_block_of_a_section_is_executed(self) -> None:
        for name in SYSTEMS:
            assert len(blocks(f"## {name}")) == (3 if name == "Jenkins" else 2)

    def test_all_three_lines_are_equal_but_for_the_commit(self) -> None:
        def plain(text: str) -> str:
            words = text.replace("$$", "$").replace("\\\n", " ").split()
            return re.sub(r"shop/.*?\?", "shop/COMMIT?", " ".join(words))

        (generic,) = blocks("## Three lines")
        request, _, check = re.sub(r"\\\n", " ", generic).partition("\n")[2].partition("\n")
        check = check.partition("\n")[0]
        for name in SYSTEMS:
            block = plain(blocks(f"## {name}")[0])
            assert plain(request) in block
            assert plain(check) in block

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("name", [name for name in SYSTEMS if name != "Make"])
    def test_the_shell_in_a_block_passes_shellcheck(self, name: str, form: str) -> None:
        shell = SYSTEMS[name].shell[0]
        for step in FORMS[form](name):
            done = subprocess.run(
                [SHELLCHECK, f"--shell={shell}", "--norc", "-"],
                input=step.script,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.stdout == ""
