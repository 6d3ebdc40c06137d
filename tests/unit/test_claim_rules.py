"""Claim rules and issuers: their JSON form, invalid ones, and which identities match."""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from monotron.auth.oidc import (
    ClaimRule,
    Identity,
    Issuer,
    parse_issuer,
    parse_rule,
    rule_json,
)
from monotron.auth.oidc.providers import PROVIDERS
from monotron.auth.oidc.rules import Distance, Mismatch, describe
from monotron.errors import InvalidRequest
from support.claims import GITHUB, GITLAB, NOW, OTHER, github, gitlab, other
from support.issuer import write_ca

ISSUERS = [
    parse_issuer("github"),
    parse_issuer("gitlab.com"),
    parse_issuer({"url": OTHER, "kind": "other"}),
]


def rule(
    issuer: str = "github", events: Any = None, unprotected: Any = None, **claims: Any
) -> ClaimRule:
    body: dict[str, Any] = {"issuer": issuer, "claims": claims}
    if events is not None:
        body["allow_events"] = events
    if unprotected is not None:
        body["accept_unprotected"] = unprotected
    return parse_rule(body, ISSUERS)


def identity(claims: dict[str, Any]) -> Identity:
    return Identity(claims["iss"], MappingProxyType(claims), "jti", NOW, "name")


MAIN = {"repository_id": "777", "ref": "refs/heads/main"}
LAB = {"project_id": "20", "ref": "main", "ref_protected": "true"}
FILE = "acme/shop/.github/workflows/release.yml"
LAB_FILE = "gitlab.com/acme/shop//.gitlab-ci.yml"


class TestJson:
    def test_a_claim_may_have_one_value_or_a_list(self) -> None:
        parsed = rule(
            unprotected=True,
            repository_id="777",
            environment=["release", "staging", "release"],
        )
        assert parsed.issuer == GITHUB
        assert parsed.kind == "github"
        assert parsed.claims == {"repository_id": ("777",), "environment": ("release", "staging")}
        assert parsed.allowed_events == ()

    @pytest.mark.parametrize(
        "parsed",
        [
            rule(**MAIN),
            rule(repository_id=["1", "2"], ref_protected="true", events=["pull_request"]),
            rule(repository_id="1", environment="release", unprotected=True),
            rule("gitlab.com", **LAB),
            rule(GITLAB, namespace_id="72", ref_protected="true"),
            rule(OTHER, sub="me", cluster=["east", "west"]),
        ],
    )
    def test_the_json_of_a_rule_can_be_parsed_again(self, parsed: ClaimRule) -> None:
        assert parse_rule(json.loads(json.dumps(rule_json(parsed))), ISSUERS) == parsed

    def test_the_json_of_a_rule_omits_what_is_not_set(self) -> None:
        assert rule_json(rule(**MAIN)) == {"issuer": GITHUB, "claims": MAIN}
        assert rule_json(rule(**MAIN, events=["pull_request"]))["allow_events"] == ["pull_request"]
        release = rule(unprotected=True, repository_id="1", environment="release")
        assert rule_json(release)["accept_unprotected"] is True

    def test_a_gitlab_ref_without_a_type_is_a_branch(self) -> None:
        assert rule("gitlab.com", **LAB).claims["ref_type"] == ("branch",)
        assert rule("gitlab.com", **LAB, ref_type="tag").claims["ref_type"] == ("tag",)
        path = {"project_id": "1", "ref_path": "refs/heads/a", "ref_protected": "true"}
        assert "ref_type" not in rule("gitlab.com", **path).claims


