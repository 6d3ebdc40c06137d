"""What pages show about releases and commits."""

from __future__ import annotations

from typing import Any

import pytest

from monotron.model.semver import Final, Release, VersionName
from monotron.model.versions.requests import LATEST, NOT_LATEST, Latest, VersionResult
from monotron.web.pages.access import policy_row, rights_of
from monotron.web.pages.details import facts, latest_text, principal_text
from monotron.web.pages.names import filters
from monotron.web.pages.query import link
from monotron.web.pages.rows import commit_link, release_row

COMMIT = "7d4c37958812aa0b7d4c37958812aa0b7d4c3795"
URL = "https://github.com/acme/shop/commit/{token}"


def release(version: str, label: str | None = None) -> Release:
    target = Final(*map(int, version.split(".")))
    return Release(VersionName(1, "a/b"), COMMIT, target, label, 1 if label else 0)


def test_a_commit_is_linked_to_the_url_of_the_setting() -> None:
    assert commit_link(COMMIT, URL, None) == f"https://github.com/acme/shop/commit/{COMMIT}"


@pytest.mark.parametrize("token", [None, "7d4c37", "build-7", "7d4c379/../..", f"{COMMIT}\n"])
def test_a_token_that_is_not_a_commit_is_not_linked(token: str | None) -> None:
    assert commit_link(token, URL, "github:acme/shop:1") is None


def test_without_the_setting_nothing_is_linked() -> None:
    assert commit_link(COMMIT, "", "github:acme/shop:1") is None


@pytest.mark.parametrize(
    ("job", "host", "repository"),
    [
        ("github:acme/shop:1234567890", "github.com", "acme/shop"),
        ("gitlab:group/sub-group/project.x:42", "gitlab.com", "group/sub-group/project.x"),
        ("gitlab@git.example.com:acme/shop:42", "git.example.com", "acme/shop"),
        ("github@ghe.example.com/_services/token:acme/shop:1", "ghe.example.com", "acme/shop"),
        ("github@token.actions.acme.ghe.com:acme/shop:1", "acme.ghe.com", "acme/shop"),
    ],
)
def test_a_commit_of_a_job_is_linked_to_its_repository(
    job: str, host: str, repository: str
) -> None:
    url = f"https://{host}/{{repository}}/commit/{{token}}"
    assert commit_link(COMMIT, url, job) == f"https://{host}/{repository}/commit/{COMMIT}"


@pytest.mark.parametrize(
    "name",
    [
        *(None, "root", "anyone", "key:mtk_k_Nq4hVbT2", "github:-:1"),
        *("gitlab:acme/shop:1", "github@github.com.example.org:acme/shop:1"),
        *("circleci:github.com/acme/shop:1", "oidc@github.com:acme/shop:1"),
        f"github:acme/{'x' * 200}:1"[:120],
    ],
)
def test_a_commit_of_an_unknown_repository_is_not_linked(name: str | None) -> None:
    assert commit_link(COMMIT, "https://github.com/{repository}/commit/{token}", name) is None


def test_the_paths_of_a_row_are_percent_encoded() -> None:
    row = release_row(release("1.2.0", "rc")._replace(previous=Final(1, 1, 0)))
    assert row.name_path == "/names/a%2Fb"
    assert row.path == "/names/a%2Fb/1.2.0-rc.1"
    assert row.previous_path == "/names/a%2Fb/1.1.0"


def test_filters_lead_to_the_labels_and_lines_of_the_page() -> None:
    releases = [release("2.0.0", "rc"), release("1.2.0"), release("1.1.0")]
    found = filters("/names/x", releases, None, None)
    assert [(each.text, each.path) for each in found] == [
        ("All", "/names/x"),
        ("Final versions", "/names/x?label="),
        ("Pre-releases rc", "/names/x?label=rc"),
        ("Line 2", "/names/x?line=2"),
        ("Line 1", "/names/x?line=1"),
        ("Line 2.0", "/names/x?line=2.0"),
        ("Line 1.2", "/names/x?line=1.2"),
        ("Line 1.1", "/names/x?line=1.1"),
    ]
    assert [each.is_current for each in found] == [True, *[False] * 7]


