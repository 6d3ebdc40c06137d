"""`/access`: API keys and trust policies, without secrets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.credentials import bearer, new_account, new_grant, new_key
from support.html import Element
from support.page_data import HOSTILE, HOSTILE_REFS, add_policy
from support.pages import HTML, check_page
from support.server import ROOT, Client, Server


@pytest.fixture
def root(trusting: Server) -> Iterator[Client]:
    with trusting.client(authorization=ROOT) as client:
        yield client


def page(server: Server, authorization: str, path: str = "/access") -> Element:
    with server.client(authorization=authorization) as client:
        return check_page(client.request("GET", path, headers=HTML))


def test_api_keys_are_shown_with_their_rights_and_without_secrets(
    trusting: Server, root: Client
) -> None:
    account = new_account(root)
    admin = new_key(root, account, "*:acl", "*:series", expires_at=None, description="Admin")
    with trusting.client(authorization=bearer(admin)) as client:
        names = ["shop", "team/*"]
        limited = new_grant(client, account, "read,write:series", names=names)["api_key"]
    document = page(trusting, bearer(admin))
    rows = {row[0]: row[1:] for row in document.all("table")[0].rows()}
    assert len(rows) == 2
    (own,) = [cells for title, cells in rows.items() if title.endswith(" Admin")]
    assert own[0] == (
        "read, assign and delete versions and series with any name"
        "list, create and revoke API keys and trust policies"
    )
    assert own[1].endswith("by root")
    assert own[3] == "never"
    other = rows[limited["key"]]
    assert other[0] == "read and assign versions and series with the names shop, team/*"
    assert other[2] == "never"
    assert other[3][:2] == "20"
    assert f"Account {account}" in document.one("main").text
    text = document.raw_text
    assert admin not in text
    assert limited["secret"] not in text
    assert not document.all("form")


def test_trust_policies_are_shown_in_words(trusting: Server, root: Client) -> None:
    account = new_account(root)
    add_policy(root, account, description="Main branch", names=["shop"])
    add_policy(root, account, names_from="repository", allow_events=["merge_group"])
    document = page(trusting, bearer(new_key(root, account, "read:acl", "*:series")))
    first, second = document.all("table")[-1].rows()
    assert first[0] == "1 Main branch"
    assert first[1] == (
        "Jobs of GitHub whose repository_id is 999 and whose ref is refs/heads/main or "
        "refs/heads/next."
    )
    assert first[2] == "read and assign versions and series with the names shop"
    assert first[3] == "root"
    assert second[1].endswith("Also for the event merge_group.")
    assert second[2].endswith("with the names of its own repository, among gh:*")


def test_a_trust_policy_of_the_config_file_is_listed(trusting: Server) -> None:
    document = page(trusting, ROOT)
    title, jobs, rights, by = document.all("table")[-1].rows()[0]
    assert (title, by) == ("Config file", "the operator")
    assert "repository_id is 7" in jobs
    assert rights == "read versions and series with any name"


def test_credentials_with_more_rights_and_of_other_accounts_are_omitted(
    trusting: Server, root: Client
) -> None:
    account, other = new_account(root), new_account(root)
    for each in account, other:
        new_key(root, each, "*:series", description=f"Everything of {each}")
        new_key(root, each, "read:series", names=["shop"], description=f"Shop of {each}")
        add_policy(root, each, description=f"All names of {each}")
    limited = new_key(root, account, "read:acl", "read:series", names=["shop"])
    text = page(trusting, bearer(limited)).one("main").text
    assert f"Shop of {account}" in text
    assert f"of {other}" not in text
    assert "Everything" not in text
    assert "All names" not in text
    assert "with more rights than yours are not shown" in text


def test_lists_have_pages_that_keep_the_position_of_the_other_list(
    trusting: Server, root: Client
) -> None:
    account = new_account(root)
    for _ in range(21):
        new_key(root, account, "read:series")
    for number in range(21):
        add_policy(root, account, claims={"repository_id": f"{number + 1}", "ref": "refs/heads/a"})
    admin = bearer(new_key(root, account, "read:acl", "*:series"))
    document = page(trusting, admin)
    keys = [row[0] for row in document.all("table")[0].rows()]
    key_page, policy_page = (each.attributes["href"] for each in document.all("a", rel="next"))
    assert policy_page == "/access?policies_after=20"
    document = page(trusting, admin, key_page)
    keys += [row[0] for row in document.all("table")[0].rows()]
    assert len(keys) == len(set(keys)) == 22
    assert len(document.all("table")[1].rows()) == 20
    (both,) = (each.attributes["href"] for each in document.all("a", rel="next"))
    document = page(trusting, admin, both)
    assert [row[0] for row in document.all("table")[1].rows()] == ["21"]
    assert len(document.all("table")[0].rows()) == 2
    assert page(trusting, admin, "/access?keys_after=~").one("main").text.count("on this page") == 1


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_texts_are_isolated(number: int, trusting: Server, root: Client) -> None:
    text, ref = HOSTILE[number], HOSTILE_REFS[number]
    account = new_account(root)
    new_key(root, account, "read:series", description=text[:100], names=[text])
    claims = {"repository_id": "999", "ref": [ref]}
    add_policy(root, account, description=text[:100], names=[text], claims=claims)
    document = page(trusting, bearer(new_key(root, account, "read:acl", "*:series")))
    isolated = [each.raw_text for each in document.all("bdi")]
    assert isolated.count(text[:100]) >= 2
    assert isolated.count(text) >= 2
    assert isolated.count(ref) == 1


def test_an_account_without_credentials_shows_how_to_create_them(
    trusting: Server, root: Client
) -> None:
    limited = new_key(root, new_account(root), "read:acl", names=["a"])
    text = page(trusting, bearer(limited)).one("main").text
    assert "monotron trust github OWNER/REPOSITORY" in text
