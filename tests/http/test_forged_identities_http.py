"""A dishonest issuer, and someone who registers the name of another repository, get no access."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import yaml

from support.claims import AUDIENCE, github, gitlab
from support.credentials import JSON
from support.issuer import IssuerServer, Signer, rsa_key
from support.server import ROOT, ROOT_ENV, Client, Server

Claims = Callable[..., dict[str, Any]]

SERIES = ["read,write:series"]
RULES = {
    "github": {"repository_id": "777", "ref": "refs/heads/main"},
    "gitlab": {"project_id": "20", "ref_protected": "true"},
}
TRUSTED: Mapping[str, Claims] = {"github": github, "gitlab": gitlab}


@dataclass(frozen=True)
class World:
    """A server that trusts two issuers of each kind, of which only the first one has a policy."""

    server: Server
    issuers: Mapping[str, tuple[IssuerServer, IssuerServer]]

    def put(self, issuer: IssuerServer, signer: Signer, claims: Mapping[str, Any]) -> int:
        """The status of a request with a token that *signer* issues now in the issuer's name."""
        now = int(time.time())
        times = {"iat": now, "nbf": now - 5, "exp": now + 300, "jti": uuid4().hex}
        token = signer.token({**claims, **times, "iss": issuer.url})
        with self.server.client(authorization=f"Bearer {token}") as job:
            return job.request("PUT", f"/v1/series/shop/{uuid4().hex}").status

    def tokens(self) -> list[str]:
        with self.server.client(authorization=ROOT) as root:
            response = root.request("GET", "/v1/entries/shop?limit=1000")
            return [each["token"] for each in response.json().get("entries", [])]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        issuers = {
            kind: (stack.enter_context(IssuerServer()), stack.enter_context(IssuerServer()))
            for kind in RULES
        }
        for _, dishonest in issuers.values():
            dishonest.signers = [Signer("first", rsa_key(7))]
        settings = {
            "audience": AUDIENCE,
            "issuers": [
                {"url": each.url, "kind": kind, "allow_private": True}
                for kind, pair in issuers.items()
                for each in pair
            ],
            "trusts": [
                {"account": 1, "issuer": issuers[kind][0].url, "claims": rule, "scopes": SERIES}
                for kind, rule in RULES.items()
            ],
        }
        config = tmp_path_factory.mktemp("issuers") / "monotron.yml"
        config.write_text(yaml.safe_dump(settings))
        args = ["--config", str(config)]
        server = stack.enter_context(Server("sqlite://", args=args, env=ROOT_ENV))
        yield World(server, issuers)


@pytest.mark.parametrize("kind", RULES)
class TestDishonestIssuer:
    def test_an_issuer_cannot_use_the_policies_of_another_issuer(
        self, world: World, kind: str
    ) -> None:
        honest, dishonest = world.issuers[kind]
        claims = TRUSTED[kind]()
        assert world.put(honest, honest.signers[0], claims) == 200
        before = world.tokens()
        assert world.put(dishonest, dishonest.signers[0], claims) == 401
        assert world.tokens() == before

    def test_an_issuer_cannot_sign_in_the_name_of_another_issuer(
        self, world: World, kind: str
    ) -> None:
        honest, dishonest = world.issuers[kind]
        own, claims = dishonest.signers[0], TRUSTED[kind]()
        # Its keys are known to the server, under the `kid` that both issuers use.
        assert world.put(dishonest, own, claims) == 401
        before = world.tokens()
        assert world.put(honest, own, claims) == 401
        assert world.put(honest, Signer("unknown", own.key), claims) == 401
        assert world.tokens() == before


class TestRegisteredNames:
    @pytest.mark.parametrize(
        ("kind", "other_ids"),
        [
            ("github", {"repository_id": "999", "repository_owner_id": "998"}),
            ("gitlab", {"project_id": "999", "job_project_id": "999", "namespace_id": "998"}),
        ],
        ids=["github", "gitlab"],
    )
    def test_the_names_of_a_trusted_repository_give_no_access_to_another_one(
        self, world: World, kind: str, other_ids: Mapping[str, str]
    ) -> None:
        issuer, _ = world.issuers[kind]
        before = world.tokens()
        assert world.put(issuer, issuer.signers[0], TRUSTED[kind](**other_ids)) == 401
        assert world.tokens() == before

    @pytest.mark.parametrize(
        ("kind", "other_names"),
        [
            ("github", {"repository": "new/name", "repository_owner": "new"}),
            ("gitlab", {"project_path": "new/name", "namespace_path": "new"}),
        ],
        ids=["github", "gitlab"],
    )
    def test_a_renamed_repository_with_the_same_ids_is_accepted(
        self, world: World, kind: str, other_names: Mapping[str, str]
    ) -> None:
        issuer, _ = world.issuers[kind]
        claims = TRUSTED[kind](**other_names, sub="repo:new/name:ref:refs/heads/main")
        assert world.put(issuer, issuer.signers[0], claims) == 200

    @pytest.mark.parametrize(
        ("kind", "name", "value"),
        [
            ("github", "repository", "acme/shop"),
            ("github", "repository_owner", "acme"),
            ("github", "sub", "repo:acme/shop:ref:refs/heads/main"),
            ("gitlab", "project_path", "acme/shop"),
            ("gitlab", "namespace_path", "acme"),
            ("gitlab", "sub", "project_path:acme/shop:ref_type:branch:ref:main"),
        ],
    )
    def test_a_policy_cannot_identify_a_repository_by_name(
        self, world: World, kind: str, name: str, value: str
    ) -> None:
        with world.server.client(authorization=ROOT) as root:
            for claims in ({name: value, **RULES[kind]}, {name: value, "ref_protected": "true"}):
                status, detail = _create_policy(root, world.issuers[kind][0].url, claims)
                assert status == 400
                assert "`claims" in detail


def _create_policy(root: Client, issuer: str, claims: Mapping[str, str]) -> tuple[int, str]:
    body = json.dumps({"issuer": issuer, "claims": claims, "scopes": SERIES})
    response = root.request("POST", "/v1/accounts/1/trusts", body, JSON)
    return response.status, response.json()["detail"]