INVALID: list[tuple[Any, str]] = [
    (None, "must be an object"),
    ([], "must be an object"),
    ({}, "Untrusted `issuer` None"),
    ({"issuer": "github"}, "`claims` must be an object"),
    ({"issuer": "https://evil.example", "claims": MAIN}, "trusts: https://token.actions"),
    ({"issuer": GITHUB + "/", "claims": MAIN}, "Untrusted `issuer`"),
    ({"issuer": ["github"], "claims": MAIN}, "Untrusted `issuer`"),
    ({"issuer": "github", "claims": MAIN, "scope": 1}, "Unknown member `scope`"),
    ({"issuer": "github", "claims": {}}, "`claims` must be an object"),
    ({"issuer": "github", "claims": list(MAIN)}, "`claims` must be an object"),
    ({"issuer": "github", "claims": {f"c{n}": "1" for n in range(17)}}, "1 to 16"),
    ({"issuer": "github", "claims": MAIN, "accept_unprotected": None}, "must be true or false"),
    ({"issuer": "github", "claims": MAIN, "allow_events": "push"}, "`allow_events` must be a list"),
    ({"issuer": "github", "claims": MAIN, "allow_events": [1]}, "is not a valid event name"),
    ({"issuer": "github", "claims": MAIN, "allow_events": ["*"]}, "is not a valid event name"),
]

INVALID_CLAIMS: list[tuple[str, dict[str, Any], str]] = [
    # Too little
    ("github", {"ref": "refs/heads/main"}, "at least one of: repository_id, repository_owner_id"),
    (
        "github",
        {"repository_id": "1"},
        '`claims`: `job_workflow_ref`, `ref`, `ref_protected: "true"`.',
    ),
    ("github", {"repository_id": "1", "ref_type": "branch"}, "`claims`: `job_workflow_ref`"),
    ("github", {"repository_id": "1", "ref_protected": "false"}, "`claims`: `job_workflow_ref`"),
    ("github", {"repository_id": "1", "ref_protected": ["true", "false"]}, "anyone who can push"),
    ("github", {"actor_id": "1", "ref": "refs/heads/main"}, "owner of a token"),
    ("gitlab.com", {"ref": "main"}, "at least one of: namespace_id, project_id"),
    (
        "gitlab.com",
        {"project_id": "1"},
        '`claims`: `environment_protected: "true"`, `ref_protected: "true"`. '
        '`environment_protected` is always "false" in GitLab CE.',
    ),
    ("gitlab.com", {"project_id": "1", "ref_type": "branch"}, "anyone who can push a branch"),
    (OTHER, {"cluster": "east"}, "at least one of: sub"),
    # Names
    ("github", {**MAIN, "repository": "acme/shop"}, "repository_id or repository_owner_id"),
    ("github", {**MAIN, "repository_owner": "acme"}, "repository_owner_id"),
    ("github", {**MAIN, "sub": "repo:acme/shop:ref:refs/heads/main"}, "repository_id"),
    ("github", {**MAIN, "actor": "octocat"}, "actor_id"),
    ("github", {**MAIN, "workflow_ref": f"{FILE}@refs/heads/main"}, "Use workflow"),
    ("github", {**MAIN, "head_ref": "main"}, "author of a pull request"),
    ("gitlab.com", {**LAB, "project_path": "acme/shop"}, "project_id"),
    ("gitlab.com", {**LAB, "namespace_path": "acme"}, "namespace_id"),
    ("gitlab.com", {**LAB, "sub": "project_path:acme/shop"}, "project_id"),
    ("gitlab.com", {**LAB, "user_email": "a@b.example"}, "user_id"),
    ("gitlab.com", {**LAB, "job_project_id": "20"}, "Use project_id"),
    ("gitlab.com", {**LAB, "ci_config_ref_uri": "x"}, "Use workflow"),
    # Claims of another provider, or of none
    ("github", {**MAIN, "project_id": "20"}, "Unknown claim"),
    ("github", {**MAIN, "tomorrow": "1"}, "Unknown claim"),
    ("gitlab.com", {**LAB, "repository_id": "1"}, "Unknown claim"),
    ("gitlab.com", {**LAB, "groups_direct": "a"}, "Unknown claim"),
    ("github", {**MAIN, "": "1"}, "is not a valid claim name"),
    ("github", {**MAIN, "a b": "1"}, "is not a valid claim name"),
    *(
        (OTHER, {"sub": "me", name: "1"}, "is always checked")
        for name in ("aud", "exp", "iss", "jti")
    ),
    # Values
    ("github", {**MAIN, "repository_id": 777}, "`claims.repository_id` must be a string"),
    ("github", {**MAIN, "repository_id": [777]}, "must be a string, as in the token"),
    ("github", {**MAIN, "repository_id": "0777"}, "a number as a string"),
    ("github", {**MAIN, "repository_id": "acme/shop"}, "a number as a string"),
    ("github", {**MAIN, "repository_id": "٧"}, "a number as a string"),
    ("github", {**MAIN, "repository_id": "7\n"}, "printable"),
    ("github", {**MAIN, "repository_id": []}, "`claims.repository_id` must be a string or a list"),
    ("github", {**MAIN, "repository_id": None}, "must be a string"),
    ("github", {**MAIN, "repository_id": {"$ne": ""}}, "must be a string"),
    ("github", {**MAIN, "repository_id": [str(n) for n in range(1, 34)]}, "1 to 32"),
    (
        "github",
        {**MAIN, "ref_protected": True},
        'numbers and booleans as strings, too: "123", "true"',
    ),
    ("github", {**MAIN, "ref_protected": "yes"}, '"true" or "false"'),
    ("github", {**MAIN, "ref": "main"}, "such as refs/heads/main"),
    ("github", {**MAIN, "ref": "refs/heads/*"}, "wildcards"),
    ("github", {**MAIN, "environment": "*"}, "wildcards"),
    ("github", {**MAIN, "environment": ""}, "1 to 512"),
    ("github", {**MAIN, "environment": "e" * 513}, "1 to 512"),
    ("github", {**MAIN, "environment": "a\x1b[1m"}, "printable"),
    ("github", {**MAIN, "workflow": "Release"}, "such as acme/shop/.github"),
    ("github", {**MAIN, "workflow": ".github/workflows/release.yml"}, "a file without an @"),
    (
        "github",
        {**MAIN, "workflow": "a/b/.github/workflows/c.yml@refs/heads/main"},
        "a file without an @",
    ),
    *(
        ("github", {**MAIN, "job_workflow_ref": value}, "a file and a complete ref or hash")
        for value in (
            FILE,
            f"{FILE}@",
            f"{FILE}@main",
            f"{FILE}@refs/pull/5/merge",
            f"{FILE}@{'a' * 7}",
            f"{FILE}@{'A' * 40}",
            "release.yml@refs/heads/main",
        )
    ),
    ("gitlab.com", {**LAB, "ref": "refs/heads/main"}, "use ref_path"),
    ("gitlab.com", {**LAB, "ref_path": "main"}, "refs/heads/main"),
    ("gitlab.com", {**LAB, "workflow": ".gitlab-ci.yml"}, "a file without an @"),
    (OTHER, {"sub": ["me", ""]}, "1 to 512"),
]

