"""Clients that independent generators make from the OpenAPI document, as docs/clients.md describes.

The generators are installed into .venv/clients, from PyPI and npm.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.page_blocks import SERVER, blocks
from support.server import ROOT_ENV, Server

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / ".venv" / "clients"
PAGE = "docs/clients.md"
PROGRAMS = Path(__file__).parent
SHOP = {"MONOTRON_API_KEY": ":".join(ROOT_ENV.values())}

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("store")
    with Server(f"sqlite:///{folder}/monotron.db", env=ROOT_ENV) as server:
        yield server


def run(script: str, folder: Path) -> str:
    """The output of a shell script that succeeds."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, **SHOP, "no_proxy": "127.0.0.1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}"
    return done.stdout


def block(server: Server, language: str, containing: str) -> str:
    """The only such block of the page, for this server."""
    (text,) = blocks(PAGE, language, containing)
    return text.replace(SERVER, server.url)


def folder_for(generator: str, generated: str) -> Path:
    """A folder that keeps the installed generator, but not the client of a previous run."""
    folder = FOLDER / generator
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / generated, ignore_errors=True)
    return folder


def test_a_generated_python_client_sends_the_first_requests(server: Server) -> None:
    folder = folder_for("python", "monotron_client")
    (folder / "openapi-python-client.yml").write_text(block(server, "yaml", "overrides"))
    output = run(block(server, "sh", "openapi-python-client generate"), folder)
    warnings = re.findall(r"^WARNING parsing (.+?) within \w+\.(.*)$", output, re.MULTILINE)
    # The endpoints are generated, with the other type of their body.
    assert warnings == [
        ("PUT /v1/versions/{name}/{token}", ""),
        ("PUT /v1/accounts/{account}/versions/{name}/{token}", ""),
        ("PUT /v1/accounts/{account}/tokens/{key}/{token}/attrs/{name}", ""),
    ]
    assert output.count("Unsupported content type text/plain") == len(warnings)
    (folder / "first.py").write_text(block(server, "python", "assign_version"))
    assert run("venv/bin/python first.py", folder) == "0.1.0\n"
    shutil.copy(PROGRAMS / "first_requests.py", folder)
    run(f"venv/bin/python first_requests.py {server.url} {' '.join(ROOT_ENV.values())}", folder)


def test_a_generated_typescript_client_sends_the_first_requests(server: Server) -> None:
    folder = folder_for("typescript", "monotron-client")
    # Otherwise npm would install into a folder above.
    (folder / "package.json").write_text("{}")
    output = run(block(server, "sh", "npx openapi-ts"), folder)
    assert "warn" not in output.lower(), output
    (folder / "first.ts").write_text(block(server, "ts", "assignVersion"))
    compile_and_run = block(server, "sh", "tsc")
    assert run(compile_and_run, folder) == "0.1.0\n"
    shutil.copy(PROGRAMS / "first_requests.ts", folder)
    script = compile_and_run.replace("first.", "first_requests.").rstrip()
    run(f"{script} {server.url} {' '.join(ROOT_ENV.values())}", folder)
