"""`/errors/{code}`, and the errors of pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from monotron.errors import MonotronError
from monotron.web.pages.error_guides import error_guides
from support.pages import HTML, Read, check_page
from support.server import Client

Problem = Callable[..., dict[str, Any]]


class TestDocumentation:
    @pytest.mark.parametrize("error", MonotronError.__subclasses__(), ids=lambda error: error.code)
    def test_every_error_has_a_page(self, error: type[MonotronError], stranger: Client) -> None:
        document = check_page(stranger.request("GET", f"/errors/{error.code}"))
        assert document.one("h1").text == error.title
        main = document.one("main")
        assert f"Status {error.status} {error.code}" in main.text
        headings = [each.text for each in main.all("h2")]
        assert headings == ["Meaning", "Possible causes", "What to do", "Example"]
        assert main.one("ul").all("li")
        request, response = main.all("pre")
        prose = main.text.replace(request.text, "").replace(response.text, "")
        assert prose.count("`") + prose.count("[") + prose.count("](") + prose.count("*") == 0
        guide = error_guides()[error.code]
        assert request.raw_text == guide.request
        assert json.loads(response.raw_text) == guide.problem
        assert [a.attributes["href"] for a in main.all("a")].count("/errors") == 2

    def test_the_type_of_a_problem_document_is_the_path_of_its_page(self, client: Client) -> None:
        problem = client.request("GET", "/v1/series/no-such-series").json()
        document = check_page(client.request("GET", problem["type"], headers=HTML))
        assert document.one("h1").text == problem["title"]

    def test_an_unknown_code_is_not_found(self, read: Read) -> None:
        document = read("/errors/no-such-code", 404)
        assert "Unknown error code no-such-code." in document.one("main").text
        assert document.one("main").one("a", href="/errors").text == "All errors"

    def test_all_errors_are_listed(self, stranger: Client) -> None:
        document = check_page(stranger.request("GET", "/errors"))
        rows = document.one("table").rows()
        errors = MonotronError.__subclasses__()
        assert sorted(rows) == sorted([each.code, str(each.status), each.title] for each in errors)
        assert [row[1] for row in rows] == sorted(row[1] for row in rows)
        links = [link.attributes["href"] for link in document.one("table").all("a")]
        assert links == [f"/errors/{row[0]}" for row in rows]

    def test_an_error_that_another_one_refers_to_is_linked(self, read: Read) -> None:
        link = read("/errors/invalid_token").one("main").one("a", href="/errors/invalid_key")
        assert link.text == "Invalid series key"


class TestFailures:
    def test_an_error_is_a_page_with_its_detail_and_what_to_do(self, read: Read) -> None:
        document = read("/errors/forbidden?x=1", 400)
        main = document.one("main")
        assert main.one("h1").text == "400 Invalid request"
        assert "Unknown parameter x. No parameters are allowed here." in main.text
        assert "What to do" in main.text
        links = [link.attributes["href"] for link in main.all("a")]
        assert links == ["/errors", "/errors/invalid_request"]

    @pytest.mark.parametrize(
        ("path", "link", "text"),
        [
            ("/names/no-such-name", "/", "All names"),
            ("/names/no-such-name/1.0.0", "/names/no-such-name", "All versions of this name"),
            ("/series/no-such-key", "/series", "All series"),
        ],
    )
    def test_a_page_that_does_not_exist_leads_to_those_that_do(
        self, path: str, link: str, text: str, read: Read
    ) -> None:
        main = read(path, 404).one("main")
        assert main.one("a", href=link).text == text
        assert "in the address" in main.text

    def test_a_text_in_a_detail_is_not_interpreted_as_html(self, read: Read) -> None:
        document = read("/errors/forbidden?%3Cscript%3E=1", 400)
        assert "Unknown parameter <script>." in document.one("main").text

    def test_a_write_is_not_supported(self, client: Client) -> None:
        response = client.request("POST", "/errors/forbidden", headers=HTML)
        check_page(response, 405)
        assert response.headers["Allow"] == "GET, HEAD"

    def test_an_open_server_shows_a_notice(self, read: Read) -> None:
        assert "This server is open." in read("/errors/forbidden").one("aside").text

    def test_the_access_page_of_an_open_server_states_who_has_access(self, read: Read) -> None:
        main = read("/access", 403).one("main").text
        assert "everyone on this machine has access" in main
        assert "Ask an administrator" not in main

    def test_a_server_with_credentials_shows_no_notice(self, stranger: Client) -> None:
        document = check_page(stranger.request("GET", "/errors/forbidden", headers=HTML))
        assert not document.all("aside")

    def test_a_name_of_another_host_is_refused_in_open_mode(self, client: Client) -> None:
        response = client.request("GET", "/", headers={**HTML, "Host": "evil.example"})
        document = check_page(response, 400)
        assert document.one("h1").text == "400 Host header not allowed"
        assert "evil.example" not in response.text


class TestUnknownPaths:
    @pytest.mark.parametrize("path", ["/names", "/no/such/page", "/Series", "//"])
    def test_a_browser_gets_a_page(self, path: str, stranger: Client) -> None:
        document = check_page(stranger.request("GET", path, headers=HTML), 404)
        main = document.one("main")
        assert "This page does not exist." in main.text
        assert main.one("a", href="/").text == "All names"

    def test_other_clients_get_a_problem_document(self, stranger: Client, problem: Problem) -> None:
        problem(stranger.request("GET", "/names"), 404, "not_found")

    def test_paths_of_the_api_get_a_problem_document(
        self, stranger: Client, problem: Problem
    ) -> None:
        problem(stranger.request("GET", "/v1/missing", headers=HTML), 404, "not_found")


class TestHead:
    def test_a_head_request_gets_the_headers_of_the_page(self, client: Client) -> None:
        get, head = (client.request(verb, "/errors/forbidden") for verb in ("GET", "HEAD"))
        assert head.body == b""
        assert head.headers["Content-Length"] == get.headers["Content-Length"]
