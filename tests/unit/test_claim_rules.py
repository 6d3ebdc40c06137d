"""Rules and issuers: what can be asked for, what a wrong one says, and their JSON form."""

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
    describe,
    parse_issuer,
    parse_rule,
    rule_json,
)
from monotron.auth.oidc.providers import PROVIDERS
from monotron.auth.oidc.rule_schema import CLAIM_FORMATS
from monotron.errors import InvalidRequest
from support.claims import GITHUB, GITLAB, NOW, OTHER, github, gitlab, other
from support.issuer import write_ca

ISSUERS = [
    parse_issuer("github"),
    parse_issuer("gitlab.com"),
    parse_issuer({"url": OTHER, "kind": "other"}),
]


def rule(issuer: str = "github", events: Any = None, **claims: Any) -> ClaimRule:
    form: dict[str, Any] = {"issuer": issuer, "claims": claims}
    return parse_rule(form if events is None else {**form, "allow_events": events}, ISSUERS)


def identity(claims: dict[str, Any]) -> Identity:
    return Identity(claims["iss"], MappingProxyType(claims), "jti", NOW, "name")


MAIN = {"repository_id": "777", "ref": "refs/heads/main"}
LAB = {"project_id": "20", "ref": "main"}


class TestForm:
    def test_a_value_may_stand_alone_or_in_a_list(self) -> None:
        parsed = rule(repository_id="777", environment=["release", "staging", "release"])
        assert parsed.issuer == GITHUB
        assert parsed.kind == "github"
        assert parsed.claims == {"repository_id": ("777",), "environment": ("release", "staging")}
        assert parsed.allowed_events == ()

    @pytest.mark.parametrize(
        "parsed",
        [
            rule(**MAIN),
            rule(repository_id=["1", "2"], environment="release", events=["pull_request"]),
            rule("gitlab.com", **LAB),
            rule(GITLAB, namespace_id="72", ref_protected="true"),
            rule(OTHER, sub="me", cluster=["east", "west"]),
        ],
    )
    def test_it_comes_back_as_it_went(self, parsed: ClaimRule) -> None:
        assert parse_rule(json.loads(json.dumps(rule_json(parsed))), ISSUERS) == parsed

    def test_it_is_as_short_as_can_be(self) -> None:
        assert rule_json(rule(**MAIN)) == {"issuer": GITHUB, "claims": MAIN}
        assert rule_json(rule(**MAIN, events=["pull_request"]))["allow_events"] == ["pull_request"]

    def test_a_bare_ref_of_gitlab_is_a_branch(self) -> None:
        assert rule("gitlab.com", **LAB).claims["ref_type"] == ("branch",)
        assert rule("gitlab.com", **LAB, ref_type="tag").claims["ref_type"] == ("tag",)
        assert "ref_type" not in rule("gitlab.com", project_id="1", ref_path="refs/heads/a").claims


WRONG: list[tuple[Any, str]] = [
    (None, "must be an object"),
    ([], "must be an object"),
    ({}, "issuer is None"),
    ({"issuer": "github"}, "claims must be an object"),
    ({"issuer": "https://evil.example", "claims": MAIN}, "trusts: https://token.actions"),
    ({"issuer": GITHUB + "/", "claims": MAIN}, "issuer is"),
    ({"issuer": ["github"], "claims": MAIN}, "issuer is"),
    ({"issuer": "github", "claims": MAIN, "scope": 1}, "no member 'scope'"),
    ({"issuer": "github", "claims": {}}, "claims must be an object"),
    ({"issuer": "github", "claims": list(MAIN)}, "claims must be an object"),
    ({"issuer": "github", "claims": {f"c{n}": "1" for n in range(17)}}, "1 to 16"),
    ({"issuer": "github", "claims": MAIN, "allow_events": "push"}, "allow_events must be a list"),
    ({"issuer": "github", "claims": MAIN, "allow_events": [1]}, "is no event"),
    ({"issuer": "github", "claims": MAIN, "allow_events": ["*"]}, "is no event"),
]

