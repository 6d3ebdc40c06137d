"""Names of accounts in the commands, and `monotron whoami`."""

from __future__ import annotations

import json
import re
from uuid import uuid4

import pytest

from cli.conftest import Run
from monotron.auth.key_format import PATTERN
from support.credentials import new_account, new_key
from support.server import Client
from support.stand_in import Reply, StandIn
from support.terminal import Terminal

SERIES = "--scope=read,write:series"


@pytest.fixture
def acme() -> str:
    """A name that no account has."""
    return f"acme-{uuid4().hex}"


class TestServerAndFile:
    def test_an_account_is_named_disabled_and_enabled_by_its_name(
        self, run: Run, acme: str
    ) -> None:
        id = run("account", "create", f"--name={acme}").strip()
        assert run("account", "show", acme) == f"Account {id}: {acme}, enabled\n"
        assert run("account", "disable", acme) == f"Account {id}: {acme}, disabled\n"
        assert f"{id} {acme} disabled" in " ".join(run("account", "list").split())
        assert run("account", "enable", id) == f"Account {id}: {acme}, enabled\n"
        assert run("account", "rename", acme, f"{acme}-2").startswith(f"Account {id}: {acme}-2,")
        shown = json.loads(run("account", "show", id, "--output=json"))
        assert shown == {"id": int(id), "name": f"{acme}-2", "disabled": False}
        assert f"no account has the name '{acme}'" in run("account", "show", acme, code=2)

    def test_a_taken_name_is_refused(self, run: Run, acme: str) -> None:
        run("account", "create", f"--name={acme}")
        for arguments in ("create", f"--name={acme}"), ("rename", "1", acme):
            assert "account_name_taken (409)" in run("account", *arguments, code=1)

    def test_keys_and_trust_policies_are_managed_by_the_name_of_the_account(
        self, run: Run, acme: str
    ) -> None:
        id = run("account", "create", f"--name={acme}").strip()
        account = f"--account={acme}"
        key = json.loads(run("key", "create", SERIES, account, "--output=json"))
        assert key["account_id"] == int(id)
        ids = ("--repository-id=777", "--owner-id=42", "--branch=main")
        trust = json.loads(run("trust", "github", "acme/shop", account, *ids, "--output=json"))
        assert trust["account_id"] == int(id)
        assert len(json.loads(run("key", "list", account, "--output=json"))) == 1
        assert run("trust", "list", account) == run("trust", "list", f"--account={id}")

    @pytest.mark.parametrize("name", ["", "7", "A", "-a", "a_b", "a" * 65])
    def test_an_invalid_name_is_refused_before_a_request(self, name: str, run: Run) -> None:
        assert "--name" in run("account", "create", f"--name={name}", code=2)


class TestRotation:
    def test_the_secret_of_the_successor_is_printed(self, run: Run, acme: str) -> None:
        run("account", "create", f"--name={acme}")
        account = f"--account={acme}"
        old = run("key", "create", SERIES, account, "--name=shop").strip()
        new = run("key", "rotate", old[:14], account, "--overlap=12h").strip()
        assert re.fullmatch(PATTERN, new)
        keys = {
            each["api_key"]["key"]: each
            for each in json.loads(run("key", "list", account, "--output=json"))
        }
        assert set(keys) == {old[:14], new[:14]}
        assert keys[old[:14]]["expires_at"] < keys[new[:14]]["expires_at"]
        assert keys[new[:14]]["names"] == ["shop"]
        document = json.loads(run("key", "rotate", new, account, "--output=json"))
        assert document["replaces"]["api_key"]["key"] == new[:14]

    @pytest.mark.parametrize("overlap", ["7", "-1d", "x", "100000d", "1w", ""])
    def test_an_invalid_overlap_is_refused(self, overlap: str, terminal: Terminal) -> None:
        errors = terminal.fails(2, "key", "rotate", "mtk_k_00000000", f"--overlap={overlap}")
        assert "must be a number of days or hours, such as 7d or 12h" in errors


class TestResolution:
    def test_builds_use_the_name_of_the_account(
        self, operator: Terminal, root: Client, acme: str, name: str
    ) -> None:
        id = operator.prints("account", "create", f"--name={acme}").strip()
        assert operator.prints("next", name, "a", f"--account={acme}") == "1\n"
        assert operator.prints("peek", name, MONOTRON_ACCOUNT=acme) == "1\n"
        path = f"/v1/accounts/{id}/series/{name}"
        assert root.request("GET", path).json()["value"] == 1

    def test_an_api_key_finds_the_name_of_its_own_account_only(
        self, operator: Terminal, root: Client, acme: str, name: str
    ) -> None:
        id = int(operator.prints("account", "create", f"--name={acme}"))
        own = {"MONOTRON_API_KEY": new_key(root, id, "*:series")}
        other = {"MONOTRON_API_KEY": new_key(root, new_account(root), "*:series")}
        assert operator.prints("next", name, "a", f"--account={acme}", **own) == "1\n"
        errors = operator.fails(2, "next", name, "a", f"--account={acme}", **other)
        assert f"not to '{acme}'" in errors

    @pytest.mark.parametrize(
        "document",
        [
            {}, [], {"account": {"id": "2", "name": "a"}}, {"account": {"id": 0, "name": "a"}},
            {"account": {"id": True, "name": "a"}}, {"account": {"id": 2, "name": 1}},
            {"account": {"id": 2}},
        ],
        ids=str,
    )  # fmt: skip
    def test_a_response_of_another_program_is_an_error(
        self, document: object, terminal: Terminal
    ) -> None:
        with StandIn([Reply.json(document)]) as stand_in:
            terminal.url = stand_in.url
            terminal.fails(4, "next", "web", "a", "--account=acme")
        assert len(stand_in.requests) == 1


class TestWhoami:
    def test_the_account_and_the_permissions_of_an_api_key_are_shown(
        self, operator: Terminal, root: Client, acme: str
    ) -> None:
        id = int(operator.prints("account", "create", f"--name={acme}"))
        secret = new_key(root, id, "read:series", names=["shop"], expires_at=None)
        printed = operator.prints("whoami", MONOTRON_API_KEY=secret)
        assert [line.split(maxsplit=1) for line in printed.splitlines()] == [
            ["account", f"{id} {acme}"],
            ["principal", f"key:{secret[:14]}"],
            ["scopes", "read:series"],
            ["names", "shop"],
            ["expires", "never"],
        ]

    def test_the_root_key_and_an_open_server_have_the_first_account(
        self, operator: Terminal, terminal: Terminal
    ) -> None:
        document = json.loads(operator.prints("whoami", "--output=json"))
        assert (document["account"]["id"], document["principal"]) == (1, "root")
        document = json.loads(terminal.prints("whoami", "--output=json"))
        assert document["account"] == {"id": 1, "name": None}
        assert document["expires_at"] is None