INVALID_EVENTS = [
    ("github", MAIN, ["pull_request_target"], "pull_request_target cannot be allowed"),
    (
        "github",
        MAIN,
        ["push"],
        "always allowed. To accept nothing else, restrict `event_name`",
    ),
    ("gitlab.com", LAB, ["push"], "pipeline_source"),
    (OTHER, {"sub": "me"}, ["pull_request"], "is not supported for this issuer"),
]


OWNER = {"repository_owner_id": "42"}
SHOP = {"repository_id": "777"}
PROJECT = {"project_id": "20"}
GROUP = {"namespace_id": "72"}
RELEASE = {"environment": "release"}
PROTECTED = {"ref_protected": "true"}
PINNED = {"job_workflow_ref": [f"{FILE}@refs/tags/v1", f"{FILE}@{'a' * 40}"]}

ANYONE: list[tuple[str, dict[str, Any], str]] = [
    # Any branch has its own copy of the file.
    ("github", {**SHOP, "workflow": FILE}, "`workflow` does not, because every branch"),
    ("github", {**OWNER, "workflow": FILE}, "`workflow` does not, because every branch"),
    ("gitlab.com", {**PROJECT, "workflow": LAB_FILE}, "`workflow` does not, because every"),
    # The environment may be unprotected.
    ("github", {**SHOP, **RELEASE}, "set `accept_unprotected` to true"),
    ("github", {**SHOP, **RELEASE, "workflow": FILE}, "`environment` does not, because the token"),
    ("github", {**SHOP, **RELEASE, "ref_protected": "false"}, "`environment` does not"),
    ("gitlab.com", {**PROJECT, **RELEASE}, "set `accept_unprotected` to true"),
    ("gitlab.com", {**PROJECT, **RELEASE, "environment_protected": "false"}, "`environment` does"),
    ("gitlab.com", {**PROJECT, **RELEASE, "ref": "main"}, "`environment` does not, because any"),
    # Anyone who can push can create or change an unprotected ref.
    ("gitlab.com", {**PROJECT, "ref": "main"}, "`ref` does not, because anyone who can push"),
    ("gitlab.com", {**PROJECT, "ref": "v1", "ref_type": "tag"}, "`ref` does not"),
    ("gitlab.com", {**PROJECT, "ref_path": "refs/heads/main"}, "`ref_path` does not"),
    ("gitlab.com", {**PROJECT, "ref": "main", "ref_protected": "false"}, "`ref` does not"),
    ("gitlab.com", {**GROUP, "ref": "main"}, '"false" in GitLab CE'),
    # Anyone who can create a repository of the owner chooses its refs.
    ("github", {**OWNER, "ref": "refs/heads/main"}, "list of accepted values of `repository_id`"),
    ("github", {**OWNER, "ref": "refs/heads/main", "workflow": FILE}, "`ref` does not"),
    (
        "github",
        {**OWNER, "ref": "refs/heads/main", **RELEASE},
        '`job_workflow_ref`, `ref_protected: "true"`, a list',
    ),
]
"""Claims that anyone who can push a branch, or create a repository of the owner, can satisfy."""

