"""One server without credentials and one with a root key, and folders in which commands run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.credentials import UNLIMITED, new_account
from support.server import ROOT as ROOT_KEY
from support.server import ROOT_ENV, Client, Server
from support.terminal import Terminal

ISSUERS = {"MONOTRON_ISSUERS": "github,gitlab.com", "MONOTRON_AUDIENCE": "https://m.example.com"}


@pytest.fixture(scope="session")
def open_server() -> Iterator[Server]:
    """A server without credentials."""
    with Server("sqlite://") as server:
        yield server


@pytest.fixture
def client(open_server: Server) -> Iterator[Client]:
    with open_server.client() as client:
        yield client


@pytest.fixture
def terminal(open_server: Server, tmp_path: Path) -> Terminal:
    """A folder outside of git repositories, with the URL of the server without credentials."""
    return Terminal(tmp_path, open_server.url)


@pytest.fixture
def repository(terminal: Terminal) -> Terminal:
    """A git repository with one commit."""
    terminal.git("init", "--quiet")
    terminal.commit("first")
    return terminal


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name that no other test uses."""
    return str(request.node.name)


@pytest.fixture(scope="session")
def root_server() -> Iterator[Server]:
    """A server with a root key that accepts identity tokens of the public issuers."""
    with Server("sqlite://", args=UNLIMITED, env={**ROOT_ENV, **ISSUERS}) as server:
        yield server


@pytest.fixture
def root(root_server: Server) -> Iterator[Client]:
    with root_server.client(authorization=ROOT_KEY) as client:
        yield client


@pytest.fixture
def account(root: Client) -> str:
    """The option for a new account."""
    return f"--account={new_account(root)}"


@pytest.fixture
def operator(root_server: Server, tmp_path: Path) -> Terminal:
    """A folder with the URL and the root key of the server with a root key."""
    return Terminal(tmp_path, root_server.url, MONOTRON_API_KEY="root:correct-horse-battery")


Run = Callable[..., str]
"""Runs a command that must end with exit code `code`; its result, or its errors unless it is 0."""


@pytest.fixture(params=["server", "file"])
def run(request: pytest.FixtureRequest, operator: Terminal) -> Run:
    """Runs an administration command on a running server, and on the file of a stopped one."""
    store = ("--store=sqlite:///monotron.db",) if request.param == "file" else ()
    if store:
        operator.run("account", "create", *store)

    def run(*arguments: str, code: int = 0) -> str:
        process = operator.run(*arguments, *store, **ISSUERS)
        assert process.returncode == code, process
        return process.stderr if code else process.stdout

    return run


@pytest.fixture
def offline(tmp_path: Path) -> Terminal:
    """A folder without a server."""
    return Terminal(tmp_path, "https://monotron.invalid")
