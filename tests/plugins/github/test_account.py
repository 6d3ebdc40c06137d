"""The account of a step, the audience of its identity token, and the expiry of its API key."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from monotron_ci.client import Client
from monotron_ci.credential import Credential
from monotron_ci.errors import Failure
from monotron_ci.http import RetryPolicy
from plugins.github.action_step import COMMIT, ActionStep
from plugins.github.test_client import ENTRY, VERSION
from support.server import ROOT, ROOT_ENV, Server
from support.stand_in import Reply, StandIn

Output = pytest.CaptureFixture[str]
EXPIRES = "2027-01-31T00:00:00Z"

CALLS: list[tuple[Callable[[Client], object], object, str]] = [
    (lambda client: client.next("a", "t"), ENTRY, "/v1/accounts/3/series/a/t?reuse=any"),
    (lambda client: client.peek("a"), ENTRY, "/v1/accounts/3/series/a"),
    (lambda client: client.peek("a", "t"), ENTRY, "/v1/accounts/3/series/a/t"),
    (lambda client: client.version("a", "t", {}), VERSION, "/v1/accounts/3/versions/a/t"),
    (lambda client: client.find("a"), VERSION, "/v1/accounts/3/versions/a"),
    (lambda client: client.release("a", "1.3.0"), VERSION, "/v1/accounts/3/releases/a/1.3.0"),
    (lambda client: client.adopt("a", "1.3.0"), VERSION, "/v1/accounts/3/versions/a"),
    (
        lambda client: client.releases("a", 2),
        {"releases": [VERSION], "next": None},
        "/v1/accounts/3/releases/a?limit=2",
    ),
]


def owned_by(document: object, account: object) -> object:
    """The document with another account as its owner."""
    if isinstance(document, dict) and "releases" in document:
        return {**document, "releases": [owned_by(each, account) for each in document["releases"]]}
    assert isinstance(document, dict)
    return {**document, "creator_id": account}


def client_of(service: StandIn, account: int | None = 3) -> Client:
    return Client(service.url, None, RetryPolicy(retries=3), account=account)


class TestClient:
    @pytest.mark.parametrize(("call", "document", "path"), CALLS, ids=[each[2] for each in CALLS])
    def test_the_account_is_part_of_every_path(
        self, call: Callable[[Client], object], document: object, path: str
    ) -> None:
        with StandIn([Reply.json(owned_by(document, 3))]) as service:
            call(client_of(service))
        assert [request.path for request in service.requests] == [path]

    @pytest.mark.parametrize(("call", "document", "path"), CALLS, ids=[each[2] for each in CALLS])
    def test_a_response_of_another_account_is_an_error(
        self, call: Callable[[Client], object], document: object, path: str
    ) -> None:
        for owner, shown in ((1, "account 1"), ("3", "an unknown account"), (None, "an unknown")):
            with StandIn([Reply.json(owned_by(document, owner))]) as service:
                with pytest.raises(Failure, match=f"^The response belongs to {shown}"):
                    call(client_of(service))
                assert len(service.requests) == 1

    @pytest.mark.parametrize(("call", "document", "path"), CALLS, ids=[each[2] for each in CALLS])
    def test_without_an_account_the_credential_selects_it(
        self, call: Callable[[Client], object], document: object, path: str
    ) -> None:
        with StandIn([Reply.json(owned_by(document, 7))]) as service:
            call(client_of(service, account=None))
        assert service.requests[0].path == path.replace("/accounts/3", "")

    def test_an_ambiguous_account_is_not_retried(self) -> None:
        reply = Reply.problem(409, "ambiguous_account", "Several accounts. Name yours.")
        with StandIn([reply]) as service, pytest.raises(Failure) as raised:
            client_of(service).next("a", "t")
        assert raised.value.cause == "ambiguous_account (409): Several accounts. Name yours."
        assert len(service.requests) == 1


class TestAction:
    def test_two_accounts_have_versions_of_the_same_name(self, step: ActionStep) -> None:
        with Server("sqlite://", env=ROOT_ENV) as server:
            with server.client(authorization=ROOT) as root:
                second = str(root.request("POST", "/v1/accounts").json()["id"])
            step.url = server.url
            key = {"api-key": ":".join(ROOT_ENV.values())}
            assert step.run({**key, "idempotency-token": "x"}) == 0
            assert step.run({**key, "account": second}) == 0
            assert step.outputs["version"] == "0.0.1"
            assert step.run({**key, "account": "1"}) == 0
            assert step.outputs["version"] == "0.0.2"

    def test_an_ambiguous_account_is_an_error_with_the_yaml_to_write(
        self, step: ActionStep, capsys: Output
    ) -> None:
        reply = Reply.problem(409, "ambiguous_account", "Several accounts. Name yours.")
        with StandIn([reply]) as service:
            assert step.run({"url": service.url, "retries": "3"}) == 1
        printed = capsys.readouterr().out.replace("%0A", "\n")
        assert "ambiguous_account (409): Several accounts. Name yours." in printed
        assert "with:\n  account: 1" in printed
        assert len(service.requests) == 1

    @pytest.mark.parametrize("account", ["0", "03", "-1", "acme", "1/2", "1 ", "9" * 19, "1" * 20])
    def test_an_invalid_account_is_refused(
        self, account: str, step: ActionStep, capsys: Output
    ) -> None:
        with StandIn([]) as service:
            assert step.run({"url": service.url, "account": account}) == 1
        assert service.requests == []
        assert "`account` must be the id of an account" in capsys.readouterr().out


class TestAudience:
    @pytest.mark.parametrize(
        ("inputs", "audience"),
        [
            ({}, "URL"),
            ({"account": "3"}, "URL/accounts/3"),
            ({"audience": "https://m.example.com"}, "https://m.example.com"),
            (
                {"audience": "https://m.example.com", "account": "3"},
                "https://m.example.com/accounts/3",
            ),
            (
                {"audience": "https://m.example.com/accounts/3", "account": "3"},
                "https://m.example.com/accounts/3",
            ),
        ],
        ids=str,
    )
    def test_the_default_audience_is_the_url_and_an_account_limits_it(
        self, inputs: dict[str, str], audience: str, step: ActionStep
    ) -> None:
        token = Reply.json({"value": "eyJ.identity.token"})
        version = {**VERSION, "name": step.name, "token": COMMIT, "creator_id": 3}
        with StandIn([token]) as runner, StandIn([Reply.json(version)]) as service:
            environ = {
                "ACTIONS_ID_TOKEN_REQUEST_URL": f"{runner.url}/token?api-version=2.0",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner-secret",
            }
            assert step.run({"url": f"{service.url}/", **inputs}, **environ) == 0
            requested = parse_qs(urlsplit(runner.requests[0].path).query)["audience"]
            assert requested == [audience.replace("URL", service.url)]
        assert service.requests[0].headers["Authorization"] == "Bearer eyJ.identity.token"

    def test_an_api_key_is_used_although_an_identity_token_is_available(
        self, step: ActionStep
    ) -> None:
        version = Reply.json({**VERSION, "name": step.name, "token": COMMIT})
        with StandIn([]) as runner, StandIn([version]) as service:
            environ = {"ACTIONS_ID_TOKEN_REQUEST_URL": runner.url}
            assert step.run({"url": service.url, "api-key": "mtk_key"}, **environ) == 0
        assert runner.requests == []
        assert service.requests[0].headers["Authorization"] == "Bearer mtk_key"


class TestExpiry:
    def test_an_api_key_that_expires_soon_is_a_warning(
        self, step: ActionStep, capsys: Output
    ) -> None:
        version = {**VERSION, "name": step.name, "token": COMMIT}
        reply = Reply.json(version, Monotron_Key_Expires=EXPIRES)
        with StandIn([reply]) as service:
            assert step.run({"url": service.url, "api-key": "mtk_key"}) == 0
        warnings = [line for line in capsys.readouterr().out.splitlines() if "::warning" in line]
        assert warnings == [
            f"::warning title=Monotron::The API key expires at {EXPIRES}. Create a new one with "
            "`monotron key create`, and replace the stored secret."
        ]

    def test_one_client_warns_once(self) -> None:
        reply = Reply.json(ENTRY, Monotron_Key_Expires=EXPIRES)
        warnings: list[str] = []
        with StandIn([reply, reply]) as service:
            credential = Credential("mtk_key")
            client = Client(service.url, credential, RetryPolicy(retries=0), warn=warnings.append)
            client.peek("a")
            client.peek("a")
        (warning,) = warnings
        assert EXPIRES in warning

    @pytest.mark.parametrize("value", ["", "soon", "2027-01-31", f"{EXPIRES}::x", "٢027-01-31"])
    def test_another_expiry_is_ignored(self, value: str) -> None:
        reply = Reply.json(ENTRY, Monotron_Key_Expires=value.encode().decode("latin-1"))
        warnings: list[str] = []
        with StandIn([reply]) as service:
            Client(service.url, None, RetryPolicy(retries=0), warn=warnings.append).peek("a")
        assert warnings == []