RESTRICTED: list[tuple[str, dict[str, Any]]] = [
    ("github", {**SHOP, "ref": "refs/heads/main"}),
    ("github", {**SHOP, "ref": "refs/heads/main", **RELEASE, "workflow": FILE}),
    ("github", {**SHOP, **PROTECTED}),
    ("github", {**SHOP, **PINNED}),
    ("github", {**OWNER, **PROTECTED}),
    ("github", {**OWNER, **PINNED}),
    ("github", {**OWNER, **PINNED, "ref": "refs/heads/main"}),
    ("github", {**OWNER, "repository_id": ["1", "2"], "ref": "refs/heads/main"}),
    ("gitlab.com", {**PROJECT, **PROTECTED}),
    ("gitlab.com", {**PROJECT, **PROTECTED, "ref": "main"}),
    ("gitlab.com", {**PROJECT, **PROTECTED, "workflow": LAB_FILE}),
    ("gitlab.com", {**PROJECT, **PROTECTED, **RELEASE}),
    ("gitlab.com", {**PROJECT, **RELEASE, "environment_protected": "true"}),
    ("gitlab.com", {**GROUP, **PROTECTED, "ref_path": "refs/heads/main"}),
]
"""Claims that restrict where a job runs."""


class TestRestrictions:
    @pytest.mark.parametrize(("issuer", "claims", "word"), ANYONE)
    def test_claims_that_anyone_with_a_branch_can_satisfy_are_refused_with_the_reason(
        self, issuer: str, claims: dict[str, Any], word: str
    ) -> None:
        with pytest.raises(InvalidRequest) as caught:
            rule(issuer, **claims)
        assert caught.value.detail.startswith(
            "A trust policy must also restrict where the job runs. "
        )
        assert word in caught.value.detail

    @pytest.mark.parametrize(("issuer", "claims", "word"), ANYONE)
    def test_a_stored_rule_that_anyone_can_satisfy_matches_no_job(
        self, issuer: str, claims: dict[str, Any], word: str
    ) -> None:
        kind, own = ("github", github()) if issuer == "github" else ("gitlab", gitlab())
        values = {name: (value,) for name, value in claims.items()}
        job = identity({**own, **{name: value for name, (value,) in values.items()}})
        mismatch = ClaimRule(own["iss"], kind, values).mismatch(job)
        assert mismatch is not None
        assert "not restrictive enough" in mismatch.reason

    @pytest.mark.parametrize(("issuer", "claims"), RESTRICTED)
    def test_claims_that_restrict_where_a_job_runs_are_accepted(
        self, issuer: str, claims: dict[str, Any]
    ) -> None:
        assert rule(issuer, **claims).accept_unprotected is False

    @pytest.mark.parametrize("issuer", ["github", "gitlab.com"])
    def test_an_unprotected_environment_is_accepted_on_request(self, issuer: str) -> None:
        ids = SHOP if issuer == "github" else PROJECT
        accepted = rule(issuer, unprotected=True, **ids, **RELEASE)
        job = github(**RELEASE) if issuer == "github" else gitlab(**RELEASE)
        assert accepted.mismatch(identity(job)) is None
        with pytest.raises(InvalidRequest):
            rule(issuer, unprotected=False, **ids, **RELEASE)

    @pytest.mark.parametrize(
        ("issuer", "claims"),
        [
            ("github", {**SHOP, "workflow": FILE}),
            ("github", {**OWNER, "ref": "refs/heads/main"}),
            ("github", MAIN),
            ("gitlab.com", {**PROJECT, "ref": "main"}),
            (OTHER, {"sub": "me"}),
        ],
    )
    def test_only_an_environment_can_be_accepted_unprotected(
        self, issuer: str, claims: dict[str, Any]
    ) -> None:
        with pytest.raises(InvalidRequest, match="`accept_unprotected` requires"):
            rule(issuer, unprotected=True, **claims)

    @pytest.mark.parametrize("value", ["true", 1, 0, [], {}, "", ["environment"]])
    def test_accept_unprotected_is_a_boolean(self, value: Any) -> None:
        with pytest.raises(InvalidRequest, match="`accept_unprotected` must be true or false"):
            rule(unprotected=value, **SHOP, **RELEASE)

    @pytest.mark.parametrize("event", ["merge_group", "pull_request"])
    def test_jobs_before_a_merge_match_only_rules_that_allow_their_event(self, event: str) -> None:
        job = identity(github(event_name=event))
        assert rule(**MAIN).mismatch(job) == Mismatch(
            f"`event_name` is '{event}', but the trust policy does not list it in `allow_events`",
            claim="event_name",
        )
        assert rule(**MAIN, events=[event]).mismatch(job) is None


