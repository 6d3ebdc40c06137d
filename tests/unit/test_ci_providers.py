"""Identity tokens of CircleCI, Buildkite, Bitbucket, Azure DevOps and Jenkins: a table for each
platform. Each token has one acceptable outcome. They are signed with real keys.
"""

from __future__ import annotations

import asyncio
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import pytest

from monotron.auth.oidc import Identity, Issuer, parse_issuer, parse_rule, rule_json
from monotron.auth.oidc.providers import PROVIDERS
from monotron.auth.oidc.verifier import NOT_ACCEPTED, TokenVerifier
from monotron.errors import InvalidRequest, Unauthenticated
from support.ci_claims import (
    AZURE,
    AZURE_AUDIENCE,
    AZURE_REPOSITORY,
    BITBUCKET,
    BUILDKITE,
    CIRCLECI,
    CLUSTER,
    CONTEXT,
    ENVIRONMENT,
    JENKINS,
    JOB,
    ORGANIZATION,
    PIPELINE,
    PROJECT,
    QUEUE,
    REPOSITORY,
    WORKSPACE,
    WORKSPACE_AUDIENCE,
    C,
    azure,
    azure_service_connection,
    bitbucket,
    buildkite,
    circleci,
    jenkins,
    uuid,
)
from support.claims import AUDIENCE, GITHUB, NOW, OTHER, github, other
from support.issuer import Signer, base64url, ec_key, jwks, rsa_key

ISSUERS = [
    parse_issuer(CIRCLECI),
    parse_issuer(BUILDKITE),
    parse_issuer(BITBUCKET),
    parse_issuer({"url": AZURE, "audience": AZURE_AUDIENCE}),
    parse_issuer({"url": JENKINS, "kind": "jenkins"}),
    parse_issuer({"url": OTHER, "kind": "other"}),
    parse_issuer("github"),
]


@cache
def signers() -> Mapping[str, Signer]:
    """A key for each issuer. Azure's organizations share theirs."""
    keys = {issuer.url: Signer(f"key-{n}", ec_key(10 + n)) for n, issuer in enumerate(ISSUERS)}
    return {**keys, JENKINS: Signer("credential", rsa_key(1)), "stranger": Signer("?", ec_key(9))}


def fetch(issuer: Issuer) -> bytes:
    return jwks(signers()[issuer.url])


def verify(token: str) -> Identity:
    verifier = TokenVerifier(ISSUERS, AUDIENCE, clock=lambda: float(NOW), fetch=fetch)
    return asyncio.run(verifier.verify(token))


def signed(claims: Mapping[str, Any], issuer: str | None = None) -> str:
    return signers()[issuer or claims["iss"]].token(claims)


def circleci_rule(**claims: Any) -> dict[str, Any]:
    return {C + name.replace("_", "-"): value for name, value in claims.items()}


ORIGIN = {"vcs_origin": "github.com/acme/shop"}
MAIN = {"org_id": ORGANIZATION, "project_id": PROJECT, **ORIGIN, "vcs_ref": "refs/heads/main"}
RULES: dict[str, dict[str, Any]] = {
    "circleci": {"issuer": CIRCLECI, "claims": circleci_rule(**MAIN)},
    "circleci context": {
        "issuer": CIRCLECI,
        "claims": circleci_rule(org_id=ORGANIZATION, **ORIGIN, context_ids=[CONTEXT, uuid("0")]),
        "accept_unprotected": True,
    },
    "buildkite": {
        "issuer": BUILDKITE,
        "claims": {
            "organization_id": ORGANIZATION,
            "pipeline_id": PIPELINE,
            "build_branch": "main",
            "build_source": ["webhook", "schedule"],
        },
        "accept_unprotected": True,
    },
    "buildkite queue": {
        "issuer": BUILDKITE,
        "claims": {"pipeline_id": PIPELINE, "cluster_id": CLUSTER, "queue_id": QUEUE},
        "accept_unprotected": True,
    },
    "buildkite step": {
        "issuer": BUILDKITE,
        "claims": {"pipeline_id": PIPELINE, "build_branch": "main", "step_key": ["x", None]},
        "accept_unprotected": True,
    },
    "bitbucket": {
        "issuer": BITBUCKET,
        "claims": {
            "workspaceUuid": WORKSPACE,
            "repositoryUuid": REPOSITORY,
            "deploymentEnvironmentUuid": ENVIRONMENT,
        },
        "accept_unprotected": True,
    },
    "bitbucket branch": {
        "issuer": BITBUCKET,
        "claims": {
            "workspaceUuid": WORKSPACE,
            "repositoryUuid": REPOSITORY,
            "branchName": "main",
        },
        "accept_unprotected": True,
    },
    "azure": {
        "issuer": AZURE,
        "claims": {
            "prj_id": PROJECT,
            "def_id": "12",
            "rpo_uri": AZURE_REPOSITORY,
            "rpo_ref": "refs/heads/main",
        },
    },
    "jenkins": {"issuer": JENKINS, "claims": {"sub": JOB}},
    "jenkins claims": {
        "issuer": JENKINS,
        "claims": {"sub": JOB, "is_release": True, "build_number": [6, 7], "stage": "release"},
    },
}

