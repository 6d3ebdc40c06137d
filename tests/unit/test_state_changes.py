"""The changes between a present and a wanted state."""

from __future__ import annotations

import json
from typing import Any

import pytest

from monotron.auth.oidc import Issuer
from monotron.auth.trust_schema import parse_trust_policy
from monotron.cli.state_changes import PresentAccount, required_changes
from monotron.cli.wanted_state import parse_wanted_state

NOW = "2026-11-29T00:00:00Z"
SELF_MANAGED = "https://git.example"
TRUST: dict[str, Any] = {
    "issuer": SELF_MANAGED,
    "claims": {"project_id": "7", "ref": "main", "ref_protected": "true"},
    "scopes": ["read,write:series"],
}


def key(id: int, **more: Any) -> dict[str, Any]:
    return {
        "api_key": {"id": id, "key": f"mtk_k_{id:08}"},
        "description": "deploy",
        "scopes": ["read,write:series"],
        "names": ["a", "b"],
        "created_by": "root",
        **more,
    }


def trust(id: int | None, body: dict[str, Any]) -> dict[str, Any]:
    """A trust policy as the server returns it, which knows that the issuer is a GitLab."""
    policy = parse_trust_policy(body, 1, [Issuer(SELF_MANAGED, "gitlab")])
    return {"id": id, "created_by": "root", **policy.body()}


def changes(
    wanted: dict[str, Any], *keys: dict[str, Any], trusts: tuple[dict[str, Any], ...] = ()
) -> tuple[list[str], list[str]]:
    """The signs of the missing and the unwanted, and what follows them up to ` in `."""
    document = {"accounts": [{"name": "acme", **wanted}]}
    accounts = parse_wanted_state(json.dumps(document).encode(), "m.yaml")
    present = {"acme": PresentAccount(2, False, keys, trusts)}
    missing, unwanted = required_changes(accounts, present, NOW, "mtk_k_00000009")
    return tuple([str(each).split(" in ")[0] for each in some] for some in (missing, unwanted))  # type: ignore[return-value]


WANTED_KEY = {"description": "deploy", "scopes": ["write,read:series"], "names": ["b", "a"]}
CREATED = "+ API key 'deploy'"


@pytest.mark.parametrize(
    ("present", "missing", "unwanted"),
    [
        ([], [CREATED], []),
        ([key(1)], [], []),
        ([key(1, scopes=["read:series", "write:series"])], [], []),
        ([key(1, expires_at="2026-11-29T00:00:01Z")], [], []),
        ([key(1, expires_at=NOW)], [CREATED], []),
        ([key(1), key(2)], [], []),
        ([key(1, names=["a"])], [CREATED], ["- API key mtk_k_00000001 'deploy'"]),
        ([key(1, names=["a"]), key(2)], [], ["- API key mtk_k_00000001 'deploy'"]),
        ([key(1, description="x")], [CREATED], ["- API key mtk_k_00000001 'x'"]),
        ([key(1, description=None), key(2)], [], ["- API key mtk_k_00000001"]),
        ([key(1), key(9, description="admin")], [], []),
    ],
    ids=range(11),
)
def test_api_keys_are_compared_by_description_and_rights(
    present: list[dict[str, Any]], missing: list[str], unwanted: list[str]
) -> None:
    assert changes({"api_keys": [WANTED_KEY]}, *present) == (missing, unwanted)


@pytest.mark.parametrize(
    "wanted",
    [
        TRUST,
        {**TRUST, "description": "x"},
        {**TRUST, "claims": {"ref_type": "branch", **TRUST["claims"]}},
        {**TRUST, "claims": {**TRUST["claims"], "ref": ["main"]}},
        {**TRUST, "scopes": ["read:series", "write:series"], "names": ["*"]},
    ],
    ids=range(5),
)
def test_trust_policies_are_compared_in_the_form_that_the_server_returns(
    wanted: dict[str, Any],
) -> None:
    assert changes({"trusts": [wanted]}, trusts=(trust(3, TRUST),)) == ([], [])


@pytest.mark.parametrize(
    "wanted",
    [
        {**TRUST, "names": ["shop"]},
        {**TRUST, "scopes": ["read:series"]},
        {**TRUST, "names_from": "repository", "names": ["*"]},
        {**TRUST, "allow_events": ["merge_request_event"]},
        {**TRUST, "claims": {**TRUST["claims"], "ref": ["main", "next"]}},
        {**TRUST, "claims": {**TRUST["claims"], "project_id": "8"}},
    ],
    ids=range(6),
)
def test_a_different_trust_policy_is_created_and_the_other_one_is_unwanted(
    wanted: dict[str, Any],
) -> None:
    missing, unwanted = changes({"trusts": [wanted]}, trusts=(trust(3, TRUST),))
    assert (missing, unwanted) == (["+ trust policy"], ["- trust policy 3"])
    assert changes({"trusts": [wanted]}, trusts=(trust(4, wanted),)) == ([], [])


def test_a_trust_policy_of_the_config_file_counts_and_is_never_removed() -> None:
    assert changes({"trusts": [TRUST]}, trusts=(trust(None, TRUST),)) == ([], [])
    assert changes({"trusts": []}, trusts=(trust(None, TRUST),)) == ([], [])


def test_what_the_file_does_not_mention_stays_unchanged() -> None:
    assert changes({}, key(1), trusts=(trust(3, TRUST),)) == ([], [])
