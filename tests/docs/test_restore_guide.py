"""The restore guides of docs/operations.md, run as printed, with the ids and addresses of the test.

What was revoked since the backup must not work on the restored store, from its first request on.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from docs.test_drift import section
from support.claims import AUDIENCE
from support.credentials import bearer
from support.member import free_port
from support.mongod import ReplicaSet
from support.server import ROOT_ENV, Server
from support.terminal import Terminal

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
ENV = {**ROOT_ENV, "MONOTRON_AUDIENCE": AUDIENCE, "MONOTRON_ISSUERS": "github"}
OPERATOR = {"MONOTRON_API_KEY": ":".join(ROOT_ENV.values())}
TRUST = ("trust", "github", "acme/shop", "--branch=main", "--repository-id=777", "--owner-id=42")


def steps(heading: str) -> list[str]:
    """The numbered steps of a guide."""
    text = section(PAGE, heading)
    return [textwrap.dedent(step) for step in re.split(r"^\d+\. ", text, flags=re.MULTILINE)[1:]]


def position(guide: list[str], text: str) -> int:
    (number,) = [number for number, step in enumerate(guide) if text in step]
    return number


def run(script: str, replaced: Mapping[str, str], folder: Path) -> str:
    """Run a script after replacing texts, each of which must occur. Returns its output."""
    for old, new in replaced.items():
        assert old in script
        script = script.replace(old, new)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("MONOTRON_")}
    path = f"{Path(sys.executable).parent}:{inherited['PATH']}"
    with subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", f"{script}\nwait"],
        cwd=folder,
        env={**inherited, "PATH": path, "no_proxy": "127.0.0.1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=60)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert process.returncode == 0, f"{script}\n{output}"
    return output


def script_of(step: str) -> str:
    (script,) = re.findall(r"^```sh\n(.*?)^```", textwrap.dedent(step), re.DOTALL | re.MULTILINE)
    return str(script)


def indented_script_of(step: str) -> str:
    """The script of a step whose first line is less indented than the others."""
    return script_of(textwrap.dedent(step[step.index("\n") + 1 :]))


@dataclass(frozen=True)
class Lost:
    """What is revoked after the backup, and an API key that is not."""

    key: str
    secret: str
    kept: str
    trust: str

    @classmethod
    def create(cls, operator: Terminal) -> Lost:
        kept, secret = (
            operator.run("key", "create", "--scope=read,write:series").stdout.strip()
            for _ in range(2)
        )
        trusted = operator.run(*TRUST)
        assert trusted.returncode == 0, trusted.stderr
        (key,) = [
            word for word in operator.prints("key", "list").split() if secret.startswith(word)
        ]
        (trust,) = re.findall(r"^(\d+)\b", operator.prints("trust", "list"), re.MULTILINE)
        return cls(key, secret, kept, trust)

    def revoke(self, operator: Terminal) -> None:
        operator.prints("key", "revoke", self.key)
        operator.prints("trust", "delete", self.trust)

    @property
    def ids(self) -> dict[str, str]:
        return {"mtk_k_qECHaYGF": self.key, "trust delete 3": f"trust delete {self.trust}"}


def check(server: Server, operator: Terminal, lost: Lost) -> None:
    """Check that what was lost is gone, and that values continue above the restored ones."""
    with server.client(authorization=bearer(lost.secret)) as client:
        assert client.request("PUT", "/v1/series/shop/c3").status == 401
    with server.client(authorization=bearer(lost.kept)) as client:
        assert client.request("PUT", "/v1/series/shop/c3").json()["value"] == 1002
    assert not re.search(r"^\d", operator.prints("trust", "list"), re.MULTILINE)


@pytest.mark.parametrize("heading", ["### Restore", "### Backup and restore (MongoDB)"])
def test_the_guide_revokes_before_it_starts_the_server(heading: str) -> None:
    guide = steps(heading)
    assert position(guide, "monotron key revoke") < position(guide, "tart the server")


def test_the_guide_for_sqlite_restores_without_revoked_credentials(tmp_path: Path) -> None:
    original, new = tmp_path / "monotron.db", tmp_path / "new.db"
    with Server(f"sqlite:///{original}", env=ENV) as server:
        operator = Terminal(tmp_path, server.url, **OPERATOR)
        lost = Lost.create(operator)
        with server.client(authorization=bearer(lost.kept)) as client:
            assert client.request("PUT", "/v1/series/shop/a1").json()["value"] == 1
        assert operator.prints("backup", "monotron-2026-11-23.db", "--url", server.url)
        lost.revoke(operator)
    guide = steps("### Restore")
    paths = {"/var/lib/monotron/monotron.db": str(new)}
    restored = run(indented_script_of(guide[1]), paths, tmp_path)
    assert "2 API keys, 1 trust policy" in restored
    listed = run(indented_script_of(guide[2]), {**paths, **lost.ids}, tmp_path)
    assert lost.key in listed
    (audit,) = re.findall(r"`(monotron audit .*?)`", guide[3])
    assert run(audit, paths, tmp_path).startswith("OK: ")
    with Server(f"sqlite:///{new}", env=ENV) as server:
        check(server, Terminal(tmp_path, server.url, **OPERATOR), lost)


def test_the_guide_for_mongodb_restores_without_revoked_credentials(
    replica_set: ReplicaSet, tmp_path: Path
) -> None:
    """The documents are copied while no server runs, because mongorestore is not available here."""
    before, new = "guide", "guide-new"
    with replica_set.client() as mongo:
        for name in (before, new):
            mongo.drop_database(name)
        with Server(replica_set.url(before), env=ENV) as server:
            lost = Lost.create(Terminal(tmp_path, server.url, **OPERATOR))
            with server.client(authorization=bearer(lost.kept)) as client:
                assert client.request("PUT", "/v1/series/shop/a1").json()["value"] == 1
        for name in mongo[before].list_collection_names():
            if documents := list(mongo[before][name].find()):
                mongo[new][name].insert_many(documents)
        guide = steps("### Backup and restore (MongoDB)")
        url = {"mongodb://…/monotron": replica_set.url(new)}
        run(indented_script_of(guide[1]), url, tmp_path)
        (audit,) = re.findall(r"`(MONOTRON_STORE=… monotron audit .*?)`", guide[2])
        audited = run(audit, {"STORE=…": f"STORE='{replica_set.url(new)}'"}, tmp_path)
        assert audited.startswith("OK: ")
        port = {"127.0.0.1:3031": f"127.0.0.1:{free_port()}"}
        listed = run(indented_script_of(guide[3]), {**url, **port, **lost.ids}, tmp_path)
        assert lost.key in listed
        with Server(replica_set.url(new), env=ENV) as server:
            check(server, Terminal(tmp_path, server.url, **OPERATOR), lost)
        for name in (before, new):
            mongo.drop_database(name)
