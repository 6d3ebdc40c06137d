"""Administration commands never show a secret, and read responses strictly."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from monotron.auth.key_format import PATTERN
from monotron.auth.key_format import new_key as fresh_key_pair
from monotron.cli.output import CommandOutput
from support.server import ROOT as ROOT_KEY
from support.server import Server
from support.stand_in import ReceivedRequest, Reply, StandIn
from support.terminal import Terminal

SERIES = "--scope=read,write:series"

ACCOUNT = {"id": 1, "name": None, "disabled": False}


class TestSecrets:
    def test_the_credential_is_a_header_and_not_in_the_process_list(
        self, operator: Terminal
    ) -> None:
        processes = b""

        def answer(request: ReceivedRequest) -> Reply:
            nonlocal processes
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    processes += path.read_bytes()
                except OSError:
                    continue  # the process has just ended
            return Reply.problem(401, "unauthenticated", f"Not {request.headers['Authorization']}")

        with StandIn(answer) as stand_in:
            operator.url = stand_in.url
            commands = [
                operator.start("key", "create", SERIES, **env)
                for env in ({}, {"MONOTRON_API_KEY": "mtk_k_canary"})
            ]
        assert [process.returncode for process in commands] == [1, 1]
        errors = b"".join(process.stdout + process.stderr for process in commands).decode()
        first, second = (request.headers["Authorization"] for request in stand_in.requests)
        assert (first, second) == (ROOT_KEY, "Bearer mtk_k_canary")
        assert b"create" in processes
        for secret in ("correct-horse-battery", first.partition(" ")[2], "mtk_k_canary"):
            assert secret.encode() not in processes
            assert secret not in errors

    @pytest.mark.parametrize("store", [(), ("--store=sqlite:///monotron.db",)], ids=["url", "file"])
    def test_a_new_secret_is_on_standard_output_only(
        self, operator: Terminal, root_server: Server, store: tuple[str, ...]
    ) -> None:
        for output_format in ("text", "json"):
            process = operator.run("key", "create", SERIES, f"--output={output_format}", *store)
            (secret,) = set(re.findall(PATTERN, process.stdout))
            created = (
                f"Created key {secret[:14]} in account 1 (read,write:series; all names; expires "
            )
            assert created in process.stderr
            assert secret not in process.stderr + root_server.log()

    def test_a_secret_that_cannot_be_written_must_be_revoked(self, operator: Terminal) -> None:
        with Path("/dev/full").open("wb") as full:
            process = operator.start("key", "create", SERIES, stdout=full)
        errors = process.stderr.decode()
        assert process.returncode == 1
        assert errors.startswith("error: cannot write to standard output: ")
        (key_id,) = re.findall(r"hint: the secret of (mtk_k_\w{8}) is lost: revoke", errors)
        assert key_id in operator.prints("key", "list")

    def test_only_the_id_of_a_pasted_secret_is_sent(self, operator: Terminal) -> None:
        pair = fresh_key_pair()
        with StandIn([Reply(200)]) as stand_in:
            operator.url = stand_in.url
            printed = operator.prints("key", "revoke", pair.secret)
        assert stand_in.requests[0].path == f"/v1/accounts/1/grants/{pair.name}"
        assert pair.secret[15:] not in printed

    def test_an_invalid_key_id_is_not_repeated(self, operator: Terminal) -> None:
        assert "canary" not in operator.fails(2, "key", "revoke", "canary-secret")

    def test_the_repr_of_an_output_does_not_show_it(self) -> None:
        output = CommandOutput("canary", {"api_key": {"secret": "canary"}})
        assert "canary" not in repr(output)


class TestStrictReading:
    def test_a_login_page_does_not_count_as_a_revocation(self, operator: Terminal) -> None:
        with StandIn([Reply(200, b"<html>Sign in", {"Content-Type": "text/html"})]) as stand_in:
            operator.url = stand_in.url
            operator.fails(4, "key", "revoke", "mtk_k_AbCdEfGh")

    @pytest.mark.parametrize(
        "changes",
        [
            {"account_id": 2},
            {"scopes": "read:series"},
            {"names": None},
            {"names": "*"},
            {"created_by": None},
            {"description": 1},
            {"api_key": {"id": 1, "key": "mtk_k_AbCdEfGh", "secret": "mtk_k_AbCdEfGh_x"}},
            {"api_key": {"id": 1, "key": "mtk_k_AbCdEfGh", "secret": fresh_key_pair().secret}},
            {"api_key": {"id": 1, "key": "mtk_k_AbCdEfGh"}},
            {"api_key": None},
        ],
        ids=range(10),
    )
    def test_an_invalid_document_of_a_new_key_is_rejected(
        self, operator: Terminal, changes: dict[str, Any]
    ) -> None:
        pair = fresh_key_pair()
        key = {"id": 1, "key": pair.name, "secret": pair.secret}
        members = {"scopes": ["read:series"], "names": ["*"], "created_by": "root"}
        document = {"account_id": 1, "api_key": key, **members, **changes}
        with StandIn([Reply.json(document)]) as stand_in:
            operator.url = stand_in.url
            errors = operator.fails(4, "key", "create", SERIES)
        assert "not a Monotron response" in errors
        assert pair.secret not in errors

    def test_a_report_about_an_identity_token_has_no_control_characters(
        self, operator: Terminal
    ) -> None:
        trusts = [{"id": 1, "matches": False, "reason": "a\x1b[2J\nb"}]
        document = {"accepted": False, "reason": "a\x1b[31m\nb", "trusts": trusts}
        with StandIn([Reply.json(document)]) as stand_in:
            operator.url = stand_in.url
            printed = operator.run("trust", "test", MONOTRON_ID_TOKEN="e30.e30.a").stdout
        assert len(printed.splitlines()) == 2
        assert "\x1b" not in printed

    @pytest.mark.parametrize(
        "changes",
        [
            {"accepted": "true"},
            {"accepted": None},
            {"principal": None},
            {"names": "*"},
            {"scopes": [1]},
            {"reason": 1},
            {"trusts": None},
            {"trusts": ["1"]},
            {"trusts": [{"id": 0, "matches": True, "reason": None}]},
            {"trusts": [{"id": 1, "matches": 1, "reason": None}]},
        ],
        ids=range(10),
    )
    def test_an_invalid_report_about_an_identity_token_is_rejected(
        self, operator: Terminal, changes: dict[str, Any]
    ) -> None:
        rights = {"principal": "github:a/b:1", "scopes": ["read:series"], "names": ["*"]}
        document = {"accepted": True, "reason": None, "trusts": [], **rights, **changes}
        with StandIn([Reply.json(document)]) as stand_in:
            operator.url = stand_in.url
            errors = operator.fails(4, "trust", "test", MONOTRON_ID_TOKEN="e30.e30.canary")
        assert "not a Monotron response" in errors
        assert "canary" not in errors

    @pytest.mark.parametrize("following", ["1", 5, ""])
    def test_pages_that_repeat_end_with_an_error(
        self, operator: Terminal, following: object
    ) -> None:
        with StandIn([Reply.json({"accounts": [ACCOUNT], "next": following})]) as stand_in:
            operator.url = stand_in.url
            operator.fails(4, "account", "list")
        assert len(stand_in.requests) <= 2

    def test_a_table_has_no_control_characters(self, operator: Terminal) -> None:
        trust = {"id": 1, "account_id": 1, "issuer": "\x1b[31m", "claims": {"sub": "a\nb"}}
        page = {"trusts": [{**trust, "scopes": ["read:series"], "names": ["a\n*"]}], "next": None}
        with StandIn([Reply.json(page)]) as stand_in:
            operator.url = stand_in.url
            printed = operator.prints("trust", "list")
        assert len(printed.splitlines()) == 2
        assert "\x1b" not in printed


class TestRetries:
    @pytest.mark.parametrize(
        "arguments",
        [
            ("account", "create"),
            ("key", "create", SERIES),
            ("trust", "add", "github", "--claim=sub=x"),
        ],
        ids=lambda arguments: arguments[0],
    )
    def test_a_create_request_is_sent_once(
        self, operator: Terminal, arguments: tuple[str, ...]
    ) -> None:
        with StandIn([Reply.problem(503, "draining", "Soon.")]) as stand_in:
            operator.url = stand_in.url
            errors = operator.fails(4, *arguments)
        assert len(stand_in.requests) == 1
        assert "hint: it may have been created nevertheless; list what exists" in errors

    def test_a_test_of_an_identity_token_is_retried(self, operator: Terminal) -> None:
        report = Reply.json({"accepted": False, "reason": "No.", "trusts": []})
        with StandIn([Reply.problem(503, "draining", "Soon."), report]) as stand_in:
            operator.url = stand_in.url
            process = operator.run("trust", "test", "-", stdin=b"e30.e30.canary")
        assert (process.returncode, process.stdout) == (1, "rejected: No.\n")
        assert "canary" not in process.stderr

    def test_a_list_request_is_retried(self, operator: Terminal) -> None:
        page = Reply.json({"accounts": [ACCOUNT], "next": None})
        with StandIn([Reply.problem(503, "draining", "Soon."), page]) as stand_in:
            operator.url = stand_in.url
            process = operator.run("account", "list")
        assert (process.returncode, process.stdout) == (
            0,
            "ACCOUNT\tNAME\tSTATUS\n1\t-\tenabled\n",
        )
        assert json.dumps(process.stderr).count("retrying") == 1