WRONG_CLAIMS: list[tuple[str, dict[str, Any], str]] = [
    # Too little
    ("github", {"ref": "refs/heads/main"}, "at least one of: repository_id, repository_owner_id"),
    (
        "github",
        {"repository_id": "1"},
        "at least one of: environment, ref, ref_protected, workflow",
    ),
    ("github", {"repository_id": "1", "ref_type": "branch"}, "at least one of: environment"),
    ("github", {"repository_id": "1", "ref_protected": "false"}, "at least one of: environment"),
    ("github", {"repository_id": "1", "ref_protected": ["true", "false"]}, "whoever can push"),
    ("github", {"actor_id": "1", "ref": "refs/heads/main"}, "whose a token is"),
    ("gitlab.com", {"ref": "main"}, "at least one of: namespace_id, project_id"),
    ("gitlab.com", {"project_id": "1"}, "at least one of: environment, ref"),
    ("gitlab.com", {"project_id": "1", "environment_protected": "true"}, "at least one of: env"),
    (OTHER, {"cluster": "east"}, "at least one of: sub"),
    # Names
    ("github", {**MAIN, "repository": "acme/shop"}, "repository_id or repository_owner_id"),
    ("github", {**MAIN, "repository_owner": "acme"}, "repository_owner_id"),
    ("github", {**MAIN, "sub": "repo:acme/shop:ref:refs/heads/main"}, "repository_id"),
    ("github", {**MAIN, "actor": "octocat"}, "actor_id"),
    ("github", {**MAIN, "job_workflow_ref": "a/b/.github/workflows/c.yml@d"}, "Use workflow"),
    ("github", {**MAIN, "head_ref": "main"}, "Whoever opens"),
    ("gitlab.com", {**LAB, "project_path": "acme/shop"}, "project_id"),
    ("gitlab.com", {**LAB, "namespace_path": "acme"}, "namespace_id"),
    ("gitlab.com", {**LAB, "sub": "project_path:acme/shop"}, "project_id"),
    ("gitlab.com", {**LAB, "user_email": "a@b.example"}, "user_id"),
    ("gitlab.com", {**LAB, "job_project_id": "20"}, "Use project_id"),
    ("gitlab.com", {**LAB, "ci_config_ref_uri": "x"}, "Use workflow"),
    # Claims of another kind, or of none
    ("github", {**MAIN, "project_id": "20"}, "nothing that a rule can ask for"),
    ("github", {**MAIN, "tomorrow": "1"}, "nothing that a rule can ask for"),
    ("gitlab.com", {**LAB, "repository_id": "1"}, "nothing that a rule can ask for"),
    ("gitlab.com", {**LAB, "groups_direct": "a"}, "nothing that a rule can ask for"),
    ("github", {**MAIN, "": "1"}, "cannot be the name of a claim"),
    ("github", {**MAIN, "a b": "1"}, "cannot be the name of a claim"),
    *(
        (OTHER, {"sub": "me", name: "1"}, "is checked for every token")
        for name in ("aud", "exp", "iss", "jti")
    ),
    # Values
    ("github", {**MAIN, "repository_id": 777}, "claims.repository_id must be a string"),
    ("github", {**MAIN, "repository_id": [777]}, "must be a string, as it is in the tokens"),
    ("github", {**MAIN, "repository_id": "0777"}, "a number as a string"),
    ("github", {**MAIN, "repository_id": "acme/shop"}, "a number as a string"),
    ("github", {**MAIN, "repository_id": "٧"}, "a number as a string"),
    ("github", {**MAIN, "repository_id": "7\n"}, "printable"),
    ("github", {**MAIN, "repository_id": []}, "claims.repository_id must be a string, or a list"),
    ("github", {**MAIN, "repository_id": None}, "must be a string"),
    ("github", {**MAIN, "repository_id": {"$ne": ""}}, "must be a string"),
    ("github", {**MAIN, "repository_id": [str(n) for n in range(1, 34)]}, "1 to 32"),
    ("github", {**MAIN, "ref_protected": True}, 'yes or no are strings, too: "123", "true"'),
    ("github", {**MAIN, "ref_protected": "yes"}, '"true" or "false"'),
    ("github", {**MAIN, "ref": "main"}, "such as refs/heads/main"),
    ("github", {**MAIN, "ref": "refs/heads/*"}, "no wildcards"),
    ("github", {**MAIN, "environment": "*"}, "no wildcards"),
    ("github", {**MAIN, "environment": ""}, "1 to 512"),
    ("github", {**MAIN, "environment": "e" * 513}, "1 to 512"),
    ("github", {**MAIN, "environment": "a\x1b[1m"}, "printable"),
    ("github", {**MAIN, "workflow": "Release"}, "be a file, such as acme/shop/.github"),
    ("github", {**MAIN, "workflow": ".github/workflows/release.yml"}, "be a file"),
    ("github", {**MAIN, "workflow": "a/b/.github/workflows/c.yml@refs/heads/main"}, "without an @"),
    ("gitlab.com", {**LAB, "ref": "refs/heads/main"}, "or use ref_path"),
    ("gitlab.com", {**LAB, "ref_path": "main"}, "refs/heads/main"),
    ("gitlab.com", {**LAB, "workflow": ".gitlab-ci.yml"}, "be a file"),
    (OTHER, {"sub": ["me", ""]}, "1 to 512"),
]

