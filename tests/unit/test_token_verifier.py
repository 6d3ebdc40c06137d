"""Identity tokens: one table of tokens, each with the one thing that must become of it."""

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
    LEEWAY,
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
    """One key of each issuer, GitHub's also as ES256, and one of nobody's."""
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
    """As the issuer that the claims name would."""
    return signers()[claims["iss"]].token(claims, **header)


def raw(claims: bytes, by: str = GITHUB, **header: Any) -> str:
    return signers()[by].token(claims, **header)


def by(signer: str, claims: Any, **header: Any) -> str:
    return signers()[signer].token(claims, **header)


def unsigned(claims: Any, alg: str) -> str:
    return compact({"typ": "JWT", "alg": alg, "kid": "hub"}, claims, lambda _: b"")


def by_public_key(claims: Any) -> str:
    """HS256, with the public key as the secret (CVE-2015-9235 and its kin)."""
    public = signers()[GITHUB].key.public_key()
    secret = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"typ": "JWT", "alg": "HS256", "kid": "hub"}
    return compact(header, claims, lambda data: hmac.digest(secret, data, "sha256"))


def with_member_twice(claims: dict[str, Any], name: str, value: Any) -> bytes:
    """Python keeps the last one, others the first."""
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
RELEASE = {"issuer": "github", "claims": {"repository_id": "777", "environment": ["release"]}}
FILE = {
    "issuer": "github",
    "claims": {"repository_id": "777", "workflow": "acme/shop/.github/workflows/release.yml"},
}
OWNER = {"issuer": "github", "claims": {"repository_owner_id": "42", "ref_protected": "true"}}
TAG = {"issuer": "github", "claims": {"repository_id": "777", "ref": "refs/tags/v1.2.3"}}
FILE_AND_PULLS = {**FILE, "allow_events": ["pull_request", "workflow_run"]}
LAB = {"issuer": GITLAB, "claims": {"project_id": "20", "ref": "main", "ref_protected": "true"}}
LAB_GROUP = {"issuer": GITLAB, "claims": {"namespace_id": "72", "ref_protected": "true"}}
LAB_RELEASE = {"issuer": GITLAB, "claims": {"project_id": "20", "environment": "release"}}
LAB_FILE = {
    "issuer": GITLAB,
    "claims": {"project_id": "20", "workflow": "gitlab.com/acme/shop//.gitlab-ci.yml"},
}
LAB_MERGE = {**LAB_FILE, "allow_events": ["merge_request_event"]}
FORK_OF_ITS_OWN = {
    "issuer": GITLAB,
    "claims": {"project_id": "666", "ref": "main"},
    "allow_events": ["merge_request_event"],
}
OWN_LAB = {"issuer": SELF_MANAGED, "claims": {"project_id": "20", "ref_protected": "true"}}
SUBJECT = {"issuer": OTHER, "claims": {"sub": "system:serviceaccount:ci:release"}}

# Outcomes

TAKEN = "taken"
NOBODY = "nobody vouches"
WRONG = "wrong claims"
NO_MATCH = "no match"


class Vector(NamedTuple):
    what: str
    token: Callable[[], str]
    outcome: str
    word: str = ""
    """In the detail, or in the name of the identity."""

    rule: dict[str, Any] = MAIN


def hub(what: str, outcome: str, word: str = "", rule: Any = MAIN, **changes: Any) -> Vector:
    return Vector(f"github: {what}", lambda: signed(github(**changes)), outcome, word, rule)


def pull(what: str, outcome: str, word: str = "", rule: Any = MAIN, **changes: Any) -> Vector:
    claims = github_pull_request(**changes)
    return Vector(f"github: {what}", lambda: signed(claims), outcome, word, rule)


def lab(what: str, outcome: str, word: str = "", rule: Any = LAB, **changes: Any) -> Vector:
    return Vector(f"gitlab: {what}", lambda: signed(gitlab(**changes)), outcome, word, rule)


def fork(what: str, outcome: str, word: str = "", rule: Any = LAB, **changes: Any) -> Vector:
    return Vector(f"gitlab: {what}", lambda: signed(gitlab_fork(**changes)), outcome, word, rule)