ORDER_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

ACCEPTED = "accepted"
REJECTED = "rejected before its signature is verified"
INVALID = "invalid claims"
NO_MATCH = "no match"


class CiVector(NamedTuple):
    title: str
    claims: dict[str, Any]
    outcome: str
    word: str = ""
    """Expected in the error, or in the name of the identity."""
    rule: str = ""
    """A key of `RULES` [default: the platform]."""
    signer: str = ""


CIRCLECI_VECTORS = [
    CiVector("a push to main", circleci(), ACCEPTED, "circleci@oidc.circleci.com/org/"),
    CiVector("the audience of an account", circleci(aud=f"{AUDIENCE}/accounts/3"), ACCEPTED),
    CiVector("a context of the list", circleci(), ACCEPTED, rule="circleci context"),
    CiVector("an nbf that a later version adds", circleci(nbf=NOW), ACCEPTED),
    CiVector("the default audience", circleci(aud=ORGANIZATION), INVALID, "circleci run oidc get"),
    CiVector("a list of audiences", circleci(aud=[AUDIENCE]), INVALID, "audience"),
    CiVector("another project", circleci(project_id=uuid("0")), NO_MATCH, "project-id"),
    CiVector("no project", circleci(project_id=...), INVALID, "circleci run oidc get"),
    CiVector("a fork", circleci(vcs_origin="github.com/mallory/shop"), NO_MATCH, "vcs-origin"),
    CiVector("a custom webhook", circleci(vcs_origin=..., vcs_ref=...), NO_MATCH, "vcs-origin"),
    CiVector("a pull request", circleci(vcs_ref="refs/pull/5/head"), NO_MATCH, "vcs-ref"),
    CiVector("another branch", circleci(vcs_ref="refs/heads/evil"), NO_MATCH, "vcs-ref"),
    CiVector("a re-run with SSH", circleci(ssh_rerun=True), INVALID, "without SSH"),
    CiVector("ssh-rerun as a string", circleci(ssh_rerun="false"), INVALID, "ssh-rerun"),
    CiVector("ssh-rerun as a number", circleci(ssh_rerun=0), INVALID, "ssh-rerun"),
    CiVector("no ssh-rerun", circleci(ssh_rerun=...), INVALID, "ssh-rerun"),
    CiVector(
        "other contexts", circleci(context_ids=[uuid("8")]), NO_MATCH, "does not contain"
    )._replace(rule="circleci context"),
    CiVector("no context", circleci(context_ids=[]), NO_MATCH, "[]", "circleci context"),
    CiVector("a context as a member", circleci(context_ids={CONTEXT: 1}), NO_MATCH)._replace(
        rule="circleci context"
    ),
    CiVector("contexts as a number", circleci(context_ids=7), NO_MATCH, "", "circleci context"),
    CiVector("a context as text", circleci(context_ids=CONTEXT), NO_MATCH, "", "circleci context"),
    CiVector(
        "nested contexts", circleci(context_ids=[[CONTEXT]]), NO_MATCH, "", "circleci context"
    ),
    CiVector(
        "a fork with the context", circleci(vcs_origin="github.com/mallory/shop"), NO_MATCH
    )._replace(rule="circleci context"),
    CiVector("expired", circleci(exp=NOW - 60, iat=NOW - 600), INVALID, "expired"),
    CiVector("older than 15 minutes", circleci(iat=NOW - 960), INVALID, "too old"),
    CiVector("an nbf in the future", circleci(nbf=NOW + 60), INVALID, "`nbf`"),
    CiVector("an nbf as text", circleci(nbf=str(NOW)), INVALID, "`nbf` must be an integer"),
    CiVector("an nbf of null", circleci(nbf=None), INVALID, "`nbf` must be an integer"),
    CiVector("an id as a number", circleci(project_id=7), NO_MATCH, "project-id"),
    CiVector(
        "the issuer of another organization",
        circleci(iss=f"https://oidc.circleci.com/org/{uuid('0')}"),
        REJECTED,
        signer=CIRCLECI,
    ),
    CiVector("a key of a stranger", circleci(), REJECTED, signer="stranger"),
]

