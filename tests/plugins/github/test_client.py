"""The client: how it signs in, and which responses it accepts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from monotron_ci.client import Client
from monotron_ci.credential import Credential, parse_credential
from monotron_ci.errors import Failure, NoResponse
from monotron_ci.http import RetryPolicy
from monotron_ci.responses import INT64_MAX
from support.stand_in import ReceivedRequest, Reply, StandIn

ENTRY = {"creator_id": 1, "key": "a", "token": "t", "value": 7}
VERSION = {
    "creator_id": 1,
    "name": "a",
    "token": "t",
    "version": "1.3.0-rc.2+sha.1",
    "tag": "v1.3.0-rc.2+sha.1",
    "major": 1,
    "minor": 3,
    "patch": 0,
    "prerelease": "rc.2",
    "metadata": "sha.1",
    "bump": "minor",
    "previous": "1.2.57",
    "latest": False,
    "reused": False,
    "reason": None,
    "created_at": "2026-11-23T18:19:00Z",
    "changed": True,
    "notes": [],
    "previous_token": "0123456789abcdef0123456789abcdef01234567",
    "latest_in_major": False,
    "latest_in_minor": False,
    "spellings": {"pep440": "1.3.0rc2+sha.1", "deb": "1.3.0~rc.2+sha.1", "maven": None},
}


def client_of(stand_in: StandIn, key: str = "") -> Client:
    return Client(stand_in.url, Credential(key) if key else None, RetryPolicy(retries=0))


def failure(call: Callable[[Client], object], reply: Reply, key: str = "") -> Failure:
    """The error of a call whose request gets this reply."""
    with StandIn([reply]) as stand_in, pytest.raises(Failure) as raised:
        call(client_of(stand_in, key))
    return raised.value


def is_foreign(error: Failure) -> bool:
    return isinstance(error, NoResponse) and "which is not a Monotron response" in error.cause


class TestCredentials:
    def test_surrounding_whitespace_is_removed(self) -> None:
        assert parse_credential(" mtk_a-b.c:d \n", "key") == "mtk_a-b.c:d"

    @pytest.mark.parametrize("text", ["", "a b", "a\nb", "a\r\nX-Header: 1", "é", "a\x00b"])
    def test_an_invalid_credential_is_refused_without_being_shown(self, text: str) -> None:
        with pytest.raises(Failure) as raised:
            parse_credential(f"secret{text}" if text else "", "api-key")
        assert "secret" not in str(raised.value)

    def test_a_credential_is_not_shown_by_repr(self) -> None:
        assert "secret" not in repr([Credential("secret")])

    @pytest.mark.parametrize(
        ("key", "header"),
        [("one-string", "Bearer one-string"), ("key:secret", "Basic a2V5OnNlY3JldA==")],
    )
    def test_the_form_of_an_api_key_selects_the_scheme(self, key: str, header: str) -> None:
        with StandIn([Reply.json(ENTRY)]) as stand_in:
            client_of(stand_in, key).peek("a")
        (request,) = stand_in.requests
        assert request.headers["Authorization"] == header

    @pytest.mark.parametrize(
        ("key", "echo"),
        [
            ("secret-key", "secret-key"),
            ("key:secret", "Basic a2V5OnNlY3JldA=="),
            ("key:secret", "key:secret"),
            ("key:secret", "a secret"),
        ],
    )
    def test_an_api_key_in_an_error_of_the_server_is_not_shown(self, key: str, echo: str) -> None:
        reply = Reply.problem(403, "forbidden", f"You are {echo}.")
        message = str(failure(lambda client: client.peek("a"), reply, key))
        assert "***." in message
        assert "secret" not in message
        assert "a2V5" not in message

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_not_followed(self, status: int) -> None:
        with StandIn([Reply.json(ENTRY)]) as target:
            redirect = Reply(status, headers={"Location": f"{target.url}/v1/series/a"})
            error = failure(lambda client: client.peek("a"), redirect, "key")
        assert "redirects to another URL" in error.cause
        assert not target.requests


class TestResponses:
    def test_an_entry_and_a_version_are_read(self) -> None:
        with StandIn([Reply.json(ENTRY, Monotron_Reused="true")]) as stand_in:
            entry = client_of(stand_in).next("a", "t")
        assert (entry.value, entry.token, entry.reused) == (7, "t", True)
        with StandIn([Reply.json(VERSION)]) as stand_in:
            version = client_of(stand_in).version("a", "t", {"bump": "minor"})
        assert (version.version, version.prerelease) == ("1.3.0-rc.2+sha.1", "rc.2")

    @pytest.mark.parametrize(
        "members",
        [
            {"value": "7"},
            {"value": 7.0},
            {"value": True},
            {"value": 0},
            {"value": -1},
            {"value": 1 << 63},
            {"value": None},
            {"key": "b"},
            {"token": "u"},
            {"token": 1},
            {"token": "\ud800"},
        ],
        ids=str,
    )
    def test_an_entry_with_a_wrong_member_is_refused(self, members: dict[str, object]) -> None:
        reply = Reply.json({**ENTRY, **members})
        assert is_foreign(failure(lambda client: client.next("a", "t"), reply))

    @pytest.mark.parametrize(
        "members",
        [
            {"version": "1.3.0\nX=1"},
            {"version": "1.3.1-rc.2"},
            {"version": "1.3.0"},
            {"version": "v1.3.0-rc.2"},
            {"version": "1.3"},
            {"version": 1},
            {"version": None},
            {"version": "1.3.0-rc.2+é"},
            {"version": "٣.3.0-rc.2"},
            {"major": "1"},
            {"major": 1.0},
            {"major": True},
            {"major": 2},
            {"minor": None},
            {"patch": -1},
            {"prerelease": None},
            {"prerelease": ["rc"]},
            {"previous": "1.2\n3"},
            {"previous": 1},
            {"previous": ["1.2.3"]},
            {"bump": "Minor!"},
            {"bump": {"a": 1}},
            {"latest": "true"},
            {"reused": 1},
            {"reason": 1},
            {"created_at": 1},
            {"latest_in_major": None},
            {"latest_in_minor": "true"},
            {"spellings": None},
            {"spellings": ["1.3.0rc2"]},
            {"spellings": {"pep440": 1}},
            {"name": "b"},
            {"token": "u"},
            {"token": None},
        ],
        ids=str,
    )
    def test_a_version_with_a_wrong_member_is_refused(self, members: dict[str, object]) -> None:
        reply = Reply.json({**VERSION, **members})
        assert is_foreign(failure(lambda client: client.version("a", "t", {}), reply))

    @pytest.mark.parametrize(
        "members", [{"name": "b"}, {"version": "x"}, {"version": None, "name": "b"}], ids=str
    )
    def test_a_wrong_response_without_a_version_is_refused(
        self, members: dict[str, object]
    ) -> None:
        reply = Reply.json({**VERSION, "changed": False, **members})
        assert is_foreign(failure(lambda client: client.version("a", "t", {}), reply))

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b"null", b'"1.0.0"', b"{", b"\xff", b"1" * 5000, b"[" * 200_000]
    )
    def test_a_body_that_is_not_a_json_object_is_refused(self, body: bytes) -> None:
        calls: list[Callable[[Client], object]] = [
            lambda client: client.find("a"),
            lambda client: client.next("a", "t"),
            lambda client: client.releases("a", 10),
        ]
        reply = Reply(200, body, {"Content-Type": "application/json"})
        assert all(is_foreign(failure(call, reply)) for call in calls)

    @pytest.mark.parametrize(
        "page",
        [
            {},
            {"releases": None},
            {"releases": [None]},
            {"releases": [{**VERSION, "name": "b"}]},
            {"releases": [], "next": "x"},
            {"releases": [], "next": 1},
        ],
        ids=str,
    )
    def test_an_invalid_page_of_releases_is_refused(self, page: dict[str, object]) -> None:
        with StandIn([Reply.json({"releases": [VERSION], "next": None})]) as stand_in:
            ((release,), following) = client_of(stand_in).releases("a", 10)
        assert (release.version, following) == ("1.3.0-rc.2+sha.1", None)
        assert is_foreign(failure(lambda client: client.releases("a", 10), Reply.json(page)))

    @pytest.mark.parametrize(
        ("status", "code", "temporary"),
        [(422, "token_taken", False), (503, "draining", True), (429, "too_many_requests", True)],
    )
    def test_a_refusal_has_its_code_and_a_temporary_one_counts_as_no_response(
        self, status: int, code: str, temporary: bool
    ) -> None:
        reply = Reply.problem(status, code, "x")
        error = failure(lambda client: client.next("a", "t"), reply)
        assert str(error) == f"{code} ({status}): x"
        assert (error.code, isinstance(error, NoResponse)) == (code, temporary)


class TestNotFound:
    def test_a_series_or_name_without_entries_has_value_zero_or_version_zero(self) -> None:
        with StandIn([Reply.problem(404, "series_not_found", "x")]) as stand_in:
            assert client_of(stand_in).peek("a").value == 0
            assert client_of(stand_in).preview("a", "t").value == 1
        with StandIn([Reply.problem(404, "version_not_found", "x")]) as stand_in:
            assert client_of(stand_in).find("a").version == "0.0.0"
            assert client_of(stand_in).find("a", "t").version == "0.0.0"

    @pytest.mark.parametrize(
        "not_found",
        [
            Reply(404, b"Not found", {"Content-Type": "text/html"}),
            Reply.problem(404, "not_found", "Unknown path."),
            Reply.problem(404, "no_such_page", "What?"),
            Reply.json({"code": "series_not_found", "detail": "x"}, 404),
            Reply.problem(200, "series_not_found", "x"),
        ],
        ids=["proxy", "path", "foreign", "not a problem document", "200"],
    )
    def test_any_other_not_found_is_an_error(self, not_found: Reply) -> None:
        failure(lambda client: client.peek("a"), not_found)
        failure(lambda client: client.find("a"), not_found)

    def test_a_preview_of_an_exhausted_series_is_refused(self) -> None:
        def service(request: ReceivedRequest) -> Reply:
            if request.path.endswith("/t"):
                return Reply.problem(404, "entry_not_found", "x")
            return Reply.json({**ENTRY, "value": INT64_MAX})

        with StandIn(service) as stand_in, pytest.raises(Failure, match="exhausted") as raised:
            client_of(stand_in).preview("a", "t")
        assert raised.value.code == "series_exhausted"


class TestPaths:
    @pytest.mark.parametrize(
        ("name", "path"),
        [
            ("gh:acme:shop", "gh%3Aacme%3Ashop"),
            ("a/b?c#d", "a%2Fb%3Fc%23d"),
            ("é😀", "%C3%A9%F0%9F%98%80"),
            ("a\r\nb", "a%0D%0Ab"),
            ("..a", "..a"),
        ],
    )
    def test_a_name_is_one_segment_of_the_path(self, name: str, path: str) -> None:
        with StandIn([Reply.json({**ENTRY, "key": name})]) as stand_in:
            client_of(stand_in).peek(name)
        assert stand_in.requests[0].path == f"/v1/series/{path}"

    @pytest.mark.parametrize("name", ["", ".", "..", "\ud800"])
    def test_a_name_that_no_path_can_contain_is_refused(self, name: str) -> None:
        calls: list[Callable[[Client], object]] = [
            lambda client: client.next(name, "t"),
            lambda client: client.next("a", name),
            lambda client: client.version(name, "t", {}),
        ]
        with StandIn([Reply()]) as stand_in:
            for call in calls:
                with pytest.raises(Failure, match="is not a valid name, key or token"):
                    call(client_of(stand_in))
        assert not stand_in.requests
