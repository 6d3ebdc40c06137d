"""The names that follow from the repository of a job."""

from __future__ import annotations

from typing import Any

import pytest

from monotron.auth.derived_names import derived_names
from monotron.auth.oidc import Mismatch, parse_issuer
from monotron.auth.oidc.claims import check_claims
from monotron.auth.trust_schema import TrustPolicy, parse_trust_policy
from monotron.errors import InvalidRequest
from monotron.model.name_patterns import NamePatterns
from support.claims import AUDIENCE, NOW, github, gitlab

ISSUERS = [
    parse_issuer("github"),
    parse_issuer("gitlab.com"),
    parse_issuer({"url": "https://ci.example.net/", "kind": "other"}),
]
GITHUB = {
    "issuer": "github",
    "claims": {"repository_owner_id": "42", "ref_protected": "true"},
    "scopes": ["read,write:series"],
    "names_from": "repository",
}
GITLAB = {
    **GITHUB,
    "issuer": "gitlab.com",
    "claims": {"namespace_id": "72", "ref_protected": "true"},
}


def policy(body: dict[str, Any], **members: Any) -> TrustPolicy:
    return parse_trust_policy({**body, **members}, 1, ISSUERS)


def names_of_github(path: object, **members: Any) -> NamePatterns | Mismatch:
    identity = check_claims(github(repository=path), ISSUERS[0], AUDIENCE, NOW, "")
    return derived_names(policy(GITHUB, **members), identity)


@pytest.mark.parametrize("path", ["acme/shop", "Acme/Shop", "a/b-major", "a_/.github", "0/-"])
def test_a_repository_may_use_its_own_name_and_names_below_it(path: str) -> None:
    name = f"gh:{path.replace('/', ':')}"
    assert names_of_github(path) == NamePatterns((name, f"{name}:*"))


def test_a_gitlab_project_in_a_group_may_use_its_own_name() -> None:
    identity = check_claims(gitlab(project_path="acme/web/shop"), ISSUERS[1], AUDIENCE, NOW, "")
    names = derived_names(policy(GITLAB), identity)
    assert names == NamePatterns(("gl:acme:web:shop", "gl:acme:web:shop:*"))


@pytest.mark.parametrize(
    "path",
    [
        ...,
        None,
        7,
        "",
        "shop",
        "/",
        "acme/",
        "/shop",
        "acme//shop",
        "acme/*",
        "a:b/c",
        "acme/shop\n",
        "acme/sh op",
        "acme/shöp",
        "ac\x00me/shop",
        "a/" + "b" * 200,
    ],
    ids=ascii,
)
def test_no_name_follows_from_an_invalid_path(path: object) -> None:
    assert isinstance(names_of_github(path), Mismatch)


@pytest.mark.parametrize("id", [..., None, 777, True, "", "0", "777\n", "7 7", "٧"], ids=ascii)
def test_no_name_follows_without_the_id_of_the_repository(id: object) -> None:
    claims = github(repository="acme/shop", repository_id=id)
    names = derived_names(policy(GITHUB), check_claims(claims, ISSUERS[0], AUDIENCE, NOW, ""))
    assert isinstance(names, Mismatch)
    assert names.reason.startswith("No repository is identified by `repository_id` ")


def test_names_restrict_the_derived_ones() -> None:
    assert isinstance(names_of_github("acme/shop", names=["gh:acme:*"]), NamePatterns)
    for names in (["gh:other:*"], ["gh:acme:shop"], ["gh:acme:sho"]):
        assert isinstance(names_of_github("acme/shop", names=names), Mismatch)


def test_a_trust_policy_that_derives_names_is_granted_all_of_them() -> None:
    assert policy(GITHUB).names == NamePatterns(("gh:*",))
    assert policy(GITLAB).body()["names_from"] == "repository"
    assert parse_trust_policy(policy(GITLAB).body(), 1, ISSUERS) == policy(GITLAB)


@pytest.mark.parametrize("value", [None, True, "", "owner", ["repository"], {}], ids=ascii)
def test_an_invalid_source_of_names_is_refused(value: object) -> None:
    with pytest.raises(InvalidRequest, match="Invalid `names_from`"):
        policy(GITHUB, names_from=value)


def test_other_issuers_cannot_derive_names() -> None:
    with pytest.raises(InvalidRequest, match="GitHub and GitLab only"):
        policy(GITHUB, issuer="https://ci.example.net/", claims={"sub": "acme/shop"})
