"""`/names/{name}` and `/names/{name}/{version}`."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
import yaml

from monotron.model.calendar_versions import CalendarFormat
from support.badges import new_badge
from support.html import Element, parse
from support.page_data import COMMIT, HOSTILE, HOSTILE_KEYS, assign_shop, withdraw
from support.pages import HTML, Read, check_page, reader
from support.server import Client, Server
from support.versions import assign, segment

COMMIT_URL = "https://github.com/acme/shop/commit/{token}"


def pairs(document: Element) -> dict[str, str]:
    """The terms of a page with their descriptions."""
    terms = [(each.one("dt").text, each.all("dd")[0].text) for each in document.all("div")
             if each.all("dt") and len(each.all("dt")) == 1]  # fmt: skip
    return dict(terms)


@pytest.fixture(scope="module")
def linking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Read]:
    """Reads the pages of a server with `commit_url` and the name `shop`."""
    store = f"sqlite:///{tmp_path_factory.mktemp('linking')}/monotron.db"
    with Server(store, args=["--commit-url", COMMIT_URL]) as server, server.client() as client:
        assign_shop(client)
        yield reader(client)


def purposes(client: Client, name: str) -> dict[str, tuple[str, str]]:
    """The titles of the next versions, each with its version and its purpose."""
    cards = reader(client)(f"/names/{name}").one("dl").all("div")[1:]
    shown = {each.one("dt").text: [text.text for text in each.all("dd")] for each in cards}
    return {title: (version, purpose) for title, (version, purpose) in shown.items()}


class TestName:
    def test_it_shows_the_latest_version_and_the_next_ones(self, read_full: Read) -> None:
        shown = pairs(read_full("/names/shop").one("dl"))
        assert shown["Latest version"] == "1.2.0+sha.7d4c379"
        assert [shown[f"Next {bump}"] for bump in ("patch", "minor", "major")] == [
            "1.2.1",
            "1.3.0",
            "2.0.0",
        ]

    def test_reading_the_page_assigns_nothing(self, client: Client, fresh_key: str) -> None:
        assign(client, fresh_key, "a?bump=minor")
        before = client.request("GET", f"/v1/releases/{fresh_key}").json()
        for _ in range(2):
            document = check_page(client.request("GET", f"/names/{fresh_key}", headers=HTML))
            assert pairs(document)["Next patch"] == "0.1.1"
        assert client.request("GET", f"/v1/releases/{fresh_key}").json() == before

    def test_it_lists_all_versions_with_their_origin(self, read_full: Read) -> None:
        rows = read_full("/names/shop").one("table").rows()
        versions = [row[0] for row in rows]
        assert versions == [
            "1.2.0+sha.7d4c379 latest",
            *(f"1.2.0-rc.{number}" for number in (3, 2, 1)),
            "1.1.1 withdrawn",
            *("1.1.0", "1.0.0", "0.10.0", "0.9.1", "0.9.0"),
        ]
        newest, withdrawn, adopted = rows[0], rows[4], rows[-1]
        assert newest[1:4] == [f"{COMMIT[:-1]}9", "minor feat: a <b>cart</b>", "1.1.1"]
        assert "by anyone: Wrong <em>artifact</em>" in withdrawn[2]
        assert adopted[1:4] == ["adopted", "—", "—"]

    @pytest.mark.parametrize(
        ("query", "versions"),
        [
            ("label=rc", ["1.2.0-rc.3", "1.2.0-rc.2", "1.2.0-rc.1"]),
            ("line=0", ["0.10.0", "0.9.1", "0.9.0"]),
            ("line=1.1&label=", ["1.1.1 withdrawn", "1.1.0"]),
            ("before=0.9.1", ["0.9.0"]),
        ],
    )
    def test_a_filter_selects_versions(
        self, query: str, versions: list[str], read_full: Read
    ) -> None:
        rows = read_full(f"/names/shop?{query}").one("table").rows()
        assert [row[0] for row in rows] == versions

    def test_a_page_contains_at_most_20_versions(self, client: Client, fresh_key: str) -> None:
        for number in range(21):
            assign(client, fresh_key, f"{number}")
        read = reader(client)
        document = read(f"/names/{fresh_key}?label=")
        assert len(document.one("table").rows()) == 20
        path = document.one("a", rel="next").attributes["href"]
        assert path == f"/names/{fresh_key}?label=&before=0.0.2"
        assert [row[0] for row in read(path).one("table").rows()] == ["0.0.1"]

    def test_a_chart_states_the_same_as_a_text(self, read_full: Read) -> None:
        svg = read_full("/names/shop").one("figure").one("svg", role="img")
        paths = [each.attributes for each in svg.all("path")]
        points = [each["d"] for each in paths if each["class"].startswith("point")]
        assert "".join(points).count("M") == 10
        label = svg.attributes["aria-label"]
        assert label.startswith(
            "1 major version, 4 minor versions, 2 patch versions, 3 pre-releases"
        )

    def test_the_yaml_contains_the_url_and_the_name(self, full: Server, read_full: Read) -> None:
        github, gitlab = (each.raw_text for each in read_full("/names/shop").all("pre")[:2])
        step, _ = yaml.safe_load(github)["jobs"]["version"]["steps"]
        assert step["with"] == {"url": full.url, "name": "shop", "bump": "auto"}
        variables = yaml.safe_load(gitlab)["variables"]
        assert (variables["MONOTRON_URL"], variables["MONOTRON_NAME"]) == (full.url, "shop")

    def test_a_name_with_pre_releases_only_has_no_latest_version(
        self, client: Client, fresh_key: str
    ) -> None:
        assign(client, fresh_key, "a?bump=minor&prerelease=rc")
        shown = pairs(reader(client)(f"/names/{fresh_key}"))
        assert (shown["Latest version"], shown["Next minor"]) == ("None", "0.1.0")
        card = reader(client)(f"/names/{fresh_key}").one("dl").all("div")[0]
        assert "Newest pre-release: 0.1.0-rc.1" in card.text
        assert card.one("a").attributes["href"] == f"/names/{fresh_key}/0.1.0-rc.1"
        filtered = reader(client)(f"/names/{fresh_key}?line=0.1").one("dl").all("div")[0]
        assert "Newest pre-release" not in filtered.text

    def test_a_pre_release_can_be_promoted_next(self, client: Client, fresh_key: str) -> None:
        assign(client, fresh_key, "a?bump=minor&prerelease=rc")
        assert purposes(client, fresh_key) == {
            "Next final": ("0.1.0", "to promote the pre-release"),
            "Next minor": ("0.1.0", "for a feature or a breaking change"),
            "Next major": ("1.0.0", "to end initial development"),
        }

    def test_the_next_versions_do_not_depend_on_the_filter(
        self, client: Client, fresh_key: str
    ) -> None:
        assign(client, fresh_key, "a?bump=minor&prerelease=rc")
        shown = purposes(client, fresh_key)
        assert purposes(client, f"{fresh_key}?label=") == shown
        assign(client, fresh_key, "b?bump=minor")
        assert "Next patch" in purposes(client, f"{fresh_key}?label=rc")

    def test_a_name_whose_versions_were_all_withdrawn_continues_with_a_patch(
        self, client: Client, fresh_key: str
    ) -> None:
        assign(client, fresh_key, "a?bump=minor")
        path = f"/v1/releases/{fresh_key}/0.1.0/withdrawal"
        headers = {"Content-Type": "application/json"}
        assert client.request("PUT", path, '{"reason": "wrong"}', headers).status == 200
        assert list(purposes(client, fresh_key)) == ["Next patch", "Next minor", "Next major"]

    def test_a_breaking_change_is_a_minor_version_before_1_0(
        self, client: Client, fresh_key: str
    ) -> None:
        assign(client, fresh_key, "a?bump=minor")
        assert purposes(client, fresh_key) == {
            "Next patch": ("0.1.1", "for a fix"),
            "Next minor": ("0.2.0", "for a feature or a breaking change"),
            "Next major": ("1.0.0", "to end initial development"),
        }
        assign(client, fresh_key, "b?bump=major")
        assert purposes(client, fresh_key)["Next minor"] == ("1.1.0", "for a feature")

    @pytest.mark.parametrize("calendar", [each.value for each in CalendarFormat])
    def test_a_calendar_version_is_followed_by_one_of_the_same_calendar(
        self, calendar: str, client: Client, fresh_key: str
    ) -> None:
        query = f"bump=calendar&calendar={calendar}"
        assign(client, fresh_key, f"a?{query}")
        shown = purposes(client, fresh_key)
        next_version = assign(client, fresh_key, f"b?{query}")["version"]
        assert shown == {"Next by date": (next_version, "on this day")}

    def test_a_name_that_is_only_counted_leads_to_its_series(self, read_full: Read) -> None:
        card = read_full("/names/only-counted").one("dl").all("div")[0]
        assert card.text == "Latest version0.1.0 counted in its series"
        assert card.all("a")[1].attributes["href"] == "/series?prefix=only-counted-"
        assert read_full("/names/only-counted/0.1.0")

    def test_a_next_version_that_is_impossible_is_explained(
        self, client: Client, fresh_key: str
    ) -> None:
        last = 9223372036854775807
        path = f"/v1/versions/{fresh_key}"
        body = f'{{"version": "{last}.0.0"}}'
        headers = {"Content-Type": "application/json"}
        assert client.request("PUT", path, body, headers).status == 200
        shown = pairs(reader(client)(f"/names/{fresh_key}"))
        assert shown["Next patch"] == f"{last}.0.1"
        assert "series" in shown["Next major"]

    def test_a_name_without_versions_is_not_found(self, read: Read, fresh_key: str) -> None:
        assert "404" in read(f"/names/{fresh_key}", 404).one("h1").text

    @pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
    def test_a_hostile_name_is_shown_as_text_and_isolated(self, name: str, read_full: Read) -> None:
        document = read_full(f"/names/{segment(name)}")
        assert document.one("h1").one("bdi").raw_text == name
        title = document.one("head").one("title").children[0]
        assert title == f"\u2068{name}\u2069 · Monotron"
        step, _ = yaml.safe_load(document.all("pre")[0].raw_text)["jobs"]["version"]["steps"]
        assert step["with"]["name"].replace("${{ '${{' }}", "${{") == name

    @pytest.mark.parametrize("number", range(len(HOSTILE)))
    def test_hostile_attributes_are_shown_as_texts(self, number: int, read_full: Read) -> None:
        name, key = HOSTILE[number], HOSTILE_KEYS[number]
        list_of_attributes = read_full(f"/names/{segment(name)}/0.1.0").all("dl")[-1]
        label, value = (list_of_attributes.one(tag).one("bdi") for tag in ("dt", "dd"))
        assert label.raw_text == key
        assert value.raw_text == f"{name}\n[2J{name}"
        codes = [each.attributes["data-code"] for each in value.all("span", class_="invisible")]
        assert "/".join(codes).count("0000/000D/001B") == 1


class TestFind:
    """The field that leads to a version."""

    @pytest.mark.parametrize(
        ("text", "version"),
        [
            ("1.2.0", "1.2.0"),
            ("v1.2.0", "1.2.0"),
            ("1.2.0+sha.7d4c379", "1.2.0"),
            (" 1.2.0-rc.2 ", "1.2.0-rc.2"),
            ("1.1.1", "1.1.1"),
            (f"{COMMIT[:-1]}9", "1.2.0"),
            (f"{COMMIT[:-1]}7", "1.2.0-rc.2"),
        ],
    )
    def test_a_version_and_a_commit_lead_to_the_page_of_the_version(
        self, text: str, version: str, full: Server
    ) -> None:
        with full.client() as client:
            response = client.request("GET", f"/names/shop?find={segment(text)}", headers=HTML)
            assert response.status == 302
            path = response.headers["Location"]
            assert path == f"/names/shop/{version}"
            check_page(client.request("GET", path, headers=HTML))

    def test_a_token_that_looks_like_a_missing_version_is_found(
        self, client: Client, fresh_key: str
    ) -> None:
        assign(client, fresh_key, "v7.0.0")
        response = client.request("GET", f"/names/{fresh_key}?find=v7.0.0", headers=HTML)
        assert (response.status, response.headers["Location"]) == (302, f"/names/{fresh_key}/0.0.1")

    def test_the_path_of_a_hostile_name_stays_on_this_server(self, client: Client) -> None:
        assign(client, "//evil.example/..", "a")
        path = f"/names/{segment('//evil.example/..')}"
        response = client.request("GET", f"{path}?find=0.0.1", headers=HTML)
        assert response.headers["Location"] == "/names/%2F%2Fevil.example%2F../0.0.1"

    @pytest.mark.parametrize(
        ("text", "hint"),
        [
            ("9.9.9", "Enter a version, such as 1.2.57"),
            ("<b>x", "Enter a version, such as 1.2.57"),
            ("7d4c378", "Enter a version, such as 1.2.57, or at least 7 digits of the hash"),
            (COMMIT[:6], "Enter a version, such as 1.2.57, or at least 7 digits of the hash"),
            ("f" * 40, "Enter a version, such as 1.2.57"),
            ("x" * 256, "Enter a version, such as 1.2.57"),
        ],
    )
    def test_what_does_not_exist_is_stated_beside_the_field(
        self, text: str, hint: str, read_full: Read
    ) -> None:
        document = read_full(f"/names/shop?find={segment(text)}", 404)
        alert = document.one("p", role="alert")
        assert alert.text.startswith(f"shop has no version or commit {text}. {hint}")
        field = document.one("form").one("input", id="find")
        assert field.attributes["value"] == text
        assert field.attributes["aria-describedby"] == alert.attributes["id"]
        assert document.all("table"), "the versions are still listed"

    @pytest.mark.parametrize("digits", [7, 13, 39])
    @pytest.mark.parametrize("to_case", [str.lower, str.upper])
    def test_an_abbreviated_commit_leads_to_its_version(
        self, digits: int, to_case: Any, client: Client, fresh_key: str
    ) -> None:
        assign(client, fresh_key, f"{COMMIT}?prerelease=rc")
        assign(client, fresh_key, f"{COMMIT}?prerelease=beta")
        assign(client, fresh_key, COMMIT)
        assign(client, fresh_key, f"0{COMMIT[1:]}")
        assign(client, f"{fresh_key}-other", f"{COMMIT[:-1]}6")
        text = to_case(COMMIT[:digits])
        response = client.request("GET", f"/names/{fresh_key}?find={text}", headers=HTML)
        assert (response.status, response.headers["Location"]) == (302, f"/names/{fresh_key}/0.0.1")

    def test_a_complete_token_takes_precedence_over_longer_ones(
        self, client: Client, fresh_key: str
    ) -> None:
        assign(client, fresh_key, COMMIT)
        assign(client, fresh_key, COMMIT[:10])
        path = f"/names/{fresh_key}?find={COMMIT[:10]}"
        response = client.request("GET", path, headers=HTML)
        assert response.headers["Location"] == f"/names/{fresh_key}/0.0.2"

    def test_the_case_of_the_digits_takes_precedence_over_lower_case(
        self, client: Client, fresh_key: str
    ) -> None:
        assign(client, fresh_key, COMMIT)
        assign(client, fresh_key, COMMIT.upper())
        path = f"/names/{fresh_key}?find={COMMIT[:10].upper()}"
        response = client.request("GET", path, headers=HTML)
        assert response.headers["Location"] == f"/names/{fresh_key}/0.0.2"

    @pytest.mark.parametrize(
        ("commits", "shown", "choice"),
        [
            (2, "2", "select a version:"),
            (10, "10", "select a version:"),
            (11, "more than 10", "select a version of the first 10:"),
        ],
    )
    def test_an_ambiguous_commit_shows_the_versions(
        self, commits: int, shown: str, choice: str, client: Client, fresh_key: str
    ) -> None:
        tokens = [f"{COMMIT[:-2]}{number:02}" for number in range(commits)]
        for token in tokens:
            assign(client, fresh_key, token)
        assign(client, fresh_key, f"{tokens[1]}?prerelease=rc&bump=major")
        withdraw(client, fresh_key, "0.0.1", "wrong")
        document = reader(client)(f"/names/{fresh_key}?find={COMMIT[:7]}")
        alert = document.one("p", role="alert")
        assert alert.text == (
            f"{COMMIT[:7]} is ambiguous: {shown} commits of {fresh_key} start with it. "
            f"Enter more digits, or {choice}"
        )
        field = document.one("form").one("input", id="find")
        assert field.attributes["value"] == COMMIT[:7]
        assert field.attributes["aria-describedby"] == alert.attributes["id"]
        choices = document.one("ul", class_="list")
        assert [each.one("bdi").text for each in choices.all("li")] == tokens[:10]
        assert [each.attributes["href"] for each in choices.all("a")] == [
            f"/names/{fresh_key}/0.0.{number}" for number in range(1, min(commits, 10) + 1)
        ]
        assert [each.text.endswith(" withdrawn") for each in choices.all("li")][:2] == [True, False]

    @pytest.mark.parametrize("query", ["?find=", "?find=%20"])
    def test_an_empty_text_is_ignored(self, query: str, read_full: Read) -> None:
        assert not read_full(f"/names/shop{query}").all("p", role="alert")

    def test_a_name_without_versions_is_not_found(self, read: Read, fresh_key: str) -> None:
        document = read(f"/names/{fresh_key}?find=1.0.0", 404)
        assert document.one("h1").text == "404 Version not found"


class TestBadge:
    def test_a_name_without_a_badge_has_the_command_that_creates_it(
        self, server: Server, client: Client, fresh_key: str
    ) -> None:
        assign(client, fresh_key, "a")
        document = reader(client)(f"/names/{fresh_key}")
        assert not document.all("img")
        command = document.all("pre")[-1].raw_text
        assert command == f"""curl --json '{{"name": "{fresh_key}"}}' "{server.url}/v1/badges\""""
        output = subprocess.run(shlex.split(command), capture_output=True, check=True).stdout
        assert json.loads(output) == new_badge(client, fresh_key)

    def test_a_name_with_a_badge_shows_it_and_how_to_use_it(
        self, server: Server, client: Client, fresh_key: str
    ) -> None:
        assign(client, fresh_key, "a?metadata=sha.1")
        badge = new_badge(client, fresh_key)
        document = reader(client)(f"/names/{fresh_key}")
        image = document.one("img").attributes
        assert (image["src"], image["alt"]) == (badge["svg"], "version: 0.0.1")
        title = ElementTree.fromstring(client.request("GET", badge["svg"]).body)[0]
        assert title.text == image["alt"]
        markdown, html, shields = (each.raw_text for each in document.all("pre")[-3:])
        assert markdown == f"![version]({server.url}{badge['svg']})"
        assert parse(html).one("img").attributes["src"] == f"{server.url}{badge['svg']}"
        assert quote(f"{server.url}{badge['json']}", safe="") in shields

    def test_a_badge_of_a_name_with_pre_releases_only_shows_no_version(
        self, client: Client, fresh_key: str
    ) -> None:
        assign(client, fresh_key, "a?prerelease=rc")
        new_badge(client, fresh_key)
        image = reader(client)(f"/names/{fresh_key}").one("img")
        assert image.attributes["alt"] == "version: no version"


