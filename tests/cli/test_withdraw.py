"""`monotron names` and `monotron withdraw`."""

from __future__ import annotations

import json

import pytest

from support.server import Client
from support.stand_in import Reply, StandIn
from support.terminal import Terminal
from support.versions import assign

REASON = "--reason=The migration fails."


class TestNames:
    def test_each_name_is_shown_with_its_newest_version(
        self, terminal: Terminal, client: Client, name: str
    ) -> None:
        for token, query in ("a", "bump=minor"), ("b", ""), ("c", "prerelease=rc"):
            assign(client, name, f"{token}?{query}")
        first, line = terminal.prints("names", f"--prefix={name}").splitlines()
        assert first.split() == ["NAME", "VERSION", "TOKEN", "BUMP", "CREATED"]
        assert line.split()[:4] == [name, "0.1.1", "b", "patch"]
        (version,) = json.loads(terminal.prints("names", f"--prefix={name}", "--output=json"))
        assert (version["name"], version["version"]) == (name, "0.1.1")

    def test_another_response_exits_with_4(self, terminal: Terminal) -> None:
        with StandIn([Reply.json({"versions": [{"name": "a"}], "next": None})]) as stand_in:
            terminal.url = stand_in.url
            terminal.fails(4, "names")


class TestWithdraw:
    def test_a_withdrawn_version_is_not_the_latest(
        self, terminal: Terminal, client: Client, name: str
    ) -> None:
        for token in "a", "b":
            assign(client, name, token)
        printed = terminal.prints("withdraw", name, "v0.0.2", REASON)
        assert printed == f"Withdrew version 0.0.2 of {name}.\n"
        assert terminal.prints("version", name, "--bump=none") == "0.0.1\n"
        again = terminal.prints("withdraw", name, "0.0.2", REASON)
        assert again == f"Nothing changed: version 0.0.2 of {name} is already withdrawn.\n"

    def test_the_reason_and_the_rule_for_its_commits_are_sent(self, terminal: Terminal) -> None:
        with StandIn([Reply.json({})]) as stand_in:
            terminal.url = stand_in.url
            terminal.fails(4, "withdraw", "shop", "1.0.0", "--reason=No.", "--commits=ignore")
        body = stand_in.requests[0].body
        assert json.loads(body) == {"reason": "No.", "commits": "ignore"}

    def test_undo_reverses_a_withdrawal(
        self, terminal: Terminal, client: Client, name: str
    ) -> None:
        assign(client, name, "a")
        terminal.prints("withdraw", name, "0.0.1", REASON)
        printed = terminal.prints("withdraw", name, "0.0.1", "--undo")
        assert printed == f"Reversed the withdrawal of version 0.0.1 of {name}.\n"
        assert terminal.prints("version", name, "--bump=none") == "0.0.1\n"

    def test_a_version_that_does_not_exist_exits_with_3(self, terminal: Terminal) -> None:
        errors = terminal.fails(3, "withdraw", "none", "1.0.0", REASON)
        assert errors == "error: 'none' has no version 1.0.0\n"

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            ((), "missing option '--reason'"),
            (("--undo", REASON), "--undo cannot be combined with --reason or --commits"),
            (("--undo", "--commits=count"), "--undo cannot be combined with --reason or --commits"),
        ],
        ids=str,
    )
    def test_invalid_combinations_are_invalid_usage(
        self, arguments: tuple[str, ...], error: str, offline: Terminal
    ) -> None:
        errors = offline.fails(2, "withdraw", "shop", "1.0.0", *arguments)
        assert errors.startswith(f"error: {error}\n")

    def test_a_response_without_the_withdrawal_exits_with_4(
        self, terminal: Terminal, client: Client, name: str
    ) -> None:
        version = assign(client, name, "a")
        with StandIn([Reply.json(version)]) as stand_in:
            terminal.url = stand_in.url
            terminal.fails(4, "withdraw", name, "0.0.1", REASON)
