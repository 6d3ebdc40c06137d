"""The administration commands, on a running server and on the file of a stopped one."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from cli.conftest import ISSUERS, Run
from monotron.auth.key_format import PATTERN
from support.credentials import bearer, new_key
from support.mongod import ReplicaSet
from support.server import ROOT_ENV, Client, Server
from support.terminal import Terminal

GITHUB = "https://token.actions.githubusercontent.com"
SERIES = "--scope=read,write:series"
IDS = ("--repository-id=777", "--owner-id=42")
KEY_COLUMNS = [
    *("KEY", "SCOPES", "NAMES", "DESCRIPTION", "EXPIRES", "LAST USED", "CREATED", "CREATED BY"),
]


class TestServerAndFile:
    def test_an_account_is_created_and_listed(self, run: Run) -> None:
        account_id = run("account", "create").strip()
        head, *listed = run("account", "list").splitlines()
        assert head.split() == ["ACCOUNT", "NAME", "STATUS"]
        assert {"1", account_id} <= {row.split()[0] for row in listed}
        unnamed = {"id": int(account_id), "name": None, "disabled": False}
        assert unnamed in json.loads(run("account", "list", "--output=json"))
        assert json.loads(run("account", "create", "--output=json"))["id"] > int(account_id)

    def test_the_secret_of_a_new_key_is_printed_and_nothing_else(self, run: Run) -> None:
        assert re.fullmatch(PATTERN + "\n", run("key", "create", SERIES))

    def test_a_new_key_has_the_requested_permissions(self, run: Run) -> None:
        arguments = ("--scope=read:acl", "--name=team-a/*", "--name=shop", "--expires=90d")
        arguments = (*arguments, "--description=CI", "--output=json")
        key = json.loads(run("key", "create", SERIES, *arguments))
        assert (key["account_id"], key["scopes"]) == (1, ["read,write:series", "read:acl"])
        assert (key["names"], key["description"]) == (["team-a/*", "shop"], "CI")
        assert key["created_by"] == "root"
        left = datetime.fromisoformat(key["expires_at"]) - datetime.now(UTC)
        assert timedelta(days=89) < left <= timedelta(days=90)

    def test_a_key_expires_after_a_year_unless_it_never_expires(self, run: Run) -> None:
        key = json.loads(run("key", "create", SERIES, "--output=json"))
        left = datetime.fromisoformat(key["expires_at"]) - datetime.now(UTC)
        assert timedelta(days=364) < left <= timedelta(days=365)
        key = json.loads(run("key", "create", SERIES, "--expires=never", "--output=json"))
        assert "expires_at" not in key

    def test_a_key_can_expire_at_a_time(self, run: Run) -> None:
        arguments = ("--expires=2999-01-31T01:00:00+01:00", "--output=json")
        key = json.loads(run("key", "create", SERIES, *arguments))
        assert key["expires_at"] == "2999-01-31T00:00:00Z"

    def test_keys_are_listed_without_their_secrets(self, run: Run) -> None:
        account = f"--account={run('account', 'create').strip()}"
        secret = run("key", "create", SERIES, account, "--name=a/*", "--description=CI").strip()
        head, row = run("key", "list", account).splitlines()
        assert head.split("\t") == KEY_COLUMNS
        cells = row.split("\t")
        assert cells[:4] == [secret[:14], "read,write:series", "a/*", "CI"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", cells[4])
        assert cells[5] == "-"
        assert cells[-1] == "root"
        document = run("key", "list", account, "--output=json")
        (key,) = json.loads(document)
        assert (key["api_key"]["key"], key["last_used_at"]) == (secret[:14], None)
        assert secret[15:] not in row + document

    def test_a_revoked_key_is_not_listed(self, run: Run) -> None:
        key_id = run("key", "create", SERIES)[:14]
        assert run("key", "revoke", key_id) == f"Revoked key {key_id}.\n"
        assert key_id not in run("key", "list")
        assert "grant_not_found (404)" in run("key", "revoke", key_id, code=1)

    def test_a_key_is_revoked_with_its_descendants(self, run: Run) -> None:
        key_id = run("key", "create", SERIES)[:14]
        arguments = ("key", "revoke", key_id, "--with-descendants")
        assert run(*arguments) == f"Revoked key {key_id} and all that it created.\n"
        assert "grant_not_found (404)" in run(*arguments, code=1)

    def test_a_trust_policy_is_created_listed_and_deleted(self, run: Run) -> None:
        account = f"--account={run('account', 'create').strip()}"
        claims = (
            "--claim=repository_id=777",
            "--claim=ref=refs/heads/a",
            "--claim=ref=refs/heads/b",
        )
        more = ("--allow-event=pull_request", "--name=shop", "--description=shop")
        trust = json.loads(run("trust", "add", "github", account, *claims, *more, "--output=json"))
        assert trust == {
            "id": trust["id"],
            "account_id": int(account.partition("=")[2]),
            "issuer": GITHUB,
            "claims": {"repository_id": "777", "ref": ["refs/heads/a", "refs/heads/b"]},
            "allow_events": ["pull_request"],
            "scopes": ["read,write:series"],
            "names": ["shop"],
            "description": "shop",
            "created_by": "root",
        }
        assert json.loads(run("trust", "list", account, "--output=json")) == [trust]
        head, row = run("trust", "list", account).splitlines()
        columns = ["TRUST", "ISSUER", "CONDITIONS", "SCOPES", "NAMES", "DESCRIPTION", "CREATED BY"]
        assert head.split("\t") == columns
        assert "repository_id 777, ref refs/heads/a or refs/heads/b, also pull_request" in row
        trust_id = str(trust["id"])
        assert run("trust", "delete", trust_id, account) == f"Deleted trust policy {trust_id}.\n"
        assert json.loads(run("trust", "list", account, "--output=json")) == []
        assert "trust_not_found (404)" in run("trust", "delete", trust_id, account, code=1)

    def test_a_trust_policy_for_all_jobs_of_a_repository_is_refused(self, run: Run) -> None:
        errors = run("trust", "add", "github", "--claim=repository_id=777", code=1)
        assert "invalid_request (400)" in errors
        assert "ref" in errors

    @pytest.mark.parametrize(
        "arguments",
        [
            ("key", "list"),
            ("trust", "list"),
            ("key", "create", SERIES),
            ("trust", "github", "a/b", *IDS, "--protected"),
        ],
        ids=str,
    )
    def test_an_unknown_account_is_refused(self, run: Run, arguments: tuple[str, ...]) -> None:
        errors = run(*arguments, "--account=9999", code=1)
        assert errors.startswith("error: not_found (404): ")
        assert "account" in errors


class TestRunningServer:
    def test_a_new_key_can_use_only_the_names_of_its_patterns(
        self, operator: Terminal, root_server: Server
    ) -> None:
        secret = operator.run("key", "create", SERIES, "--name=team-a/*").stdout.strip()
        with root_server.client(authorization=bearer(secret)) as client:
            assert client.request("PUT", "/v1/series/team-a%2Fx/t").status == 200
            assert client.request("PUT", "/v1/series/team-b%2Fx/t").status == 403

    def test_a_revoked_key_is_refused_immediately(
        self, operator: Terminal, root_server: Server
    ) -> None:
        secret = operator.run("key", "create", SERIES).stdout.strip()
        with root_server.client(authorization=bearer(secret)) as client:
            assert client.request("PUT", "/v1/series/revoked/t").status == 200
            operator.prints("key", "revoke", secret[:14])
            assert client.request("PUT", "/v1/series/revoked/t").status == 401

    def test_an_account_administrator_can_create_keys_of_that_account_only(
        self, operator: Terminal, root: Client, account: str
    ) -> None:
        account_id = int(account.partition("=")[2])
        admin = {"MONOTRON_API_KEY": new_key(root, account_id, "*:series", "*:acl")}
        assert operator.run("key", "create", account, SERIES, **admin).returncode == 0
        errors = operator.fails(1, "key", "create", SERIES, **admin)
        assert "error: forbidden (403)" in errors
        hint = "hint: set MONOTRON_API_KEY to the root key, KEY:SECRET"
        assert f"{hint}, or to an API key of account 1 (--account)" in errors
        errors = operator.fails(1, "account", "create", **admin)
        assert errors.endswith(f"{hint}\n")

    def test_a_missing_key_is_refused_with_a_hint(
        self, root_server: Server, tmp_path: Path
    ) -> None:
        errors = Terminal(tmp_path, root_server.url).fails(1, "account", "list")
        assert "error: unauthenticated (401)" in errors
        assert "hint: set MONOTRON_API_KEY to the root key, KEY:SECRET" in errors

    def test_trust_policies_of_the_config_file_are_listed_without_an_id(
        self, tmp_path: Path
    ) -> None:
        claims = {"repository_id": "777", "repository_owner_id": "42", "ref": "refs/heads/main"}
        trust = {"account": 1, "issuer": "github", "claims": claims, "scopes": ["read:series"]}
        config = tmp_path / "monotron.yml"
        config.write_text(yaml.safe_dump({"trusts": [trust]}))
        arguments = ["--config", str(config)]
        with Server("sqlite://", args=arguments, env={**ROOT_ENV, **ISSUERS}) as server:
            operator = Terminal(tmp_path, server.url, MONOTRON_API_KEY="root:correct-horse-battery")
            listed = operator.prints("trust", "list")
        assert listed.splitlines()[1].startswith("(config)")

    def test_a_server_on_a_replica_set_is_administered(
        self, replica_set: ReplicaSet, tmp_path: Path
    ) -> None:
        with Server(replica_set.url("operating"), env={**ROOT_ENV, **ISSUERS}) as server:
            operator = Terminal(tmp_path, server.url, MONOTRON_API_KEY="root:correct-horse-battery")
            account = f"--account={operator.prints('account', 'create').strip()}"
            secret = operator.run("key", "create", SERIES, account).stdout.strip()
            operator.prints("trust", "github", "a/b", *IDS, "--branch=main", account)
            assert secret[:14] in operator.prints("key", "list", account)
            assert "repository_id 777" in operator.prints("trust", "list", account)
            operator.prints("key", "revoke", secret[:14], account)
        with replica_set.client() as client:
            client.drop_database("operating")


class TestEncoding:
    def test_a_terminal_without_unicode_gets_escaped_characters(
        self, operator: Terminal, account: str
    ) -> None:
        command = ("trust", "github", "a/b", *IDS, "--branch=main", account)
        process = operator.start(*command, PYTHONIOENCODING="ascii")
        assert (process.returncode, process.stderr) == (0, b"")
        assert rb"branch main \u2192 read,write:series on names gh:" in process.stdout


class TestInvalidUsage:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("key", "create"), "missing option '--scope'"),
            (("key", "create", SERIES, "--expires=soon"), "such as 90d"),
            (("key", "create", SERIES, "--account=0"), "must be the id of an account"),
            (("key", "list", "--url=http://a.example.com"), "https"),
            (
                ("key", "list", "--url=http://127.0.0.1", "--store=sqlite:///x"),
                "cannot be combined",
            ),
            (("key", "list", "--config=x"), "--config requires --store"),
            (("trust", "add", "github", "--claim=ref"), "NAME=VALUE"),
            (("trust", "delete", "x"), "must be a positive integer"),
        ],
        ids=str,
    )
    def test_invalid_usage_exits_with_2(
        self, operator: Terminal, arguments: tuple[str, ...], message: str
    ) -> None:
        assert message in operator.fails(2, *arguments)
