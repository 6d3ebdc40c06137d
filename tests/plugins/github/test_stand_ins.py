"""The stand-ins of GitHub's API respond as GitHub documents."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from support.github_api import GitHubApi
from support.github_tags import GitHubTags
from support.recordings import FOLDER, missing, recording, undocumented
from support.stand_in import StandIn
from support.workflows import Repository

REPOSITORY = "/repos/acme/shop"

COMMIT = "{0}sha {0}commit.message {0}parents[].sha"
REFERENCE = "object.type object.sha"


class Response(NamedTuple):
    status: int
    headers: dict[str, str]
    document: Any


class GitHub:
    """Both stand-ins, with a repository whose last commit renames a file."""

    def __init__(self, folder: Path) -> None:
        self.repository = Repository(folder / "repository")
        (self.repository.folder / "a").write_text("a\n")
        self.repository.git("add", "a")
        self.parent = self.repository.commit("add")
        self.repository.git("mv", "a", "b")
        self.head = self.repository.commit("rename")
        self.repository.git("tag", "v1.2.57")
        self.api = GitHubApi(self.repository.folder)
        self.api.merged(12, [self.head], "minor")
        self.limited = GitHubApi(self.repository.folder, limited=True)
        self.tags = GitHubTags()
        self.tags.tags["v1.2.57"] = self.head

    def stop(self) -> None:
        for stand_in in (self.api, self.limited, self.tags):
            stand_in.stop()


def send(stand_in: StandIn, path: str, method: str = "GET", **body: object) -> Response:
    connection = HTTPConnection("127.0.0.1", stand_in.port)
    connection.request(method, f"{REPOSITORY}{path}", json.dumps(body) if body else None)
    with connection.getresponse() as response:
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Response(response.status, headers, json.loads(response.read()))


@pytest.fixture(scope="module")
def github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHub]:
    github = GitHub(tmp_path_factory.mktemp("github"))
    yield github
    github.stop()


Send = Callable[[GitHub], Response]

RESPONSES: dict[str, tuple[Send, str]] = {
    "github_compare": (
        lambda it: send(it.api, f"/compare/{it.parent}...{it.head}"),
        f"total_commits {COMMIT.format('commits[].')}",
    ),
    "github_commits": (
        lambda it: send(it.api, f"/commits?sha={it.head}&per_page=1"),
        COMMIT.format("[]."),
    ),
    "github_commit": (
        lambda it: send(it.api, f"/commits/{it.head}"),
        f"{COMMIT.format('')} files[].filename files[].previous_filename?",
    ),
    "github_commit_pulls": (
        lambda it: send(it.api, f"/commits/{it.head}/pulls"),
        "[].number [].title [].merged_at [].labels[].name [].head.sha",
    ),
    "github_matching_refs": (lambda it: send(it.api, "/git/matching-refs/tags/v"), "[].ref"),
    "github_ref": (lambda it: send(it.tags, "/git/ref/tags/v1.2.57"), REFERENCE),
    "github_ref_created": (
        lambda it: send(it.tags, "/git/refs", "POST", ref="refs/tags/v1", sha=it.head),
        REFERENCE,
    ),
    "github_ref_updated": (
        lambda it: send(it.tags, "/git/refs/tags/v1.2.57", "PATCH", sha=it.head, force=True),
        REFERENCE,
    ),
    "github_not_found": (lambda it: send(it.tags, "/git/ref/tags/v9"), "message"),
    "github_no_commit": (lambda it: send(it.api, "/commits/tags/v9"), "message"),
    "github_ref_exists": (
        lambda it: send(it.tags, "/git/refs", "POST", ref="refs/tags/v1.2.57", sha=it.head),
        "message",
    ),
    "github_ref_missing": (
        lambda it: send(it.tags, "/git/refs/tags/v9", "PATCH", sha=it.head, force=True),
        "message",
    ),
    "github_rate_limit": (lambda it: send(it.limited, "/commits?sha=main"), "message"),
}
"""A request for each recording, and the members that the action reads in its response."""


@pytest.mark.parametrize("name", RESPONSES)
def test_a_stand_in_responds_as_documented(name: str, github: GitHub) -> None:
    documented = recording(name)
    send_request, members = RESPONSES[name]
    response = send_request(github)
    assert response.status == documented.status
    assert response.headers["content-type"] == documented.headers["content-type"]
    assert list(undocumented(response.document, documented.response)) == []
    assert list(missing(documented.response, members)) == []
    assert list(missing(response.document, members)) == []
    assert set(response.headers) & RATE_LIMIT_HEADERS <= set(documented.headers)


RATE_LIMIT_HEADERS = {f"x-ratelimit-{name}" for name in ("limit", "remaining", "reset", "used")}


def test_an_exhausted_rate_limit_is_in_the_headers(github: GitHub) -> None:
    documented = recording("github_rate_limit").headers
    headers = send(github.limited, "/commits?sha=main").headers
    assert headers["x-ratelimit-remaining"] == documented["x-ratelimit-remaining"] == "0"


def test_the_next_page_is_in_the_documented_header(github: GitHub) -> None:
    for number in range(301):
        (github.repository.folder / f"file{number}").touch()
    github.repository.git("add", ".")
    head = github.repository.commit("large")
    first, second = (send(github.api, f"/commits/{head}{page}") for page in ("", "?page=2"))
    assert (len(first.document["files"]), len(second.document["files"])) == (300, 1)
    pattern = r'<https?://[^>]+[?&]page=[0-9]+>; rel="next"'
    assert re.search(pattern, recording("github_commit").headers["link"])
    assert re.search(pattern, first.headers["link"])
    assert "link" not in second.headers


def test_every_recording_names_its_source() -> None:
    for path in FOLDER.glob("*.json"):
        document = recording(path.stem)
        assert re.match(r"[\w-]+/[\w-]+: ", document.source), path
        assert re.match(r"(GET|POST|PATCH|PUT) /", document.request), path


def test_an_invented_member_and_another_type_are_found() -> None:
    documented = {"a": 1, "list": [{"b": "x"}, {"c": None}]}
    assert list(undocumented({"a": 2, "list": [{"b": "y", "c": "z"}]}, documented)) == []
    assert list(undocumented({"a": "2", "list": [{"b": "y", "d": 1}]}, documented)) == [
        ".a is str, not int",
        ".list[].d is not documented",
    ]
    assert list(missing({"list": [{"b": 1}, {}]}, "list[].b a")) == ["list[].b", "a"]
