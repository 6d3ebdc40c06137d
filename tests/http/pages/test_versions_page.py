"""`/`: the names with their newest versions."""

from __future__ import annotations

import json
import subprocess

import pytest

from monotron import __version__
from support.credentials import bearer, new_account, new_key
from support.html import Element, parse
from support.page_data import COMMIT, HOSTILE, HOSTILE_KEYS, adopt, withdraw
from support.pages import HTML, Read, check_page, reader
from support.server import ROOT, Client, Server
from support.versions import JSON, assign, segment


class TestNames:
    def test_a_name_is_shown_with_its_latest_version(self, read_full: Read) -> None:
        document = read_full("/?prefix=shop")
        ((name, version, commit, bump, time, by),) = document.one("table").rows()
        assert (name, version, commit) == ("shop", "1.2.0+sha.7d4c379", f"{COMMIT[:-1]}9")
        assert (bump, by) == ("minor", "anyone")
        assert time[:2] == "20"
        links = [link.attributes["href"] for link in document.one("table").all("a")]
        assert links == ["/names/shop", "/names/shop/1.2.0"]

    def test_a_table_has_a_header_for_each_cell(self, read_full: Read) -> None:
        tables = read_full("/").all("table")
        assert len(tables) == 2
        for table in tables:
            headers = table.one("thead").all("th", scope="col")
            assert {len(row) for row in table.rows()} == {len(headers)}

    def test_a_page_contains_at_most_20_names_and_leads_to_the_next_one(
        self, read_full: Read
    ) -> None:
        names, path = [], "/"
        while path:
            document = read_full(path)
            rows = document.all("table")[0].rows()
            assert len(rows) <= 20
            names += [row[0] for row in rows]
            path = "".join(link.attributes["href"] for link in document.all("a", rel="next"))
        assert len(names) == len(set(names)) == 125 + len(HOSTILE)
        assert "First page" in document.one("main").text

    def test_a_search_finds_the_names_that_start_with_a_text(self, read_full: Read) -> None:
        document = read_full("/?prefix=team%2Fservice-11")
        rows = document.one("table").rows()
        assert [row[0] for row in rows] == [f"team/service-{number}" for number in range(110, 120)]
        form = document.one("form", method="get", action="/")
        assert form.one("input").attributes["value"] == "team/service-11"
        assert form.one("label").attributes["for"] == form.one("input").attributes["id"]

    def test_a_search_continues_on_the_next_page(self, read_full: Read) -> None:
        document = read_full("/?prefix=team%2F")
        path = document.one("a", rel="next").attributes["href"]
        assert path == "/?prefix=team%2F&after=team%2Fservice-019"
        assert read_full(path).one("table").rows()[0][0] == "team/service-020"

    def test_a_search_without_results_repeats_the_text(self, read_full: Read) -> None:
        document = read_full("/?prefix=%3Cb%3E")
        text = document.one("main").text
        assert "No names that start with <b> have a version." in text
        assert "commit" not in text

    @pytest.mark.parametrize("text", [COMMIT, COMMIT[:7], "9.2.57", "v9.2.57"])
    def test_a_search_for_a_version_or_a_commit_leads_to_the_pages_of_names(
        self, text: str, read_full: Read
    ) -> None:
        shown = read_full(f"/?prefix={text}").one("main").text
        assert "To find a version or a commit, open the page of its name" in shown

    @pytest.mark.parametrize(
        ("name", "version", "commit"),
        [
            ("only-rc", "0.1.0-rc.1 pre-release", COMMIT),
            ("only-counted", "0.1.0", "counted"),
            ("only-adopted", "1.2.57", "adopted"),
        ],
    )
    def test_a_name_without_an_assigned_final_version_is_shown_with_its_origin(
        self, name: str, version: str, commit: str, read_full: Read
    ) -> None:
        (row,) = read_full(f"/?prefix={name}").one("table").rows()
        assert row[:3] == [name, version, commit]

    @pytest.mark.parametrize(
        ("name", "token"),
        list(zip(HOSTILE, HOSTILE_KEYS, strict=True)),
        ids=range(len(HOSTILE)),
    )
    def test_a_hostile_name_is_shown_as_text_and_isolated(
        self, name: str, token: str, read_full: Read
    ) -> None:
        row = read_full(f"/?prefix={segment(name)}").one("tbody").one("tr")
        link = row.one("th").one("a", href=f"/names/{segment(name)}")
        assert link.one("bdi").raw_text == name
        assert row.one("bdi", class_="short", title=token).raw_text == token


