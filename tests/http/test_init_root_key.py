"""`init_root_key`: a server creates a root key in a store without credentials."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from monotron.auth.key_format import PATTERN
from support.credentials import bearer, new_key
from support.http import Client, basic
from support.server import ROOT, ROOT_ENV, Server
from support.server_thread import ServerThread
from support.terminal import Terminal

INIT = {"MONOTRON_INIT_ROOT_KEY": "true"}
EVERYWHERE = "0.0.0.0:0"


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """A new SQLite file for each test."""
    return f"sqlite:///{tmp_path}/monotron.db"


def secrets_in(text: str) -> list[str]:
    return re.findall(PATTERN, text)


def caller(server: Server | ServerThread, authorization: str) -> str | None:
    """The principal of these credentials; None if they are rejected."""
    with Client(f"http://127.0.0.1:{server.port}", authorization=authorization) as client:
        response = client.request("GET", "/v1/whoami")
    return response.json()["principal"] if response.status == 200 else None


FirstSecret = Callable[..., str]


@pytest.fixture
def first_secret(store_url: str, capsys: pytest.CaptureFixture[str]) -> FirstSecret:
    """Starts and stops the first server of the store, and returns the secret that it prints."""

    def first_secret(**env: str) -> str:
        with ServerThread(store_url, listen=EVERYWHERE, env={**INIT, **env}):
            (secret,) = secrets_in(capsys.readouterr().out)
        return secret

    return first_secret


class TestFirstStart:
    def test_the_printed_key_has_full_access_and_stays_valid(
        self, store_url: str, tmp_path: Path
    ) -> None:
        with Server(store_url, listen=EVERYWHERE, args=["--init-root-key"]) as server:
            (secret,) = secrets_in(server.output())
            assert caller(server, bearer(secret)) == "root"
            assert caller(server, basic(secret[:14], secret)) == "root"
            wrong = secret[:-1] + ("y" if secret.endswith("x") else "x")
            assert caller(server, bearer(wrong)) is None
            with server.client(authorization=bearer(secret)) as root:
                assert root.request("POST", "/v1/accounts").status == 200
                assert root.request("GET", f"/v1/series/{secret}").status == 404
            assert server.stop() == 0
            output, log = server.output(), server.log()
        assert output.index(secret) < output.index("listening on")
        assert f"created the root key {secret[:14]} in the store" in log
        assert secret not in log
        for line in log.splitlines():
            json.loads(line)  # nothing but log lines
        for file in tmp_path.iterdir():
            assert secret.encode() not in file.read_bytes()
            assert secret[15:].encode() not in file.read_bytes()
        for args in (["--init-root-key=true"], ["--init-root-key", "--log-level=info"], []):
            with Server(store_url, listen=EVERYWHERE, args=args) as server:
                assert caller(server, bearer(secret)) == "root"
                assert secrets_in(server.output() + server.log()) == []
                assert f"the root key {secret[:14]} of the store has full access" in server.log()

    def test_data_of_an_open_server_is_kept(
        self, store_url: str, first_secret: FirstSecret
    ) -> None:
        with ServerThread(store_url) as server, server.client() as client:
            assert client.request("PUT", "/v1/series/k/T").status == 200
        authorization = bearer(first_secret())
        with ServerThread(store_url) as server, server.client() as client:
            assert client.request("GET", "/v1/series/k").status == 401
            with server.client(authorization=authorization) as root:
                assert root.request("GET", "/v1/series/k").json()["value"] == 1

    def test_issuers_without_trust_policies_are_not_enough(
        self, store_url: str, first_secret: FirstSecret
    ) -> None:
        issuers = {"MONOTRON_ISSUERS": "github", "MONOTRON_AUDIENCE": "https://m.example.com"}
        authorization = bearer(first_secret(**issuers))
        with ServerThread(store_url, env=issuers) as server:
            assert caller(server, authorization) == "root"


def test_a_root_key_in_the_settings_replaces_the_stored_one(
    store_url: str, first_secret: FirstSecret
) -> None:
    authorization = bearer(first_secret())
    with ServerThread(store_url, env={**INIT, **ROOT_ENV}) as server:
        assert (caller(server, authorization), caller(server, ROOT)) == (None, "root")
    with ServerThread(store_url) as server:
        assert (caller(server, authorization), caller(server, ROOT)) == ("root", None)


class TestNoRootKeyIsCreated:
    def test_if_the_settings_have_one(
        self, store_url: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with ServerThread(store_url, env={**INIT, **ROOT_ENV}):
            assert secrets_in(capsys.readouterr().out) == []
        with ServerThread(store_url) as server:
            assert caller(server, ROOT) == "anyone"

    def test_if_the_store_has_an_api_key(
        self, store_url: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with (
            ServerThread(store_url, env=ROOT_ENV) as server,
            server.client(authorization=ROOT) as root,
        ):
            key = new_key(root, 1, "read:series")
        with ServerThread(store_url, env=INIT) as server:
            assert secrets_in(capsys.readouterr().out) == []
            assert caller(server, bearer(key)) == f"key:{key[:14]}"

    def test_if_the_settings_have_a_trust_policy(
        self, store_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        claims = {"repository_id": "1", "ref": "refs/heads/main"}
        scopes = ["read:series"]
        policy = {"account": 1, "issuer": "github", "scopes": scopes, "claims": claims}
        config = tmp_path / "monotron.yml"
        config.write_text(json.dumps({"trusts": [policy], "issuers": ["github"]}))
        env = {**INIT, "MONOTRON_AUDIENCE": "https://m.example.com"}
        with ServerThread(store_url, env=env, config=str(config)):
            assert secrets_in(capsys.readouterr().out) == []

    def test_by_commands_that_use_the_store_of_a_stopped_server(
        self, store_url: str, tmp_path: Path, first_secret: FirstSecret
    ) -> None:
        terminal = Terminal(tmp_path, "https://monotron.invalid", **INIT)
        assert terminal.prints("config", "check") == "The settings are valid.\n"
        assert terminal.run("account", "create", "--store", store_url).stdout == "2\n"
        assert first_secret()

    @pytest.mark.parametrize("env", [{"MONOTRON_AUDIENCE": "https://m.example.com"}, {}])
    def test_if_credentials_are_incomplete_or_were_revoked(
        self, store_url: str, tmp_path: Path, env: Mapping[str, str]
    ) -> None:
        if not env:
            with (
                ServerThread(store_url, env=ROOT_ENV) as server,
                server.client(authorization=ROOT) as root,
            ):
                key = new_key(root, 1, "read:series")
                path = f"/v1/accounts/1/grants/{key[:14]}"
                assert root.request("DELETE", path).status == 200
        terminal = Terminal(tmp_path, "https://monotron.invalid", **INIT, **env)
        command = ("serve", "--store", store_url, "--listen", EVERYWHERE)
        assert "would give everyone full access" in terminal.fails(2, *command)