class TestInvalidRules:
    @pytest.mark.parametrize(("body", "word"), INVALID)
    def test_an_invalid_rule_is_refused_with_the_member_and_a_hint(
        self, body: Any, word: str
    ) -> None:
        with pytest.raises(InvalidRequest) as caught:
            parse_rule(body, ISSUERS)
        assert word in caught.value.detail

    @pytest.mark.parametrize(("issuer", "claims", "word"), INVALID_CLAIMS)
    def test_invalid_claims_are_refused_with_the_claim_and_a_hint(
        self, issuer: str, claims: dict[str, Any], word: str
    ) -> None:
        with pytest.raises(InvalidRequest) as caught:
            rule(issuer, **claims)
        assert word in caught.value.detail
        assert caught.value.detail.isprintable()

    @pytest.mark.parametrize(("issuer", "claims", "events", "word"), INVALID_EVENTS)
    def test_invalid_events_are_refused_with_the_event_and_a_hint(
        self, issuer: str, claims: Any, events: list[str], word: str
    ) -> None:
        with pytest.raises(InvalidRequest) as caught:
            rule(issuer, events=events, **claims)
        assert word in caught.value.detail

    def test_without_issuers_every_rule_is_refused(self) -> None:
        with pytest.raises(InvalidRequest, match="trusts: none"):
            parse_rule({"issuer": "github", "claims": MAIN}, [])

    @settings(max_examples=60, deadline=None)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["issuer", "claims", *MAIN, "sub"]), inner)
            ),
        )
    )
    def test_any_json_is_a_rule_or_an_invalid_request(self, value: Any) -> None:
        for body in (value, {"issuer": "github", "claims": value}):
            try:
                parsed = parse_rule(body, ISSUERS)
            except InvalidRequest:
                continue
            assert parsed.mismatch(identity(github(repository_id="1"))) is not None


