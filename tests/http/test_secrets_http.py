"""Canaries: secrets that are used in every way, and must come up nowhere."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from pathlib import Path

import bson
import pytest

from support.credentials import JSON, bearer, new_grant, new_key
from support.mongod import ReplicaSet
from support.routes import calls
from support.server import ROOT, ROOT_ENV, Server, basic

# What is sent everywhere is sent once, not by each of several workers.
pytestmark = pytest.mark.xdist_group("secrets")

ROOT_SECRET = ROOT_ENV["MONOTRON_ROOT_API_SECRET"]

JOB = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJyZXBvOmEvYiJ9.c2lnbmF0dXJlLW9mLWEtam9i"
"""An identity token, by its looks."""


def b64(text: str) -> str:
    return b64encode(text.encode()).decode()


class TestSecrets:
    """Canaries: secrets that are used in every way, and must come up nowhere."""

    @pytest.fixture(scope="class", name="told")
    @classmethod
    def _told(cls, guarded: Server) -> tuple[list[str], bytes]:
        """Secrets, and all bytes that anybody was answered while they were used everywhere."""
        bytes_told = b""
        with guarded.client(authorization=ROOT) as root, guarded.client() as client:
            live, ended = (new_grant(root, 1, "*:series", "*:acl")["api_key"] for _ in range(2))
            path = f"/v1/accounts/1/grants/{ended['key']}"
            assert root.request("DELETE", path).status == 200
            fresh = new_key(root, 1, "read:acl")
            secrets = [live["secret"], ended["secret"], fresh, JOB, ROOT_SECRET]
            for call in calls():
                for secret in secrets:
                    for header in bearer(secret), basic("root", secret), f"Digest {secret}":
                        body = f'["{secret if secret is not ROOT_SECRET else fresh}"]'
                        if "/attrs" in call.template:  # which keep what they are given
                            body = "{}"
                        headers = {"Authorization": header, **JSON}
                        answer = client.request(call.verb, call.path(), body, headers)
                        bytes_told += str(answer.headers).encode() + answer.body
            for secret in secrets[:4]:  # by mistake in the place of a name or an account
                for path in f"1/grants/{secret}", f"{secret}/series", f"1/releases/{secret}":
                    for verb in "GET", "DELETE":
                        answer = root.request(verb, f"/v1/accounts/{path}")
                        bytes_told += str(answer.headers).encode() + answer.body
        return secrets, bytes_told

    def test_are_in_no_answer(self, told: tuple[list[str], bytes]) -> None:
        secrets, bytes_told = told
        assert b"is none" in bytes_told  # what was wrong is quoted
        for secret in secrets:
            assert secret.encode() not in bytes_told

    def test_are_in_no_log_line(self, guarded: Server, told: tuple[list[str], bytes]) -> None:
        secrets, _ = told
        for secret in secrets:
            assert secret not in guarded.log() + guarded.output()
            assert b64(f"root:{secret}") not in guarded.log()

    def test_leave_the_name_of_a_key_to_be_seen(
        self, guarded: Server, told: tuple[list[str], bytes]
    ) -> None:
        for secret in told[0][:3]:
            assert f"/v1/accounts/1/grants/{secret[:15]}***" in guarded.log()

    def test_are_in_no_process_list(self, guarded: Server, told: tuple[list[str], bytes]) -> None:
        listed = subprocess.run(["ps", "-ww", "-o", "args", "-p", str(guarded.pid)],
                                capture_output=True, text=True, check=True).stdout  # fmt: skip
        assert "serve" in listed
        for secret in told[0]:
            assert secret not in listed

    def test_are_not_in_the_store(
        self,
        told: tuple[list[str], bytes],
        guarded: Server,
        either_store_url: str,
        request: pytest.FixtureRequest,
    ) -> None:
        dump = dumped(either_store_url, request)
        assert b"digest" in dump
        for secret in told[0]:
            assert secret.encode() not in dump
            assert secret[-36:].encode() not in dump


def dumped(store_url: str, request: pytest.FixtureRequest) -> bytes:
    """All that the store holds: every byte of its files, or every document of its database."""
    if store_url.startswith("sqlite:///"):
        file = Path(store_url.removeprefix("sqlite:///"))
        return b"".join(each.read_bytes() for each in file.parent.iterdir())
    replica_set: ReplicaSet = request.getfixturevalue("replica_set")
    with replica_set.client() as client:
        database = client[store_url.rpartition("/")[2].partition("?")[0]]
        return b"".join(
            bson.encode(document)
            for name in database.list_collection_names()
            for document in database[name].find()
        )
