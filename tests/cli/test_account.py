"""`--account` and MONOTRON_ACCOUNT, and the warning that an API key expires soon."""

from __future__ import annotations

import json

import pytest

from support.server import Client
from support.stand_in import Reply, StandIn
from support.terminal import Terminal

ENTRY = {"creator_id": 1, "key": "web", "token": "a", "value": 7}
EXPIRES = "2027-01-31T00:00:00Z"


@pytest.fixture
def second(root: Client) -> str:
    """The id of a new account."""
    return str(root.request("POST", "/v1/accounts").json()["id"])


class TestBuilds:
    def test_the_commands_use_the_account(
        self, operator: Terminal, root: Client, name: str, second: str
    ) -> None:
        account = f"--account={second}"
        assert operator.prints("next", name, "x") == "1\n"
        assert operator.prints("next", name, "a", account) == "1\n"
        assert operator.prints("next", name, "b", MONOTRON_ACCOUNT=second) == "2\n"
        assert operator.prints("peek", name, account) == "2\n"
        assert operator.prints("peek", name, "--account=1", MONOTRON_ACCOUNT=second) == "1\n"
        assert operator.prints("version", name, "a", account) == "0.0.1\n"
        assert operator.prints("adopt", name, "--version=1.4.2", account) == "1.4.2\n"
        assert "1.4.2" in operator.prints("releases", name, account)
        assert "no versions" in operator.fails(3, "releases", name)
        printed = operator.prints("version", name, "b", account, "--output=dotenv")
        assert f"MONOTRON_CREATOR_ID={second}\n" in printed
        path = f"/v1/accounts/{second}/versions/{name}"
        assert root.request("GET", path).json()["version"] == "1.4.3"

    def test_a_response_of_another_account_is_an_error(self, terminal: Terminal) -> None:
        with StandIn([Reply.json(ENTRY)]) as stand_in:
            terminal.url = stand_in.url
            errors = terminal.fails(4, "next", "web", "a", "--account=3")
        assert errors.startswith("error: the response belongs to account 1, not to account 3\n")
        assert [request.path for request in stand_in.requests] == [
            "/v1/accounts/3/series/web/a?reuse=any"
        ]

    def test_an_ambiguous_account_is_shown_without_a_retry(self, terminal: Terminal) -> None:
        reply = Reply.problem(409, "ambiguous_account", "Several accounts. Name yours.")
        with StandIn([reply]) as stand_in:
            terminal.url = stand_in.url
            errors = terminal.fails(1, "next", "web", "a")
        assert "ambiguous_account (409): Several accounts. Name yours" in errors
        assert len(stand_in.requests) == 1

    @pytest.mark.parametrize("account", ["0", "-1", "Acme", "1.5", "9" * 19, "1" * 20])
    def test_an_invalid_account_is_refused(self, account: str, terminal: Terminal) -> None:
        for arguments, env in (((f"--account={account}",), ""), ((), account)):
            errors = terminal.fails(2, "next", "web", "a", *arguments, MONOTRON_ACCOUNT=env)
            assert "must be the id of an account, or its name, such as acme" in errors


class TestAdministration:
    def test_the_variable_selects_the_account(self, operator: Terminal, second: str) -> None:
        operator.run("key", "create", "--scope=read:series", MONOTRON_ACCOUNT=second)
        listed = operator.prints("key", "list", "--output=json", f"--account={second}")
        (key,) = json.loads(listed)
        assert key["account_id"] == int(second)


class TestExpiry:
    def test_an_api_key_that_expires_soon_is_a_warning(self, terminal: Terminal) -> None:
        page = {"trusts": [], "next": None}
        for command, document in ((("next", "web", "a"), ENTRY), (("trust", "list"), page)):
            reply = Reply.json(document, Monotron_Key_Expires=EXPIRES)
            with StandIn([reply]) as stand_in:
                terminal.url = stand_in.url
                process = terminal.run(*command)
            assert process.returncode == 0, process.stderr
            assert process.stderr == (
                f"warning: the API key expires at {EXPIRES}. Create a new one with "
                "`monotron key create`, and replace the stored secret\n"
            )