BUILDKITE_VECTORS = [
    CiVector("a push to main", buildkite(), ACCEPTED, "buildkite@agent.buildkite.com:shop:4444"),
    CiVector("the audience of an account", buildkite(aud=f"{AUDIENCE}/accounts/3"), ACCEPTED),
    CiVector("a queue", buildkite(build_branch="other"), ACCEPTED, rule="buildkite queue"),
    CiVector("a step without a key", buildkite(), ACCEPTED, rule="buildkite step"),
    CiVector("a step with a key", buildkite(step_key="x"), ACCEPTED, rule="buildkite step"),
    CiVector("default audience", buildkite(aud="https://buildkite.com/acme"), INVALID, "audience"),
    CiVector("a list of audiences", buildkite(aud=[AUDIENCE]), INVALID, "--audience"),
    CiVector("default claims", buildkite(organization_id=..., pipeline_id=...), INVALID, "--claim"),
    CiVector("no pipeline_id", buildkite(pipeline_id=...), INVALID, "--claim organization_id,"),
    CiVector("another pipeline", buildkite(pipeline_id=uuid("0")), NO_MATCH, "pipeline_id"),
    CiVector(
        "another organization with these names",
        buildkite(organization_id=uuid("0"), pipeline_id=uuid("0")),
        NO_MATCH,
        "pipeline_id",
    ),
    CiVector(
        "another organization", buildkite(organization_id=uuid("0")), NO_MATCH, "organization_id"
    ),
    CiVector("renamed", buildkite(organization_slug="evil", pipeline_slug="x"), ACCEPTED, ":x:"),
    CiVector("a prefixed fork", buildkite(build_branch="mallory:main"), NO_MATCH, "build_branch"),
    CiVector("another branch", buildkite(build_branch="evil"), NO_MATCH, "build_branch"),
    CiVector("a build in the browser", buildkite(build_source="ui"), NO_MATCH, "build_source"),
    CiVector("another queue", buildkite(queue_id=uuid("0")), NO_MATCH, "", "buildkite queue"),
    CiVector("no queue", buildkite(queue_id=...), NO_MATCH, "no `queue_id`", "buildkite queue"),
    CiVector("no step key", buildkite(step_key=...), NO_MATCH, "step_key", "buildkite step"),
    CiVector("a step named None", buildkite(step_key="None"), NO_MATCH, "", "buildkite step"),
    CiVector("a step key of false", buildkite(step_key=False), NO_MATCH, "", "buildkite step"),
    CiVector("a branch in a list", buildkite(build_branch=["main"]), NO_MATCH, "build_branch"),
    CiVector("no nbf", buildkite(nbf=...), INVALID, "`nbf`"),
    CiVector("expired", buildkite(exp=NOW - 60, iat=NOW - 360), INVALID, "expired"),
    CiVector("older than 15 minutes", buildkite(iat=NOW - 960), INVALID, "too old"),
    CiVector("an unknown issuer", buildkite(iss="https://agent.evil.example"), REJECTED)._replace(
        signer=BUILDKITE
    ),
]

