"""Details of errors: what failed, why, and what to do."""

from __future__ import annotations

import pytest

from support.server import Client


@pytest.mark.parametrize(
    ("method", "path", "detail"),
    [
        (
            "PUT",
            "/v1/series/web/T?resue=any",
            "Unknown parameter `resue`. Did you mean `reuse`? "
            "Allowed here: `reuse`, `initial`, `format`, `dotenv_prefix`.",
        ),
        ("GET", "/v1?x=1", "Unknown parameter `x`. No parameters are allowed here."),
        ("PUT", "/v1/series/web/T?reuse=all", "`reuse` must be `current` or `any`, not `all`."),
        (
            "GET",
            "/v1/series/web?format=yaml",
            "`format` must be `json`, `text` or `dotenv`, not `yaml`.",
        ),
        (
            "GET",
            "/v1/series?limit=0",
            "`limit` must be an integer from 1 to 1000, not `0`.",
        ),
        ("GET", "/v1/series?limit=1&limit=2", "Duplicate parameter `limit`. Pass it once."),
        ("GET", "/v1/series?limit", "Parameter `limit` has no value. Write `limit=…`."),
        (
            "PUT",
            "/v1/versions/web/T?bump=Minr",
            "Unknown bump `Minr`. Did you mean `minor`? Use `major`, `minor` or `patch`, `final` "
            "to promote a pre-release, `auto` to decide from commit messages, or `calendar` to "
            "derive the version from the date.",
        ),
        (
            "PUT",
            "/v1/series/org/repo/T",
            "Unknown path. The API is under /v1. In names and tokens write `/` as `%2F`. "
            "Did you mean `/v1/series/org%2Frepo/T`?",
        ),
        (
            "GET",
            "/v2",
            "Unknown path. The API is under /v1. In names and tokens write `/` as `%2F`.",
        ),
        (
            "POST",
            "/v1/series/web/T",
            "POST is not supported here. Allowed: GET, HEAD, PUT.",
        ),
        (
            "PUT",
            "/v1/series/web",
            "Missing body. To get a number, add a token to the path. To advance the series, send "
            '`{"value": N}`.',
        ),
    ],
    ids=lambda value: value[:40],
)
def test_an_error_states_the_cause_and_the_remedy(
    client: Client, method: str, path: str, detail: str
) -> None:
    assert client.request(method, path).json()["detail"] == detail


def test_an_error_type_is_a_path_with_the_code(client: Client) -> None:
    document = client.request("GET", "/v1/series/no-such-series").json()
    assert document["type"] == "/errors/series_not_found"
    assert document["title"] == "Series not found"
