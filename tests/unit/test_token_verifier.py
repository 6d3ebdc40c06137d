"""Identity tokens: one table of tokens, each with its only acceptable outcome."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from monotron.auth.oidc import (
    LEEWAY_SECONDS,
    Identity,
    Issuer,
    looks_like_identity_token,
    parse_issuer,
    parse_rule,
)
from monotron.auth.oidc.bounded_get import FetchFailed
from monotron.auth.oidc.verifier import NOT_ACCEPTED, TokenVerifier
from monotron.errors import Unauthenticated
from support.claims import (
    AUDIENCE,
    GITHUB,
    GITLAB,
    NOW,
    OTHER,
    SELF_MANAGED,
    github,
    github_pull_request,
    gitlab,
    gitlab_fork,
    other,
)
from support.issuer import Signer, base64url, compact, ec_key, jwks, rsa_key

ISSUERS = [
    parse_issuer("github"),
    parse_issuer("gitlab.com"),
    parse_issuer({"url": SELF_MANAGED, "kind": "gitlab"}),
    parse_issuer({"url": OTHER, "kind": "other"}),
]


@cache
def signers() -> Mapping[str, Signer]:
    """One key for each issuer, a second one (ES256) for GitHub, and one of no issuer."""
    return {
        GITHUB: Signer("hub", rsa_key(1)),
        "elliptic": Signer("hub-ec", ec_key(1)),
        GITLAB: Signer("lab", rsa_key(2)),
        SELF_MANAGED: Signer("own", ec_key(2)),
        OTHER: Signer("other", ec_key(3)),
        "stranger": Signer("hub", rsa_key(3)),
    }


def fetch(issuer: Issuer) -> bytes:
    own = signers()
    return jwks(own[issuer.url], own["elliptic"]) if issuer.url == GITHUB else jwks(own[issuer.url])


def signed(claims: Any, **header: Any) -> str:
    """Signed by the issuer that the claims name."""
    return signers()[claims["iss"]].token(claims, **header)


def raw(claims: bytes, by: str = GITHUB, **header: Any) -> str:
    return signers()[by].token(claims, **header)


def by(signer: str, claims: Any, **header: Any) -> str:
    return signers()[signer].token(claims, **header)


def unsigned(claims: Any, alg: str) -> str:
    return compact({"typ": "JWT", "alg": alg, "kid": "hub"}, claims, lambda _: b"")


def by_public_key(claims: Any) -> str:
    """HS256, with the public key as the secret (CVE-2015-9235 and similar)."""
    public = signers()[GITHUB].key.public_key()
    secret = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"typ": "JWT", "alg": "HS256", "kid": "hub"}
    return compact(header, claims, lambda data: hmac.digest(secret, data, "sha256"))


def with_member_twice(claims: dict[str, Any], name: str, value: Any) -> bytes:
    """Python uses the last one, other parsers the first one."""
    return json.dumps(claims).encode()[:-1] + f', "{name}": {json.dumps(value)}}}'.encode()


def tampered(token: str, **changes: Any) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{base64url(json.dumps(github(**changes)).encode())}.{signature}"


# Rules

MAIN = {
    "issuer": "github",
    "claims": {
        "repository_id": "777",
        "repository_owner_id": "42",
        "ref": "refs/heads/main",
        "ref_protected": "true",
    },
}
RELEASE = {
    "issuer": "github",
    "claims": {"repository_id": "777", "environment": ["release"]},
    "accept_unprotected": True,
}
FILE = {
    "issuer": "github",
    "claims": {
        "repository_id": "777",
        "workflow": "acme/shop/.github/workflows/release.yml",
        "ref": ["refs/heads/main", "refs/pull/5/merge"],
    },
}
SHARED_FILE = "acme/ci/.github/workflows/release.yml"
SHARED_HASH = "b" * 40
SHARED = {
    "issuer": "github",
    "claims": {
        "repository_owner_id": "42",
        "job_workflow_ref": [f"{SHARED_FILE}@refs/tags/v1", f"{SHARED_FILE}@{SHARED_HASH}"],
    },
}
QUEUE = {**MAIN, "claims": {"repository_id": "777", "ref_protected": "true"}}
QUEUE_TOO = {**QUEUE, "allow_events": ["merge_group"]}
OWNER = {"issuer": "github", "claims": {"repository_owner_id": "42", "ref_protected": "true"}}
TAG = {"issuer": "github", "claims": {"repository_id": "777", "ref": "refs/tags/v1.2.3"}}
FILE_AND_PULLS = {**FILE, "allow_events": ["pull_request", "workflow_run"]}
LAB = {"issuer": GITLAB, "claims": {"project_id": "20", "ref": "main", "ref_protected": "true"}}
LAB_GROUP = {"issuer": GITLAB, "claims": {"namespace_id": "72", "ref_protected": "true"}}
LAB_RELEASE = {
    "issuer": GITLAB,
    "claims": {"project_id": "20", "environment": "release"},
    "accept_unprotected": True,
}
LAB_PROTECTED_RELEASE = {
    "issuer": GITLAB,
    "claims": {"project_id": "20", "environment": "release", "environment_protected": "true"},
}
LAB_FILE = {
    "issuer": GITLAB,
    "claims": {
        "project_id": "20",
        "workflow": "gitlab.com/acme/shop//.gitlab-ci.yml",
        "ref_protected": "true",
    },
}
LAB_MERGE = {**LAB_FILE, "allow_events": ["merge_request_event"]}
FORK_OF_ITS_OWN = {
    "issuer": GITLAB,
    "claims": {"project_id": "666", "ref": "main", "ref_protected": "true"},
    "allow_events": ["merge_request_event"],
}
OWN_LAB = {"issuer": SELF_MANAGED, "claims": {"project_id": "20", "ref_protected": "true"}}
SUBJECT = {"issuer": OTHER, "claims": {"sub": "system:serviceaccount:ci:release"}}

# Outcomes

ACCEPTED = "accepted"
REJECTED = "rejected before its signature is verified"
INVALID = "invalid claims"
NO_MATCH = "no match"


class Vector(NamedTuple):
    title: str
    token: Callable[[], str]
    outcome: str
    word: str = ""
    """Expected in the error, or in the name of the identity."""

    rule: dict[str, Any] = MAIN


def hub(title: str, outcome: str, word: str = "", rule: Any = MAIN, **changes: Any) -> Vector:
    return Vector(f"github: {title}", lambda: signed(github(**changes)), outcome, word, rule)


def pull(title: str, outcome: str, word: str = "", rule: Any = MAIN, **changes: Any) -> Vector:
    claims = github_pull_request(**changes)
    return Vector(f"github: {title}", lambda: signed(claims), outcome, word, rule)


def lab(title: str, outcome: str, word: str = "", rule: Any = LAB, **changes: Any) -> Vector:
    return Vector(f"gitlab: {title}", lambda: signed(gitlab(**changes)), outcome, word, rule)


def fork(title: str, outcome: str, word: str = "", rule: Any = LAB, **changes: Any) -> Vector:
    return Vector(f"gitlab: {title}", lambda: signed(gitlab_fork(**changes)), outcome, word, rule)


def odd(title: str, token: Callable[[], str], outcome: str = REJECTED, word: str = "") -> Vector:
    return Vector(title, token, outcome, word)


OTHER_REF = "acme/shop/.github/workflows/release.yml@refs/heads/evil"
SHA = github()["sha"]

VECTORS = [
    # Accepted jobs
    hub("push to main", ACCEPTED, "github:acme/shop:9876543210"),
    hub("a sub that contains ids", ACCEPTED, sub="repo:acme@42/shop@777:ref:refs/heads/main"),
    hub(
        "a sub that an administrator customized", ACCEPTED, sub="job_workflow_ref:whatever:you:like"
    ),
    hub("no sub", ACCEPTED, sub=...),
    hub("an unknown claim", ACCEPTED, tomorrow={"a": [1]}),
    hub("schedule", ACCEPTED, event_name="schedule"),
    hub("workflow_dispatch", ACCEPTED, event_name="workflow_dispatch"),
    hub(
        "push of a tag",
        ACCEPTED,
        rule=TAG,
        ref="refs/tags/v1.2.3",
        ref_type="tag",
        ref_protected="false",
        sub="repo:acme/shop:ref:refs/tags/v1.2.3",
    ),
    hub("an environment", ACCEPTED, rule=RELEASE, environment="release"),
    hub("an environment in another case", ACCEPTED, rule=RELEASE, environment="Release"),
    hub("the workflow's file at the branch", ACCEPTED, rule=FILE),
    hub(
        "the workflow's file at the commit",
        ACCEPTED,
        rule=FILE,
        job_workflow_ref=f"acme/shop/.github/workflows/release.yml@{SHA}",
    ),
    hub("another repository of the same owner", ACCEPTED, rule=OWNER, repository_id="778"),
    *(
        hub(
            f"a shared workflow at {ref[:10]}",
            ACCEPTED,
            rule=SHARED,
            job_workflow_ref=f"{SHARED_FILE}@{ref}",
            repository_id="778",
        )
        for ref in ("refs/tags/v1", SHARED_HASH)
    ),
    hub("a merge queue that the rule allows", ACCEPTED, rule=QUEUE_TOO, event_name="merge_group"),
    pull("a pull request that the rule allows", ACCEPTED, rule=FILE_AND_PULLS),
    hub("a token of more than 15,000 characters", ACCEPTED, padding="x" * 10_500),
    Vector("github: ES256", lambda: by("elliptic", github()), ACCEPTED),
    Vector("github: no typ", lambda: signed(github(), typ=None), ACCEPTED),
    lab("push to main", ACCEPTED, "gitlab:acme/shop:574"),
    lab("before 18.3, without job_* claims", ACCEPTED, job_project_id=..., job_namespace_id=...),
    lab("a schedule", ACCEPTED, pipeline_source="schedule"),
    lab(
        "any protected branch of the group", ACCEPTED, rule=LAB_GROUP, ref="stable", project_id="9"
    ),
    lab("an environment", ACCEPTED, rule=LAB_RELEASE, environment="release"),
    lab(
        "a protected environment",
        ACCEPTED,
        rule=LAB_PROTECTED_RELEASE,
        environment="release",
        environment_protected="true",
    ),
    lab("the pipeline's file at the branch", ACCEPTED, rule=LAB_FILE),
    lab(
        "the pipeline's file at the commit",
        ACCEPTED,
        rule=LAB_FILE,
        ci_config_ref_uri=f"gitlab.com/acme/shop//.gitlab-ci.yml@{gitlab()['sha']}",
    ),
    lab(
        "a merge request that the rule allows",
        ACCEPTED,
        rule=LAB_MERGE,
        pipeline_source="merge_request_event",
    ),
    lab("an hour after it was issued, which jobs may take", ACCEPTED, iat=NOW - 3600, exp=NOW + 1),
    Vector(
        "self-managed",
        lambda: signed(gitlab(iss=SELF_MANAGED)),
        ACCEPTED,
        "gitlab@git.example.org:acme/shop:574",
        OWN_LAB,
    ),
    Vector(
        "other",
        lambda: signed(other()),
        ACCEPTED,
        "oidc@ci.example.net/:system:serviceaccount:ci:release",
        SUBJECT,
    ),
    # Names can be registered again (Sub:jugation), ids cannot
    hub(
        "the same names, another repository",
        NO_MATCH,
        "`repository_id` '999'",
        repository_id="999",
    ),
    hub("the same names, another owner", NO_MATCH, "repository_owner_id", repository_owner_id="43"),
    hub(
        "renamed, the same ids",
        ACCEPTED,
        "github:evil-corp/store",
        repository="evil-corp/store",
        repository_owner="evil-corp",
    ),
    lab(
        "the same names, another project",
        NO_MATCH,
        "project_id",
        project_id="21",
        job_project_id="21",
    ),
    lab(
        "the same names, another group", NO_MATCH, "namespace_id", rule=LAB_GROUP, namespace_id="73"
    ),
    lab("renamed, the same ids", ACCEPTED, project_path="b/c", namespace_path="b"),
    hub("an id that is a number", NO_MATCH, "`repository_id` 777", repository_id=777),
    hub("no id", NO_MATCH, "no `repository_id`", repository_id=...),
    # Events that strangers can cause
    pull("a pull request", NO_MATCH, "'pull_request'", rule=FILE),
    pull(
        "a pull request from a fork, allowed by a setting of the owner",
        NO_MATCH,
        "'pull_request'",
        rule=FILE,
        actor="mallory",
        actor_id="66",
    ),
    hub(
        "pull_request_target",
        NO_MATCH,
        "pull_request_target",
        event_name="pull_request_target",
        base_ref="main",
        head_ref="evil",
    ),
    hub(
        "pull_request_target with other events allowed",
        NO_MATCH,
        "no trust policy can allow",
        rule=FILE_AND_PULLS,
        event_name="pull_request_target",
    ),
    hub("workflow_run", NO_MATCH, "'workflow_run'", event_name="workflow_run"),
    hub("issue_comment", NO_MATCH, "'issue_comment'", event_name="issue_comment"),
    hub("an unknown event", NO_MATCH, "'telepathy'", event_name="telepathy"),
    hub("no event", NO_MATCH, "event_name", event_name=...),
    lab(
        "a merge request", NO_MATCH, "'merge_request_event'", pipeline_source="merge_request_event"
    ),
    lab(
        "an external pull request",
        NO_MATCH,
        "'external_pull_request_event'",
        pipeline_source="external_pull_request_event",
    ),
    lab(
        "a child pipeline",
        NO_MATCH,
        "'parent_pipeline'",
        pipeline_source="parent_pipeline",
    ),
    lab("no source", NO_MATCH, "pipeline_source", pipeline_source=...),
    fork("a merge request from a fork", NO_MATCH, "`project_id` '666'"),
    fork("an allowed merge request from a fork", NO_MATCH, "`project_id` '666'", rule=LAB_MERGE),
    fork(
        "a merge request from a fork before 18.2.2",
        NO_MATCH,
        "'merge_request_event'",
        project_id="20",
        namespace_id="72",
        job_project_id=...,
    ),
    fork(
        "a merge request of the fork that runs in the parent project",
        NO_MATCH,
        "`job_project_id` '20'",
        rule=FORK_OF_ITS_OWN,
    ),
    fork(
        "a fork in the same group, but a job of another group",
        NO_MATCH,
        "job_namespace_id",
        rule=LAB_GROUP,
        namespace_id="72",
        job_namespace_id="99",
    ),
    # Another location in the same repository
    hub("another branch", NO_MATCH, "refs/heads/evil", ref="refs/heads/evil"),
    hub("a tag with the name of the branch", NO_MATCH, "refs/tags/main", ref="refs/tags/main"),
    hub(
        "an unprotected branch",
        NO_MATCH,
        "`ref_protected` is 'false'",
        ref_protected="false",
    ),
    hub("ref_protected as a boolean", NO_MATCH, "`ref_protected` is True", ref_protected=True),
    *(
        hub(
            f"a shared workflow at {ref[:15]}",
            NO_MATCH,
            "`job_workflow_ref`",
            rule=SHARED,
            job_workflow_ref=f"{SHARED_FILE}@{ref}",
        )
        for ref in ("refs/heads/main", "refs/tags/v2", "c" * 40)
    ),
    hub("a merge queue", NO_MATCH, "'merge_group'", rule=QUEUE, event_name="merge_group"),
    lab(
        "an unprotected environment",
        NO_MATCH,
        "`environment_protected` is 'false'",
        rule=LAB_PROTECTED_RELEASE,
        environment="release",
        environment_protected="false",
    ),
    hub("no environment", NO_MATCH, "no `environment`", rule=RELEASE),
    hub("another environment", NO_MATCH, "'staging'", rule=RELEASE, environment="staging"),
    hub(
        "another file",
        NO_MATCH,
        "job_workflow_ref",
        rule=FILE,
        job_workflow_ref="acme/shop/.github/workflows/x.yml@refs/heads/main",
    ),
    hub(
        "the file of another branch",
        NO_MATCH,
        "job_workflow_ref",
        rule=FILE,
        job_workflow_ref=OTHER_REF,
    ),
    hub(
        "a file whose name contains the expected file and an @",
        NO_MATCH,
        "job_workflow_ref",
        rule=FILE,
        job_workflow_ref="acme/shop/.github/workflows/release.yml@refs/heads/x.yml@refs/heads/main",
    ),
    hub("no file", NO_MATCH, "job_workflow_ref", rule=FILE, job_workflow_ref=...),
    hub(
        "a file without a ref",
        NO_MATCH,
        "job_workflow_ref",
        rule=FILE,
        job_workflow_ref="acme/shop/.github/workflows/release.yml@",
        ref="",
        sha="",
    ),
    lab(
        "a tag with the name of the branch",
        NO_MATCH,
        "`ref_type` is 'tag'",
        ref_type="tag",
        ref_path="refs/tags/main",
    ),
    lab(
        "an unprotected branch",
        NO_MATCH,
        "`ref_protected` is 'false'",
        ref_protected="false",
    ),
    lab("an empty ref_protected", NO_MATCH, "`ref_protected` is ''", ref_protected=""),
    lab(
        "an environment in another case",
        NO_MATCH,
        "'Release'",
        rule=LAB_RELEASE,
        environment="Release",
    ),
    lab(
        "no pipeline file",
        NO_MATCH,
        "ci_config_ref_uri",
        rule=LAB_FILE,
        ci_config_ref_uri=None,
    ),
    # An issuer that differs from the one of the rule (T10)
    Vector(
        "a self-managed GitLab with the claims of gitlab.com",
        lambda: signed(gitlab(iss=SELF_MANAGED)),
        NO_MATCH,
        SELF_MANAGED,
        LAB,
    ),
    Vector(
        "another issuer with the claims of GitHub",
        lambda: signed(github(iss=OTHER)),
        NO_MATCH,
        OTHER,
        MAIN,
    ),
    Vector("another issuer that signs for GitHub", lambda: by(OTHER, github()), REJECTED),
    Vector(
        "another issuer that signs for GitHub with GitHub's kid",
        lambda: by(OTHER, github(), kid="hub"),
        REJECTED,
    ),
    Vector("GitHub signs for GitLab with its own kid", lambda: by(GITHUB, gitlab()), REJECTED),
    Vector(
        "an issuer that is not configured",
        lambda: by(GITHUB, github(iss="https://evil.example")),
        REJECTED,
    ),
    Vector("iss with an additional slash", lambda: by(GITHUB, github(iss=GITHUB + "/")), REJECTED),
    Vector("iss without its slash", lambda: by(OTHER, other(iss=OTHER[:-1])), REJECTED),
    Vector("iss in capitals", lambda: by(GITHUB, github(iss=GITHUB.upper())), REJECTED),
    Vector("iss with a suffix", lambda: by(GITHUB, github(iss=GITHUB + ".evil.example")), REJECTED),
    Vector("iss is a list", lambda: by(GITHUB, github(iss=[GITHUB])), REJECTED),
    Vector("no iss", lambda: by(GITHUB, github(iss=...)), REJECTED),
    # Signatures
    odd("alg none", lambda: unsigned(github(), "none")),
    odd("alg None", lambda: unsigned(github(), "None")),
    odd("alg RS256 without a signature", lambda: unsigned(github(), "RS256")),
    odd("HS256 with the public key", lambda: by_public_key(github())),
    odd("a stranger's key with GitHub's kid", lambda: by("stranger", github())),
    odd("RS256 declared as RS512", lambda: signed(github(), alg="RS512")),
    odd("RS256 declared as PS256", lambda: signed(github(), alg="PS256")),
    odd("RS256 declared as ES256", lambda: signed(github(), alg="ES256")),
    odd("ES256 declared as RS256", lambda: by("elliptic", github(), alg="RS256")),
    odd("ES256 with the kid of the RSA key", lambda: by("elliptic", github(), kid="hub")),
    odd("alg is a list", lambda: signed(github(), alg=["RS256"])),
    odd("no alg", lambda: signed(github(), alg=None)),
    odd("no kid", lambda: signed(github(), kid=None)),
    odd("a kid that is a number", lambda: signed(github(), kid=1)),
    odd("an unknown kid", lambda: signed(github(), kid="../../etc/passwd")),
    odd("crit", lambda: signed(github(), crit=["exp"])),
    odd("an empty crit", lambda: signed(github(), crit=[])),
    odd("b64", lambda: signed(github(), b64=True)),
    odd(
        "an embedded key",
        lambda: by("stranger", github(), jwk=signers()["stranger"].jwk()),
    ),
    odd(
        "a link to a key",
        lambda: by(
            "stranger", github(), jku="https://evil.example/jwks", x5u="https://evil.example/x"
        ),
    ),
    odd(
        "GitHub's key with a link to another one",
        lambda: signed(github(), jku="https://evil.example/jwks"),
        ACCEPTED,
    ),
    odd("modified claims", lambda: tampered(signed(github()), repository_id="778")),
    odd("a signature with stray bits", lambda: stray_bits(signed(github()))),
    # Parsing
    odd("an empty token", lambda: ""),
    odd("a word", lambda: "mtk_k_AbCdEfGh"),
    odd("two segments", lambda: signed(github()).rpartition(".")[0]),
    odd("four segments", lambda: signed(github()) + ".AAAA"),
    odd("padding", lambda: signed(github()) + "="),
    odd("a newline at the end", lambda: signed(github()) + "\n"),
    odd("a character outside base64url", lambda: signed(github()).replace(".", ".+", 1)),
    odd("digits of another script", lambda: signed(github())[:-1] + "٣"),
    odd("over 16 KiB", lambda: signed(github(padding="x" * 16384))),
    odd(
        "iss twice",
        lambda: raw(with_member_twice(github(iss="https://evil.example"), "iss", GITHUB)),
    ),
    odd("a claim twice", lambda: raw(with_member_twice(github(), "repository_id", "777"))),
    odd(
        "a nested member twice",
        lambda: raw(json.dumps(github(x="?")).replace('"?"', '{"a": 1, "a": 2}').encode()),
    ),
    odd("NaN", lambda: raw(json.dumps(github(exp=float("nan"))).encode())),
    odd("claims in a list", lambda: raw(json.dumps([github()]).encode())),
    odd("claims in UTF-16", lambda: raw(json.dumps(github()).encode("utf-16"))),
    odd("claims in invalid UTF-8", lambda: raw(b'{"iss": "\xff"}')),
    odd("deeply nested claims", lambda: raw(b'{"a": ' + b"[" * 3000 + b"]" * 3000 + b"}")),
    odd("a number of 5,000 digits", lambda: raw(b'{"exp": ' + b"9" * 5000 + b"}")),
    # Audience
    hub(
        "GitHub's own audience",
        INVALID,
        "audience 'https://github.com/acme'",
        aud="https://github.com/acme",
    ),
    hub("our audience in a list", INVALID, "audience", aud=[AUDIENCE]),
    hub("our audience among others", INVALID, "audience", aud=[AUDIENCE, "https://evil.example"]),
    hub("our audience with a slash", INVALID, "audience", aud=AUDIENCE + "/"),
    hub("the issuer as audience", INVALID, "audience", aud=GITHUB),
    hub("an empty audience", INVALID, "audience ''", aud=""),
    hub("no audience", INVALID, "no `aud`", aud=...),
    hub("our audience and an account", ACCEPTED, aud=f"{AUDIENCE}/accounts/3"),
    *(
        hub(f"our audience and the account {id!r}", INVALID, "accounts/ID", aud=audience)
        for id in ("", "0", "01", "+1", "-1", "x", "1.0", "1 ", "1/", "1#", "١", "1" + 18 * "0")
        for audience in [f"{AUDIENCE}/accounts/{id}"]
    ),
    hub("an account of another server", INVALID, "accounts/ID", aud="https://a.b/accounts/3"),
    hub("an account in a list", INVALID, "audience", aud=[f"{AUDIENCE}/accounts/3"]),
    hub("an account after a slash", INVALID, "audience", aud=f"{AUDIENCE}//accounts/3"),
    hub("an account in capitals", INVALID, "audience", aud=f"{AUDIENCE}/ACCOUNTS/3"),
    # Times
    hub("expired, within the leeway", ACCEPTED, iat=NOW - 300, exp=NOW - LEEWAY_SECONDS + 1),
    hub("expired", INVALID, "expired", exp=NOW - LEEWAY_SECONDS, iat=NOW - 300),
    hub("expired for long", INVALID, "expired 10 minutes ago", exp=NOW - 600, iat=NOW - 900),
    hub("issued ahead, within the leeway", ACCEPTED, iat=NOW + LEEWAY_SECONDS),
    hub("issued ahead", INVALID, "`iat` is 31 s in the future", iat=NOW + LEEWAY_SECONDS + 1),
    hub("not before, within the leeway", ACCEPTED, nbf=NOW + LEEWAY_SECONDS),
    hub("not before", INVALID, "`nbf` is 31 s in the future", nbf=NOW + LEEWAY_SECONDS + 1),
    hub("15 min old", ACCEPTED, iat=NOW - 900),
    hub(
        "more than 15 min old and not expired",
        INVALID,
        "too old",
        iat=NOW - 900 - LEEWAY_SECONDS - 1,
        exp=NOW + 290,
    ),
    lab("a lifetime of 24 h", ACCEPTED, iat=NOW, exp=NOW + 86400),
    lab("a lifetime of more than 24 h", INVALID, "24 h", iat=NOW, exp=NOW + 86401),
    hub("a lifetime of 30 years", INVALID, "24 h", exp=NOW + 30 * 365 * 86400),
    hub("a lifetime of 0 s", INVALID, "after its `iat`", exp=NOW, iat=NOW),
    hub("exp as a string", INVALID, "`exp` must be an integer", exp="9999999999"),
    hub("exp as a fraction", INVALID, "`exp` must be an integer", exp=NOW + 290.5),
    hub("exp as an infinity", INVALID, "`exp` must be an integer", exp=...)._replace(
        token=lambda: raw(json.dumps(github(exp=0)).replace('"exp": 0', '"exp": 1e999').encode())
    ),
    hub("iat as a boolean", INVALID, "`iat` must be an integer", iat=True),
    hub("nbf as null", INVALID, "no `nbf`", nbf=None),
    hub(
        "times of 400 digits",
        INVALID,
        "more than 30 years in the future",
        iat=10**400,
        exp=10**400 + 9,
    ),
    hub("no exp", INVALID, "no `exp`", exp=...),
    hub("no iat", INVALID, "no `iat`", iat=...),
    hub("no nbf", INVALID, "no `nbf`", nbf=...),
    # The unique id of a token
    hub("no jti", INVALID, "no `jti`", jti=...),
    hub("an empty jti", INVALID, "`jti` is invalid", jti=""),
    hub("a jti that is a number", INVALID, "`jti` is invalid", jti=7),
    hub("a jti of 257 characters", INVALID, "`jti` is invalid", jti="j" * 257),
    hub("a jti with a newline", INVALID, "`jti` is invalid", jti="a\nb"),
]


def stray_bits(token: str) -> str:
    """Other text for the same bytes: the last character encodes 2 bits and has 4 unused ones."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


