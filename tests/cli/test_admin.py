"""The commands for operators, as processes: at a live server, and on the file of a stopped one."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.test_drift import ROOT, code, section, table
from monotron.auth.key_format import PATTERN
from monotron.auth.key_format import new_key as fresh_key_pair
from monotron.cli import admin_offline as file
from monotron.cli.admin import Told
from support.credentials import UNLIMITED, bearer, new_account, new_key
from support.mongod import ReplicaSet
from support.server import ROOT as ROOT_KEY
from support.server import ROOT_ENV, Client, Server
from support.stand_in import Heard, Say, StandIn
from support.terminal import Terminal

GITHUB = "https://token.actions.githubusercontent.com"
GITLAB = "https://gitlab.com"
ISSUERS = {"MONOTRON_ISSUERS": "github,gitlab.com", "MONOTRON_AUDIENCE": "https://m.example.com"}
KEY = {"MONOTRON_API_KEY": "root:correct-horse"}
SERIES = "--scope=read,write:series"
KEY_COLUMNS = ("KEY", "SCOPES", "PREFIX", "LABEL", "EXPIRES", "LAST USED", "MADE")
SHOP = {"repository_id": "777", "repository_owner_id": "42"}
IDS = ("--repository-id=777", "--owner-id=42")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server("sqlite://", args=UNLIMITED, env={**ROOT_ENV, **ISSUERS}) as server:
        yield server


@pytest.fixture
def root(server: Server) -> Iterator[Client]:
    with server.client(authorization=ROOT_KEY) as client:
        yield client


@pytest.fixture
def account(root: Client) -> str:
    """The flag that names an account of the test's own."""
    return f"--account={new_account(root)}"


@pytest.fixture
def operator(server: Server, tmp_path: Path) -> Terminal:
    """With the root key of the live server."""
    return Terminal(tmp_path, server.url, **KEY)


@pytest.fixture(params=["service", "file"])
def either(request: pytest.FixtureRequest, operator: Terminal) -> Callable[..., str]:
    """What a command prints, of a live server or on a file; with the number that it ends with."""
    if request.param == "file":
        operator.run("account", "create", "--store=sqlite:///monotron.db")

    def either(*arguments: str, code: int = 0) -> str:
        store = () if request.param == "service" else ("--store=sqlite:///monotron.db",)
        done = operator.run(*arguments, *store, **ISSUERS)
        assert done.returncode == code, done
        assert "Traceback" not in done.stderr
        return done.stderr if code else done.stdout

    return either


def documents(text: str) -> Any:
    return json.loads(text)