BITBUCKET_VECTORS = [
    CiVector("a deployment", bitbucket(), ACCEPTED, "bitbucket@api.bitbucket.org/2.0/work"),
    CiVector("our audience only", bitbucket(aud=[AUDIENCE]), ACCEPTED),
    CiVector("our audience as text", bitbucket(aud=AUDIENCE), ACCEPTED),
    CiVector(
        "the workspace's audience with braces",
        bitbucket(aud=[AUDIENCE, f"ari:cloud:bitbucket::workspace/{WORKSPACE}"]),
        ACCEPTED,
    ),
    CiVector(
        "the audience of an account",
        bitbucket(aud=[WORKSPACE_AUDIENCE, f"{AUDIENCE}/accounts/3"]),
        ACCEPTED,
    ),
    CiVector("a branch", bitbucket(), ACCEPTED, rule="bitbucket branch"),
    CiVector("default audience", bitbucket(aud=WORKSPACE_AUDIENCE), INVALID, "oidc: {audiences"),
    CiVector(
        "default audience in a list", bitbucket(aud=[WORKSPACE_AUDIENCE]), INVALID, "audience"
    ),
    CiVector("an empty list", bitbucket(aud=[]), INVALID, "audience"),
    CiVector(
        "an audience of another service, too",
        bitbucket(aud=[WORKSPACE_AUDIENCE, AUDIENCE, "sts.amazonaws.com"]),
        INVALID,
        "for that audience only",
    ),
    CiVector(
        "the audience of another workspace",
        bitbucket(aud=[f"ari:cloud:bitbucket::workspace/{uuid('0')}", AUDIENCE]),
        INVALID,
        "audience",
    ),
    CiVector(
        "audiences of two accounts", bitbucket(aud=[AUDIENCE, f"{AUDIENCE}/accounts/3"]), INVALID
    ),
    CiVector("our audience twice", bitbucket(aud=[AUDIENCE, AUDIENCE]), INVALID, "audience"),
    CiVector("our audience in a nested list", bitbucket(aud=[[AUDIENCE]]), INVALID, "audience"),
    CiVector("another repository", bitbucket(repositoryUuid=f"{{{uuid('0')}}}"), NO_MATCH),
    CiVector("no repository", bitbucket(repositoryUuid=...), INVALID, "repositoryUuid"),
    CiVector("no workspace", bitbucket(workspaceUuid=...), INVALID, "workspaceUuid"),
    CiVector(
        "a workspace that was registered again with this name",
        bitbucket(workspaceUuid=f"{{{uuid('0')}}}", aud=[AUDIENCE]),
        NO_MATCH,
        "workspaceUuid",
    ),
    CiVector(
        "a step without the environment",
        bitbucket(deploymentEnvironmentUuid=...),
        NO_MATCH,
        "deploymentEnvironmentUuid",
    ),
    CiVector(
        "another branch", bitbucket(branchName="evil"), NO_MATCH, "branchName", "bitbucket branch"
    ),
    CiVector("no branch", bitbucket(branchName=...), NO_MATCH, "branchName", "bitbucket branch"),
    CiVector("an id without braces", bitbucket(repositoryUuid=uuid("2")), NO_MATCH),
    CiVector("an id in a list", bitbucket(repositoryUuid=[REPOSITORY]), NO_MATCH),
    CiVector("expired", bitbucket(exp=NOW - 60, iat=NOW - 600), INVALID, "expired"),
    CiVector(
        "the issuer of another workspace",
        bitbucket(iss=BITBUCKET.replace("acme", "evil")),
        REJECTED,
    )._replace(signer=BITBUCKET),
]

AZURE_VECTORS = [
    CiVector("a run of main", azure(), ACCEPTED, "p://acme/shop/release:345"),
    CiVector("renamed", azure(sub="p://evil/x/y"), ACCEPTED),
    CiVector("the audience of the server", azure(aud=AUDIENCE), INVALID, AZURE_AUDIENCE),
    CiVector("an account", azure(aud=f"{AZURE_AUDIENCE}/accounts/3"), INVALID, AZURE_AUDIENCE),
    CiVector("a list of audiences", azure(aud=[AZURE_AUDIENCE]), INVALID, "audience"),
    CiVector("a service connection", azure_service_connection(), INVALID, "serviceConnectionId"),
    CiVector(
        "a service connection with all claims",
        azure(sub="sc://acme/shop/monotron"),
        INVALID,
        "contain only names",
    ),
    CiVector("another kind of subject", azure(sub="repo:acme/shop"), INVALID, "p://"),
    CiVector("a subject that is a number", azure(sub=7), INVALID, "p://"),
    CiVector("another project", azure(prj_id=uuid("0")), NO_MATCH, "prj_id"),
    CiVector("another pipeline", azure(def_id="13"), NO_MATCH, "def_id"),
    CiVector("a pull request", azure(rpo_ref="refs/pull/5/merge"), NO_MATCH, "rpo_ref"),
    CiVector("another branch", azure(rpo_ref="refs/heads/evil"), NO_MATCH, "rpo_ref"),
    CiVector(
        "another repository", azure(rpo_uri="https://github.com/mallory/shop"), NO_MATCH, "rpo_uri"
    ),
    CiVector("no repository", azure(rpo_uri=...), NO_MATCH, "rpo_uri"),
    CiVector("an id as a number", azure(def_id=12), NO_MATCH, "def_id"),
    CiVector("no jti", azure(jti=...), INVALID, "jti"),
    CiVector("no nbf", azure(nbf=...), INVALID, "nbf"),
    CiVector("expired", azure(exp=NOW - 60, iat=NOW - 360), INVALID, "expired"),
    CiVector(
        "the issuer of another organization, whose key is the same",
        azure(iss=f"https://vstoken.dev.azure.com/{uuid('0')}"),
        REJECTED,
        signer=AZURE,
    ),
]