def verify(token: str, **changes: Any) -> Identity:
    options: dict[str, Any] = {"clock": lambda: float(NOW), "fetch": fetch, **changes}
    return asyncio.run(TokenVerifier(ISSUERS, AUDIENCE, **options).verify(token))


@pytest.mark.parametrize("vector", [pytest.param(each, id=each.title) for each in VECTORS])
def test_each_token_has_one_outcome(vector: Vector) -> None:
    token = vector.token()
    if vector.outcome in (REJECTED, INVALID):
        with pytest.raises(Unauthenticated) as caught:
            verify(token)
        detail = caught.value.detail
        if vector.outcome == REJECTED:
            assert detail == NOT_ACCEPTED
        else:
            assert vector.word in detail
            assert detail != NOT_ACCEPTED
        assert not token or token not in detail
        return
    identity = verify(token)
    mismatch = parse_rule(vector.rule, ISSUERS).mismatch(identity)
    if vector.outcome == ACCEPTED:
        assert mismatch is None
        assert vector.word in identity.name
    else:
        assert mismatch is not None
        assert vector.word in mismatch.reason


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (
            {"iss": "https://issuer.example.com"},
            "identity token: untrusted issuer 'https://issuer.example.com'",
        ),
        (
            {"jti": "a b", "actor": "alice"},
            "github:acme/shop:9876543210: The identity token's `jti` is invalid",
        ),
    ],
)
def test_the_reason_for_a_rejected_token_names_issuer_and_project_only(
    changed: Mapping[str, str], reason: str
) -> None:
    token = signers()[GITHUB].token({**github(), **changed})
    with pytest.raises(Unauthenticated) as rejection:
        verify(token)
    assert rejection.value.reason == reason


