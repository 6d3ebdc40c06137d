"""The commands for builds if the server, its response or the command line is wrong."""

from __future__ import annotations

import json
import re

import pytest

from monotron_ci import outputs
from support.server import Server
from support.stand_in import HANG_UP, Reply, StandIn
from support.terminal import Terminal

LOGIN_PAGE = Reply(200, b"<html>Sign in", {"Content-Type": "text/html"})


def version(**members: object) -> dict[str, object]:
    """A version as the server sends it, with other members."""
    return {
        "name": "a",
        "token": "b",
        "version": "1.0.0",
        "major": 1,
        "minor": 0,
        "patch": 0,
        "latest": True,
        "reused": False,
        "latest_in_major": True,
        "latest_in_minor": True,
        "spellings": {},
        "changed": True,
        "notes": [],
        **members,
    }


class TestHostileResponses:
    @pytest.mark.parametrize("member", ["metadata", "tag", "creator_id"])
    def test_a_member_cannot_add_a_line(self, member: str, terminal: Terminal) -> None:
        with StandIn([Reply.json(version(**{member: "x\nPATH=/evil"}))]) as stand_in:
            terminal.url = stand_in.url
            printed = terminal.prints("version", "a", "b", "--output=dotenv")
        assert [line.partition("=")[0] for line in printed.splitlines()] == [
            f"MONOTRON_{name}" for name in outputs.DOTENV
        ]
        assert "/evil" not in printed

    @pytest.mark.parametrize("output_format", ["json", "github", "dotenv"])
    def test_half_a_character_causes_no_traceback(
        self, output_format: str, terminal: Terminal
    ) -> None:
        with StandIn([Reply.json(version(token="\ud800"))]) as stand_in:
            terminal.url = stand_in.url
            process = terminal.run("version", "a", "--bump=none", f"--output={output_format}")
        assert process.stdout == "" or json.loads(process.stdout)["token"] == "\ud800"

    def test_control_characters_are_not_printed(self, terminal: Terminal) -> None:
        detail = "\x1b]0;x\x07\x9b2J red\nhint: run me"
        with StandIn([Reply.problem(422, "invalid_bump", detail)]) as stand_in:
            terminal.url = stand_in.url
            printed = terminal.fails(1, "version", "a", "b")
        assert len(printed.splitlines()) == 1
        page = {"releases": [version(token="\x1b[31m", created_at="\x9b")], "next": None}
        with StandIn([Reply.json(page)]) as stand_in:
            terminal.url = stand_in.url
            printed += terminal.prints("releases", "a")
            printed += terminal.prints("releases", "a", "--output=json")
        assert "invalid_bump" in printed
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", printed)