class TestVersion:
    def test_it_shows_everything_about_a_version(self, read_full: Read) -> None:
        document = read_full("/names/shop/1.2.0")
        shown = pairs(document)
        assert {name: shown[name] for name in ("Tag", "Bump", "Reason", "Previous version")} == {
            "Tag": "v1.2.0+sha.7d4c379",
            "Bump": "minor",
            "Reason": "feat: a <b>cart</b>",
            "Previous version": "1.1.1",
        }
        assert shown["Commit or token"] == f"{COMMIT[:-1]}9"
        assert shown["Latest"] == "of all versions"
        assert shown["Assigned by"] == "anyone a request without credentials, to an open server"
        assert shown["Container image tag"] == "1.2.0_sha.7d4c379"
        assert shown["branch"] == "main"
        assert shown["build <i>"] == "https://ci.example/7?a=1&b=<2>"

    def test_a_withdrawal_is_shown_first(self, read_full: Read) -> None:
        document = read_full("/names/shop/1.1.1")
        assert document.one("h1").text == "1.1.1 withdrawn"
        assert document.all("h2")[0].text == "Withdrawal"
        assert pairs(document.all("dl")[0])["Reason"] == "Wrong <em>artifact</em>"

    def test_a_pre_release_has_only_spellings_that_exist(self, read_full: Read) -> None:
        shown = pairs(read_full("/names/shop/1.2.0-rc.1"))
        assert shown["Python (PEP 440)"] == "1.2.0rc1"
        assert "Latest" not in shown

    def test_it_links_to_the_api(self, full: Server, read_full: Read) -> None:
        path = read_full("/names/shop/1.1.0").one("main").all("a")[-1].attributes["href"]
        with full.client() as client:
            assert client.request("GET", path).json()["version"] == "1.1.0"

    def test_a_version_that_does_not_exist_is_not_found(self, read_full: Read) -> None:
        assert read_full("/names/shop/9.9.9", 404)

    def test_an_invalid_version_is_refused(self, read_full: Read) -> None:
        assert "is not a semantic version" in read_full("/names/shop/x", 400).one("main").text


class TestCommitUrl:
    @pytest.mark.parametrize("path", ["/?prefix=shop", "/names/shop", "/names/shop/1.2.0"])
    def test_a_commit_is_a_link(self, path: str, linking: Read) -> None:
        url = COMMIT_URL.replace("{token}", f"{COMMIT[:-1]}9")
        assert f"{COMMIT[:-1]}9" in linking(path).one("main").all("a", href=url)[0].raw_text

    def test_the_commit_of_the_previous_version_is_a_link(self, linking: Read) -> None:
        hrefs = [a.attributes["href"] for a in linking("/names/shop/1.2.0").one("main").all("a")]
        linked = [href for href in hrefs if href.startswith("https:")]
        assert len(linked) == len(set(linked)) == 2

    def test_without_the_setting_a_commit_is_a_text(self, read_full: Read) -> None:
        assert not [a for a in read_full("/names/shop").all("a") if "http" in a.attributes["href"]]