def test_the_table_has_at_least_60_different_tokens() -> None:
    assert len({vector.title for vector in VECTORS}) == len(VECTORS) >= 60


class TestIdentity:
    def test_an_identity_has_issuer_and_expiry_but_not_the_token(self) -> None:
        token = signed(github())
        identity = verify(token)
        assert identity.issuer == GITHUB
        assert identity.token_id == github()["jti"]
        assert identity.expires_at == NOW + 290
        assert dict(identity.claims) == github()
        for part in token.split("."):
            assert part not in repr(vars(identity))
        assert "acme" in repr(identity)
        assert "octocat" not in repr(identity)

    def test_an_identity_has_the_account_of_its_audience(self) -> None:
        assert verify(signed(github())).account is None
        assert verify(signed(github(aud=f"{AUDIENCE}/accounts/3"))).account == 3

    def test_an_identity_has_the_ids_that_are_strings(self) -> None:
        ids = {"repository_id": "777", "repository_owner_id": "42"}
        assert verify(signed(github())).ids == ids
        assert verify(signed(github(repository_id=777, repository_owner_id=...))).ids == {}
        assert verify(signed(gitlab())).ids == {"project_id": "20", "namespace_id": "72"}

    def test_the_claims_of_an_identity_are_read_only(self) -> None:
        identity = verify(signed(github()))
        with pytest.raises(TypeError):
            identity.claims["repository_id"] = "1"  # type: ignore[index]

    def test_a_github_token_expires_15_min_after_it_was_issued(self) -> None:
        assert verify(signed(github(exp=NOW + 3600))).expires_at == NOW - 10 + 900
        assert verify(signed(gitlab())).expires_at == NOW + 3590

    @pytest.mark.parametrize(
        "hostile", ["a\nb", "\x1b[31m", "\u202e", "é", "\ud800", "a b", '"', "x" * 300, "", 7, None]
    )
    def test_the_name_of_an_identity_is_short_and_keeps_the_run(self, hostile: Any) -> None:
        name = verify(signed(github(repository=hostile))).name
        assert len(name) <= 120
        assert name.isascii()
        assert not set(name) - set(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@+-"
        )
        assert name.startswith("github:")
        assert name.endswith(":9876543210")

    def test_no_other_issuer_can_create_a_name_like_githubs(self) -> None:
        assert "@" in verify(signed(other(sub="github:acme/shop:1"))).name.partition(":")[0]
        assert "@" in verify(signed(gitlab(iss=SELF_MANAGED))).name.partition(":")[0]