JENKINS_VECTORS = [
    CiVector("a build of main", jenkins(), ACCEPTED, "job/shop/job/main/:7"),
    CiVector("our audience as text", jenkins(aud=AUDIENCE), ACCEPTED),
    CiVector("the audience of an account", jenkins(aud=[f"{AUDIENCE}/accounts/3"]), ACCEPTED),
    CiVector("typed claims", jenkins(), ACCEPTED, rule="jenkins claims"),
    CiVector("no audience", jenkins(aud=...), INVALID, "credential"),
    CiVector("another audience", jenkins(aud=["sts.amazonaws.com"]), INVALID, "audience"),
    CiVector("two audiences", jenkins(aud=[AUDIENCE, "sts.amazonaws.com"]), INVALID, "audience"),
    CiVector("no subject", jenkins(sub=...), INVALID, "sub"),
    CiVector("another branch", jenkins(sub=JOB.replace("main", "evil")), NO_MATCH, "sub"),
    CiVector("a pull request", jenkins(sub=JOB.replace("main", "PR-5")), NO_MATCH, "sub"),
    CiVector("a job below the job", jenkins(sub=f"{JOB}job/evil/"), NO_MATCH, "sub"),
    CiVector("a job without its slash", jenkins(sub=JOB[:-1]), NO_MATCH, "sub"),
    CiVector("a subject in a list", jenkins(sub=[JOB]), NO_MATCH, "sub"),
    CiVector("a boolean as text", jenkins(is_release="true"), NO_MATCH, "", "jenkins claims"),
    CiVector("a boolean as a number", jenkins(is_release=1), NO_MATCH, "", "jenkins claims"),
    CiVector("a false boolean", jenkins(is_release=False), NO_MATCH, "", "jenkins claims"),
    CiVector("a number as text", jenkins(build_number="7"), NO_MATCH, "", "jenkins claims"),
    CiVector("a number as a fraction", jenkins(build_number=7.0), NO_MATCH, "", "jenkins claims"),
    CiVector("another number", jenkins(build_number=8), NO_MATCH, "6 or 7", "jenkins claims"),
    CiVector("a missing claim", jenkins(stage=...), NO_MATCH, "no `stage`", "jenkins claims"),
    CiVector("expired", jenkins(exp=NOW - 60, iat=NOW - 600), INVALID, "expired"),
    CiVector("a lifetime of more than 24 h", jenkins(exp=NOW + 86_400), INVALID, "24 h"),
    CiVector(
        "another Jenkins", jenkins(iss="https://jenkins.evil.example/oidc"), REJECTED
    )._replace(signer=JENKINS),
    CiVector("the key of a stranger", jenkins(), REJECTED, signer="stranger"),
]

VECTORS = {
    "circleci": CIRCLECI_VECTORS,
    "buildkite": BUILDKITE_VECTORS,
    "bitbucket": BITBUCKET_VECTORS,
    "azure": AZURE_VECTORS,
    "jenkins": JENKINS_VECTORS,
}


@pytest.mark.parametrize(
    ("kind", "vector"),
    [
        pytest.param(kind, vector, id=f"{kind}: {vector.title}")
        for kind, vectors in VECTORS.items()
        for vector in vectors
    ],
)
def test_each_token_of_a_ci_system_has_one_outcome(kind: str, vector: CiVector) -> None:
    token = signed(vector.claims, vector.signer)
    if vector.outcome in (REJECTED, INVALID):
        with pytest.raises(Unauthenticated) as caught:
            verify(token)
        assert (caught.value.detail == NOT_ACCEPTED) is (vector.outcome == REJECTED)
        assert vector.word in caught.value.detail
        return
    identity = verify(token)
    mismatch = parse_rule(RULES[vector.rule or kind], ISSUERS).mismatch(identity)
    if vector.outcome == ACCEPTED:
        assert mismatch is None
        assert vector.word in identity.name
    else:
        assert mismatch is not None
        assert vector.word in mismatch.reason


