"""Secure by default: when the server starts, whom it then asks for credentials, what it says."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from support.credentials import JSON, UNLIMITED, bearer, new_account, new_key
from support.server import ROOT, ROOT_ENV, Client, Server, raw

Problem = Callable[..., dict[str, Any]]

EVERYWHERE = "0.0.0.0:0"
SECRET = ROOT_ENV["MONOTRON_ROOT_API_SECRET"]
FOREIGN_HOST = b"GET /v1/series HTTP/1.1\r\nHost: monotron.example.com\r\n"


def refusal(store: str, *, listen: str = EVERYWHERE, env: Mapping[str, str] | None = None) -> str:
    """What a server says that does not start."""
    with pytest.raises(RuntimeError, match=r"ended with [12] before it was ready") as refused:
        Server(store, listen=listen, env=env)
    return str(refused.value)


def asks_for_credentials(server: Server) -> bool:
    with Client(f"http://127.0.0.1:{server.port}") as client:
        asked = client.request("GET", "/v1/series").status == 401
        assert asked or client.request("PUT", "/v1/series/k/T").status == 200
    return asked


def takes_root_key(server: Server) -> bool:
    with Client(f"http://127.0.0.1:{server.port}", authorization=ROOT) as client:
        return client.request("GET", "/v1/accounts").status == 200


class TestBeyondLoopback:
    @pytest.mark.parametrize("listen", [EVERYWHERE, "[::]:0", "192.0.2.1:3030", "example.com:3030"])
    def test_a_server_without_credentials_does_not_start_and_says_why(self, listen: str) -> None:
        said = refusal("sqlite://", listen=listen)
        assert "ended with 1 " in said
        assert "without credentials" in said
        assert "MONOTRON_ROOT_API_KEY" in said
        assert "MONOTRON_ROOT_API_SECRET" in said
        assert "127.0.0.1" in said
        assert "Traceback" not in said

    def test_a_root_key_from_the_environment_is_enough(self) -> None:
        with Server("sqlite://", listen=EVERYWHERE, env=ROOT_ENV) as server:
            assert asks_for_credentials(server)
            assert takes_root_key(server)
            check_silent_about(SECRET, server)

    def test_a_root_key_from_the_config_file_is_enough(self, tmp_path: Path) -> None:
        config = tmp_path / "monotron.yml"
        config.write_text(f"root_api_key: root\nroot_api_secret: {SECRET}\n")
        with Server("sqlite://", listen=EVERYWHERE, args=["--config", str(config)]) as server:
            assert asks_for_credentials(server)
            assert takes_root_key(server)
            check_silent_about(SECRET, server)

    def test_a_root_key_from_mounted_files_is_enough(self, tmp_path: Path) -> None:
        env = {}
        for name, value in ROOT_ENV.items():
            (tmp_path / name).write_text(f"{value}\n")
            env[f"{name}_FILE"] = str(tmp_path / name)
        with Server("sqlite://", listen=EVERYWHERE, env=env) as server:
            assert asks_for_credentials(server)
            assert takes_root_key(server)
            check_silent_about(SECRET, server)

    def test_a_key_in_the_store_is_enough(self, store_with_key: tuple[str, str]) -> None:
        url, secret = store_with_key
        with Server(url, listen=EVERYWHERE) as server:
            assert asks_for_credentials(server)
            assert not takes_root_key(server)
            with Client(f"http://127.0.0.1:{server.port}", authorization=bearer(secret)) as client:
                assert client.request("PUT", "/v1/series/k/T").status == 200


def check_silent_about(secret: str, server: Server) -> None:
    """The secret is in nothing that the server wrote, nor in the list of processes."""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "args", "-p", str(server.pid)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "monotron" in listed
    assert secret not in listed + server.log() + server.output()


@pytest.fixture
def store_with_key(either_store_url: str) -> tuple[str, str]:
    """A store in which an earlier server made a key, and its secret."""
    with (
        Server(either_store_url, env=ROOT_ENV) as server,
        server.client(authorization=ROOT) as root,
    ):
        return either_store_url, new_key(root, 1, "*:series")


def revoke_all(root: Client, account: int) -> None:
    path = f"/v1/accounts/{account}/grants"
    for grant in root.request("GET", path).json()["grants"]:
        assert root.request("DELETE", f"{path}/{grant['api_key']['key']}").status == 200


class TestKeysInTheStore:
    def test_are_asked_for_on_loopback_too(self, store_with_key: tuple[str, str]) -> None:
        url, _ = store_with_key
        with Server(url) as server:
            assert asks_for_credentials(server)
            assert "no credentials configured" not in server.log()

    def test_are_asked_for_until_the_last_of_any_account_is_revoked(
        self, either_store_url: str
    ) -> None:
        with (
            Server(either_store_url, env=ROOT_ENV) as server,
            server.client(authorization=ROOT) as root,
        ):
            revoke_all(root, 1)
            account = new_account(root)
            new_key(root, account, "*:series")
        with Server(either_store_url) as server:
            assert asks_for_credentials(server)
        with (
            Server(either_store_url, env=ROOT_ENV) as server,
            server.client(authorization=ROOT) as root,
        ):
            revoke_all(root, account)
        with Server(either_store_url) as server:
            assert not asks_for_credentials(server)


class TestRootKey:
    @pytest.mark.parametrize("missing", ROOT_ENV)
    @pytest.mark.parametrize("listen", [EVERYWHERE, "127.0.0.1:0"])
    def test_that_is_half_is_an_error(self, missing: str, listen: str) -> None:
        half = {name: value for name, value in ROOT_ENV.items() if name != missing}
        said = refusal("sqlite://", listen=listen, env=half)
        assert "ended with 2 " in said
        assert "only one is set" in said
        assert missing in said
        assert SECRET not in said

    @pytest.mark.parametrize("secret", ["has a space", "has:a-colon", "é", "x" * 257])
    def test_that_cannot_be_sent_is_an_error_that_does_not_show_it(self, secret: str) -> None:
        said = refusal("sqlite://", env={**ROOT_ENV, "MONOTRON_ROOT_API_SECRET": secret})
        assert "MONOTRON_ROOT_API_SECRET must be" in said
        assert secret not in said

    def test_has_no_flag(self) -> None:
        for flag in "--root-api-secret", "--root-api-key":
            with pytest.raises(RuntimeError, match="unrecognized arguments"):
                Server("sqlite://", args=[flag, "x"])

    def test_that_is_empty_is_none(self) -> None:
        said = refusal("sqlite://", env=dict.fromkeys(ROOT_ENV, ""))
        assert "without credentials" in said

    def test_is_asked_for_on_loopback_too(self) -> None:
        with Server("sqlite://", env=ROOT_ENV) as server:
            assert asks_for_credentials(server)
            assert "no credentials configured" not in server.log()

    def test_lets_any_name_of_the_host_pass(self) -> None:
        with Server("sqlite://", env=ROOT_ENV) as server:
            signed = FOREIGN_HOST + f"Authorization: {ROOT}\r\n\r\n".encode()
            assert raw(server.port, signed).startswith(b"HTTP/1.1 200 ")
            assert raw(server.port, FOREIGN_HOST + b"\r\n").startswith(b"HTTP/1.1 401 ")


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

    def test_warns_at_start(self, open_server: Server) -> None:
        (warning,) = re.findall(r'.*"level": "warning".*', open_server.log())
        assert "no credentials configured" in warning
        assert open_server.url in warning

    def test_lets_everybody_count_in_account_1(self, client: Client) -> None:
        for headers in {}, {"Authorization": "Bearer whatever"}, {"Authorization": ROOT}:
            answer = client.request("PUT", "/v1/accounts/1/series/k/T", headers=headers)
            assert (answer.status, answer.json()["creator_id"]) == (200, 1)

    @pytest.mark.parametrize(
        ("verb", "path"),
        [("POST", "accounts/1/grants"), ("GET", "accounts/1/grants"), ("POST", "accounts"),
         ("GET", "accounts"), ("DELETE", "accounts/1/grants/mtk_k_00000000")],
    )  # fmt: skip
    def test_makes_and_shows_no_keys_and_says_what_to_do(
        self, verb: str, path: str, client: Client, problem: Problem
    ) -> None:
        body = '["*:series"]' if verb == "POST" and path != "accounts" else None
        answer = client.request(verb, f"/v1/{path}", body, JSON)
        applied = None if verb == "GET" else "no"
        detail = problem(answer, 403, "forbidden", applied=applied)["detail"]
        assert "MONOTRON_ROOT_API_KEY" in detail
        assert "MONOTRON_ROOT_API_SECRET" in detail

    def test_has_no_other_account(self, client: Client, problem: Problem) -> None:
        for account in 2, 999999:
            answer = client.request("PUT", f"/v1/accounts/{account}/series/k/T")
            problem(answer, 403, "forbidden", applied="no")

    def test_answers_to_loopback_names_only(self, open_server: Server) -> None:
        answer = raw(open_server.port, FOREIGN_HOST + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"invalid_host" in answer
