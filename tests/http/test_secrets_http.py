"""Secrets that are used in every way must not appear anywhere."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

from support.credentials import JSON, bearer, new_grant, new_key
from support.routes import calls
from support.server import ROOT, ROOT_ENV, Server, basic

# The requests are sent once, not by each of several workers.

ROOT_SECRET = ROOT_ENV["MONOTRON_ROOT_API_SECRET"]

IDENTITY_TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJyZXBvOmEvYiJ9.c2lnbmF0dXJlLW9mLWEtam9i"
"""Has the format of an identity token."""


def b64(text: str) -> str:
    return b64encode(text.encode()).decode()


class TestSecrets:
    """Uses secrets in every way, and searches for them in everything the server writes."""

    @pytest.fixture(scope="class", name="used")
    @classmethod
    def _used(cls, guarded: Server) -> tuple[list[str], bytes]:
        """The secrets, and the bytes of all responses while they were used everywhere."""
        response_bytes = b""
        with guarded.client(authorization=ROOT) as root, guarded.client() as client:
            live, ended = (new_grant(root, 1, "*:series", "*:acl")["api_key"] for _ in range(2))
            path = f"/v1/accounts/1/grants/{ended['key']}"
            assert root.request("DELETE", path).status == 200
            fresh = new_key(root, 1, "read:acl")
            secrets = [live["secret"], ended["secret"], fresh, IDENTITY_TOKEN, ROOT_SECRET]
            for call in calls():
                for secret in secrets:
                    for header in bearer(secret), basic("root", secret), f"Digest {secret}":
                        body = f'["{secret if secret is not ROOT_SECRET else fresh}"]'
                        if "/attrs" in call.template:  # attributes store any value
                            body = "{}"
                        headers = {"Authorization": header, **JSON}
                        response = client.request(call.verb, call.path(), body, headers)
                        response_bytes += str(response.headers).encode() + response.body
            for secret in secrets[:4]:  # by mistake instead of a name or an account
                for path in f"1/grants/{secret}", f"{secret}/series", f"1/releases/{secret}":
                    for verb in "GET", "DELETE":
                        response = root.request(verb, f"/v1/accounts/{path}")
                        response_bytes += str(response.headers).encode() + response.body
        return secrets, response_bytes

    def test_responses_contain_no_secrets(self, used: tuple[list[str], bytes]) -> None:
        secrets, response_bytes = used
        assert b"Invalid scope" in response_bytes  # the invalid scope is quoted
        for secret in secrets:
            assert secret.encode() not in response_bytes

    def test_log_lines_contain_no_secrets(
        self, guarded: Server, used: tuple[list[str], bytes]
    ) -> None:
        secrets, _ = used
        for secret in secrets:
            assert secret not in guarded.log() + guarded.output()
            assert b64(f"root:{secret}") not in guarded.log()

    def test_log_lines_contain_the_names_of_api_keys(
        self, guarded: Server, used: tuple[list[str], bytes]
    ) -> None:
        for secret in used[0][:3]:
            assert f"/v1/accounts/1/grants/{secret[:15]}***" in guarded.log()

    def test_the_process_list_contains_no_secrets(
        self, guarded: Server, used: tuple[list[str], bytes]
    ) -> None:
        listed = subprocess.run(["ps", "-ww", "-o", "args", "-p", str(guarded.pid)],
                                capture_output=True, text=True, check=True).stdout  # fmt: skip
        assert "serve" in listed
        for secret in used[0]:
            assert secret not in listed

    def test_the_store_contains_no_secrets(
        self, used: tuple[list[str], bytes], guarded_store: Path
    ) -> None:
        stored = b"".join(file.read_bytes() for file in guarded_store.parent.iterdir())
        assert b"digest" in stored
        for secret in used[0]:
            assert secret.encode() not in stored
            assert secret[-36:].encode() not in stored