WRONG_EVENTS = [
    ("github", MAIN, ["pull_request_target"], "pull_request_target cannot be allowed"),
    (
        "github",
        MAIN,
        ["push"],
        "always allowed. To take nothing else, ask in claims for event_name",
    ),
    ("gitlab.com", LAB, ["push"], "pipeline_source"),
    (OTHER, {"sub": "me"}, ["pull_request"], "must be left out"),
]


class TestWrongOnes:
    @pytest.mark.parametrize(("given", "word"), WRONG)
    def test_a_wrong_rule_names_the_member_and_the_cure(self, given: Any, word: str) -> None:
        with pytest.raises(InvalidRequest) as caught:
            parse_rule(given, ISSUERS)
        assert word in caught.value.detail

    @pytest.mark.parametrize(("issuer", "claims", "word"), WRONG_CLAIMS)
    def test_wrong_claims_name_the_claim_and_the_cure(
        self, issuer: str, claims: dict[str, Any], word: str
    ) -> None:
        with pytest.raises(InvalidRequest) as caught:
            rule(issuer, **claims)
        assert word in caught.value.detail
        assert caught.value.detail.isprintable()

    @pytest.mark.parametrize(("issuer", "claims", "events", "word"), WRONG_EVENTS)
    def test_wrong_events_name_the_event_and_the_cure(
        self, issuer: str, claims: Any, events: list[str], word: str
    ) -> None:
        with pytest.raises(InvalidRequest) as caught:
            rule(issuer, events=events, **claims)
        assert word in caught.value.detail

    def test_without_issuers_there_are_no_rules(self) -> None:
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
    def test_whatever_comes_is_a_rule_or_an_invalid_request(self, given: Any) -> None:
        for form in (given, {"issuer": "github", "claims": given}):
            try:
                parsed = parse_rule(form, ISSUERS)
            except InvalidRequest:
                continue
            assert parsed.mismatch(identity(github(repository_id="1"))) is not None