class TestMismatch:
    """The table in test_token_verifier.py has more cases."""

    def test_a_mismatch_names_the_claim_and_the_accepted_values(self) -> None:
        one = rule(unprotected=True, repository_id="777", environment="release")
        assert one.mismatch(identity(github(environment="staging")), "trust policy 1") == Mismatch(
            "`environment` is 'staging', but trust policy 1 requires 'release'", claim="environment"
        )
        many = rule(unprotected=True, repository_id="777", environment=["a", "b", "c", "d"])
        assert many.mismatch(identity(github()), "trust policy 2") == Mismatch(
            "The token has no `environment`, but trust policy 2 requires 'a' or 'b' or 'c', …",
            claim="environment",
        )

    @pytest.mark.parametrize("changes", [{"repository_id": "999"}, {"repository_id": ...}])
    def test_an_identity_with_other_ids_learns_nothing_about_the_rule(self, changes: Any) -> None:
        secret = rule(
            events=["issue_comment"],
            unprotected=True,
            repository_id="777",
            environment="secret-name",
        )
        for event in ("push", "pull_request", "pull_request_target"):
            claims = github(**changes, environment="mine", event_name=event)
            mismatch = secret.mismatch(identity(claims), "trust policy 1")
            assert mismatch is not None
            assert mismatch.distance is Distance.IDS
            for word in ("777", "secret-name", "event", "trust policy 1"):
                assert word not in mismatch.reason

    def test_one_value_of_each_claim_must_match(self) -> None:
        required = rule(repository_id=["1", "777"], ref=["refs/heads/a", "refs/heads/main"])
        assert required.mismatch(identity(github())) is None
        assert required.mismatch(identity(github(ref="refs/heads/b"))) is not None
        assert required.mismatch(identity(github(repository_id="2"))) is not None

    def test_the_kelvin_sign_does_not_match_a_k(self) -> None:
        required = rule(unprotected=True, repository_id="777", environment="kiosk")
        assert required.mismatch(identity(github(environment="KIOSK"))) is None
        assert required.mismatch(identity(github(environment="\u212aiosk"))) is not None
        assert required.mismatch(identity(github(environment="\ud800"))) is not None

    @pytest.mark.parametrize("claim", ["environment", "ref", "event_name", "repository_id"])
    @pytest.mark.parametrize("value", [None, True, 7, 7.5, ["x"], {"x": "y"}, "", "\ud800"])
    def test_a_claim_with_another_type_or_value_never_matches(self, claim: str, value: Any) -> None:
        required = rule(repository_id="777", environment="release", ref="refs/heads/main")
        assert required.mismatch(identity(github(environment="release"))) is None
        claims = github(**{"environment": "release", claim: value})
        assert required.mismatch(identity(claims)) is not None

    def test_a_user_defined_workflow_name_is_not_the_workflow(self) -> None:
        path = "acme/shop/.github/workflows/release.yml"
        evil = github(
            workflow=path, job_workflow_ref=path.replace("release", "x") + "@refs/heads/main"
        )
        required = rule(**MAIN, workflow=path)
        assert required.mismatch(identity(github())) is None
        assert required.mismatch(identity(evil)) is not None

    @pytest.mark.parametrize(
        "claims", [{}, {"repository_id": ("777",)}, {"ref": ("refs/heads/main",)}]
    )
    def test_a_rule_that_is_not_restrictive_matches_no_job(self, claims: Any) -> None:
        mismatch = ClaimRule(GITHUB, "github", claims).mismatch(identity(github()))
        assert mismatch is not None
        assert "not restrictive enough" in mismatch.reason

    def test_a_rule_matches_only_its_own_issuer(self) -> None:
        required = rule("gitlab.com", **LAB)
        assert required.mismatch(identity(gitlab())) is None
        assert required.mismatch(identity(gitlab(iss="https://git.example.org"))) is not None

    def test_claims_of_another_issuer_are_compared_as_strings(self) -> None:
        required = rule(OTHER, sub="system:serviceaccount:ci:release", cluster="east")
        assert required.mismatch(identity(other())) is None
        assert required.mismatch(identity(other(cluster=["east"]))) is not None
        assert required.mismatch(identity(other(sub="system:serviceaccount:ci:x"))) is not None