@pytest.mark.parametrize("kind", VECTORS)
def test_each_ci_system_has_at_least_eight_different_tokens(kind: str) -> None:
    titles = {vector.title for vector in VECTORS[kind]}
    assert len(titles) == len(VECTORS[kind]) >= 8
    assert {vector.outcome for vector in VECTORS[kind]} == {ACCEPTED, REJECTED, INVALID, NO_MATCH}


def test_every_kind_of_issuer_has_a_table() -> None:
    assert PROVIDERS.keys() == VECTORS.keys() | {"github", "gitlab", "other"}


class TestTokenId:
    @pytest.mark.parametrize("claims", [circleci(), buildkite(), bitbucket(), jenkins()])
    def test_a_token_without_jti_is_identified_by_its_signed_part(
        self, claims: dict[str, Any]
    ) -> None:
        first = verify(signed(claims)).token_id
        assert re.fullmatch("[0-9a-f]{64}", first)
        assert verify(signed(claims)).token_id == first
        assert verify(signed({**claims, "iat": NOW - 11})).token_id != first
        assert verify(signed({**claims, "jti": "chosen"})).token_id not in (first, "chosen")

    def test_a_second_valid_signature_does_not_change_the_identity_of_a_token(self) -> None:
        token = signed(circleci())
        start, _, signature = token.rpartition(".")
        half = 32
        raw = urlsafe_b64decode(signature + "==")
        s = ORDER_OF_P256 - int.from_bytes(raw[half:], "big")
        second = f"{start}.{base64url(raw[:half] + s.to_bytes(half, 'big'))}"
        assert second != token
        assert verify(second).token_id == verify(token).token_id

    def test_a_token_of_azure_is_identified_by_its_jti_and_used_once(self) -> None:
        identity = verify(signed(azure()))
        assert identity.token_id == azure()["jti"]
        assert identity.is_single_use
        for claims in circleci(), buildkite(), bitbucket(), jenkins(), other(), github():
            assert not verify(signed(claims)).is_single_use


class TestAccounts:
    @pytest.mark.parametrize("claims", [circleci, buildkite, bitbucket, jenkins])
    def test_the_audience_names_the_account_if_it_can_be_chosen(self, claims: Any) -> None:
        assert verify(signed(claims())).account is None
        for aud in f"{AUDIENCE}/accounts/3", [f"{AUDIENCE}/accounts/3"]:
            if isinstance(aud, str) or PROVIDERS[claims.__name__].accepts_audience_list:
                assert verify(signed(claims(aud=aud))).account == 3

    def test_a_token_of_azure_names_no_account(self) -> None:
        assert verify(signed(azure())).account is None


