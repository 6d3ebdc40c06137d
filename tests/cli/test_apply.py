"""`monotron apply`: accounts, API keys and trust policies as a file describes them."""

from __future__ import annotations

import json
import re
from uuid import uuid4

import pytest
import yaml

from cli.conftest import Run
from monotron.auth.key_format import PATTERN
from support.credentials import new_account, new_key
from support.server import Client
from support.stand_in import Reply, StandIn
from support.terminal import Terminal

FILE = "monotron.yaml"
NOTHING = "nothing to change\n"


@pytest.fixture
def acme() -> str:
    """A name that no account has."""
    return f"acme-{uuid4().hex}"


def wanted(name: str, **more: object) -> dict[str, object]:
    """An account with one API key and one trust policy."""
    trust = {"issuer": "github", "claims": {"repository_id": "777", "ref": ["refs/heads/main"]}}
    key = {"description": "deploy", "scopes": ["read,write:series"], "names": ["shop", "shop/*"]}
    return {
        "name": name,
        "api_keys": [key],
        "trusts": [{**trust, "scopes": ["read,write:series"], "description": "acme/shop"}],
        **more,
    }


def save(terminal: Terminal, *accounts: dict[str, object]) -> None:
    (terminal.folder / FILE).write_text(yaml.safe_dump({"accounts": [*accounts]}, sort_keys=False))


def listed(run: Run, kind: str, account: str) -> list[dict[str, object]]:
    documents: list[dict[str, object]] = json.loads(
        run(kind, "list", f"--account={account}", "--output=json")
    )
    return documents


class TestServerAndFile:
    def test_everything_is_created_once(self, run: Run, operator: Terminal, acme: str) -> None:
        save(operator, wanted(acme))
        lines = run("apply", "-f", FILE).splitlines()
        secret = lines.pop(2).removeprefix("  secret: ")
        trust = "github, repository_id 777, ref refs/heads/main"
        assert lines == [
            f"+ account {acme}",
            f"+ API key 'deploy' in {acme}: read,write:series on names shop shop/*",
            f"+ trust policy in {acme}: {trust} → read,write:series on all names",
        ]
        assert re.fullmatch(PATTERN, secret)
        (key,), (policy,) = listed(run, "key", acme), listed(run, "trust", acme)
        assert (key["description"], key["names"]) == ("deploy", ["shop", "shop/*"])
        assert policy["claims"] == {"repository_id": "777", "ref": "refs/heads/main"}
        assert run("apply", "-f", FILE, "--prune") == NOTHING
        assert run("apply", "-f", FILE, "--dry-run") == NOTHING
        assert (listed(run, "key", acme), listed(run, "trust", acme)) == ([key], [policy])

    def test_a_dry_run_changes_nothing(self, run: Run, operator: Terminal, acme: str) -> None:
        save(operator, wanted(acme, disabled=True))
        shown = run("apply", "-f", FILE, "--dry-run")
        assert [line.split()[0] for line in shown.splitlines()] == ["+", "~", "+", "+"]
        assert "secret" not in shown
        assert acme not in run("account", "list")
        document = json.loads(run("apply", "-f", FILE, "--dry-run", "--output=json"))
        assert [each["change"] for each in document["changes"]] == shown.splitlines()
        assert [each["result"] for each in document["changes"]] == [None] * 4

    def test_other_rights_create_a_successor_and_prune_revokes_its_predecessor(
        self, run: Run, operator: Terminal, acme: str
    ) -> None:
        save(operator, wanted(acme))
        run("apply", "-f", FILE)
        (old,) = listed(run, "key", acme)
        key = {"description": "deploy", "scopes": ["read:series"], "expires": "never"}
        save(operator, wanted(acme, api_keys=[key], trusts=[]))
        document = json.loads(run("apply", "-f", FILE, "--output=json"))
        (created,) = document["changes"]
        old_id = old["api_key"]["key"]  # type: ignore[index]
        assert created["change"].endswith(f"read:series on all names (replaces {old_id})")
        assert re.fullmatch(PATTERN, created["result"]["api_key"]["secret"])
        assert "expires_at" not in created["result"]
        assert len(listed(run, "key", acme)) == 2
        assert len(listed(run, "trust", acme)) == 1
        assert run("apply", "-f", FILE) == NOTHING
        removed = run("apply", "-f", FILE, "--prune").splitlines()
        assert [line.split(" in ")[0] for line in removed] == [
            f"- API key {old_id} 'deploy'",
            "- trust policy 1",
        ]
        assert [each["scopes"] for each in listed(run, "key", acme)] == [["read:series"]]
        assert listed(run, "trust", acme) == []
        assert run("apply", "-f", FILE, "--prune") == NOTHING

    def test_an_account_is_disabled_and_enabled(
        self, run: Run, operator: Terminal, acme: str
    ) -> None:
        for disabled, verb in (True, "disable"), (False, "enable"):
            save(operator, {"name": acme, "disabled": disabled})
            assert run("apply", "-f", FILE).splitlines()[-1] == f"~ account {acme}: {verb}"
            assert run("account", "show", acme).endswith(f"{verb}d\n")
            assert run("apply", "-f", FILE) == NOTHING
        save(operator, wanted(acme))
        run("account", "disable", acme)
        assert "secret" in run("apply", "-f", FILE)
        assert run("account", "show", acme).endswith("disabled\n")


