"""The administration commands on the SQLite file of a stopped server."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import yaml

from cli.conftest import ISSUERS
from monotron.cli.admin_client import AdminClient
from monotron.cli.offline_server import offline_server
from monotron_ci.errors import Failure
from monotron_ci.http import RetryPolicy
from support.credentials import bearer
from support.server import Client, Server
from support.terminal import Terminal

STORE = "--store=sqlite:///monotron.db"
SERIES = "--scope=read,write:series"
IDS = ("--repository-id=777", "--owner-id=42")


class TestFile:
    def test_the_first_key_makes_the_server_require_credentials_from_its_next_start(
        self, offline: Terminal
    ) -> None:
        url = f"sqlite:///{offline.folder}/monotron.db"
        with Server(url) as server, server.client() as client:
            assert client.request("PUT", "/v1/series/x/a").status == 200
        secret = offline.run("key", "create", SERIES, STORE).stdout.strip()
        with Server(url, listen="0.0.0.0:0") as server:
            local = f"http://127.0.0.1:{server.port}"
            with Client(local) as client:
                assert client.request("PUT", "/v1/series/x/b").status == 401
            with Client(local, authorization=bearer(secret)) as client:
                assert client.request("PUT", "/v1/series/x/b").json()["value"] == 2
            assert "API keys in the store: 1, trust policies: 0" in server.log()

    def test_a_create_command_creates_the_file_with_a_note(self, offline: Terminal) -> None:
        assert "Created monotron.db.\n" in offline.run("key", "create", SERIES, STORE).stderr
        assert "monotron.db" not in offline.run("key", "create", SERIES, STORE).stderr

    @pytest.mark.parametrize(
        "arguments",
        [
            ("account", "list"),
            ("key", "list"),
            ("key", "revoke", "mtk_k_AbCdEfGh"),
            ("trust", "list"),
            ("trust", "delete", "1"),
        ],
        ids=str,
    )
    def test_list_revoke_and_delete_commands_create_no_file(
        self, offline: Terminal, arguments: tuple[str, ...]
    ) -> None:
        errors = offline.fails(2, *arguments, STORE)
        assert errors.startswith("error: monotron.db does not exist (relative to ./)\nhint: ")
        assert list(offline.folder.iterdir()) == []

    def test_the_file_of_a_running_server_is_refused(
        self, offline: Terminal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("monotron.store.sqlite.connection.LOCK_SECONDS", 0.1)
        with Server(f"sqlite:///{offline.folder}/monotron.db"):
            errors = offline.fails(2, "key", "create", SERIES, STORE)
        assert "monotron.db" in errors
        assert "hint: while a server uses the file, administer it through the API" in errors

    @pytest.mark.parametrize(
        ("store", "message"),
        [
            (
                "mongodb://user:pa55@db.example.com/m",
                "Other stores are administered through the API",
            ),
            (
                "mongodb+srv://user:pa55@db.example.com/m",
                "Other stores are administered through the API",
            ),
            ("sqlite://", "must be sqlite:///FILE"),
            ("sqlite://monotron.db", "must be sqlite:///FILE"),
            ("monotron.db", "must be sqlite:///FILE"),
            ("sqlite:///no/such/folder/x.db", "no/such/folder/x.db"),
            ("sqlite:///other", "other"),
        ],
    )
    def test_an_unusable_store_is_refused_with_the_reason(
        self, offline: Terminal, store: str, message: str
    ) -> None:
        other = sqlite3.connect(offline.folder / "other")
        other.execute("CREATE TABLE x (y)")
        other.close()
        errors = offline.fails(2, "key", "create", SERIES, f"--store={store}")
        assert message in errors
        assert "pa55" not in errors


class TestSettings:
    def test_issuers_and_trust_policies_of_the_config_file_apply(self, offline: Terminal) -> None:
        issuer = "https://git.example.com"
        trust = {
            "account": 1,
            "issuer": issuer,
            "claims": {"project_id": "20", "ref_protected": "true"},
            "scopes": ["read:series"],
        }
        issuers = [{"url": issuer, "kind": "gitlab"}]
        (offline.folder / "monotron.yml").write_text(
            yaml.safe_dump({"issuers": issuers, "trusts": [trust]})
        )
        arguments = ("trust", "gitlab", "a/b", "--project-id=20", "--namespace-id=72", STORE)
        arguments += ("--branch=main", f"--gitlab-url={issuer}")
        assert issuer in offline.fails(1, *arguments)
        assert offline.prints(*arguments, "--config=monotron.yml")
        listed = offline.prints("trust", "list", STORE, "--config=monotron.yml").splitlines()
        assert [row.split()[:2] for row in listed[1:]] == [["(config)", issuer], ["1", issuer]]

    def test_an_account_that_a_trust_policy_of_the_config_file_names_can_be_created(
        self, offline: Terminal
    ) -> None:
        claims = {"repository_id": "777", "ref": "refs/heads/main"}
        trust = {"account": 2, "issuer": "github", "claims": claims, "scopes": ["read:series"]}
        settings = {"issuers": ["github"], "audience": "https://m.example.com", "trusts": [trust]}
        (offline.folder / "monotron.yml").write_text(yaml.safe_dump(settings))
        process = offline.run("account", "create", STORE, "--config=monotron.yml")
        assert (process.returncode, process.stdout) == (0, "2\n")

    def test_an_invalid_config_file_is_refused(self, offline: Terminal) -> None:
        offline.run("account", "create", STORE)
        (offline.folder / "monotron.yml").write_text("nonsense: 1")
        errors = offline.fails(2, "account", "list", STORE, "--config=monotron.yml")
        assert "nonsense" in errors

    @pytest.mark.parametrize(
        "arguments",
        [
            ("trust", "github", "acme/shop", *IDS, "--branch=main"),
            ("trust", "gitlab", "acme/shop", "--project-id=1", "--namespace-id=2", "--protected"),
        ],
        ids=["github", "gitlab"],
    )
    def test_a_public_issuer_that_the_settings_do_not_name_is_trusted_with_a_note(
        self, offline: Terminal, arguments: tuple[str, ...]
    ) -> None:
        note = "after its settings `issuers` and `audience` are set"
        process = offline.run(*arguments, STORE)
        assert process.returncode == 0
        assert process.stdout.startswith("Created trust policy 1 in account 1: acme/shop (id ")
        assert note in process.stderr
        assert note not in offline.run(*arguments, STORE, **ISSUERS).stderr

    def test_the_root_key_of_the_settings_does_not_matter(self, offline: Terminal) -> None:
        root = {"MONOTRON_ROOT_API_KEY": "admin", "MONOTRON_ROOT_API_SECRET": 20 * "x"}
        assert offline.run("account", "create", STORE, **root).stdout == "2\n"


class TestClient:
    def test_the_file_is_not_served_without_the_credential(self, tmp_path: Path) -> None:
        store = f"sqlite:///{tmp_path}/monotron.db"
        with offline_server(store, None, {}, may_create=True) as server:
            for credential in (None, "root:", "root:root"):
                client = AdminClient(server.url, credential, RetryPolicy(), "--store")
                with pytest.raises(Failure, match="unauthenticated"):
                    client.accounts()

    def test_the_credential_is_new_each_time_and_has_no_repr(self, tmp_path: Path) -> None:
        store = f"sqlite:///{tmp_path}/monotron.db"
        credentials = set()
        for _ in range(2):
            with offline_server(store, None, {}, may_create=True) as server:
                credentials.add(str(server.credential))
                assert str(server.credential) not in repr(server)
        assert len(credentials) == 2