class TestDescribe:
    def test_a_description_names_at_most_three_reasons(self) -> None:
        mismatches = [Mismatch(f"Reason {number}") for number in (1, 1, 2, 3, 4, 5)]
        assert describe(mismatches) == (
            "No trust policy matches this job. Reason 1. Reason 2. Reason 3. 2 more reasons are "
            "not shown."
        )

    def test_a_description_names_the_reasons_of_the_nearest_rules_only(self) -> None:
        mismatches = [
            Mismatch("Other issuer", Distance.ISSUER),
            Mismatch("Other id", Distance.IDS),
            Mismatch("Other ref", Distance.CLAIMS),
        ]
        assert describe(mismatches) == "No trust policy matches this job. Other ref."
        assert describe(mismatches[:2]) == "No trust policy matches this job. Other id."
        assert describe(mismatches[:1]) == "No trust policy matches this job. Other issuer."

    def test_the_rules_of_many_other_repositories_are_one_reason(self) -> None:
        others = [rule(repository_id=str(n), ref_protected="true") for n in range(1, 100)]
        mismatches = [each.mismatch(identity(github())) for each in others]
        assert describe(each for each in mismatches if each is not None) == (
            "No trust policy matches this job. No trust policy exists for `repository_id` '777'."
        )

    def test_the_description_without_any_rule_names_a_command(self) -> None:
        assert "`monotron trust github OWNER/REPO`" in describe([])


class TestTables:
    """The tables of each provider are consistent."""

    @pytest.mark.parametrize("kind", PROVIDERS)
    def test_a_claim_belongs_to_one_group_only(self, kind: str) -> None:
        provider = PROVIDERS[kind]
        groups = [
            provider.required_ids,
            provider.location_claims,
            frozenset(provider.weak_claims),
            provider.optional_claims,
            frozenset(provider.rejected_claims),
        ]
        assert sum(map(len, groups)) == len(frozenset().union(*groups))
        assert not provider.default_events & provider.forbidden_events

    @pytest.mark.parametrize("kind", PROVIDERS)
    def test_formats_and_exceptions_refer_to_claims_of_rules(self, kind: str) -> None:
        provider = PROVIDERS[kind]
        allowed = provider.allowed_claims
        assert provider.claims_of_id.keys() <= provider.location_claims
        assert {id for id, _ in provider.claims_of_id.values()} <= provider.required_ids
        assert provider.unprotected_claims <= provider.weak_claims.keys()
        assert provider.formats.keys() <= allowed
        assert provider.case_insensitive <= allowed
        assert set(provider.duplicate_ids.values()) <= provider.required_ids
        if provider.event_claim:
            assert provider.event_claim in allowed
        assert kind == "other" or provider.required_ids <= provider.formats.keys()


