"""Servers with and without versions, and a client that reads pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from support.badges import new_badge
from support.credentials import UNLIMITED, new_key
from support.page_data import (
    HOSTILE,
    HOSTILE_REFS,
    add_policy,
    assign_hostile,
    assign_shop,
    assign_unusual,
)
from support.pages import Read, reader
from support.server import ROOT, ROOT_ENV, Server
from support.versions import assign


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An open server without versions and series."""
    with Server(f"sqlite:///{tmp_path_factory.mktemp('empty')}/monotron.db") as server:
        yield server
    assert "Traceback" not in server.log()


@pytest.fixture
def read(server: Server) -> Iterator[Read]:
    """Reads a page of the open server that all modules share."""
    with server.client() as client:
        yield reader(client)


@pytest.fixture
def read_empty(empty: Server) -> Iterator[Read]:
    """Reads a page of the server without versions."""
    with empty.client() as client:
        yield reader(client)


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An open server with versions of all kinds, a badge, hostile names, and 120 further names."""
    with Server(f"sqlite:///{tmp_path_factory.mktemp('full')}/monotron.db") as server:
        with server.client() as client:
            assign_shop(client)
            assign_hostile(client)
            new_badge(client, "shop")
            assign_unusual(client)
            for number in range(120):
                assign(client, f"team/service-{number:03}", f"{number:040x}?bump=minor")
        yield server
    assert "Traceback" not in server.log()


@pytest.fixture
def read_full(full: Server) -> Iterator[Read]:
    """Reads a page of the server with versions."""
    with full.client() as client:
        yield reader(client)


@pytest.fixture(scope="session")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A guarded server that trusts GitHub, with API keys and trust policies."""
    folder: Path = tmp_path_factory.mktemp("trusting")
    policy = {
        "account": 1,
        "issuer": "github",
        "claims": {"repository_id": "7", "ref": "refs/heads/main"},
        "scopes": ["read:series"],
    }
    settings = {
        "audience": "https://monotron.example",
        "issuers": ["github", "gitlab.com"],
        "trusts": [policy],
    }
    config = folder / "monotron.yml"
    config.write_text(yaml.safe_dump(settings))
    args = [*UNLIMITED, "--config", str(config)]
    with Server(f"sqlite:///{folder}/monotron.db", args=args, env=ROOT_ENV) as server:
        with server.client(authorization=ROOT) as root:
            for text, ref in zip(HOSTILE, HOSTILE_REFS, strict=True):
                new_key(root, 1, "*:acl", "*:series", names=[text, "shop"], description=text[:100])
                claims = {"repository_id": "999", "ref": [ref]}
                add_policy(root, 1, description=text[:100], names=[text], claims=claims)
            add_policy(root, 1, names_from="repository", allow_events=["merge_group"])
        yield server
    assert "Traceback" not in server.log()