def recent(document: Element) -> list[list[str]]:
    """The rows of the newest assignments."""
    (table,) = [
        each for each in document.all("table") if each.one("caption").text.startswith("The newest")
    ]
    return table.rows()


class TestRecent:
    def test_the_ten_newest_assignments_are_listed(self) -> None:
        with Server("sqlite://") as own, own.client() as client:
            adopt(client, "shop", "1.2.56")
            for number in range(8):
                assert client.request("PUT", f"/v1/series/build/b{number}").status == 200
            client.request("PUT", "/v1/series/build", '{"value": 41}', JSON)
            assign(client, "shop", f"{COMMIT}?bump=patch")
            withdraw(client, "shop", "1.2.57", "Wrong artifact")
            document = reader(client)("/")
        rows = [row[:3] for row in recent(document)]
        assert rows[:3] == [
            ["shop", "1.2.57 withdrawn", COMMIT],
            ["build", "value 41", "advanced"],
            ["build", "value 8", "b7"],
        ]
        assert len(rows) == 10
        links = {link.attributes["href"] for link in document.all("table")[1].all("a")}
        assert links == {"/names/shop", "/names/shop/1.2.57", "/series/build"}

    def test_an_account_with_values_only_still_learns_how_to_assign_a_version(self) -> None:
        with Server("sqlite://") as own, own.client() as client:
            client.request("PUT", "/v1/series/build/b1")
            document = reader(client)("/")
        assert "No versions yet." in document.one("main").text
        assert [row[:3] for row in recent(document)] == [["build", "value 1", "b1"]]

    @pytest.mark.parametrize("path", ["/?prefix=shop", "/?after=n"])
    def test_a_search_and_a_further_page_do_not_repeat_them(
        self, path: str, read_full: Read
    ) -> None:
        assert "The newest assignments" not in read_full(path).one("main").text

    def test_those_of_other_names_are_omitted(self, root: Client, stranger: Client) -> None:
        account = new_account(root)
        everyone = {"Authorization": bearer(new_key(root, account, "read,write:series"))}
        for path in ("versions/shop/a", "versions/secret/b", "series/shop/c", "series/secret/d"):
            assert stranger.request("PUT", f"/v1/{path}", headers=everyone).status == 200
        key = new_key(root, account, "read:series", names=["shop"])
        headers = {**HTML, "Authorization": bearer(key)}
        document = check_page(stranger.request("GET", "/", headers=headers))
        assert {row[2] for row in recent(document)} == {"a", "c"}
        assert "secret" not in document.one("main").text


class TestEmpty:
    def test_an_empty_server_shows_how_to_assign_the_first_version(self, read_empty: Read) -> None:
        document = read_empty("/")
        assert "No versions yet. Assign the first one:" in document.one("main").text
        tabs = ["GitHub Actions", "GitLab CI", "Command line"]
        assert [each.text for each in document.all("label")] == tabs
        assert [each.text for each in document.all("h3")] == tabs
        labelled = [each.attributes["for"] for each in document.all("label")]
        inputs = document.all("input", type="radio")
        assert [each.attributes["id"] for each in inputs] == labelled
        assert ["checked" in each.attributes for each in inputs] == [True, False, False]
        assert not document.all("form")

    def test_a_server_whose_first_names_were_withdrawn_is_not_empty(self) -> None:
        with Server("sqlite://") as own, own.client() as client:
            for number in range(21):
                assign(client, f"a{number:02}", "x")
                withdraw(client, f"a{number:02}", "0.0.1", "Wrong name")
            assign(client, "b", "x")
            document = reader(client)("/")
            path = document.one("a", rel="next").attributes["href"]
            assert "No names on this page have a version." in document.one("main").text
            assert reader(client)(path).one("table").rows()[0][0] == "b"

    def test_the_command_assigns_a_version(self) -> None:
        with Server("sqlite://") as own:
            with own.client() as own_client:
                response = own_client.request("GET", "/", headers=HTML)
            document = check_page(response)
            command = document.all("pre")[0].raw_text
            assert f'"{own.url}/v1/versions/my-app/' in command
            script = f"git() {{ echo {COMMIT}; }}\n{command} -sS"
            process = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
        assert json.loads(process.stdout)["version"] == "0.1.0"