def odd(what: str, token: Callable[[], str], outcome: str = NOBODY, word: str = "") -> Vector:
    return Vector(what, token, outcome, word)


ELSEWHERE_REF = "acme/shop/.github/workflows/release.yml@refs/heads/evil"
SHA = github()["sha"]

VECTORS = [
    # Who is let in
    hub("push to main", TAKEN, "github:acme/shop:9876543210"),
    hub("the form of sub with ids", TAKEN, sub="repo:acme@42/shop@777:ref:refs/heads/main"),
    hub("a sub that an administrator made", TAKEN, sub="job_workflow_ref:whatever:you:like"),
    hub("no sub at all", TAKEN, sub=...),
    hub("a claim that nobody knows yet", TAKEN, tomorrow={"a": [1]}),
    hub("schedule", TAKEN, event_name="schedule"),
    hub("workflow_dispatch", TAKEN, event_name="workflow_dispatch"),
    hub(
        "push of a tag",
        TAKEN,
        rule=TAG,
        ref="refs/tags/v1.2.3",
        ref_type="tag",
        ref_protected="false",
        sub="repo:acme/shop:ref:refs/tags/v1.2.3",
    ),
    hub("an environment", TAKEN, rule=RELEASE, environment="release"),
    hub("an environment in other case", TAKEN, rule=RELEASE, environment="Release"),
    hub("the workflow's file at the branch", TAKEN, rule=FILE),
    hub(
        "the workflow's file at the commit",
        TAKEN,
        rule=FILE,
        job_workflow_ref=f"acme/shop/.github/workflows/release.yml@{SHA}",
    ),
    hub("another repository of the owner", TAKEN, rule=OWNER, repository_id="778"),
    pull("a pull request that the rule allows", TAKEN, rule=FILE_AND_PULLS),
    Vector("github: ES256", lambda: by("elliptic", github()), TAKEN),
    Vector("github: no typ", lambda: signed(github(), typ=None), TAKEN),
    lab("push to main", TAKEN, "gitlab:acme/shop:574"),
    lab("before 18.3, without job_*", TAKEN, job_project_id=..., job_namespace_id=...),
    lab("a schedule", TAKEN, pipeline_source="schedule"),
    lab("any protected branch of the group", TAKEN, rule=LAB_GROUP, ref="stable", project_id="9"),
    lab("an environment", TAKEN, rule=LAB_RELEASE, environment="release"),
    lab("the pipeline's file at the branch", TAKEN, rule=LAB_FILE),
    lab(
        "the pipeline's file at the commit",
        TAKEN,
        rule=LAB_FILE,
        ci_config_ref_uri=f"gitlab.com/acme/shop//.gitlab-ci.yml@{gitlab()['sha']}",
    ),
    lab(
        "a merge request that the rule allows",
        TAKEN,
        rule=LAB_MERGE,
        pipeline_source="merge_request_event",
    ),
    lab("an hour after it was given, as jobs take", TAKEN, iat=NOW - 3600, exp=NOW + 1),
    Vector(
        "self-managed",
        lambda: signed(gitlab(iss=SELF_MANAGED)),
        TAKEN,
        "gitlab@git.example.org:acme/shop:574",
        OWN_LAB,
    ),
    Vector(
        "other",
        lambda: signed(other()),
        TAKEN,
        "oidc@ci.example.net/:system:serviceaccount:ci:release",
        SUBJECT,
    ),
    # Names: they are recycled (Sub:jugation), ids are not
    hub(
        "the same names, another repository",
        NO_MATCH,
        "repository_id is '999'",
        repository_id="999",
    ),
    hub("the same names, another owner", NO_MATCH, "repository_owner_id", repository_owner_id="43"),
    hub(
        "renamed, the same ids",
        TAKEN,
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
    lab("renamed, the same ids", TAKEN, project_path="b/c", namespace_path="b"),
    hub("an id that is a number", NO_MATCH, "repository_id is 777", repository_id=777),
    hub("no id", NO_MATCH, "no repository_id", repository_id=...),
    # Events that strangers cause
    pull("a pull request", NO_MATCH, "'pull_request'", rule=FILE),
    pull(
        "a pull request, from a fork, by a setting of the owner",
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
        "pull_request_target, whatever is allowed",
        NO_MATCH,
        "no rule allows it",
        rule=FILE_AND_PULLS,
        event_name="pull_request_target",
    ),
    hub("workflow_run", NO_MATCH, "'workflow_run'", event_name="workflow_run"),
    hub("issue_comment", NO_MATCH, "'issue_comment'", event_name="issue_comment"),
    hub("an event of tomorrow", NO_MATCH, "'telepathy'", event_name="telepathy"),
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
        "the child of some pipeline",
        NO_MATCH,
        "'parent_pipeline'",
        pipeline_source="parent_pipeline",
    ),
    lab("no source", NO_MATCH, "pipeline_source", pipeline_source=...),
    fork("a merge request from a fork", NO_MATCH, "project_id is '666'"),
    fork("the same, allowed", NO_MATCH, "project_id is '666'", rule=LAB_MERGE),
    fork(
        "the same before 18.2.2",
        NO_MATCH,
        "'merge_request_event'",
        project_id="20",
        namespace_id="72",
        job_project_id=...,
    ),
    fork(
        "its rule, but run in the parent project",
        NO_MATCH,
        "job_project_id is '20'",
        rule=FORK_OF_ITS_OWN,
    ),
    fork(
        "its group's id, but another project's job",
        NO_MATCH,
        "job_namespace_id",
        rule=LAB_GROUP,
        namespace_id="72",
        job_namespace_id="99",
    ),
    # Another part of the right repository
    hub("another branch", NO_MATCH, "refs/heads/evil", ref="refs/heads/evil"),
    hub("a tag called like the branch", NO_MATCH, "refs/tags/main", ref="refs/tags/main"),
    hub(
        "a branch that is not protected",
        NO_MATCH,
        "ref_protected is 'false'",
        ref_protected="false",
    ),
    hub("protected by a boolean", NO_MATCH, "ref_protected is True", ref_protected=True),
    hub("no environment", NO_MATCH, "no environment", rule=RELEASE),
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
        job_workflow_ref=ELSEWHERE_REF,
    ),
    hub(
        "a file called like the file and an @",
        NO_MATCH,
        "job_workflow_ref",
        rule=FILE,
        job_workflow_ref="acme/shop/.github/workflows/release.yml@refs/heads/x.yml@refs/heads/main",
    ),
    hub("no file", NO_MATCH, "job_workflow_ref", rule=FILE, job_workflow_ref=...),
    hub(
        "a file at nothing",
        NO_MATCH,
        "job_workflow_ref",
        rule=FILE,
        job_workflow_ref="acme/shop/.github/workflows/release.yml@",
        ref="",
        sha="",
    ),
    lab(
        "a tag called like the branch",
        NO_MATCH,
        "ref_type is 'tag'",
        ref_type="tag",
        ref_path="refs/tags/main",
    ),
    lab(
        "a branch that is not protected",
        NO_MATCH,
        "ref_protected is 'false'",
        ref_protected="false",
    ),
    lab("protected by nothing", NO_MATCH, "ref_protected is ''", ref_protected=""),
    lab(
        "an environment in other case",
        NO_MATCH,
        "'Release'",
        rule=LAB_RELEASE,
        environment="Release",
    ),
    lab(
        "a pipeline's file from elsewhere",
        NO_MATCH,
        "ci_config_ref_uri",
        rule=LAB_FILE,
        ci_config_ref_uri=None,
    ),
    # Another issuer than the rule's (T10)
    Vector(
        "self-managed says what gitlab.com says",
        lambda: signed(gitlab(iss=SELF_MANAGED)),
        NO_MATCH,
        SELF_MANAGED,
        LAB,
    ),
    Vector(
        "another issuer says what GitHub says",
        lambda: signed(github(iss=OTHER)),
        NO_MATCH,
        OTHER,
        MAIN,
    ),
    Vector("another issuer signs for GitHub", lambda: by(OTHER, github()), NOBODY),
    Vector("the same, by GitHub's kid", lambda: by(OTHER, github(), kid="hub"), NOBODY),
    Vector("GitHub signs for GitLab, by its own kid", lambda: by(GITHUB, gitlab()), NOBODY),
    Vector(
        "an issuer that is not configured",
        lambda: by(GITHUB, github(iss="https://evil.example")),
        NOBODY,
    ),
    Vector("iss with a slash more", lambda: by(GITHUB, github(iss=GITHUB + "/")), NOBODY),
    Vector("iss with a slash less", lambda: by(OTHER, other(iss=OTHER[:-1])), NOBODY),
    Vector("iss in capitals", lambda: by(GITHUB, github(iss=GITHUB.upper())), NOBODY),
    Vector(
        "iss with more behind it", lambda: by(GITHUB, github(iss=GITHUB + ".evil.example")), NOBODY
    ),
    Vector("iss is a list", lambda: by(GITHUB, github(iss=[GITHUB])), NOBODY),
    Vector("no iss", lambda: by(GITHUB, github(iss=...)), NOBODY),
    # Signatures
    odd("alg none", lambda: unsigned(github(), "none")),
    odd("alg None", lambda: unsigned(github(), "None")),
    odd("alg RS256, and no signature", lambda: unsigned(github(), "RS256")),
    odd("HS256 by the public key", lambda: by_public_key(github())),
    odd("a stranger's key, by GitHub's kid", lambda: by("stranger", github())),
    odd("RS256, called RS512", lambda: signed(github(), alg="RS512")),
    odd("RS256, called PS256", lambda: signed(github(), alg="PS256")),
    odd("RS256, called ES256", lambda: signed(github(), alg="ES256")),
    odd("ES256, called RS256", lambda: by("elliptic", github(), alg="RS256")),
    odd("ES256, by the RSA key's kid", lambda: by("elliptic", github(), kid="hub")),
    odd("alg is a list", lambda: signed(github(), alg=["RS256"])),
    odd("no alg", lambda: signed(github(), alg=None)),
    odd("no kid", lambda: signed(github(), kid=None)),
    odd("a kid that is a number", lambda: signed(github(), kid=1)),
    odd("an unknown kid", lambda: signed(github(), kid="../../etc/passwd")),
    odd("crit", lambda: signed(github(), crit=["exp"])),
    odd("crit, empty", lambda: signed(github(), crit=[])),
    odd("b64", lambda: signed(github(), b64=True)),
    odd(
        "a key that it brings along",
        lambda: by("stranger", github(), jwk=signers()["stranger"].jwk()),
    ),
    odd(
        "a key elsewhere",
        lambda: by(
            "stranger", github(), jku="https://evil.example/jwks", x5u="https://evil.example/x"
        ),
    ),
    odd(
        "GitHub's key, and one elsewhere",
        lambda: signed(github(), jku="https://evil.example/jwks"),
        TAKEN,
    ),
    odd("other claims than were signed", lambda: tampered(signed(github()), repository_id="778")),
    odd("a signature with stray bits", lambda: stray_bits(signed(github()))),
    # Reading
    odd("nothing", lambda: ""),
    odd("a word", lambda: "mtk_k_AbCdEfGh"),
    odd("two segments", lambda: signed(github()).rpartition(".")[0]),
    odd("four segments", lambda: signed(github()) + ".AAAA"),
    odd("padding", lambda: signed(github()) + "="),
    odd("a newline at the end", lambda: signed(github()) + "\n"),
    odd("a letter that is no base64url", lambda: signed(github()).replace(".", ".+", 1)),
    odd("digits of another script", lambda: signed(github())[:-1] + "٣"),
    odd("over 8 KiB", lambda: signed(github(padding="x" * 8192))),
    odd(
        "iss twice",
        lambda: raw(with_member_twice(github(iss="https://evil.example"), "iss", GITHUB)),
    ),
    odd("a claim twice", lambda: raw(with_member_twice(github(), "repository_id", "777"))),
    odd(
        "a member twice, deep inside",
        lambda: raw(json.dumps(github(x="?")).replace('"?"', '{"a": 1, "a": 2}').encode()),
    ),
    odd("NaN", lambda: raw(json.dumps(github(exp=float("nan"))).encode())),
    odd("claims in a list", lambda: raw(json.dumps([github()]).encode())),
    odd("claims in UTF-16", lambda: raw(json.dumps(github()).encode("utf-16"))),
    odd("claims that are no UTF-8", lambda: raw(b'{"iss": "\xff"}')),
    odd("claims as deep as they go", lambda: raw(b'{"a": ' + b"[" * 3000 + b"]" * 3000 + b"}")),
    odd("a number of 5,000 digits", lambda: raw(b'{"exp": ' + b"9" * 5000 + b"}")),
    # Audience
    hub(
        "GitHub's own audience",
        WRONG,
        "audience 'https://github.com/acme'",
        aud="https://github.com/acme",
    ),
    hub("our audience in a list", WRONG, "audience", aud=[AUDIENCE]),
    hub("our audience among others", WRONG, "audience", aud=[AUDIENCE, "https://evil.example"]),
    hub("our audience with a slash", WRONG, "audience", aud=AUDIENCE + "/"),
    hub("the issuer as audience", WRONG, "audience", aud=GITHUB),
    hub("an empty audience", WRONG, "audience ''", aud=""),
    hub("no audience", WRONG, "no 'aud'", aud=...),
    # Times
    hub("expired, within the leeway", TAKEN, iat=NOW - 300, exp=NOW - LEEWAY + 1),
    hub("expired", WRONG, "expired", exp=NOW - LEEWAY, iat=NOW - 300),
    hub("issued ahead, within the leeway", TAKEN, iat=NOW + LEEWAY),
    hub("issued ahead", WRONG, "'iat' is 31 s ahead", iat=NOW + LEEWAY + 1),
    hub("not before, within the leeway", TAKEN, nbf=NOW + LEEWAY),
    hub("not before", WRONG, "'nbf' is 31 s ahead", nbf=NOW + LEEWAY + 1),
    hub("15 min old", TAKEN, iat=NOW - 900),
    hub(
        "over 15 min old, and not expired",
        WRONG,
        "too old",
        iat=NOW - 900 - LEEWAY - 1,
        exp=NOW + 290,
    ),
    lab("a life of 24 h", TAKEN, iat=NOW, exp=NOW + 86400),
    lab("a life of over 24 h", WRONG, "24 h", iat=NOW, exp=NOW + 86401),
    hub("a life of 30 years", WRONG, "24 h", exp=NOW + 30 * 365 * 86400),
    hub("a life of nothing", WRONG, "later than its 'iat'", exp=NOW, iat=NOW),
    hub("exp as a string", WRONG, "'exp' must be a whole number", exp="9999999999"),
    hub("exp as a fraction", WRONG, "'exp' must be a whole number", exp=NOW + 290.5),
    hub("exp as an infinity", WRONG, "'exp' must be a whole number", exp=...)._replace(
        token=lambda: raw(json.dumps(github(exp=0)).replace('"exp": 0', '"exp": 1e999').encode())
    ),
    hub("iat as a boolean", WRONG, "'iat' must be a whole number", iat=True),
    hub("nbf as null", WRONG, "no 'nbf'", nbf=None),
    hub("times of 400 digits", WRONG, "ahead", iat=10**400, exp=10**400 + 9),
    hub("no exp", WRONG, "no 'exp'", exp=...),
    hub("no iat", WRONG, "no 'iat'", iat=...),
    hub("no nbf", WRONG, "no 'nbf'", nbf=...),
    # The token's own number
    hub("no jti", WRONG, "no 'jti'", jti=...),
    hub("an empty jti", WRONG, "'jti' must", jti=""),
    hub("a jti that is a number", WRONG, "'jti' must", jti=7),
    hub("a jti of 257 characters", WRONG, "'jti' must", jti="j" * 257),
    hub("a jti with a newline", WRONG, "'jti' must", jti="a\nb"),
]