STRANGER = "at least one of"
NO_PROOF = "No claim of these tokens proves that a build runs on a protected branch. "
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (CIRCLECI, circleci_rule(**ORIGIN, vcs_ref="refs/heads/main"), STRANGER),
    (CIRCLECI, circleci_rule(project_id=PROJECT), "vcs-origin`, because a build of a fork"),
    (CIRCLECI, circleci_rule(project_id=PROJECT, vcs_ref="refs/heads/main"), "vcs-origin`"),
    (CIRCLECI, circleci_rule(project_id=PROJECT, **ORIGIN), "vcs-ref`."),
    (
        CIRCLECI,
        circleci_rule(org_id=ORGANIZATION, **ORIGIN, vcs_ref="refs/heads/main"),
        "anyone who can create a project",
    ),
    (
        CIRCLECI,
        circleci_rule(project_id=PROJECT, **ORIGIN, pipeline_definition_id=uuid("5")),
        "every branch can change",
    ),
    (
        CIRCLECI,
        circleci_rule(project_id=PROJECT, **ORIGIN, context_ids=CONTEXT),
        "does not state whether the context is restricted",
    ),
    (CIRCLECI, circleci_rule(**{**MAIN, "vcs_ref": "refs/pull/5/head"}), "a complete ref"),
    (CIRCLECI, circleci_rule(**{**MAIN, "vcs_ref": "main"}), "a complete ref"),
    (CIRCLECI, circleci_rule(**{**MAIN, "project_id": "shop"}), "an id, such as"),
    (CIRCLECI, circleci_rule(**{**MAIN, "vcs_origin": "git@github.com:acme/shop"}), "a repository"),
    (CIRCLECI, circleci_rule(**MAIN, ssh_rerun=True), "is always checked"),
    (CIRCLECI, circleci_rule(**MAIN, context_ids=[[CONTEXT]]), "must be a string, or a list"),
    (CIRCLECI, circleci_rule(**MAIN, context_ids=7), "must be a string, or a list"),
    (CIRCLECI, {**circleci_rule(**MAIN), "sub": "x"}, "project-id and"),
    (CIRCLECI, {"project-id": PROJECT}, "Unknown claim"),
    (BUILDKITE, {"organization_slug": "acme", "pipeline_slug": "shop"}, "organization_id"),
    (BUILDKITE, {"organization_id": ORGANIZATION, "build_branch": "main"}, STRANGER),
    (BUILDKITE, {"pipeline_id": PIPELINE}, "`build_branch`, `cluster_id`, `queue_id`. Anyone"),
    (BUILDKITE, {"pipeline_id": PIPELINE}, f"{NO_PROOF}Add at least one of"),
    (
        BUILDKITE,
        {"pipeline_id": PIPELINE, "queue_id": CLUSTER},
        f"can choose a queue of the cluster. {NO_PROOF}To trust every job with this claim, set "
        "`accept_unprotected` to true.",
    ),
    (BUILDKITE, {"pipeline_id": PIPELINE, "build_branch": "main"}, "`build_branch` does not"),
    (BUILDKITE, {"pipeline_id": PIPELINE, "build_source": "webhook"}, "accept_unprotected"),
    (BUILDKITE, {"pipeline_id": PIPELINE, "cluster_id": CLUSTER}, "`cluster_id` does not"),
    (BUILDKITE, {"pipeline_id": "shop", "build_branch": "main"}, "an id, such as"),
    (BUILDKITE, {"pipeline_id": PIPELINE, "step_key": False}, "must be a string or null, or a"),
    (BUILDKITE, {"pipeline_id": None, "build_branch": "main"}, "must be a string or a list"),
    (BITBUCKET, {"repositoryUuid": REPOSITORY, "branchName": "main"}, "`workspaceUuid`, because"),
    (BITBUCKET, {"workspaceUuid": WORKSPACE, "branchName": "main"}, STRANGER),
    (BITBUCKET, {"workspaceUuid": WORKSPACE, "repositoryUuid": REPOSITORY}, "`branchName`, `dep"),
    (
        BITBUCKET,
        {"workspaceUuid": WORKSPACE, "repositoryUuid": REPOSITORY, "branchName": "main"},
        "`branchName` does not, because a pull request",
    ),
    (
        BITBUCKET,
        {
            "workspaceUuid": WORKSPACE,
            "repositoryUuid": REPOSITORY,
            "deploymentEnvironmentUuid": REPOSITORY,
        },
        f"restricted to a branch. {NO_PROOF}To trust every job with this claim, set "
        "`accept_unprotected` to true.",
    ),
    (BITBUCKET, {"workspaceUuid": WORKSPACE, "repositoryUuid": uuid("2")}, "an id in braces"),
    (AZURE, {"rpo_uri": AZURE_REPOSITORY, "rpo_ref": "refs/heads/main"}, STRANGER),
    (AZURE, {"prj_id": PROJECT, "rpo_ref": "refs/heads/main"}, "`rpo_uri`, because every"),
    (AZURE, {"prj_id": PROJECT, "rpo_uri": AZURE_REPOSITORY}, "Add at least one of these"),
    (
        AZURE,
        {"prj_id": PROJECT, "rpo_uri": AZURE_REPOSITORY, "def_id": "12"},
        "`def_id` does not, because every branch",
    ),
    (AZURE, {"prj_id": PROJECT, "sub": "p://acme/shop/release"}, "prj_id and def_id"),
    (AZURE, {"prj_id": PROJECT, "sub": "sc://acme/shop/monotron"}, "prj_id and def_id"),
    (JENKINS, {"build_number": 7}, STRANGER),
    *(
        (JENKINS, {"sub": job}, "the complete URL of a job")
        for job in (
            "shop",
            JOB[:-1],
            JOB.replace("main", "PR-5"),
            JOB.replace("main", "MR-5-merge"),
            f"{JOB}?x/",
            "https://jenkins.example.com/",
        )
    ),
    (JENKINS, {"sub": "https://jenkins.example.com/job/shop/*"}, "wildcards"),
    (JENKINS, {"sub": JOB, "n": 1.5}, "`claims.n` must be a string, an integer, true, false or nu"),
    (JENKINS, {"sub": JOB, "n": {"a": 1}}, "`claims.n` must be a string, an integer"),
    (JENKINS, {"sub": JOB, "n": [[1]]}, "`claims.n` must be a string, an integer"),
    (JENKINS, {"sub": JOB, "n": 2**53}, "an integer must be between"),
    (JENKINS, {"sub": JOB, "n": []}, "or a list of 1 to 32"),
    (JENKINS, {"sub": 7}, "must be a string or a list"),
    (JENKINS, {"sub": [JOB, True]}, "must be a string, as in the token"),
    (OTHER, {"sub": "me", "cluster": 0.5}, "must be a string, an integer"),
    (OTHER, {"sub": None}, "must be a string or a list"),
]