@pytest.mark.parametrize(
    ("line", "label", "text"),
    [(None, "", "Final versions"), (None, "rc", "Pre-releases rc"), ("1.2", None, "Line 1.2")],
)
def test_the_filter_of_the_request_is_current(
    line: str | None, label: str | None, text: str
) -> None:
    found = filters("/names/x", [], line, label)
    assert [each.text for each in found if each.is_current] == [text]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"bump": "minor", "reason": "feat: x"}, "feat: x"),
        ({"bump": "minor"}, "the request had bump=minor"),
        ({"bump": "exact"}, "the request named exactly this version"),
        ({"bump": "final"}, "the pre-release was promoted"),
        ({"bump": "calendar"}, "the date of the request"),
        ({"token": None, "created_at": 1}, "adopted: counting continued from this version"),
        (
            {"token": None},
            "counted in the series of the name, without a request for a version",
        ),
    ],
)
def test_every_version_has_a_reason(members: dict[str, Any], reason: str) -> None:
    result = VersionResult(release("1.2.0")._replace(**members), LATEST, True)
    assert [fact.text for fact in facts(result, "") if fact.label == "Reason"] == [reason]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("github:acme/shop:123", "a run of GitHub Actions"),
        ("github@ghe.example/_services/token:acme/shop:1", "a run of GitHub Actions"),
        ("gitlab:acme/shop:123", "a job of GitLab CI"),
        ("oidc@jenkins.example.com/oidc:job:1", "a job that signed in with an identity token"),
        ("key:mtk_k_AbCdEfGh", "an API key"),
        ("root", "the root key"),
        ("anyone", "a request without credentials, to an open server"),
        ("someone", ""),
    ],
)
def test_the_kind_of_a_principal_is_stated(name: str, kind: str) -> None:
    assert principal_text(name) == kind


def test_unknown_members_of_a_version_are_omitted() -> None:
    labels = [fact.label for fact in facts(VersionResult(release("1.2.0"), LATEST, True), "")]
    assert labels == ["Version", "Tag", "Name", "Commit or token", "Latest", "Account"]


@pytest.mark.parametrize(
    ("latest", "text"),
    [
        (LATEST, "of all versions"),
        (Latest(in_major=True, in_minor=True), "of its major version"),
        (Latest(in_minor=True), "of its minor version"),
        (NOT_LATEST, "no"),
    ],
)
def test_a_version_is_the_latest_of_the_largest_part(latest: Latest, text: str) -> None:
    assert latest_text(latest) == text


def test_a_link_contains_the_parameters_that_are_set() -> None:
    assert link("/series", prefix=None) == "/series"
    assert link("/series", prefix="a b&c", after="") == "/series?prefix=a%20b%26c&after="


@pytest.mark.parametrize(
    ("scopes", "texts"),
    [
        (["read,write:series"], ["read and assign versions and series with any name"]),
        (["*:system", "read:account"], ["read the account", "inspect and back up the store"]),
        (["write:account"], []),
    ],
)
def test_rights_are_stated_in_words(scopes: list[str], texts: list[str]) -> None:
    assert [right.text for right in rights_of(scopes, ["*"])] == texts


def test_name_patterns_restrict_the_rights_on_series_only() -> None:
    series, keys = rights_of(["read:series", "read:acl"], ["shop", "team/*"])
    assert (series.text, series.names) == (
        "read versions and series with the names",
        ["shop", "team/*"],
    )
    assert (keys.text, keys.names) == ("list API keys and trust policies", ())


def test_a_trust_policy_with_typed_claims_is_stated_in_words() -> None:
    body = {
        "issuer": "https://ci.example",
        "claims": {"protected": True, "level": [1, None], "ref": "main"},
        "scopes": ["read:series"],
        "names": ["*"],
        "created_by": None,
    }
    row = policy_row(None, body)
    assert (row.title, row.issuer, row.created_by) == ("Config file", "https://ci.example", None)
    assert row.claims == [("protected", ["true"]), ("level", ["1", "null"]), ("ref", ["main"])]