class TestEitherWay:
    def test_an_account_is_made_and_listed(self, either: Callable[..., str]) -> None:
        id = either("account", "create").strip()
        head, *listed = either("account", "list").splitlines()
        assert head == "ACCOUNT"
        assert {"1", id} <= set(listed)
        assert {"id": int(id)} in documents(either("account", "list", "--output=json"))
        assert documents(either("account", "create", "--output=json"))["id"] > int(id)

    def test_the_secret_of_a_new_key_is_all_that_is_printed(
        self, either: Callable[..., str]
    ) -> None:
        assert re.fullmatch(PATTERN + "\n", either("key", "create", SERIES))

    def test_a_key_has_what_was_asked_for(self, either: Callable[..., str]) -> None:
        arguments = ("--scope=read:acl", "--prefix=team-a/", "--label=CI", "--expires=90d")
        key = documents(either("key", "create", SERIES, *arguments, "--output=json"))
        assert (key["account_id"], key["scopes"]) == (1, ["read,write:series", "read:acl"])
        assert (key["prefix"], key["label"]) == ("team-a/", "CI")
        left = datetime.fromisoformat(key["expires_at"]) - datetime.now(UTC)
        assert timedelta(days=89) < left <= timedelta(days=90)

    def test_a_key_may_end_at_a_time(self, either: Callable[..., str]) -> None:
        arguments = ("--expires=2999-01-31T01:00:00+01:00", "--output=json")
        key = documents(either("key", "create", SERIES, *arguments))
        assert key["expires_at"] == "2999-01-31T00:00:00Z"

    def test_keys_are_listed_without_their_secrets(self, either: Callable[..., str]) -> None:
        account = f"--account={either('account', 'create').strip()}"
        secret = either("key", "create", SERIES, account, "--prefix=a/", "--label=CI").strip()
        head, row = either("key", "list", account).splitlines()
        assert re.split(r"  +", head) == [*KEY_COLUMNS]
        assert row.split()[:6] == [secret[:14], "read,write:series", "a/", "CI", "-", "-"]
        told = either("key", "list", account, "--output=json")
        (key,) = documents(told)
        assert (key["api_key"]["key"], key["last_used_at"]) == (secret[:14], None)
        assert secret[15:] not in row + told

    def test_a_revoked_key_is_listed_no_more(self, either: Callable[..., str]) -> None:
        name = either("key", "create", SERIES)[:14]
        assert either("key", "revoke", name) == f"The key {name} works no more.\n"
        assert name not in either("key", "list")
        assert "grant_not_found" in either("key", "revoke", name, code=1)

    def test_a_trust_is_made_listed_and_deleted(self, either: Callable[..., str]) -> None:
        account = f"--account={either('account', 'create').strip()}"
        claims = (
            "--claim=repository_id=777",
            "--claim=ref=refs/heads/a",
            "--claim=ref=refs/heads/b",
        )
        more = ("--allow-event=pull_request", "--prefix=shop", "--label=shop", "--output=json")
        made = documents(either("trust", "add", "github", account, *claims, *more))
        assert made == {
            "id": made["id"],
            "account_id": int(account.partition("=")[2]),
            "issuer": GITHUB,
            "claims": {"repository_id": "777", "ref": ["refs/heads/a", "refs/heads/b"]},
            "allow_events": ["pull_request"],
            "scopes": ["read,write:series"],
            "prefix": "shop",
            "label": "shop",
        }
        assert documents(either("trust", "list", account, "--output=json")) == [made]
        assert (
            "repository_id 777, ref refs/heads/a or refs/heads/b, pull_request allowed too"
        ) in either("trust", "list", account)
        either("trust", "delete", str(made["id"]), account)
        assert documents(either("trust", "list", account, "--output=json")) == []
        assert "trust_not_found" in either("trust", "delete", str(made["id"]), account, code=1)

    def test_a_rule_that_is_too_wide_is_refused_with_the_cure(
        self, either: Callable[..., str]
    ) -> None:
        said = either("trust", "add", "github", "--claim=repository_id=777", code=1)
        assert "claims must have at least one of: environment, ref" in said

    @pytest.mark.parametrize(
        "arguments",
        [("key", "list"), ("trust", "list"), ("key", "create", SERIES), ("trust", "github", "a/b",
         *IDS, "--protected")],
        ids=str,
    )  # fmt: skip
    def test_an_account_that_is_not_there_is_refused(
        self, either: Callable[..., str], arguments: tuple[str, ...]
    ) -> None:
        said = either(*arguments, "--account=9999", code=1)
        assert "not_found: There is no " in said
        assert "account" in said


