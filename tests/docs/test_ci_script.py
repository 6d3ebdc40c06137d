"""docs/ci/monotron.sh: requests, responses that it accepts, and its download."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from docs.ci_machine import Machine
from docs.ci_systems import PAGE, SCRIPT, blocks
from support.pipelines import SHELLCHECK
from support.server import Server
from support.stand_in import HANG_UP, ReceivedRequest, Reply, StandIn

COMMIT = "7d4c379588e0b8f0a1c2d3e4f5061728394a5b6c"
VERSION = b"MONOTRON_VERSION=0.1.0\nMONOTRON_CHANGED=true\nMONOTRON_CREATOR_ID=1\n"

FOREIGN = {
    "a command": b"1.0.0; touch pwned\n",
    "a substitution": b"$(touch pwned)\n",
    "a second line": b"1.0.0\ntouch pwned\n",
    "a command for Azure": b"1.0.0\n##vso[task.prependpath]/evil\n",
    "a command for TeamCity": b"1.0.0\n##teamcity[buildStop comment='x']\n",
    "a sign-in page": b"<html>Sign in</html>",
    "nothing": b"",
}
"""Bodies of other servers than Monotron. They do not contain a version."""

NO_VERSIONS = (b"1.0.0; id\n", b"$(id)\n", b"-1.0.0\n", b"1.0.0\nMONOTRON_VERSION=2.0.0\n", b"\n")

Call = Callable[..., "subprocess.CompletedProcess[str]"]

FORMS = {
    "three lines": [
        "sh",
        "-c",
        blocks("## Three lines")[0].replace("$(git rev-parse HEAD)", COMMIT),
    ],
    "script": ["sh", "monotron.sh", "version", "shop", COMMIT, "bump=minor"],
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server("sqlite://") as server:
        yield server


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def call(machine: Machine) -> Call:
    """Runs the script."""

    def run(url: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        more = {"MONOTRON_API_KEY": "key", "MONOTRON_TIMEOUT": "5", **more}
        return machine.run(["sh", "monotron.sh", *arguments], url, **more)

    return run


def version_and_account(account: str) -> Reply:
    return Reply(200, VERSION.replace(b"ID=1", b"ID=" + account.encode()))


@pytest.mark.parametrize("form", FORMS)
class TestResponses:
    def test_only_a_version_is_output(self, form: str, machine: Machine) -> None:
        replies = [Reply(200, body) for body in FOREIGN.values()]
        replies += [Reply(200, b"MONOTRON_VERSION=" + body) for body in NO_VERSIONS]
        replies += [Reply(404, b"1.0.0\n"), Reply(302, VERSION, {"Location": "/elsewhere"})]
        for reply in replies:
            with StandIn([reply]) as stand_in:
                process = machine.run(FORMS[form], stand_in.url, MONOTRON_API_KEY="key")
            assert (process.returncode != 0, process.stdout) == (True, ""), reply
            assert len(process.stderr) > len("No version: "), reply
            assert "##" not in process.stderr, reply
            assert not (machine.folder / "pwned").exists(), reply
            assert len(stand_in.requests) == 1

    def test_the_api_key_is_in_no_process_list(self, form: str, machine: Machine) -> None:
        key = f"canary-{uuid.uuid4()}"
        processes: list[str] = []

        def respond(_: ReceivedRequest) -> Reply:
            for folder in Path("/proc").iterdir():
                if folder.name.isdigit() and int(folder.name) != os.getpid():
                    try:
                        processes.append((folder / "cmdline").read_text(errors="replace"))
                    except OSError:
                        continue  # the process has ended
            return Reply(200, VERSION if form == "script" else b"0.1.0\n")

        with StandIn(respond) as stand_in:
            process = machine.run(FORMS[form], stand_in.url, MONOTRON_API_KEY=key)
        assert process.stdout == "0.1.0\n"
        (request,) = stand_in.requests
        assert request.headers["Authorization"] == f"Bearer {key}"
        assert any(line.startswith("curl\0") and stand_in.url in line for line in processes)
        assert not [line for line in processes if key in line]


class TestScript:
    def test_names_and_tokens_are_percent_encoded(self, call: Call, server: Server) -> None:
        key, token = "My shop/é#%2F", "jenkins-a b-feature%2Fx?&+-1"
        process = call(server.url, "next", key, token)
        assert (process.returncode, process.stdout, process.stderr) == (0, "1\n", "")
        with server.client() as client:
            entries = client.request("GET", "/v1/series").json()["series"]
        assert (key, token) in [(entry["key"], entry["token"]) for entry in entries]

    def test_a_series_starts_after_its_initial_value(self, call: Call, server: Server) -> None:
        for run, number in (("a", "1006\n"), ("b", "1007\n"), ("a", "1006\n")):
            assert call(server.url, "next", "initial", run, "initial=1005").stdout == number

    def test_a_broken_connection_and_a_busy_server_are_retried_visibly(self, call: Call) -> None:
        busy = Reply.problem(503, "draining", "Wait.", Retry_After="1")
        with StandIn([HANG_UP, busy, Reply(200, VERSION)]) as stand_in:
            process = call(stand_in.url, "version", "shop", COMMIT)
        assert (process.returncode, process.stdout) == (0, "0.1.0\n")
        assert len(stand_in.requests) == 3
        # curl 8.22 has another text.
        assert len(re.findall(r"(?:Will retry|Retrying) in 1 second", process.stderr)) == 2
        assert "Empty reply from server" in process.stderr

    @pytest.mark.parametrize("token", ["", "HEAD", "FETCH_HEAD", "@", "HEAD~1", "@^", "$A", "%b%"])
    @pytest.mark.parametrize("parameters", ["bump=minor", "bump=auto"])
    def test_a_token_that_every_build_shares_is_refused(
        self, token: str, parameters: str, call: Call
    ) -> None:
        process = call("http://127.0.0.1:1", "version", "shop", token, parameters)
        assert (process.returncode, process.stdout) == (1, "")
        assert "monotron.sh: invalid token" in process.stderr

    def test_the_account_is_in_the_path_and_verified(self, call: Call) -> None:
        for creator, code in (("1", 0), ("2", 1), ("11", 1), ("1;id", 1), ("", 1)):
            with StandIn([version_and_account(creator)]) as stand_in:
                process = call(stand_in.url, "version", "shop", COMMIT, MONOTRON_ACCOUNT="1")
            assert (process.returncode, process.stdout) == (code, "" if code else "0.1.0\n")
            (request,) = stand_in.requests
            # curl 8.22 writes upper-case digits.
            assert request.path.lower().startswith("/v1/accounts/1/versions/%73%68%6f%70/")

    @pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
    def test_the_url_can_end_in_v1(self, end: str, call: Call, server: Server) -> None:
        assert call(f"{server.url}{end}", "next", "url", "a").stdout == "1\n"

    def test_a_wrong_call_states_the_usage(self, call: Call, machine: Machine) -> None:
        for arguments in ((), ("version", "shop"), ("next", "a", "b", "c", "d")):
            assert "usage: monotron.sh version NAME" in call("http://x", *arguments).stderr
        assert "unknown command 'peek'" in call("http://x", "peek", "a", "b").stderr
        process = machine.run(["sh", "monotron.sh", "next", "a", "b"], "http://x")
        assert "MONOTRON_API_KEY" in process.stderr

    def test_temporary_files_are_removed(self, call: Call, server: Server, tmp_path: Path) -> None:
        folder = tmp_path / "tmp"
        folder.mkdir()
        for token in ("a", "HEAD"):
            call(server.url, "next", "temporary", token, TMPDIR=str(folder))
        assert list(folder.iterdir()) == []

    @pytest.mark.parametrize("dialect", ["sh", "bash", "dash", "busybox"])
    def test_the_script_passes_shellcheck(self, dialect: str) -> None:
        done = subprocess.run(
            [SHELLCHECK, f"--shell={dialect}", "--norc", SCRIPT],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, "")

    def test_the_script_runs_with_the_tools_of_busybox(
        self, machine: Machine, server: Server
    ) -> None:
        for name in ("curl", "git"):
            (machine.programs / name).symlink_to(str(shutil.which(name)))
        busybox = str(shutil.which("busybox"))
        for name in ("cat", "cut", "grep", "mktemp", "od", "rm", "sed", "tail", "tr"):
            (machine.programs / name).symlink_to(busybox)
        machine.git("init", "--quiet")
        commit = machine.commit("feat: coupons")
        process = machine.run(
            [busybox, "sh", "monotron.sh", "version", "busybox", commit, "bump=auto"],
            server.url,
            MONOTRON_API_KEY="key",
            PATH=str(machine.programs),
        )
        assert (process.returncode, process.stdout) == (0, "0.1.0\n"), process.stderr


class TestPage:
    def test_the_script_of_the_page_is_downloaded_and_verified(self, machine: Machine) -> None:
        (download,) = re.findall(r"(?s)<!-- table: script -->\n```sh\n(.*?)```", PAGE)
        (machine.folder / "monotron.sh").unlink()
        real = shutil.which("curl")
        path = SCRIPT.relative_to(SCRIPT.parents[2])
        with StandIn(lambda request: serve(request.path, str(path))) as stand_in:
            machine.provide("curl", f'{real} "$1" "$2" "{stand_in.url}/${{3#https://*/}}"')
            process = machine.run(["sh", "-e", "-c", download], stand_in.url)
            assert (process.returncode, process.stdout) == (0, "monotron.sh: OK\n")
            assert (machine.folder / "monotron.sh").read_bytes() == SCRIPT.read_bytes()
            changed = download.replace("  monotron.sh", "0  monotron.sh")
            assert machine.run(["sh", "-e", "-c", changed], stand_in.url).returncode != 0

    def test_the_example_of_both_commands_outputs_their_results(
        self, machine: Machine, server: Server
    ) -> None:
        machine.git("init", "--quiet")
        machine.commit("feat: coupons")
        (example,) = [
            text for text in blocks("## The script") if "NUMBER=" in text and "rc" in text
        ]
        process = machine.run(["sh", "-c", example], server.url, MONOTRON_API_KEY="key")
        assert (process.stdout, process.stderr) == ("0.1.0-rc.1, build 1\n", "")


def serve(path: str, name: str) -> Reply:
    """The files of a release on GitHub."""
    match = re.fullmatch(r"/monotron/monotron/v\d+\.\d+\.\d+/(.*)", path)
    assert match
    return Reply(200, SCRIPT.read_bytes()) if match[1] == name else Reply(404)