class TestInputAndOutput:
    def test_standard_input_is_read(self, operator: Terminal, acme: str) -> None:
        document = f"accounts: [{{name: {acme}}}]".encode()
        assert operator.prints("apply", "-f", "-", stdin=document) == f"+ account {acme}\n"
        process = operator.run("apply", "-f", "-", stdin=b"accounts: 1")
        assert (process.returncode, process.stdout) == (2, "")
        assert process.stderr.startswith("error: standard input: accounts: It must be a list")

    def test_secrets_that_cannot_be_written_are_reported(
        self, operator: Terminal, acme: str
    ) -> None:
        save(operator, wanted(acme))
        with open("/dev/full", "wb") as full:
            process = operator.start("apply", "-f", FILE, stdout=full)
        assert process.returncode == 1
        assert b"monotron key rotate" in process.stderr


class TestFailures:
    def test_an_invalid_file_changes_nothing(self, operator: Terminal, acme: str) -> None:
        save(operator, {"name": acme}, wanted("b", colour="red"))
        errors = operator.fails(2, "apply", "-f", FILE)
        assert "accounts, item 2: Unknown member 'colour'" in errors
        assert acme not in operator.prints("account", "list")

    @pytest.mark.parametrize("arguments", [(), ("-f", "missing.yaml")], ids=str)
    def test_a_missing_file_is_refused(
        self, arguments: tuple[str, ...], terminal: Terminal
    ) -> None:
        assert "--file" in terminal.fails(2, "apply", *arguments)

    def test_a_failure_prints_what_was_done_before(self, operator: Terminal, acme: str) -> None:
        """The second trust policy has an issuer that the server does not trust."""
        trust = {"issuer": "https://ci.invalid", "claims": {"sub": "a"}, "scopes": ["*:series"]}
        save(operator, wanted(acme, trusts=[trust]), {"name": f"{acme}-2"})
        process = operator.run("apply", "-f", FILE)
        assert process.returncode == 1
        created, key, secret = process.stdout.splitlines()
        assert (created, key[:9]) == (f"+ account {acme}", "+ API key")
        assert re.fullmatch(PATTERN, secret.removeprefix("  secret: "))
        assert (
            f"made 2 of 4 changes, and tried this one: + trust policy in {acme}: " in process.stderr
        )
        assert "Untrusted `issuer`" in process.stderr
        process = operator.run("apply", "-f", FILE, "--output=json")
        assert (process.returncode, json.loads(process.stdout)) == (1, {"changes": []})
        save(operator, wanted(acme))
        assert operator.prints("apply", "-f", FILE).startswith(f"+ trust policy in {acme}: ")

    @pytest.mark.parametrize(
        "caller",
        [
            {}, [], {"account": {"id": 1, "name": "a"}},
            {"account": {"id": 0, "name": "a"}, "principal": "root", "scopes": [], "names": []},
            {"account": {"id": 1}, "principal": "root", "scopes": "", "names": []},
        ],
        ids=str,
    )  # fmt: skip
    def test_a_response_of_another_program_is_an_error(
        self, caller: object, terminal: Terminal
    ) -> None:
        save(terminal, wanted("acme"))
        with StandIn([Reply.json(caller)]) as stand_in:
            terminal.url = stand_in.url
            terminal.fails(4, "apply", "-f", FILE)
        assert len(stand_in.requests) == 1


class TestCredentials:
    def test_rights_to_read_and_those_of_the_file_are_enough_for_a_dry_run(
        self, operator: Terminal, root: Client, acme: str
    ) -> None:
        id = int(operator.prints("account", "create", f"--name={acme}"))
        reader = {"MONOTRON_API_KEY": new_key(root, id, "read:acl", "*:series")}
        save(operator, wanted(acme))
        process = operator.run("apply", "-f", FILE, "--dry-run", **reader)
        assert [line[0] for line in process.stdout.splitlines()] == ["+", "+"]
        errors = operator.run("apply", "-f", FILE, **reader).stderr
        assert "made 0 of 2 changes" in errors
        assert "forbidden (403)" in errors
        assert (
            len(json.loads(operator.prints("key", "list", f"--account={id}", "--output=json"))) == 1
        )

    def test_an_administrator_applies_its_own_account_and_keeps_its_own_key(
        self, operator: Terminal, root: Client, acme: str
    ) -> None:
        id = int(operator.prints("account", "create", f"--name={acme}"))
        admin = {"MONOTRON_API_KEY": new_key(root, id, "*:acl", "*:series")}
        save(operator, wanted(acme))
        assert "secret" in operator.prints("apply", "-f", FILE, "--prune", **admin)
        assert operator.prints("apply", "-f", FILE, "--prune", **admin) == NOTHING
        note = operator.run("apply", "-f", FILE).stderr
        assert "kept without --prune: API key mtk_k_" in note

    def test_credentials_that_cannot_see_the_state_are_refused(
        self, operator: Terminal, root: Client, acme: str
    ) -> None:
        id = int(operator.prints("account", "create", f"--name={acme}"))
        save(operator, wanted(acme))
        for scopes, names in (["*:acl", "read:series"], ["*"]), (["*:acl", "*:series"], ["web"]):
            key = {"MONOTRON_API_KEY": new_key(root, id, *scopes, names=names)}
            errors = operator.fails(2, "apply", "-f", FILE, "--dry-run", **key)
            assert "these credentials lack rights that the file grants" in errors
        other = {"MONOTRON_API_KEY": new_key(root, new_account(root), "*:acl", "*:series")}
        assert f"not to '{acme}'" in operator.fails(2, "apply", "-f", FILE, **other)