class TestService:
    def test_a_new_key_counts_what_it_is_for(self, operator: Terminal, server: Server) -> None:
        secret = operator.run("key", "create", SERIES, "--prefix=team-a/").stdout.strip()
        with server.client(authorization=bearer(secret)) as client:
            assert client.request("PUT", "/v1/series/team-a%2Fx/t").status == 200
            assert client.request("PUT", "/v1/series/team-b%2Fx/t").status == 403

    def test_a_revoked_key_is_refused_at_once(self, operator: Terminal, server: Server) -> None:
        secret = operator.run("key", "create", SERIES).stdout.strip()
        with server.client(authorization=bearer(secret)) as client:
            assert client.request("PUT", "/v1/series/revoked/t").status == 200
            operator.prints("key", "revoke", secret[:14])
            assert client.request("PUT", "/v1/series/revoked/t").status == 401

    def test_an_admin_key_makes_keys_of_its_account_and_no_others(
        self, operator: Terminal, root: Client, account: str
    ) -> None:
        id = int(account.partition("=")[2])
        admin = {"MONOTRON_API_KEY": new_key(root, id, "*:series", "*:acl")}
        assert operator.run("key", "create", account, SERIES, **admin).returncode == 0
        done = operator.run("key", "create", SERIES, **admin)
        assert (done.returncode, done.stdout) == (1, "")
        assert "403 forbidden" in done.stderr
        assert "--account" in done.stderr
        assert operator.run("account", "create", **admin).returncode == 1

    def test_without_a_key_it_says_which_to_set(self, server: Server, tmp_path: Path) -> None:
        done = Terminal(tmp_path, server.url).run("account", "list")
        assert (done.returncode, done.stdout) == (1, "")
        assert "401 unauthenticated" in done.stderr
        assert "Set MONOTRON_API_KEY to the root key" in done.stderr

    def test_lists_have_all_pages(self, operator: Terminal, root: Client) -> None:
        made = [new_account(root) for _ in range(101)]
        listed = documents(operator.prints("account", "list", "--output=json"))
        assert {1, *made} <= {each["id"] for each in listed}

    def test_trusts_of_the_config_file_are_listed_without_a_number(self, tmp_path: Path) -> None:
        trust = {"account": 1, "issuer": "github", "claims": {**SHOP, "ref": "refs/heads/main"}}
        config = tmp_path / "monotron.yml"
        config.write_text(yaml.safe_dump({"trusts": [{**trust, "scopes": ["read:series"]}]}))
        with Server("sqlite://", args=["--config", str(config)], env={**ROOT_ENV, **ISSUERS}) as it:
            listed = Terminal(tmp_path, it.url, **KEY).prints("trust", "list")
        assert listed.splitlines()[1].startswith("(config)")

    def test_it_works_on_a_replica_set(self, replica_set: ReplicaSet, tmp_path: Path) -> None:
        with Server(replica_set.url("operating"), env={**ROOT_ENV, **ISSUERS}) as server:
            operator = Terminal(tmp_path, server.url, **KEY)
            account = f"--account={operator.prints('account', 'create').strip()}"
            secret = operator.run("key", "create", SERIES, account).stdout.strip()
            operator.prints("trust", "github", "a/b", *IDS, "--branch=main", account)
            assert secret[:14] in operator.prints("key", "list", account)
            assert "repository_id 777" in operator.prints("trust", "list", account)
            operator.prints("key", "revoke", secret[:14], account)
        with replica_set.client() as client:
            client.drop_database("operating")