class TestErrors:
    def test_a_hostile_audience_is_shortened_and_escaped_in_the_error(self) -> None:
        with pytest.raises(Unauthenticated) as caught:
            verify(signed(github(aud="\x1b[2J\r\n\u202e" + "a" * 3000)))
        assert caught.value.detail.isprintable()
        assert len(caught.value.detail) < 500

    def test_an_unreachable_issuer_has_the_error_of_an_invalid_signature(self) -> None:
        def fail(_: Issuer) -> bytes:
            raise FetchFailed("it cannot be reached")

        with pytest.raises(Unauthenticated) as caught:
            verify(signed(github()), fetch=fail)
        assert caught.value.detail == NOT_ACCEPTED


class TestConfiguration:
    @pytest.mark.parametrize("audience", ["", " ", None])
    def test_an_audience_is_required(self, audience: Any) -> None:
        with pytest.raises(ValueError, match="`issuers` requires `audience`"):
            TokenVerifier(ISSUERS, audience)

    def test_an_issuer_can_be_configured_only_once(self) -> None:
        with pytest.raises(ValueError, match="twice"):
            TokenVerifier([*ISSUERS, parse_issuer("github")], AUDIENCE)


class TestLooksLikeIdentityToken:
    def test_an_identity_token_is_recognized(self) -> None:
        assert looks_like_identity_token(signed(github()))
        assert looks_like_identity_token(unsigned(github(), "none"))

    @pytest.mark.parametrize(
        "text", ["", "mtk_k_AbCdEfGh_x", "eyJ", "a.b.c", "eyJ.e30", "eyJ.e30.a.b", "eyJ.e30.a\n"]
    )
    def test_another_text_is_not_recognized_as_an_identity_token(self, text: str) -> None:
        assert not looks_like_identity_token(text)
        assert not looks_like_identity_token("eyJ" + "a" * 16384 + ".a.a")
