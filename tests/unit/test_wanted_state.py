"""The file of `monotron apply` is checked completely before anything is changed."""

from __future__ import annotations

import pytest

from monotron.cli.wanted_state import parse_wanted_state
from monotron_ci.errors import Failure

KEY = "{description: a, scopes: [read:series]"
TRUST = "{issuer: github, claims: {repository_id: '7', ref: refs/heads/main}, scopes: ['*:series']"


def account(members: str) -> str:
    return f"accounts: [{{name: acme, {members}}}]"


VALID = [
    "accounts: []",
    account("disabled: true"),
    account(f"api_keys: [{KEY}}}, {{description: b, scopes: ['*:acl'], names: [shop]}}]"),
    account(f"api_keys: [{KEY}, expires: 90d}}]"),
    account(f"api_keys: [{KEY}, expires: never}}]"),
    account(f"api_keys: [{KEY}, expires: 2027-01-31T00:00:00Z}}]"),
    account(f"trusts: [{TRUST}}}]"),
    account(f"trusts: [{TRUST}, names_from: repository}}]"),
    account(
        "trusts: [{issuer: 'https://git.example', claims: {project_id: '7', ref: main, "
        "ref_protected: 'true'}, scopes: ['*:series']}]"
    ),
]

INVALID = [
    ("", "the file: It must be a mapping with `accounts`"),
    ("[]", "the file: It must be a mapping"),
    ("accounts: {}", "accounts: It must be a list"),
    ("accounts: null", "accounts: It must be a list"),
    ("acounts: []", "Unknown member 'acounts'"),
    ("accounts: [1]", "accounts, item 1: It must be a mapping"),
    ("accounts: [{}]", "`name` must have"),
    ("accounts: [{name: 7}]", "`name` must have"),
    ("accounts: [{name: Acme}]", "`name` must have"),
    ("accounts: [{name: a}, {name: a}]", "the name a is repeated"),
    ("accounts: [{name: a, name: b}]", "the member 'name' is repeated"),
    ("accounts: [", "Invalid YAML (line 1)"),
    ("accounts: [{[a]: b}]", "Invalid YAML"),
    ("accounts: !!python/object:os.system []", "Invalid YAML"),
    ("accounts: " + "[" * 5000, "Invalid YAML"),
    ("accounts: \xff", "Invalid YAML"),
    (account("disabled: 1"), "`disabled` must be true or false"),
    (account("disabled: 'yes'"), "`disabled` must be true or false"),
    (account("id: 7"), "Unknown member 'id'"),
    (account("api_keys: {}"), "acme, api_keys: It must be a list"),
    (account("api_keys: [{scopes: [read:series]}]"), "`description` is missing"),
    (account("api_keys: [{description: '', scopes: [read:series]}]"), "`description` is missing"),
    (account("api_keys: [{description: 7, scopes: [read:series]}]"), "`description` must be"),
    (account("api_keys: [{description: a}]"), "`scopes` must be a list"),
    (account("api_keys: [{description: a, scopes: []}]"), "`scopes` must be a list"),
    (account("api_keys: [{description: a, scopes: [read, write:series]}]"), "Invalid scope"),
    (account(f"api_keys: [{KEY}, names: []}}]"), "`names` must be a list"),
    (account(f"api_keys: [{KEY}, names: ['a*b']}}]"), "Invalid name pattern"),
    (account(f"api_keys: [{KEY}, secret: x}}]"), "Unknown member 'secret'"),
    (account(f"api_keys: [{KEY}, expires: 90}}]"), "`expires` must be a text"),
    (account(f"api_keys: [{KEY}, expires: soon}}]"), "`expires` must be a number of days"),
    (account(f"api_keys: [{KEY}}}, {KEY}}}]"), "the description 'a' is repeated"),
    (account("trusts: [7]"), "acme, trusts, item 1: A trust policy must be a mapping"),
    (account("trusts: [{}]"), "`issuer` must be one of github, gitlab.com"),
    (account(f"trusts: [{TRUST}, colour: red}}]"), "Unknown member `colour`"),
    (
        account("trusts: [{issuer: github, claims: {actor: a}, scopes: ['*:series']}]"),
        "m.yaml: acme",
    ),
    (account("trusts: [{issuer: 'https://a.b', claims: {}, scopes: ['*:series']}]"), "`claims`"),
    (account(TRUST.replace("'7'", "7").join(["trusts: [", "}]"])), "must be a string"),
    (account(TRUST.replace("*:series", "*:acl").join(["trusts: [", "}]"])), "only grant scopes"),
    (
        account(f"trusts: [{TRUST}}}, {TRUST}, description: b}}]"),
        "the trust policy of item 2 is repeated",
    ),
]


@pytest.mark.parametrize("text", VALID)
def test_a_valid_file_is_accepted(text: str) -> None:
    parse_wanted_state(text.encode(), "m.yaml")


@pytest.mark.parametrize(("text", "problem"), INVALID, ids=range(len(INVALID)))
def test_an_invalid_file_is_refused(text: str, problem: str) -> None:
    with pytest.raises(Failure) as raised:
        parse_wanted_state(text.encode("latin-1"), "m.yaml")
    assert raised.value.cause.startswith("m.yaml: ")
    assert problem in raised.value.cause