class TestFile:
    STORE = "--store=sqlite:///monotron.db"

    def test_the_first_key_makes_the_server_ask_for_credentials_from_its_next_start_on(
        self, tmp_path: Path
    ) -> None:
        url = f"sqlite:///{tmp_path}/monotron.db"
        with Server(url) as server, server.client() as client:
            assert client.request("PUT", "/v1/series/x/a").status == 200
        secret = Terminal(tmp_path, "").run("key", "create", SERIES, self.STORE).stdout.strip()
        with Server(url, listen="0.0.0.0:0") as server:
            local = f"http://127.0.0.1:{server.port}"
            with Client(local) as client:
                assert client.request("PUT", "/v1/series/x/b").status == 401
            with Client(local, authorization=bearer(secret)) as client:
                assert client.request("PUT", "/v1/series/x/b").json()["value"] == 2

    def test_a_fresh_file_is_made_and_that_is_said(self, operator: Terminal) -> None:
        done = operator.run("key", "create", SERIES, self.STORE)
        assert "monotron.db was not there, and was made" in done.stderr
        assert "was made" not in operator.run("key", "create", SERIES, self.STORE).stderr

    def test_looking_makes_no_file(self, operator: Terminal) -> None:
        for arguments in ("account", "list"), ("key", "revoke", "mtk_k_AbCdEfGh"):
            done = operator.run(*arguments, self.STORE)
            assert (done.returncode, "There is no file monotron.db" in done.stderr) == (2, True)
        assert list(operator.folder.iterdir()) == []

    def test_a_running_server_keeps_its_file(self, tmp_path: Path) -> None:
        with Server(f"sqlite:///{tmp_path}/monotron.db"):
            done = Terminal(tmp_path, "").run("key", "create", SERIES, self.STORE)
        assert (done.returncode, done.stdout) == (2, "")
        assert "Another process has monotron.db open" in done.stderr
        assert "While a server runs on the file, go over its API" in done.stderr

    @pytest.mark.parametrize(
        ("store", "told"),
        [
            ("mongodb://user:pa55@db.example.com/m", "over the API only"),
            ("mongodb+srv://user:pa55@db.example.com/m", "over the API only"),
            ("sqlite://", "must be sqlite:///FILE"),
            ("sqlite://monotron.db", "must be sqlite:///FILE"),
            ("monotron.db", "must be sqlite:///FILE"),
            ("sqlite:///no/such/folder/x.db", "cannot use no/such/folder/x.db"),
            ("sqlite:///text", "database of another program"),
        ],
    )
    def test_another_store_is_refused_with_the_reason(
        self, operator: Terminal, store: str, told: str
    ) -> None:
        other = sqlite3.connect(operator.folder / "text")
        other.execute("CREATE TABLE x (y)")
        other.close()
        done = operator.run("key", "create", SERIES, f"--store={store}")
        assert (done.returncode, done.stdout) == (2, "")
        assert told in done.stderr
        assert "pa55" not in done.stderr

    def test_issuers_and_trusts_are_those_of_the_config_file(self, operator: Terminal) -> None:
        claims = {"project_id": "20", "ref_protected": "true"}
        issuer = "https://git.example.com"
        (operator.folder / "monotron.yml").write_text(
            yaml.safe_dump(
                {
                    "issuers": [{"url": issuer, "kind": "gitlab"}],
                    "trusts": [{"account": 1, "issuer": issuer, "claims": claims, "scopes":
                                ["read:series"]}],
                }
            )
        )  # fmt: skip
        arguments = ("trust", "gitlab", "a/b", "--project-id=20", "--namespace-id=72", self.STORE)
        arguments += ("--branch=main", f"--gitlab-url={issuer}")
        assert "must be one that this server trusts" in operator.run(*arguments).stderr
        done = operator.run(*arguments, "--config=monotron.yml")
        assert (done.returncode, done.stderr) == (0, "")
        listed = operator.prints("trust", "list", self.STORE, "--config=monotron.yml").splitlines()
        assert [row.split()[:2] for row in listed[1:]] == [["(config)", issuer], ["1", issuer]]

    def test_a_trust_of_an_issuer_that_no_setting_names_is_made_with_a_note(
        self, operator: Terminal
    ) -> None:
        arguments = ("trust", "github", "acme/shop", *IDS, "--branch=main", self.STORE)
        assert (
            "once its settings `issuers` and `audience` say so" in operator.run(*arguments).stderr
        )
        assert "once its settings" not in operator.run(*arguments, **ISSUERS).stderr

    def test_lists_have_all_pages(
        self, operator: Terminal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(file, "PAGE", 2)
        path = f"sqlite:///{operator.folder}/monotron.db"
        with file.StoppedFile(path, None, {}, may_be_new=True) as kept:
            for _ in range(4):
                kept.create_account()
                kept.create_key(1, {"scopes": ["read:series"]})
            assert [each["id"] for each in kept.accounts()] == [1, 2, 3, 4, 5]
            assert len(kept.keys(1)) == 4


class TestSecrets:
    def test_the_credential_is_a_header_and_in_no_process_list(self, operator: Terminal) -> None:
        processes = b""

        def answer(heard: Heard) -> Say:
            nonlocal processes
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    processes += path.read_bytes()
                except OSError:
                    continue  # it has just ended
            return Say.problem(401, "unauthenticated", f"Not {heard.headers['Authorization']}")

        with StandIn(answer) as stand_in:
            operator.url = stand_in.url
            done = operator.run("key", "create", SERIES)
            bare = operator.run("key", "create", SERIES, MONOTRON_API_KEY="mtk_k_canary")
        first, second = (heard.headers["Authorization"] for heard in stand_in.heard)
        assert (first, second) == (ROOT_KEY, "Bearer mtk_k_canary")
        assert b"create" in processes
        for secret in ("correct-horse", first.partition(" ")[2], "mtk_k_canary"):
            assert secret.encode() not in processes
            assert secret not in done.stderr + bare.stderr

    def test_a_new_secret_is_on_the_standard_output_only(
        self, operator: Terminal, server: Server
    ) -> None:
        for form in ("text", "json"):
            done = operator.run("key", "create", SERIES, f"--output={form}")
            (secret,) = set(re.findall(PATTERN, done.stdout))
            assert secret[:14] in done.stderr
            assert secret not in done.stderr + server.log()

    def test_a_secret_that_could_not_be_written_is_to_be_revoked(
        self, operator: Terminal, server: Server
    ) -> None:
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "monotron", "key", "create", SERIES],
                env={"MONOTRON_URL": server.url, **KEY}, stdout=full, stderr=subprocess.PIPE,
                text=True, check=False,
            )  # fmt: skip
        assert done.returncode == 1
        (name,) = re.findall(r"the secret of (mtk_k_\w{8}) is lost: revoke it", done.stderr)
        assert name in operator.prints("key", "list")

    def test_of_a_secret_that_was_pasted_only_the_name_is_sent(self, operator: Terminal) -> None:
        pair = fresh_key_pair()
        with StandIn([Say(200)]) as stand_in:
            operator.url = stand_in.url
            told = operator.prints("key", "revoke", pair.secret)
        assert stand_in.heard[0].path == f"/v1/accounts/1/grants/{pair.name}"
        assert pair.secret[15:] not in told

    def test_what_is_no_name_of_a_key_is_not_repeated(self, operator: Terminal) -> None:
        done = operator.run("key", "revoke", "canary-secret")
        assert (done.returncode, "canary" in done.stderr) == (2, False)

    def test_no_repr_shows_one(self) -> None:
        assert "canary" not in repr(Told("canary", {"api_key": {"secret": "canary"}}))


