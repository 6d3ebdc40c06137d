"""The stand-in of GitLab's API responds as GitLab documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest

from plugins.gitlab.gitlab_api import PROJECT, GitLabApi, merge_request
from support.recordings import missing, recording, undocumented
from support.workflows import Repository

HEADER = ("PRIVATE-TOKEN", "glpat-0123456789abcdef")
TRAPS = [f"[].{user}.labels is not documented" for user in ("merged_by", "author")]
TRAPS += ["[].assignees[].labels is not documented"] * 2
"""Labels that are not those of a merge request. The job must not read them."""

RESPONSES = {
    "gitlab_commits": ("?ref_name=main&per_page=100&page=1", "[].id [].message", []),
    "gitlab_commit_merge_requests": (
        "/{0}/merge_requests?state=merged&per_page=100",
        "[].iid [].state [].labels[]",
        TRAPS,
    ),
    "gitlab_not_found": ("/tags%2Fv9", "message", []),
    "gitlab_unauthorized": ("?ref_name=main&per_page=100&page=1", "message", []),
}
"""A request for each recording, the members that the job reads, and what is invented on purpose."""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("gitlab") / "repository")


@pytest.fixture
def api(repository: Repository) -> Iterator[GitLabApi]:
    with GitLabApi(repository.git, HEADER) as api:
        api.merge_requests[repository.git("rev-parse", "HEAD")] = [merge_request(12, "minor")]
        yield api


@pytest.mark.parametrize("name", RESPONSES)
def test_the_stand_in_responds_as_documented(
    name: str, api: GitLabApi, repository: Repository
) -> None:
    documented = recording(name)
    path, members, invented = RESPONSES[name]
    path = path.format(repository.git("rev-parse", "HEAD"))
    headers = {} if documented.status == 401 else dict([HEADER])
    connection = HTTPConnection("127.0.0.1", api.port)
    connection.request("GET", f"{PROJECT}repository/commits{path}", headers=headers)
    with connection.getresponse() as response:
        document: Any = json.loads(response.read())
        assert response.status == documented.status
        assert response.headers["Content-Type"] == documented.headers["content-type"]
    assert list(undocumented(document, documented.response)) == invented
    assert list(missing(documented.response, members)) == []
    assert list(missing(document, members)) == []
