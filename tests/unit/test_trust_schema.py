"""The names and creators of trust policies, in requests, records and the config file."""

import pytest

from monotron.auth.oidc import parse_issuer
from monotron.auth.trust_schema import (
    configured_trusts,
    parse_trust_policy,
    shown_body,
    stored_trust_policy,
)
from monotron.errors import InvalidRequest, InvalidSetting
from monotron.model.name_patterns import ALL_NAMES

ISSUERS = [parse_issuer("github")]
BODY = {
    "issuer": "github",
    "claims": {"repository_id": "777", "ref": "refs/heads/main"},
    "scopes": ["read,write:series"],
}


def test_a_trust_policy_without_names_allows_all() -> None:
    policy = parse_trust_policy(BODY, 1, ISSUERS)
    assert policy.names == ALL_NAMES
    assert policy.body()["names"] == ["*"]


def test_a_trust_policy_survives_storage() -> None:
    policy = parse_trust_policy({**BODY, "names": ["shop", "a/*"]}, 2, ISSUERS)
    stored = {**policy.stored_body(), "creators": ["root", "key:a"]}
    read = stored_trust_policy(stored, 2, ISSUERS)
    assert (read.names.texts, read.creators) == (("shop", "a/*"), ("root", "key:a"))
    assert shown_body(stored) == {**policy.body(), "created_by": "key:a"}
    assert stored["creators"] == ["root", "key:a"]


@pytest.mark.parametrize("member", ["prefix", "creators", "created_by", "name"])
def test_a_request_with_an_unknown_member_is_refused(member: str) -> None:
    with pytest.raises(InvalidRequest, match=f"Unknown member `{member}`"):
        parse_trust_policy({**BODY, member: "x"}, 1, ISSUERS)


@pytest.mark.parametrize("names", [None, [], "shop", ["a*b"], [1], {"a": 1}, ["a"] * 33], ids=str)
def test_invalid_names_in_the_config_file_are_refused_with_the_setting(names: object) -> None:
    with pytest.raises(InvalidSetting, match=r"trusts, item 2: .*`names`"):
        configured_trusts([{"account": 1, **BODY}, {"account": 1, **BODY, "names": names}], ISSUERS)


def test_a_trust_policy_of_the_config_file_can_derive_names() -> None:
    organization = {"repository_owner_id": "42", "ref_protected": "true"}
    body = {"account": 1, **BODY, "claims": organization, "names_from": "repository"}
    (policy,) = configured_trusts([body], ISSUERS)
    assert policy.derives_names
    with pytest.raises(InvalidSetting, match=r"trusts, item 1: Invalid `names_from` `owner`"):
        configured_trusts([{**body, "names_from": "owner"}], ISSUERS)
    with pytest.raises(
        InvalidSetting, match=r"trusts, item 1: A trust policy must also restrict where"
    ):
        configured_trusts([{**body, "claims": {"repository_owner_id": "42"}}], ISSUERS)


def test_names_in_the_config_file_are_kept() -> None:
    (policy,) = configured_trusts([{"account": 1, **BODY, "names": ["shop"]}], ISSUERS)
    assert policy.names.texts == ("shop",)
