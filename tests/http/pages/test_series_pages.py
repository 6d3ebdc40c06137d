"""`/series` and `/series/{key}`."""

from __future__ import annotations

import pytest

from support.credentials import bearer, new_account, new_key
from support.page_data import HOSTILE_KEYS
from support.pages import HTML, Read, check_page
from support.server import Client
from support.versions import segment

JSON = {"Content-Type": "application/json"}


def count(client: Client, key: str, number: int) -> None:
    for token in range(1, number + 1):
        assert client.request("PUT", f"/v1/series/{key}/T{token}").status == 200


class TestSeries:
    def test_a_series_is_shown_with_its_current_entry(
        self, client: Client, read: Read, fresh_key: str
    ) -> None:
        count(client, fresh_key, 2)
        document = read(f"/series?prefix={fresh_key}")
        assert document.one("table").rows() == [[fresh_key, "2", "T2"]]
        assert document.one("table").one("a").attributes["href"] == f"/series/{fresh_key}"

    def test_a_page_contains_at_most_20_series(
        self, client: Client, read: Read, fresh_key: str
    ) -> None:
        for number in range(21):
            count(client, f"{fresh_key}-{number:02}", 1)
        document = read(f"/series?prefix={fresh_key}")
        assert len(document.one("table").rows()) == 20
        path = document.one("a", rel="next").attributes["href"]
        assert [row[0] for row in read(path).one("table").rows()] == [f"{fresh_key}-20"]

    def test_an_empty_server_shows_how_to_count(self, read_empty: Read) -> None:
        document = read_empty("/series")
        assert "No series yet." in document.one("main").text
        assert "/v1/series/my-app/" in document.one("pre").raw_text
        assert "API_KEY" not in document.one("main").text

    def test_a_server_with_credentials_shows_how_to_count_with_an_api_key(
        self, root: Client, stranger: Client
    ) -> None:
        account = new_account(root)
        headers = {**HTML, "Authorization": bearer(new_key(root, account, "read:series"))}
        main = check_page(stranger.request("GET", "/series", headers=headers)).one("main")
        assert '"Authorization: Bearer $MONOTRON_API_KEY" | curl -X PUT -H @-' in main.text
        assert "monotron key create --scope read,write:series" in main.text

    @pytest.mark.parametrize("key", HOSTILE_KEYS, ids=range(len(HOSTILE_KEYS)))
    def test_a_hostile_key_is_shown_as_text_and_isolated(self, key: str, read_full: Read) -> None:
        document = read_full(f"/series?prefix={segment(key)}")
        (link,) = document.one("tbody").all("a", href=f"/series/{segment(key)}")
        assert link.one("bdi").raw_text == key
        assert read_full(f"/series/{segment(key)}").one("h1").one("bdi").raw_text == key


class TestLedger:
    def test_it_shows_who_assigned_each_value(
        self, root: Client, stranger: Client, fresh_key: str
    ) -> None:
        secret = new_key(root, 1, "read,write:series")
        headers = {**HTML, "Authorization": bearer(secret)}
        for token, client_headers in ("T1", None), ("T2", headers):
            client = root if client_headers is None else stranger
            path = f"/v1/series/{fresh_key}/{token}"
            assert client.request("PUT", path, headers=client_headers).status == 200
        document = check_page(stranger.request("GET", f"/series/{fresh_key}", headers=headers))
        second, first = document.one("table").rows()
        assert (first[:2], first[3]) == (["1", "T1"], "root")
        assert second[:2] == ["2", "T2"]
        assert second[3].startswith("key:mtk_k_")
        assert secret not in document.text

    def test_an_advanced_series_has_no_current_token(
        self, client: Client, read: Read, fresh_key: str
    ) -> None:
        count(client, fresh_key, 1)
        body = '{"value": 41}'
        assert client.request("PUT", f"/v1/series/{fresh_key}", body, JSON).status == 200
        document = read(f"/series/{fresh_key}")
        assert [each.text for each in document.one("dl").all("dd")] == [
            "41",
            "None: the series was advanced to this value.",
        ]
        assert document.one("table").rows()[0][:2] == ["41", "advanced"]

    def test_a_page_contains_at_most_20_entries(
        self, client: Client, read: Read, fresh_key: str
    ) -> None:
        count(client, fresh_key, 21)
        document = read(f"/series/{fresh_key}")
        assert len(document.one("table").rows()) == 20
        path = document.one("a", rel="next").attributes["href"]
        assert path == f"/series/{fresh_key}?before=2"
        assert [row[0] for row in read(path).one("table").rows()] == ["1"]

    def test_a_chart_states_the_same_as_a_text(
        self, client: Client, read: Read, fresh_key: str
    ) -> None:
        count(client, fresh_key, 3)
        svg = read(f"/series/{fresh_key}").one("svg", role="img")
        assert svg.attributes["aria-label"].startswith("Values 1 to 3 were assigned")

    def test_a_series_of_versions_leads_to_its_name(self, read_full: Read) -> None:
        main = read_full("/series/shop-minor-v1").one("main")
        assert main.one("a", href="/names/shop").text == "shop"

    def test_another_series_leads_to_no_name(
        self, client: Client, read: Read, fresh_key: str
    ) -> None:
        count(client, fresh_key, 1)
        assert "counts versions" not in read(f"/series/{fresh_key}").one("main").text

    def test_a_series_that_does_not_exist_is_not_found(self, read: Read, fresh_key: str) -> None:
        assert "404 Series not found" in read(f"/series/{fresh_key}", 404).one("h1").text