class TestStrictReading:
    def test_a_sign_in_page_revokes_no_key(self, operator: Terminal) -> None:
        with StandIn([Say(200, b"<html>Sign in", {"Content-Type": "text/html"})]) as stand_in:
            operator.url = stand_in.url
            done = operator.run("key", "revoke", "mtk_k_AbCdEfGh")
        assert (done.returncode, done.stdout) == (4, "")

    @pytest.mark.parametrize(
        "changes",
        [
            {"account_id": 2},
            {"scopes": "read:series"},
            {"label": 1},
            {"api_key": {"id": 1, "key": "mtk_k_AbCdEfGh", "secret": "mtk_k_AbCdEfGh_x"}},
            {"api_key": {"id": 1, "key": "mtk_k_AbCdEfGh", "secret": fresh_key_pair().secret}},
            {"api_key": {"id": 1, "key": "mtk_k_AbCdEfGh"}},
            {"api_key": None},
        ],
        ids=range(7),
    )
    def test_what_is_no_new_key_is_not_taken_for_one(
        self, operator: Terminal, changes: dict[str, Any]
    ) -> None:
        pair = fresh_key_pair()
        key = {"id": 1, "key": pair.name, "secret": pair.secret}
        made = {"account_id": 1, "api_key": key, "scopes": ["read:series"], **changes}
        with StandIn([Say.json(made)]) as stand_in:
            operator.url = stand_in.url
            done = operator.run("key", "create", SERIES)
        assert (done.returncode, done.stdout) == (4, "")
        assert "is not Monotron's" in done.stderr

    @pytest.mark.parametrize("following", ["1", 5, ""])
    def test_pages_that_lead_nowhere_come_to_an_end(
        self, operator: Terminal, following: object
    ) -> None:
        with StandIn([Say.json({"accounts": [{"id": 1}], "next": following})]) as stand_in:
            operator.url = stand_in.url
            done = operator.run("account", "list")
        assert (done.returncode, len(stand_in.heard) <= 2) == (4, True)

    def test_a_table_has_no_control_characters(self, operator: Terminal) -> None:
        trust = {"id": 1, "account_id": 1, "issuer": "\x1b[31m", "claims": {"sub": "a\nb"}}
        page = {"trusts": [{**trust, "scopes": ["read:series"]}], "next": None}
        with StandIn([Say.json(page)]) as stand_in:
            operator.url = stand_in.url
            told = operator.prints("trust", "list")
        assert (len(told.splitlines()), "\x1b" in told) == (2, False)

    @pytest.mark.parametrize(
        "arguments", [("account", "create"), ("key", "create", SERIES)], ids=lambda each: each[0]
    )
    def test_what_makes_something_is_sent_once(
        self, operator: Terminal, arguments: tuple[str, ...]
    ) -> None:
        with StandIn([Say.problem(503, "draining", "Soon.")]) as stand_in:
            operator.url = stand_in.url
            done = operator.run(*arguments)
        assert (done.returncode, len(stand_in.heard)) == (4, 1)
        assert "It may have been made all the same" in done.stderr

    def test_what_looks_is_asked_again(self, operator: Terminal) -> None:
        page = Say.json({"accounts": [{"id": 1}], "next": None})
        with StandIn([Say.problem(503, "draining", "Soon."), page]) as stand_in:
            operator.url = stand_in.url
            assert operator.prints("account", "list") == "ACCOUNT\n1\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("key", "create"), "--scope"),
        (("key", "create", SERIES, "--expires=soon"), "such as 90d"),
        (("key", "create", SERIES, "--account=0"), "from 1 on"),
        (("key", "list", "--url=http://a.example.com"), "no https address"),
        (("key", "list", "--url=http://127.0.0.1", "--store=sqlite:///x"), "say one"),
        (("key", "list", "--config=x"), "--config is read with --store only"),
        (("trust", "add", "github", "--claim=ref"), "NAME=VALUE"),
        (("trust", "github", "shop"), "OWNER/REPOSITORY"),
        (("trust", "github", "acme/shop/x"), "OWNER/REPOSITORY"),
        (("trust", "gitlab", "shop"), "GROUP/PROJECT"),
        (("trust", "github", "acme/shop", "--owner-id=1"), "both --repository-id and --owner-id"),
        (("trust", "github", "acme/shop", *IDS), "Say which jobs are meant"),
        (("trust", "github", "a/b", "--github-api=http://a.example.com"), "--github-api is no"),
        (("trust", "delete", "x"), "from 1 on"),
    ],
    ids=str,
)
def test_what_a_command_was_told_wrong_exits_with_2(
    operator: Terminal, arguments: tuple[str, ...], told: str
) -> None:
    done = operator.run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def on_github(**changes: Any) -> Say:
    """What GitHub's API tells of acme/shop."""
    owner = {"login": "Acme", "id": 42}
    told = {"id": 777, "full_name": "Acme/shop", "owner": owner, "default_branch": "trunk"}
    return Say.json({**told, **changes})