def stray_bits(token: str) -> str:
    """The same bytes in other letters: the last one stands for 2 bits, and has 4 to spare."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


def verify(token: str, **changes: Any) -> Identity:
    options: dict[str, Any] = {"clock": lambda: float(NOW), "fetch": fetch, **changes}
    return asyncio.run(TokenVerifier(ISSUERS, AUDIENCE, **options).verify(token))


@pytest.mark.parametrize("vector", [pytest.param(each, id=each.what) for each in VECTORS])
def test_each_token_has_one_outcome(vector: Vector) -> None:
    token = vector.token()
    if vector.outcome in (NOBODY, WRONG):
        with pytest.raises(Unauthenticated) as caught:
            verify(token)
        detail = caught.value.detail
        if vector.outcome == NOBODY:
            assert detail == NOT_ACCEPTED
        else:
            assert vector.word in detail
            assert detail != NOT_ACCEPTED
        assert not token or token not in detail
        return
    identity = verify(token)
    reason = parse_rule(vector.rule, ISSUERS).mismatch(identity)
    if vector.outcome == TAKEN:
        assert reason is None
        assert vector.word in identity.name
    else:
        assert reason is not None
        assert vector.word in reason


def test_there_are_at_least_60_tokens_and_no_two_alike() -> None:
    assert len({vector.what for vector in VECTORS}) == len(VECTORS) >= 60


class TestIdentity:
    def test_it_says_who_until_when_and_never_keeps_the_token(self) -> None:
        token = signed(github())
        identity = verify(token)
        assert identity.issuer == GITHUB
        assert identity.jti == github()["jti"]
        assert identity.expires_at == NOW + 290
        assert dict(identity.claims) == github()
        for part in token.split("."):
            assert part not in repr(vars(identity))
        assert "acme" in repr(identity)
        assert "octocat" not in repr(identity)

    def test_its_claims_cannot_be_changed(self) -> None:
        identity = verify(signed(github()))
        with pytest.raises(TypeError):
            identity.claims["repository_id"] = "1"  # type: ignore[index]

    def test_a_token_of_github_ends_15_min_after_it_was_given(self) -> None:
        assert verify(signed(github(exp=NOW + 3600))).expires_at == NOW - 10 + 900
        assert verify(signed(gitlab())).expires_at == NOW + 3590

    @pytest.mark.parametrize(
        "hostile", ["a\nb", "\x1b[31m", "\u202e", "é", "\ud800", "a b", '"', "x" * 300, "", 7, None]
    )
    def test_its_name_is_short_and_plain_and_keeps_the_run(self, hostile: Any) -> None:
        name = verify(signed(github(repository=hostile))).name
        assert len(name) <= 120
        assert name.isascii()
        assert not set(name) - set(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@+-"
        )
        assert name.startswith("github:")
        assert name.endswith(":9876543210")

    def test_no_other_issuer_can_give_a_name_that_looks_like_githubs(self) -> None:
        assert "@" in verify(signed(other(sub="github:acme/shop:1"))).name.partition(":")[0]
        assert "@" in verify(signed(gitlab(iss=SELF_MANAGED))).name.partition(":")[0]


class TestErrors:
    def test_a_hostile_audience_comes_back_short_and_escaped(self) -> None:
        with pytest.raises(Unauthenticated) as caught:
            verify(signed(github(aud="\x1b[2J\r\n\u202e" + "a" * 3000)))
        assert caught.value.detail.isprintable()
        assert len(caught.value.detail) < 500

    def test_an_unreachable_issuer_reads_like_a_wrong_signature(self) -> None:
        def fail(_: Issuer) -> bytes:
            raise FetchFailed("it is down")

        with pytest.raises(Unauthenticated) as caught:
            verify(signed(github()), fetch=fail)
        assert caught.value.detail == NOT_ACCEPTED


class TestSetUp:
    @pytest.mark.parametrize("audience", ["", " ", None])
    def test_there_is_no_audience_by_default(self, audience: Any) -> None:
        with pytest.raises(ValueError, match="URL"):
            TokenVerifier(ISSUERS, audience)

    def test_an_issuer_is_configured_once(self) -> None:
        with pytest.raises(ValueError, match="twice"):
            TokenVerifier([*ISSUERS, parse_issuer("github")], AUDIENCE)


class TestLooks:
    def test_an_identity_token_looks_like_one(self) -> None:
        assert looks_like_identity_token(signed(github()))
        assert looks_like_identity_token(unsigned(github(), "none"))

    @pytest.mark.parametrize(
        "text", ["", "mtk_k_AbCdEfGh_x", "eyJ", "a.b.c", "eyJ.e30", "eyJ.e30.a.b", "eyJ.e30.a\n"]
    )
    def test_nothing_else_does(self, text: str) -> None:
        assert not looks_like_identity_token(text)
        assert not looks_like_identity_token("eyJ" + "a" * 8192 + ".a.a")
