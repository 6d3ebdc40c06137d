"""Examples to be copied, for names that could break them."""

from __future__ import annotations

import shlex
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

from monotron.model.calendar_versions import CalendarFormat
from monotron.web.pages.snippets import EXAMPLE_URL, server_url, snippets

ROOT = Path(__file__).parents[3]
URL = "https://monotron.example.com"
NAMES = [
    "shop",
    "gh:acme:shop",
    "a'b\"c`d$(id)\\",
    "yes",
    "-x",
    "a: b # c",
    "é \u202e\u2028\ufeff\U0001f600",
    "sh\u200bop\u2060\xa0\U000e0041",
    "%2F+/?&",
]


@pytest.mark.parametrize("name", NAMES)
class TestNames:
    def test_the_yaml_of_github_contains_the_name(self, name: str) -> None:
        workflow = yaml.safe_load(snippets(URL, name, is_open=False).github)
        step, _ = workflow["jobs"]["version"]["steps"]
        assert step["with"] == {"url": URL, "name": name, "bump": "auto"}

    def test_the_yaml_of_gitlab_contains_the_name(self, name: str) -> None:
        variables = yaml.safe_load(snippets(URL, name, is_open=False).gitlab)["variables"]
        assert variables["MONOTRON_NAME"].replace("$$", "$") == name

    def test_the_commands_contain_the_name_as_one_word(self, name: str) -> None:
        examples = snippets(URL, name, is_open=True)
        assert shlex.split(examples.cli.split("\n")[-1])[-1] == name
        url = shlex.split(examples.curl)[-1]
        assert unquote(url.split("/")[5]) == name
        assert not set('`"\\') & set(url)


def test_the_yaml_contains_no_invisible_characters() -> None:
    examples = snippets(URL, "a\u200b\u202e\xa0\x85\U000e0041b", is_open=False)
    for text in examples.github, examples.gitlab:
        assert '"a\\u200b\\u202e\\u00a0\\u0085\\U000e0041b"' in text


def test_the_version_of_the_github_example_is_used_in_a_later_step() -> None:
    workflow = yaml.safe_load(snippets(URL, "shop", is_open=False).github)
    version, use = workflow["jobs"]["version"]["steps"]
    outputs = yaml.safe_load((ROOT / "action.yml").read_text())["outputs"]
    (variable,) = use["env"].values()
    assert variable == f"${{{{ steps.{version['id']}.outputs.version }}}}"
    assert "version" in outputs


def test_an_expression_in_a_name_is_not_evaluated_by_github() -> None:
    workflow = yaml.safe_load(snippets(URL, "${{ secrets.X }}", is_open=False).github)
    name = workflow["jobs"]["version"]["steps"][0]["with"]["name"]
    assert name == "${{ '${{' }} secrets.X }}"


def test_a_variable_in_a_name_is_not_expanded_by_gitlab() -> None:
    assert '"a$$HOME"' in snippets(URL, "a$HOME", is_open=False).gitlab


def test_a_name_that_is_versioned_by_date_keeps_its_calendar() -> None:
    examples = snippets(URL, "shop", is_open=True, calendar=CalendarFormat.SHORT_YEAR_MONTH)
    step, _ = yaml.safe_load(examples.github)["jobs"]["version"]["steps"]
    assert (step["with"]["bump"], step["with"]["calendar"]) == ("calendar", "YY.M")
    variables = yaml.safe_load(examples.gitlab)["variables"]
    assert (variables["MONOTRON_BUMP"], variables["MONOTRON_CALENDAR"]) == ("calendar", "YY.M")
    assert examples.cli.endswith("monotron version --bump calendar --calendar YY.M shop")
    assert examples.curl.endswith('?bump=calendar&calendar=YY.M"')
    default = snippets(URL, "shop", is_open=True, calendar=CalendarFormat.YEAR_MONTH)
    assert default.curl.endswith('?bump=calendar"')


def test_the_inputs_of_the_github_example_are_those_of_the_action() -> None:
    inputs = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"]
    workflow = yaml.safe_load(snippets(URL, "shop", is_open=False).github)
    assert workflow["jobs"]["version"]["steps"][0]["with"].keys() <= inputs.keys()


def test_a_secret_is_not_an_argument_of_a_command() -> None:
    before, pipe, curl = snippets(URL, "shop", is_open=False).curl.partition(" | curl ")
    assert before == 'echo "Authorization: Bearer $MONOTRON_API_KEY"'
    assert pipe
    assert "MONOTRON_API_KEY" not in curl


def test_a_server_without_credentials_needs_no_api_key() -> None:
    examples = snippets(URL, "shop", is_open=True)
    assert "API_KEY" not in examples.curl + examples.cli


@pytest.mark.parametrize(
    ("host", "headers", "url"),
    [
        ("127.0.0.1:3030", {}, "http://127.0.0.1:3030"),
        ("[::1]:3030", {}, "http://[::1]:3030"),
        ("localhost", {"Sec-Fetch-Site": "none"}, "http://localhost"),
        ("m.example", {}, "http://m.example"),
        ("m.example", {"Sec-Fetch-Site": "none"}, "https://m.example"),
        ("m.example:8443", {"X-Forwarded-Proto": "https"}, "https://m.example:8443"),
        ("m.example", {"X-Forwarded-Proto": "javascript"}, "http://m.example"),
        ("", {}, EXAMPLE_URL),
        ("a b", {}, EXAMPLE_URL),
        ('m.example"$(id)', {}, EXAMPLE_URL),
        ("user@m.example", {}, EXAMPLE_URL),
    ],
)
def test_the_url_of_the_server_is_that_of_the_request(
    host: str, headers: dict[str, str], url: str
) -> None:
    assert server_url(host, headers) == url


def test_jobs_of_other_machines_need_https() -> None:
    assert snippets("http://127.0.0.1:3030", "shop", is_open=True).needs_https
    assert not snippets(URL, "shop", is_open=True).needs_https