class TestIssuers:
    def test_two_issuers_have_a_short_name(self) -> None:
        assert parse_issuer("github") == parse_issuer({"url": "github"}) == Issuer(GITHUB, "github")
        assert parse_issuer("gitlab.com") == Issuer(GITLAB, "gitlab")
        assert parse_issuer(GITLAB) == Issuer(GITLAB, "gitlab")

    @pytest.mark.parametrize(
        "url",
        [
            f"{GITHUB}/acme-corp",
            "https://token.actions.acme.ghe.com",
            "https://git.example.com/_services/token",
            "https://git.example.com:8443/_services/token",
        ],
    )
    def test_every_issuer_of_github_has_its_kind(self, url: str) -> None:
        assert parse_issuer(url) == parse_issuer({"url": url}) == Issuer(url, "github")
        assert parse_issuer(url).short_name == f"github@{url.removeprefix('https://')}"
        with pytest.raises(ValueError, match="`kind` must be github or omitted"):
            parse_issuer({"url": url, "kind": "other"})

    @pytest.mark.parametrize(
        "url",
        [
            f"{GITHUB}/acme/shop",
            f"{GITHUB}/",
            f"{GITHUB}.evil.example",
            "https://token.actions.acme.evil.ghe.com",
            "https://token.actions.acme.ghe.com.evil.example",
            "https://token.actions.ghe.com",
            "https://git.example.com/acme/_services/token",
            "https://git.example.com/_services/token/",
        ],
    )
    def test_a_similar_issuer_has_no_kind(self, url: str) -> None:
        with pytest.raises(ValueError, match="`kind` must be one of github, gitlab, "):
            parse_issuer(url)

    def test_other_issuers_have_a_kind(self, tmp_path: Path) -> None:
        ca_file = write_ca(trustme.CA(), tmp_path)
        members = {
            "url": "http://git.local:3000",
            "kind": "gitlab",
            "jwks_url": "http://git.local:3000/oauth/discovery/keys?a=b",
            "allow_private": True,
            "ca_file": str(ca_file),
        }
        assert parse_issuer(members) == Issuer(**{**members, "ca_file": ca_file})

    @pytest.mark.parametrize(
        ("value", "word"),
        [
            (None, "must be github or gitlab.com, or a mapping"),
            ("gitlab", "`url` must"),
            ({}, "`url` is missing"),
            ({"url": 7}, "`url` must be a URL"),
            (
                {"url": OTHER},
                r"`kind` must be one of .* \(for https://ci.example.net/\)",
            ),
            ({"url": OTHER, "kind": "google"}, "`kind` must be one of github, gitlab, "),
            ({"url": OTHER, "kind": ["other"]}, "`kind` must be one of github, gitlab, "),
            ({"url": GITHUB, "kind": "other"}, "`kind` must be github or omitted"),
            ({"url": GITLAB, "kind": "github"}, "`kind` must be gitlab or omitted"),
            (
                {"url": OTHER, "kind": "other", "audience": "x"},
                "`audience` is not a member of an issuer of kind other",
            ),
            ({"url": "http://a.example", "kind": "other"}, "`url` must start with https://"),
            ({"url": "file:///etc/passwd", "kind": "other"}, "`url` must start with https://"),
            ({"url": "file:///x", "kind": "other", "allow_private": True}, "must start"),
            ({"url": "https://", "kind": "other"}, "contain a host"),
            ({"url": "https://u:p@a.example", "kind": "other"}, "no user"),
            ({"url": "https://a.example:x", "kind": "other"}, "is not a valid URL"),
            ({"url": "https://[::1", "kind": "other"}, "is not a valid URL"),
            ({"url": "https://a.example/?x", "kind": "other"}, "not have a query"),
            ({"url": "https://a.example/#x", "kind": "other"}, "not contain a fragment"),
            ({"url": "https://a.example/ b", "kind": "other"}, "printable ASCII"),
            ({"url": "https://ä.example", "kind": "other"}, "printable ASCII"),
            (
                {"url": OTHER, "kind": "other", "jwks_url": "http://a.example"},
                "`jwks_url` must start",
            ),
            (
                {"url": OTHER, "kind": "other", "allow_private": "false"},
                "`allow_private` must be true",
            ),
            ({"url": OTHER, "kind": "other", "ca_file": "/nowhere"}, "`ca_file` cannot be read"),
            ({"url": OTHER, "kind": "other", "ca_file": __file__}, "`ca_file` cannot be read"),
            ({"url": OTHER, "kind": "other", "ca_file": 7}, "`ca_file` must be the path"),
        ],
    )
    def test_an_invalid_issuer_is_refused_with_the_member_and_a_hint(
        self, value: Any, word: str
    ) -> None:
        with pytest.raises(ValueError, match=word):
            parse_issuer(value)