class TestMismatch:
    """The table in test_identity_tokens.py has the rest."""

    def test_it_says_what_is_and_what_the_rule_wants(self) -> None:
        wanted = rule(repository_id="777", environment="release")
        reason = wanted.mismatch(identity(github(environment="staging")))
        assert reason == "the environment is 'staging', and the rule wants 'release'"
        wanted = rule(repository_id="777", environment=["a", "b", "c", "d"])
        reason = wanted.mismatch(identity(github()))
        assert reason == "the token has no environment, and the rule wants 'a' or 'b' or 'c', …"

    @pytest.mark.parametrize("changes", [{"repository_id": "999"}, {"repository_id": ...}])
    def test_whoever_has_other_ids_is_told_nothing_of_the_rule(self, changes: Any) -> None:
        secret = rule(repository_id="777", environment="secret-name", events=["issue_comment"])
        for event in ("push", "pull_request", "pull_request_target"):
            claims = github(**changes, environment="mine", event_name=event)
            reason = secret.mismatch(identity(claims))
            assert reason is not None
            assert "777" not in reason
            assert "secret-name" not in reason
            assert "event" not in reason

    def test_of_many_values_one_must_be_met_and_of_many_claims_all(self) -> None:
        wanted = rule(repository_id=["1", "777"], ref=["refs/heads/a", "refs/heads/main"])
        assert wanted.mismatch(identity(github())) is None
        assert wanted.mismatch(identity(github(ref="refs/heads/b"))) is not None
        assert wanted.mismatch(identity(github(repository_id="2"))) is not None

    def test_the_kelvin_sign_is_no_k(self) -> None:
        wanted = rule(repository_id="777", environment="kiosk")
        assert wanted.mismatch(identity(github(environment="KIOSK"))) is None
        assert wanted.mismatch(identity(github(environment="\u212aiosk"))) is not None
        assert wanted.mismatch(identity(github(environment="\ud800"))) is not None

    @pytest.mark.parametrize("claim", ["environment", "ref", "event_name", "repository_id"])
    @pytest.mark.parametrize("value", [None, True, 7, 7.5, ["x"], {"x": "y"}, "", "\ud800"])
    def test_a_claim_that_is_anything_else_never_matches(self, claim: str, value: Any) -> None:
        wanted = rule(repository_id="777", environment="release", ref="refs/heads/main")
        assert wanted.mismatch(identity(github(environment="release"))) is None
        claims = github(**{"environment": "release", claim: value})
        assert wanted.mismatch(identity(claims)) is not None

    def test_a_user_defined_workflow_name_is_not_the_workflow(self) -> None:
        path = "acme/shop/.github/workflows/release.yml"
        evil = github(
            workflow=path, job_workflow_ref=path.replace("release", "x") + "@refs/heads/main"
        )
        assert rule(repository_id="777", workflow=path).mismatch(identity(evil)) is not None

    @pytest.mark.parametrize(
        "claims", [{}, {"repository_id": ("777",)}, {"ref": ("refs/heads/main",)}]
    )
    def test_a_rule_that_asks_for_too_little_is_for_nobody(self, claims: Any) -> None:
        reason = ClaimRule(GITHUB, "github", claims).mismatch(identity(github()))
        assert reason is not None
        assert "too little" in reason

    def test_a_rule_matches_only_its_own_issuer(self) -> None:
        wanted = rule("gitlab.com", **LAB)
        assert wanted.mismatch(identity(gitlab())) is None
        assert wanted.mismatch(identity(gitlab(iss="https://git.example.org"))) is not None

    def test_claims_of_another_issuer_are_compared_as_strings(self) -> None:
        wanted = rule(OTHER, sub="system:serviceaccount:ci:release", cluster="east")
        assert wanted.mismatch(identity(other())) is None
        assert wanted.mismatch(identity(other(cluster=["east"]))) is not None
        assert wanted.mismatch(identity(other(sub="system:serviceaccount:ci:x"))) is not None


class TestDescribe:
    def test_it_names_three_reasons_and_those_of_the_nearest_rules_first(self) -> None:
        far = [f"the repository_id is '{n}', which this rule is not for" for n in (1, 1, 2)]
        text = describe([*far, "near", "nearer"])
        assert text == (
            "No rule is for this identity token: near; nearer; the repository_id is '1', which "
            "this rule is not for; and 1 more."
        )

    def test_a_thousand_rules_of_others_are_one_reason(self) -> None:
        strangers = [rule(repository_id=str(n), ref_protected="true") for n in range(1, 100)]
        reasons = [each.mismatch(identity(github())) or "" for each in strangers]
        assert describe(reasons).count("'777'") == 1

    def test_without_rules_it_says_so(self) -> None:
        assert describe([]) == "There is no rule for any identity token."