class TestAccept:
    @pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/*;q=0.1, */*"])
    def test_a_client_that_does_not_prefer_html_gets_json(
        self, accept: str | None, stranger: Client
    ) -> None:
        response = stranger.request("GET", "/", headers={"Accept": accept} if accept else {})
        assert response.headers["Content-Type"] == "application/json"
        assert response.headers["Vary"] == "Accept"
        document = response.json()
        assert list(document) == ["name", "version", "api", "docs"]
        assert (document["name"], document["version"]) == ("monotron", __version__)
        assert stranger.request("GET", document["api"]).status == 200

    @pytest.mark.parametrize("accept", ["text/html", "text/html, */*;q=0.8", HTML["Accept"]])
    def test_a_client_that_prefers_html_gets_the_page(self, accept: str, client: Client) -> None:
        response = client.request("GET", "/", headers={"Accept": accept})
        check_page(response)
        assert response.headers["Vary"] == "Accept"


class TestNavigation:
    @pytest.mark.parametrize(
        ("scopes", "shown"),
        [
            (["read:series"], ["Versions", "Series", "API"]),
            (["*:series", "read:acl"], ["Versions", "Series", "Access", "API"]),
            (["read:acl", "read:system"], ["Access", "Status", "API"]),
        ],
    )
    def test_only_pages_that_the_caller_may_use_are_shown(
        self, scopes: list[str], shown: list[str], root: Client, stranger: Client
    ) -> None:
        headers = {**HTML, "Authorization": bearer(new_key(root, 1, *scopes))}
        document = parse(stranger.request("GET", "/series/missing", headers=headers).text)
        links = {link.text: link.attributes["href"] for link in document.one("nav").all("a")}
        assert list(links) == shown
        assert document.one("footer").one("a").attributes["href"] == links["API"]
        for path in links.values():
            check_page(stranger.request("GET", path, headers=headers))

    def test_strangers_are_led_to_the_pages_that_most_callers_use(self, stranger: Client) -> None:
        document = check_page(stranger.request("GET", "/errors/forbidden", headers=HTML))
        assert [link.text for link in document.one("nav").all("a")] == ["Versions", "Series", "API"]

    @pytest.mark.parametrize("path", ["/", "/errors/forbidden"])
    def test_an_open_server_has_no_page_of_credentials(self, path: str, read: Read) -> None:
        links = [link.text for link in read(path).one("header").one("nav").all("a")]
        assert links == ["Versions", "Series", "Status", "API"]
        assert read("/access", 403)


class TestCredentials:
    def test_a_browser_is_asked_for_credentials(self, stranger: Client) -> None:
        response = stranger.request("GET", "/", headers=HTML)
        assert "enter the id of an API key" in check_page(response, 401).one("main").text
        assert response.headers["WWW-Authenticate"] == 'Basic realm="monotron", charset="UTF-8"'

    def test_an_api_key_with_one_scope_reads_the_page(self, root: Client, stranger: Client) -> None:
        secret = new_key(root, 1, "read:series")
        for authorization in bearer(secret), ROOT:
            headers = {**HTML, "Authorization": authorization}
            document = check_page(stranger.request("GET", "/", headers=headers))
            assert "Signed in as" in document.one("header").text
        assert secret not in stranger.request("GET", "/", headers=headers).text

    def test_a_missing_scope_is_named(self, root: Client, stranger: Client) -> None:
        headers = {**HTML, "Authorization": bearer(new_key(root, 1, "write:series"))}
        document = check_page(stranger.request("GET", "/", headers=headers), 403)
        assert "Missing scope read:series." in document.one("main").text

    def test_names_of_other_credentials_are_omitted(self, root: Client, stranger: Client) -> None:
        for name in "pages-a", "pages-b":
            assert root.request("PUT", f"/v1/versions/{name}/T").status == 200
        key = new_key(root, 1, "read:series", names=["pages-b"])
        headers = {**HTML, "Authorization": bearer(key)}
        document = check_page(stranger.request("GET", "/?prefix=pages-", headers=headers))
        assert [row[0] for row in document.one("table").rows()] == ["pages-b"]