class TestExitCodes:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("next", "a", "b", "--url=http://m.example.com"), "https"),
            (("next", "", "b"), "''"),
            (("version", ".", "b"), "'.'"),
            (("version", "a", "b", "--tag-prefix=-v"), "--tag-prefix"),
            (("adopt", "a", "--tag-prefix=a b"), "--tag-prefix"),
            (("version", "a", "--bump=none", "--line=1"), "--bump none cannot be combined"),
            (("next", "a", "b", "--retries=-1"), "from 0 to 100"),
            (("next", "a", "b", "--timeout=0"), "from 1 to 3600"),
            (("releases", "a", "--limit=0"), "from 1 to 999999"),
        ],
        ids=str,
    )
    def test_invalid_usage_exits_with_2(
        self, arguments: tuple[str, ...], message: str, terminal: Terminal
    ) -> None:
        errors = terminal.fails(2, *arguments)
        assert errors.startswith("error: ")
        assert message in errors

    def test_an_invalid_key_exits_with_2_and_is_not_shown(self, terminal: Terminal) -> None:
        errors = terminal.fails(2, "next", "a", "b", MONOTRON_API_KEY="se cret")
        assert "MONOTRON_API_KEY" in errors
        assert "se cret" not in errors

    def test_a_name_without_values_exits_with_3(self, terminal: Terminal, name: str) -> None:
        commands = [("peek", name), ("version", name, "--bump=none"), ("releases", name)]
        for command in commands:
            assert f"error: {name!r} has no " in terminal.fails(3, *command)
        for command in [("peek", name, "a"), ("version", name, "a", "--bump=none")]:
            assert "error: 'a' has no " in terminal.fails(3, *command)

    @pytest.mark.parametrize("response", [Reply.problem(503, "draining", "Soon."), LOGIN_PAGE])
    def test_a_busy_server_and_a_login_page_exit_with_4(
        self, response: Reply, terminal: Terminal
    ) -> None:
        with StandIn([response]) as stand_in:
            terminal.url = stand_in.url
            terminal.fails(4, "next", "a", "b", "--retries=0")

    def test_a_login_page_is_explained(self, terminal: Terminal) -> None:
        with StandIn([LOGIN_PAGE]) as stand_in:
            terminal.url = stand_in.url
            errors = terminal.fails(4, "next", "a", "b")
        assert "hint: check --url or MONOTRON_URL" in errors
        assert f"`curl {stand_in.url}/v1`" in errors

    def test_an_unreachable_server_exits_with_4(self, terminal: Terminal) -> None:
        terminal.url = unreachable()
        errors = terminal.fails(4, "next", "a", "b", "--retries=0")
        assert errors == (
            f"error: cannot connect to {terminal.url}: connection refused (1 attempt)\n"
            "hint: check the URL and that the server is running. Retrying is safe.\n"
        )


class TestRetries:
    def test_each_retry_is_announced_with_its_reason(self, terminal: Terminal) -> None:
        terminal.url = unreachable()
        errors = terminal.fails(4, "next", "a", "b", "--retries=2")
        for number in (1, 2):
            assert re.search(
                rf"^warning: cannot connect \(connection refused\); retrying in \d\.\d s "
                rf"\({number}/2\)$",
                errors,
                re.MULTILINE,
            )

    def test_a_retry_after_a_response_names_its_status(self, terminal: Terminal) -> None:
        entry = {"key": "a", "token": "b", "value": 7}
        with StandIn([Reply.problem(503, "draining", "Soon."), Reply.json(entry)]) as stand_in:
            terminal.url = stand_in.url
            process = terminal.run("next", "a", "b")
        assert (process.returncode, process.stdout) == (0, "7\n")
        assert re.fullmatch(
            r"warning: the server responded 503; retrying in \d\.\d s \(1/8\)\n", process.stderr
        )


class TestCredentials:
    def test_the_key_comes_from_the_environment_and_is_not_shown(self, terminal: Terminal) -> None:
        with StandIn([Reply.problem(401, "unauthenticated", "Who are you?")]) as stand_in:
            terminal.url = stand_in.url
            errors = terminal.fails(1, "next", "a", "b", MONOTRON_API_KEY="secret-key")
        assert stand_in.requests[0].headers["Authorization"] == "Bearer secret-key"
        assert errors == "error: unauthenticated (401): Who are you?\n"

    @pytest.mark.parametrize("id", ["", "a b", "\x1b[31m", "x" * 65])
    def test_only_a_request_id_of_monotron_is_shown(self, id: str, terminal: Terminal) -> None:
        reply = Reply.problem(403, "forbidden", "No.", **{"X-Request-Id": id})
        with StandIn([reply]) as stand_in:
            terminal.url = stand_in.url
            assert terminal.fails(1, "next", "a", "b") == "error: forbidden (403): No\n"


class TestPrecedence:
    def test_an_option_takes_precedence_over_the_environment(
        self, terminal: Terminal, open_server: Server
    ) -> None:
        terminal.url = "https://monotron.invalid"
        terminal.fails(3, "peek", "no-such-series", f"--url={open_server.url}")


def unreachable() -> str:
    """The URL of a server that has stopped."""
    with StandIn([HANG_UP]) as stand_in:
        return stand_in.url