class TestGitHub:
    @pytest.fixture
    def trusts(
        self, operator: Terminal, account: str
    ) -> Callable[..., subprocess.CompletedProcess[str]]:
        """`trust github acme/shop`, where GitHub answers so."""

        def trusts(
            *arguments: str, say: Say | None = None, **env: str
        ) -> subprocess.CompletedProcess[str]:
            with StandIn([say or on_github()]) as stand_in:
                api = f"--github-api={stand_in.url}"
                command = ("trust", "github", "acme/shop", api, account, "--retries=0")
                done = operator.run(*command, *arguments, **{"GITHUB_TOKEN": "", **env})
            self.heard = stand_in.heard
            return done

        return trusts

    def claims(self, done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
        assert done.returncode == 0, done.stderr
        trust = json.loads(done.stdout)
        assert trust["issuer"] == GITHUB
        claims: dict[str, Any] = trust["claims"]
        return claims

    def test_the_default_is_the_repository_by_its_ids_and_its_default_branch(
        self, trusts: Callable[..., Any]
    ) -> None:
        assert self.claims(trusts("--output=json")) == {**SHOP, "ref": "refs/heads/trunk"}
        (heard,) = self.heard
        assert heard.path == "/repos/acme/shop"
        assert "Authorization" not in heard.headers

    def test_it_says_in_words_what_is_trusted(self, trusts: Callable[..., Any]) -> None:
        done = trusts("--prefix=gh:acme:", "--scope=read:series")
        assert re.fullmatch(
            rf"Trust \d+ of account \d+: jobs of {GITHUB} with repository_id 777, "
            r"repository_owner_id 42, ref refs/heads/trunk have read:series for names that begin "
            r"with 'gh:acme:'\.\n",
            done.stdout,
        )
        assert done.stderr == ""

    @pytest.mark.parametrize(
        ("arguments", "claims", "warned"),
        [
            (["--branch=a/b"], {"ref": "refs/heads/a/b"}, ""),
            (["--protected"], {"ref_protected": "true"}, ""),
            (["--environment=release"], {"environment": "release"}, "its own rules"),
            (
                ["--workflow=release.yml"],
                {"workflow": "Acme/shop/.github/workflows/release.yml"},
                "Whoever can push a branch",
            ),
            (
                ["--workflow=.github/workflows/release.yml", "--branch=main"],
                {
                    "workflow": "Acme/shop/.github/workflows/release.yml",
                    "ref": "refs/heads/main",
                },
                "",
            ),
            (
                ["--workflow=acme/ci/.github/workflows/release.yml", "--protected"],
                {"workflow": "acme/ci/.github/workflows/release.yml", "ref_protected": "true"},
                "",
            ),
        ],
        ids=lambda each: " ".join(each) if isinstance(each, list) else "",
    )
    def test_a_part_of_its_jobs_can_be_meant(
        self, trusts: Callable[..., Any], arguments: list[str], claims: dict[str, str], warned: str
    ) -> None:
        done = trusts(*arguments, "--output=json")
        assert self.claims(done) == {**SHOP, **claims}
        assert warned in done.stderr
        assert bool(warned) == bool(done.stderr)

    def test_a_token_of_the_environment_goes_along(self, trusts: Callable[..., Any]) -> None:
        trusts(GITHUB_TOKEN="ghp_canary")
        assert self.heard[0].headers["Authorization"] == "Bearer ghp_canary"

    def test_the_trust_is_labelled_with_its_name(self, trusts: Callable[..., Any]) -> None:
        assert json.loads(trusts("--output=json").stdout)["label"] == "Acme/shop"
        assert json.loads(trusts("--output=json", "--label=x").stdout)["label"] == "x"

    def test_with_ids_nobody_is_asked(self, trusts: Callable[..., Any]) -> None:
        claims = self.claims(trusts(*IDS, "--branch=main", "--output=json"))
        assert claims == {**SHOP, "ref": "refs/heads/main"}
        assert self.heard == []

    @pytest.mark.parametrize(
        ("say", "code", "told"),
        [
            (Say.json({"message": "\x1b[31mNot Found"}, 404), 2, "set GITHUB_TOKEN"),
            (Say.json({}, 403), 2, "may ask no more for now"),
            (Say.json({}, 401), 2, "is not valid"),
            (Say(301, b"", {"Location": "/repositories/777"}), 2, "as it is called now"),
            (on_github(full_name="evil/shop"), 2, "answers something else"),
            (on_github(id="777"), 2, "no ids"),
            (on_github(owner={"id": True}), 2, "no ids"),
            (on_github(default_branch=None), 2, "Say which jobs are meant"),
            (Say(200, b"<html>", {"Content-Type": "text/html"}), 2, "should describe"),
            (Say.json({}, 502), 4, "should describe"),
        ],
        ids=["404", "403", "401", "moved", "other", "id", "owner", "branch", "page", "502"],
    )
    def test_without_an_answer_that_fits_nothing_is_trusted(
        self, trusts: Callable[..., Any], operator: Terminal, account: str, say: Say, code: int,
        told: str,
    ) -> None:  # fmt: skip
        done = trusts(say=say, GITHUB_TOKEN="ghp_canary")
        assert (done.returncode, done.stdout) == (code, "")
        assert told in done.stderr
        assert "\x1b" not in done.stderr
        assert "canary" not in done.stderr
        assert documents(operator.prints("trust", "list", account, "--output=json")) == []


ON_GITLAB = {
    "id": 20,
    "path_with_namespace": "acme/tools/shop",
    "namespace": {"id": 72},
    "default_branch": "main",
}
PROJECT = {"project_id": "20", "namespace_id": "72"}


class TestGitLab:
    @pytest.fixture
    def trusts(
        self, operator: Terminal, account: str
    ) -> Callable[..., subprocess.CompletedProcess[str]]:
        """`trust gitlab acme/tools/shop`, where GitLab answers so."""

        def trusts(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
            with StandIn([Say.json(ON_GITLAB)]) as stand_in:
                given = (f"--gitlab-url={stand_in.url}", "--issuer=gitlab.com", account)
                command = ("trust", "gitlab", "acme/tools/shop", "--output=json")
                done = operator.run(*command, *given, *arguments, **{"GITLAB_TOKEN": "", **env})
            self.port = stand_in.port
            self.heard = stand_in.heard
            return done

        return trusts

    def claims(self, done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
        assert done.returncode == 0, done.stderr
        trust = json.loads(done.stdout)
        assert trust["issuer"] == GITLAB
        claims: dict[str, Any] = trust["claims"]
        return claims

    def test_the_default_is_the_project_by_its_ids_and_its_protected_default_branch(
        self, trusts: Callable[..., Any]
    ) -> None:
        branch = {"ref": "main", "ref_type": "branch", "ref_protected": "true"}
        assert self.claims(trusts()) == {**PROJECT, **branch}
        (heard,) = self.heard
        assert heard.path == "/api/v4/projects/acme%2Ftools%2Fshop"
        assert "PRIVATE-TOKEN" not in {name.upper() for name in heard.headers}

    def test_a_part_of_its_jobs_can_be_meant(self, trusts: Callable[..., Any]) -> None:
        assert self.claims(trusts("--protected")) == {**PROJECT, "ref_protected": "true"}
        assert self.claims(trusts("--environment=live")) == {**PROJECT, "environment": "live"}
        branch = {"ref": "next", "ref_type": "branch", "ref_protected": "true"}
        claims = self.claims(trusts("--branch=next", "--workflow=.gitlab-ci.yml"))
        file = f"127.0.0.1:{self.port}/acme/tools/shop//.gitlab-ci.yml"
        assert claims == {**PROJECT, **branch, "workflow": file}

    def test_a_token_of_the_environment_goes_along(self, trusts: Callable[..., Any]) -> None:
        trusts(GITLAB_TOKEN="glpat-canary")
        sent = {name.upper(): value for name, value in self.heard[0].headers.items()}
        assert sent["PRIVATE-TOKEN"] == "glpat-canary"

    def test_with_ids_nobody_is_asked(self, trusts: Callable[..., Any]) -> None:
        ids = ("--project-id=20", "--namespace-id=72")
        assert self.claims(trusts(*ids, "--protected")) == {**PROJECT, "ref_protected": "true"}
        assert self.heard == []


class TestPage:
    page = (ROOT / "docs" / "commands.md").read_text()
    COMMON = frozenset(
        ["--url", "--timeout", "--retries", "--output", "--store", "--config", "--account"]
    )
    WORDS = ("account", "key", "trust")

    def helped(self, operator: Terminal, *command: str) -> tuple[list[str], set[str]]:
        """The commands, and the flags, that the help lists."""
        said = operator.prints(*command, "--help")
        flags = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", said)) - {"--help", "--version"}
        return re.findall(r"^    (\w+) ", said, re.MULTILINE), flags

    def test_every_command_is_documented_and_every_documented_one_is_there(
        self, operator: Terminal
    ) -> None:
        commands, _ = self.helped(operator)
        assert [code(row[0]).split()[1] for row in table(self.page)] == commands
        sections = re.findall(r"^### monotron (\w+)$", self.page, re.MULTILINE)
        assert sections == [each for each in commands if each != "serve"]

    @pytest.mark.parametrize("word", WORDS)
    def test_every_flag_and_command_of_a_command_is_documented(
        self, word: str, operator: Terminal
    ) -> None:
        text = section(self.page, f"### monotron {word}")
        commands, flags = self.helped(operator, word)
        for each in commands:
            flags |= self.helped(operator, word, each)[1]
            assert f"monotron {word} {each}" in text
        assert (
            set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) | self.COMMON == flags | self.COMMON
        )

    def test_the_flags_of_all_operators_commands_are_documented(self) -> None:
        told = section(self.page, "## Administration") + section(self.page, "## Common options")
        assert set(re.findall(r"--[a-z][a-z-]+", told)) >= self.COMMON
