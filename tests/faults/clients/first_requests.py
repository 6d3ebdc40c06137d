"""The first requests with a generated Python client: `first_requests.py URL KEY SECRET`.

The folder of the generated package `monotron_client` is on the path. An unexpected response ends
the program with an AssertionError.
"""

from __future__ import annotations

import sys
from io import BytesIO

from monotron_client import AuthenticatedClient
from monotron_client.api.api_keys import create_api_key
from monotron_client.api.attributes import get_attribute, set_attribute
from monotron_client.api.series import assign_value, get_series, get_value
from monotron_client.api.system import back_up
from monotron_client.api.versions import (
    assign_version,
    get_newest_version,
    get_version,
    list_releases,
    list_versions,
)
from monotron_client.models import (
    ApiKeyOptions,
    BumpName,
    Entry,
    ListFormat,
    NewApiKey,
    NewestVersion,
    Problem,
    ReleasesPage,
    Reuse,
    Version,
    VersionsPage,
    WriteProblem,
)
from monotron_client.types import File

COMMITS = b"feat: add search\n\nLong text.\0fix: close the file\n"


def main(url: str, key: str, secret: str) -> None:
    with AuthenticatedClient(base_url=url, token=f"{key}:{secret}") as root:
        created = create_api_key.sync(
            1, client=root, body=ApiKeyOptions(scopes=["read,write:series"], names=["py*"])
        )
    assert isinstance(created, NewApiKey), created
    with AuthenticatedClient(base_url=url, token=created.api_key.secret) as client:
        series(client)
        versions(client)
        attributes(client)
        errors(client)
    with AuthenticatedClient(base_url=url, token=f"{key}:{secret}") as root:
        copy = back_up.sync(client=root)
    assert isinstance(copy, File), copy
    assert copy.payload.read(15) == b"SQLite format 3"


def series(client: AuthenticatedClient) -> None:
    """A repeated request returns the same value."""
    for token, value in (("a", 1), ("a", 1), ("b", 2), ("a", 1)):
        entry = assign_value.sync("py/build", token, client=client, reuse=Reuse.ANY)
        assert isinstance(entry, Entry), entry
        assert (entry.creator_id, entry.key, entry.token, entry.value) == (
            *(1, "py/build", token),
            value,
        )
    repeated = assign_value.sync_detailed("py/build", "b", client=client)
    assert repeated.headers["Monotron-Reused"] == "true"
    current = get_series.sync("py/build", client=client)
    assert isinstance(current, Entry), current
    assert (current.token, current.value) == ("b", 2)
    assert get_value.sync("py/build", "a", client=client) == entry


def versions(client: AuthenticatedClient) -> None:
    """The commit messages are the body, and decide the bump."""
    body = File(BytesIO(COMMITS))
    version = assign_version.sync("py", "c0ffee", client=client, bump=BumpName.AUTO, body=body)
    assert isinstance(version, Version), version
    assert (version.version, version.bump, version.reused) == ("0.1.0", "minor", False)
    assert version.reason == "feat: add search"
    assert version.spellings
    assert version.spellings.pep440 == "0.1.0"
    assert version.withdrawn is None
    found = get_version.sync("py", "c0ffee", client=client)
    assert isinstance(found, Version), found
    assert (found.version, found.token, found.created_at) == (
        *("0.1.0", "c0ffee"),
        version.created_at,
    )
    next_version = assign_version.sync("py", "decade", client=client, bump="PATCH")
    assert isinstance(next_version, Version), next_version
    assert (next_version.version, next_version.previous_token) == ("0.1.1", "c0ffee")
    newest = get_newest_version.sync("py", client=client)
    assert isinstance(newest, NewestVersion), newest
    assert (newest.version, newest.auto_after) == ("0.1.1", "decade")
    assert released(client) == ["0.1.1", "0.1.0"]
    page = list_versions.sync(client=client, prefix="py")
    assert isinstance(page, VersionsPage), page
    assert [each.name for each in page.versions] == ["py"]
    assert page.next_ is None


def released(client: AuthenticatedClient) -> list[str | None]:
    """The versions of all pages of one release each."""
    page = list_releases.sync("py", client=client, limit=1)
    assert isinstance(page, ReleasesPage), page
    listed = [each.version for each in page.releases]
    while page.next_ is not None:
        page = list_releases.sync("py", client=client, limit=1, before=page.next_)
        assert isinstance(page, ReleasesPage), page
        listed += [each.version for each in page.releases]
    return listed


def attributes(client: AuthenticatedClient) -> None:
    """A body that is text."""
    build = File(BytesIO("https://ci.example/build/7 é".encode()))
    set_attribute.sync(1, "py/build", "a", "build", client=client, body=build)
    value = get_attribute.sync(1, "py/build", "a", "build", client=client)
    assert value == "https://ci.example/build/7 é"


def errors(client: AuthenticatedClient) -> None:
    """Problem documents have their types."""
    problem = get_value.sync("py/build", "unknown", client=client)
    assert isinstance(problem, Problem), problem
    assert (problem.status, problem.code) == (404, "entry_not_found")
    taken = assign_version.sync("py", "c0ffee", client=client, bump=BumpName.MAJOR)
    assert isinstance(taken, WriteProblem), taken
    assert (taken.status, taken.code, taken.applied, taken.version, taken.bump) == (
        *(422, "token_taken", "no"),
        *("0.1.0", "minor"),
    )
    refused = assign_value.sync("other", "a", client=client)
    assert isinstance(refused, WriteProblem), refused
    assert (refused.status, refused.code) == (403, "forbidden")
    unknown = list_releases.sync("py-unknown", client=client, format_=ListFormat.JSON)
    assert isinstance(unknown, Problem), unknown
    assert unknown.code == "version_not_found"


if __name__ == "__main__":
    main(*sys.argv[1:])