class TestRules:
    @pytest.mark.parametrize(("issuer", "claims", "word"), REFUSED)
    def test_claims_that_identify_or_restrict_too_little_are_refused(
        self, issuer: str, claims: dict[str, Any], word: str
    ) -> None:
        with pytest.raises(InvalidRequest) as caught:
            parse_rule({"issuer": issuer, "claims": claims}, ISSUERS)
        assert word in caught.value.detail
        assert caught.value.detail.isprintable()

    @pytest.mark.parametrize("name", RULES)
    def test_the_json_of_a_rule_keeps_its_types(self, name: str) -> None:
        parsed = parse_rule(RULES[name], ISSUERS)
        text = json.dumps(rule_json(parsed))
        assert json.dumps(rule_json(parse_rule(json.loads(text), ISSUERS))) == text

    def test_values_of_different_types_are_kept(self) -> None:
        claims = {"sub": JOB, "x": [1, True, "1", "true", None, 1, True]}
        parsed = parse_rule({"issuer": JENKINS, "claims": claims}, ISSUERS)
        assert json.dumps(parsed.claims["x"]) == '[1, true, "1", "true", null]'

    @pytest.mark.parametrize("value", ["east", 1, -1, 0, True, False, None])
    def test_a_claim_of_another_issuer_equals_only_values_of_its_type(self, value: Any) -> None:
        claims = {"sub": other()["sub"], "cluster": value}
        rule = parse_rule({"issuer": OTHER, "claims": claims}, ISSUERS)
        for each in ["east", "1", 1, -1, 0, 1.0, 0.0, True, False, "True", None, "None", [1], {}]:
            is_same = type(each) is type(value) and each == value
            mismatch = rule.mismatch(verify(signed(other(cluster=each))))
            assert (mismatch is None) is is_same, each

    def test_events_are_not_supported(self) -> None:
        for rule in RULES.values():
            with pytest.raises(InvalidRequest, match="`allow_events` is not supported"):
                parse_rule({**rule, "allow_events": ["pull_request"]}, ISSUERS)


class TestIssuerSettings:
    @pytest.mark.parametrize(
        ("url", "kind"),
        [
            (CIRCLECI, "circleci"),
            ("https://oidc.circleci.com", "circleci"),
            (BUILDKITE, "buildkite"),
            (BITBUCKET, "bitbucket"),
        ],
    )
    def test_the_issuer_of_a_ci_system_has_its_kind(self, url: str, kind: str) -> None:
        assert parse_issuer(url) == parse_issuer({"url": url, "kind": kind}) == Issuer(url, kind)
        with pytest.raises(ValueError, match=f"`kind` must be {kind} or omitted"):
            parse_issuer({"url": url, "kind": "other"})

    def test_an_issuer_of_azure_has_its_audience(self) -> None:
        issuer = parse_issuer({"url": AZURE, "audience": AZURE_AUDIENCE})
        assert issuer == Issuer(AZURE, "azure", audience=AZURE_AUDIENCE)

    @pytest.mark.parametrize(
        "members", [{}, {"audience": AUDIENCE}, {"audience": [AZURE_AUDIENCE]}]
    )
    def test_azure_without_its_audience_is_refused_with_the_risk(self, members: Any) -> None:
        with pytest.raises(ValueError, match="must be api://Azure"):
            parse_issuer({"url": AZURE, **members})

    @pytest.mark.parametrize("url", [CIRCLECI, BUILDKITE, BITBUCKET, GITHUB])
    def test_other_issuers_have_no_audience_of_their_own(self, url: str) -> None:
        with pytest.raises(ValueError, match="`audience` is not a member of an issuer of kind"):
            parse_issuer({"url": url, "audience": AUDIENCE})
