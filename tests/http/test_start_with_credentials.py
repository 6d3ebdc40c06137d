"""Secure defaults: when the server starts, and when it requires credentials."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from monotron.auth.api_keys import ApiKey
from monotron.model.allocation import AllocationRequest
from monotron.model.name_patterns import ALL_NAMES
from monotron.model.series import Reuse, SeriesKey
from monotron.store import open_store
from support.credentials import JSON, UNLIMITED, bearer, new_account, new_key
from support.server import ROOT, ROOT_ENV, Client, Server, raw
from support.server_thread import ServerThread
from support.terminal import Terminal

Problem = Callable[..., dict[str, Any]]
Refusal = Callable[..., str]

pytestmark = pytest.mark.timeout(40)
"""The time limit of a server that starts in the process of a test, although it should not."""

EVERYWHERE = "0.0.0.0:0"
SECRET = ROOT_ENV["MONOTRON_ROOT_API_SECRET"]
FOREIGN_HOST = b"GET /v1/series HTTP/1.1\r\nHost: monotron.example.com\r\n"


@pytest.fixture
def refusal(tmp_path: Path) -> Refusal:
    """Returns the errors of a server that does not start, and that ends with 2."""

    def refusal(store: str, *, listen: str = EVERYWHERE, env: Mapping[str, str] = {}) -> str:
        terminal = Terminal(tmp_path, "https://monotron.invalid", **env)
        return terminal.fails(2, "serve", "--store", store, "--listen", listen)

    return refusal


def refusal_of_process(store: str, *, listen: str, env: Mapping[str, str] | None = None) -> str:
    """The output of a separate process that ends with 2."""
    with pytest.raises(RuntimeError, match="ended with 2 before it was ready") as refused:
        Server(store, listen=listen, env=env)
    return str(refused.value)


def requires_credentials(server: Server | ServerThread) -> bool:
    with Client(f"http://127.0.0.1:{server.port}") as client:
        refused = client.request("GET", "/v1/series").status == 401
        assert refused or client.request("PUT", "/v1/series/k/T").status == 200
    return refused


def accepts_root_key(server: Server | ServerThread) -> bool:
    with Client(f"http://127.0.0.1:{server.port}", authorization=ROOT) as client:
        return client.request("GET", "/v1/accounts").status == 200


class TestBeyondLoopback:
    @pytest.mark.parametrize("listen", [EVERYWHERE, "example.com:3030"])
    def test_a_server_without_credentials_does_not_start(
        self, listen: str, refusal: Refusal
    ) -> None:
        output = refusal("sqlite://", listen=listen)
        assert "without credentials" in output
        assert "MONOTRON_ROOT_API_KEY" in output
        assert "MONOTRON_ROOT_API_SECRET" in output
        assert "127.0.0.1" in output
        assert "Traceback" not in output

    @pytest.mark.parametrize("listen", ["192.0.2.1:0", "nowhere.invalid:3030"])
    def test_an_address_of_another_machine_is_an_invalid_setting(self, listen: str) -> None:
        output = refusal_of_process("sqlite://", listen=listen, env=ROOT_ENV)
        assert "--listen" in output
        assert "Traceback" not in output

    def test_a_root_key_from_the_environment_is_enough(self) -> None:
        with Server("sqlite://", listen=EVERYWHERE, env=ROOT_ENV) as server:
            assert requires_credentials(server)
            assert accepts_root_key(server)
            check_not_shown(SECRET, server)

    def test_a_root_key_from_the_config_file_is_enough(self, tmp_path: Path) -> None:
        config = tmp_path / "monotron.yml"
        config.touch(0o600)
        config.write_text(f"root_api_key: root\nroot_api_secret: {SECRET}\n")
        with Server("sqlite://", listen=EVERYWHERE, args=["--config", str(config)]) as server:
            assert requires_credentials(server)
            assert accepts_root_key(server)
            check_not_shown(SECRET, server)

    def test_a_root_key_from_mounted_files_is_enough(self, tmp_path: Path) -> None:
        env = {}
        for name, value in ROOT_ENV.items():
            (tmp_path / name).write_text(f"{value}\n")
            env[f"{name}_FILE"] = str(tmp_path / name)
        with Server("sqlite://", listen=EVERYWHERE, env=env) as server:
            assert requires_credentials(server)
            assert accepts_root_key(server)
            check_not_shown(SECRET, server)

    def test_a_key_in_the_store_is_enough(self, store_with_key: tuple[str, str]) -> None:
        url, secret = store_with_key
        with ServerThread(url, listen=EVERYWHERE) as server:
            assert requires_credentials(server)
            assert not accepts_root_key(server)
            with Client(f"http://127.0.0.1:{server.port}", authorization=bearer(secret)) as client:
                assert client.request("PUT", "/v1/series/k/T").status == 200


def check_not_shown(secret: str, server: Server) -> None:
    """The secret is neither in the output of the server nor in the list of processes."""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "args", "-p", str(server.pid)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "monotron" in listed
    assert secret not in listed + server.log() + server.output()


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """A new SQLite file for each test."""
    return f"sqlite:///{tmp_path}/monotron.db"


@pytest.fixture
def store_with_key(store_url: str) -> tuple[str, str]:
    """The URL of a store with an API key, and its secret."""
    with (
        ServerThread(store_url, env=ROOT_ENV) as server,
        server.client(authorization=ROOT) as root,
    ):
        return store_url, new_key(root, 1, "*:series")


def revoke_all(root: Client, account: int) -> None:
    path = f"/v1/accounts/{account}/grants"
    for grant in root.request("GET", path).json()["grants"]:
        assert root.request("DELETE", f"{path}/{grant['api_key']['key']}").status == 200


class TestApiKeysInTheStore:
    def test_a_store_with_an_api_key_requires_credentials_on_loopback_too(
        self, store_with_key: tuple[str, str]
    ) -> None:
        url, _ = store_with_key
        with Server(url) as server:
            assert requires_credentials(server)
            assert "no credentials" not in server.log()

    def test_a_store_without_usable_api_keys_is_never_open(
        self, store_url: str, refusal: Refusal
    ) -> None:
        with (
            ServerThread(store_url, env=ROOT_ENV) as server,
            server.client(authorization=ROOT) as root,
        ):
            new_key(root, 1, "*:series")
            revoke_all(root, 1)
            account = new_account(root)
            new_key(root, account, "*:series")
        with ServerThread(store_url) as server:
            assert requires_credentials(server)
        with (
            ServerThread(store_url, env=ROOT_ENV) as server,
            server.client(authorization=ROOT) as root,
        ):
            revoke_all(root, account)
        check_hint(refusal(store_url, listen="127.0.0.1:0"))
        with ServerThread(store_url, env=ROOT_ENV) as server:
            assert accepts_root_key(server)

    def test_a_store_with_expired_api_keys_only_is_never_open(self, store_url: str) -> None:
        store = open_store(store_url)
        store.allocate([AllocationRequest(SeriesKey(0, "grants/1"), "T", Reuse.ANY, "root")])
        for number in range(3):
            name = f"mtk_k_0000000{number}"
            expired = ApiKey(
                *(number, 1, name, "", ("*:series",), 0, ALL_NAMES, ("root",)), expires_at=1000
            )
            store.auth_records.add("api_key", expired.row())
        store.close()
        check_hint(refusal_of_process(store_url, listen="127.0.0.1:0"))

    def test_a_store_that_contained_a_trust_policy_is_never_open(
        self, store_url: str, refusal: Refusal
    ) -> None:
        issuers = {"MONOTRON_ISSUERS": "github", "MONOTRON_AUDIENCE": "https://m.example.com"}
        with (
            ServerThread(store_url, env={**ROOT_ENV, **issuers}) as server,
            server.client(authorization=ROOT) as root,
        ):
            path, claims = "/v1/accounts/1/trusts", {"repository_id": "7", "ref": "refs/heads/main"}
            body = {"issuer": "github", "claims": claims, "scopes": ["read:series"]}
            created = root.request("POST", path, json.dumps(body), JSON).json()
            assert root.request("DELETE", f"{path}/{created['id']}").status == 200
        check_hint(refusal(store_url, listen="127.0.0.1:0"))

    def test_a_store_without_credentials_is_open_again_after_a_restart(
        self, store_url: str
    ) -> None:
        with (
            ServerThread(store_url, env=ROOT_ENV) as server,
            server.client(authorization=ROOT) as root,
        ):
            assert root.request("PUT", "/v1/series/k/T").status == 200
            new_account(root)
        for _ in range(2):
            with ServerThread(store_url) as server:
                assert not requires_credentials(server)


def test_an_open_server_rejects_administration_and_states_that_it_has_no_credentials(
    problem: Problem,
) -> None:
    with ServerThread("sqlite://") as server, server.client() as client:
        assert client.request("PUT", "/v1/series/k/T").status == 200
        assert client.request("GET", "/v1/system/audit").status == 200
        start = "This server has no credentials. Start it with MONOTRON_ROOT_API_KEY and "
        for method, path, detail in (
            ("GET", "/v1/accounts/1/grants", "Missing scope `read:acl`. Requests without cred"),
            ("POST", "/v1/accounts/1/grants", "Missing scope `write:acl`. Requests without cred"),
            ("POST", "/v1/accounts/1/trusts", "Missing scope `write:acl`. Requests without cred"),
            ("GET", "/v1/accounts", "Only the root key may do this"),
            ("GET", "/v1/system/events", "Only the root key may do this"),
            ("PUT", "/v1/accounts/2/series/k/T", "Requests without credentials belong to account"),
        ):
            applied = None if method == "GET" else "no"
            response = client.request(method, path)
            refused = problem(response, 403, "forbidden", applied=applied)["detail"]
            assert refused.startswith(detail), path
            assert "These credentials" not in refused
            assert (start in refused) == ("/accounts/2/" not in path)


def check_hint(output: str) -> None:
    """The error states what to do."""
    assert "The server would give everyone full access" in output
    assert "MONOTRON_ROOT_API_KEY" in output
    assert "`monotron root-secret`" in output
    assert "Traceback" not in output


class TestIncompleteCredentials:
    @pytest.mark.parametrize(
        "env",
        [
            {"MONOTRON_ISSUERS": ""},
            {"MONOTRON_AUDIENCE": ""},
            {"MONOTRON_AUDIENCE": "https://monotron.example.com"},
            {"MONOTRON_ISSUERS": "", "MONOTRON_AUDIENCE": ""},
        ],
        ids=str,
    )
    def test_empty_or_incomplete_credentials_never_open_a_server(
        self, env: dict[str, str], refusal: Refusal
    ) -> None:
        output = refusal("sqlite://", listen="127.0.0.1:0", env=env)
        check_hint(output)
        assert all(name in output for name in env)
        with ServerThread("sqlite://", env={**ROOT_ENV, **env}) as server:
            assert accepts_root_key(server)

    @pytest.mark.parametrize("content", ["trusts: []", "issuers: []", "issuers: ''"])
    def test_empty_lists_in_the_config_file_never_open_a_server(
        self, content: str, tmp_path: Path, refusal: Refusal
    ) -> None:
        config = tmp_path / "monotron.yml"
        config.write_text(f"{content}\n")
        output = refusal("sqlite://", env={"MONOTRON_CONFIG": str(config)})
        check_hint(output)
        assert content.partition(":")[0] in output

    @pytest.mark.parametrize("name", ROOT_ENV)
    @pytest.mark.parametrize("source", ["variable", "file", "path"])
    def test_an_empty_credential_never_opens_a_server(
        self, name: str, source: str, tmp_path: Path, refusal: Refusal
    ) -> None:
        (tmp_path / "empty").touch()
        empty = {
            "variable": {name: ""},
            "file": {f"{name}_FILE": str(tmp_path / "empty")},
            "path": {f"{name}_FILE": ""},
        }[source]
        output = refusal("sqlite://", listen="127.0.0.1:0", env=empty)
        assert name in output
        assert "empty" in output


class TestRootKey:
    @pytest.mark.parametrize("missing", ROOT_ENV)
    def test_an_incomplete_root_key_is_an_error(self, missing: str, refusal: Refusal) -> None:
        half = {name: value for name, value in ROOT_ENV.items() if name != missing}
        output = refusal("sqlite://", listen="127.0.0.1:0", env=half)
        assert "must be set together" in output
        assert missing in output
        assert SECRET not in output

    def test_an_invalid_root_secret_is_an_error_that_does_not_show_it(
        self, refusal: Refusal
    ) -> None:
        secret = "has a space"
        output = refusal("sqlite://", env={**ROOT_ENV, "MONOTRON_ROOT_API_SECRET": secret})
        assert "MONOTRON_ROOT_API_SECRET must be" in output
        assert secret not in output

    def test_the_root_key_has_no_flag(self, tmp_path: Path) -> None:
        terminal = Terminal(tmp_path, "https://monotron.invalid")
        arguments = ("--store=sqlite://", "--listen=127.0.0.1:0", "--root-api-secret", "x")
        assert "--root-api-secret" in terminal.fails(2, "serve", *arguments)

    @pytest.mark.parametrize("length", [1, 19])
    def test_a_short_root_secret_is_an_error_with_a_hint(
        self, length: int, refusal: Refusal
    ) -> None:
        secret = length * "x"
        output = refusal("sqlite://", env={**ROOT_ENV, "MONOTRON_ROOT_API_SECRET": secret})
        assert "MONOTRON_ROOT_API_SECRET must be 20 to 256 printable ASCII characters" in output
        assert "`monotron root-secret`" in output

    def test_a_root_secret_of_20_characters_is_enough(self) -> None:
        secret = "correct-horse-battery"[:20]
        with ServerThread(
            "sqlite://", env={**ROOT_ENV, "MONOTRON_ROOT_API_SECRET": secret}
        ) as server:
            assert requires_credentials(server)

    def test_a_root_key_requires_credentials_on_loopback_too(self, guarded: Server) -> None:
        assert requires_credentials(guarded)
        assert "no credentials" not in guarded.log()

    def test_a_server_with_a_root_key_accepts_any_host_name(self, guarded: Server) -> None:
        authenticated = FOREIGN_HOST + f"Authorization: {ROOT}\r\n\r\n".encode()
        assert raw(guarded.port, authenticated).startswith(b"HTTP/1.1 200 ")
        assert raw(guarded.port, FOREIGN_HOST + b"\r\n").startswith(b"HTTP/1.1 401 ")


class TestOpenServer:
    @pytest.fixture(scope="class", name="open_server")
    @classmethod
    def _open_server(cls) -> Iterator[Server]:
        with Server("sqlite://", args=UNLIMITED) as server:
            yield server

    @pytest.fixture
    def client(self, open_server: Server) -> Iterator[Client]:
        with open_server.client() as client:
            yield client

    def test_an_open_server_warns_at_startup(self, open_server: Server) -> None:
        (warning,) = re.findall(r'.*"level": "warning".*', open_server.log())
        assert "no credentials configured" in warning
        assert open_server.url in warning

    def test_an_open_server_lets_every_caller_use_account_1(self, client: Client) -> None:
        for headers in {}, {"Authorization": "Bearer whatever"}, {"Authorization": ROOT}:
            response = client.request("PUT", "/v1/accounts/1/series/k/T", headers=headers)
            assert (response.status, response.json()["creator_id"]) == (200, 1)

    @pytest.mark.parametrize(
        ("verb", "path"),
        [("POST", "accounts/1/grants"), ("GET", "accounts/1/grants"), ("POST", "accounts"),
         ("GET", "accounts"), ("DELETE", "accounts/1/grants/mtk_k_00000000")],
    )  # fmt: skip
    def test_an_open_server_refuses_api_keys_with_a_hint(
        self, verb: str, path: str, client: Client, problem: Problem
    ) -> None:
        body = '["*:series"]' if verb == "POST" and path != "accounts" else None
        response = client.request(verb, f"/v1/{path}", body, JSON)
        applied = None if verb == "GET" else "no"
        detail = problem(response, 403, "forbidden", applied=applied)["detail"]
        assert "MONOTRON_ROOT_API_KEY" in detail
        assert "MONOTRON_ROOT_API_SECRET" in detail

    def test_an_open_server_refuses_other_accounts(self, client: Client, problem: Problem) -> None:
        for account in 2, 999999:
            response = client.request("PUT", f"/v1/accounts/{account}/series/k/T")
            problem(response, 403, "forbidden", applied="no")

    def test_an_open_server_accepts_loopback_names_only(self, open_server: Server) -> None:
        response = raw(open_server.port, FOREIGN_HOST + b"\r\n")
        assert response.startswith(b"HTTP/1.1 400 ")
        assert b"invalid_host" in response