class TestTables:
    """What the tables of a kind say of a claim agrees."""

    @pytest.mark.parametrize("word", PROVIDERS)
    def test_a_claim_is_in_one_place_only(self, word: str) -> None:
        kind = PROVIDERS[word]
        groups = [kind.ids, kind.places, kind.conditions, frozenset(kind.names)]
        assert sum(map(len, groups)) == len(frozenset().union(*groups))
        assert not kind.plain_events & kind.never

    @pytest.mark.parametrize("word", PROVIDERS)
    def test_forms_and_exceptions_are_of_claims_that_can_be_asked_for(self, word: str) -> None:
        kind = PROVIDERS[word]
        known = kind.ids | kind.places | kind.conditions
        assert CLAIM_FORMATS[word].keys() <= known
        assert kind.caseless <= known
        assert set(kind.same.values()) <= kind.ids
        if kind.event:
            assert kind.event in known
        assert word == "other" or all(name in CLAIM_FORMATS[word] for name in kind.ids)


class TestIssuers:
    def test_two_have_a_short_word(self) -> None:
        assert parse_issuer("github") == parse_issuer({"url": "github"}) == Issuer(GITHUB, "github")
        assert parse_issuer("gitlab.com") == Issuer(GITLAB, "gitlab")
        assert parse_issuer(GITLAB) == Issuer(GITLAB, "gitlab")

    def test_others_say_of_which_kind_they_are(self, tmp_path: Path) -> None:
        ca_file = write_ca(trustme.CA(), tmp_path)
        given = {
            "url": "http://git.local:3000",
            "kind": "gitlab",
            "jwks_url": "http://git.local:3000/oauth/discovery/keys?a=b",
            "allow_private": True,
            "ca_file": str(ca_file),
        }
        assert parse_issuer(given) == Issuer(**{**given, "ca_file": ca_file})

    @pytest.mark.parametrize(
        ("given", "word"),
        [
            (None, "must be github or gitlab.com, or a mapping"),
            ("gitlab", "url must"),
            ({}, "needs `url`"),
            ({"url": 7}, "url must be a URL"),
            ({"url": OTHER}, "kind must be one of: github, gitlab, other"),
            ({"url": OTHER, "kind": "google"}, "kind must be one of"),
            ({"url": OTHER, "kind": ["other"]}, "kind must be one of"),
            ({"url": GITHUB, "kind": "other"}, "kind must be github"),
            ({"url": GITLAB, "kind": "github"}, "kind must be gitlab"),
            ({"url": OTHER, "kind": "other", "audience": "x"}, "has the member 'audience'"),
            ({"url": "http://a.example", "kind": "other"}, "url must begin with https://"),
            ({"url": "file:///etc/passwd", "kind": "other"}, "url must begin with https://"),
            ({"url": "file:///x", "kind": "other", "allow_private": True}, "must begin"),
            ({"url": "https://", "kind": "other"}, "name a host"),
            ({"url": "https://u:p@a.example", "kind": "other"}, "no user"),
            ({"url": "https://a.example:x", "kind": "other"}, "cannot be read|is no URL"),
            ({"url": "https://[::1", "kind": "other"}, "is no URL"),
            ({"url": "https://a.example/?x", "kind": "other"}, "no query"),
            ({"url": "https://a.example/#x", "kind": "other"}, "no fragment"),
            ({"url": "https://a.example/ b", "kind": "other"}, "printable ASCII"),
            ({"url": "https://ä.example", "kind": "other"}, "printable ASCII"),
            (
                {"url": OTHER, "kind": "other", "jwks_url": "http://a.example"},
                "jwks_url must begin",
            ),
            (
                {"url": OTHER, "kind": "other", "allow_private": "false"},
                "allow_private must be true",
            ),
            ({"url": OTHER, "kind": "other", "ca_file": "/nowhere"}, "ca_file cannot be read"),
            ({"url": OTHER, "kind": "other", "ca_file": __file__}, "ca_file cannot be read"),
            ({"url": OTHER, "kind": "other", "ca_file": 7}, "ca_file must be the path"),
        ],
    )
    def test_a_wrong_one_names_the_member_and_the_cure(self, given: Any, word: str) -> None:
        with pytest.raises(ValueError, match=word):
            parse_issuer(given)
