"""The commands on the page of a name work in a shell, whatever the name contains."""

from __future__ import annotations

import json
import os
import subprocess

from support.credentials import bearer, new_key
from support.page_data import HOSTILE
from support.pages import HTML, Read, check_page
from support.server import Client
from support.versions import assign, segment

COMMIT = "c" * 40
"""What `git rev-parse HEAD` prints."""


def run(*commands: str, **env: str) -> list[str]:
    """Run commands in one shell. Returns their outputs.

    Instead of the program `monotron`, a function prints its arguments, one on a line.
    """
    functions = f"git() {{ echo {COMMIT}; }}\nmonotron() {{ printf '%s\\n' \"$@\"; }}\n"
    script = functions + "".join(f"{command}\nprintf '\\036'\n" for command in commands)
    process = subprocess.run(
        ["bash", "-eu", "-c", script],
        capture_output=True,
        check=True,
        env={**os.environ, "LC_ALL": "C.UTF-8", **env},
    )
    assert b"error" not in process.stderr.lower()
    *outputs, rest = process.stdout.decode().split("\x1e")
    assert rest == ""
    assert len(outputs) == len(commands)
    return outputs


def test_the_commands_are_those_of_the_name(client: Client, read: Read, fresh_key: str) -> None:
    names = [f"{text[:150]}{fresh_key}" for text in HOSTILE]
    cli, curl = [], []
    for name in names:
        assign(client, name, "a")
        examples = [each.raw_text for each in read(f"/names/{segment(name)}").all("pre")]
        cli.append(examples[2])
        curl.append(examples[3])
    assert [output.splitlines()[-1] for output in run(*cli)] == names
    versions = [json.loads(output) for output in run(*curl)]
    assert [(each["name"], each["token"], each["version"]) for each in versions] == [
        (name, COMMIT, "0.1.0") for name in names
    ]


def test_the_request_contains_the_api_key(root: Client, stranger: Client, fresh_key: str) -> None:
    name = f"`id`$(id)'\"\\; {fresh_key}"
    assign(root, name, "a")
    secret = new_key(root, 1, "read,write:series")
    headers = {**HTML, "Authorization": bearer(secret)}
    document = check_page(stranger.request("GET", f"/names/{segment(name)}", headers=headers))
    (output,) = run(document.all("pre")[3].raw_text, MONOTRON_API_KEY=secret)
    assert json.loads(output)["name"] == name
