"""Compares the code with its documentation, in both directions."""

from __future__ import annotations

import asyncio
import io
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.web import RequestHandler

from contract.mock import mongomock_store
from docs import api_page, plugin_tables
from docs.openapi_document import operations
from faults import __main__ as faults
from monotron import __version__
from monotron.audit_log import EVENTS
from monotron.config import SETTINGS, Setting, Settings
from monotron.errors import MonotronError
from monotron.logging_setup import LEVELS
from monotron.request_log import RequestLine, RequestLog
from monotron.store.mongo.row_import import COLLECTIONS
from monotron.web import pages
from monotron.web.app import API_ROUTES
from monotron.web.permissions import declared_scope
from monotron.web.routes import Route
from monotron_ci import outputs
from support import error_page
from support.openapi import GENERATED, resolved
from support.server import ROOT as ROOT_KEY
from support.server import ROOT_ENV, Client, Server

ROOT = Path(__file__).parents[2]
VERBS = ("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS")
PROBES = {"/livez", "/readyz"}
"""Paths that ignore their query."""


def page(name: str) -> str:
    return (ROOT / name).read_text()


def section(text: str, heading: str) -> str:
    """Return the text under a heading, up to the next heading of the same or a higher level."""
    level = heading.split(" ")[0]
    match = re.search(
        rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", text, re.DOTALL | re.MULTILINE
    )
    assert match, f"the heading {heading!r} is missing"
    return match[1]


def table(text: str) -> list[list[str]]:
    """Return the cells of the first table in a text, row by row, without its header."""
    lines = re.search(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    assert lines, "the table is missing"
    rows = [line.strip("|").split("|") for line in lines[0].splitlines()]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def code(cell: str) -> str:
    """Return the text in backticks at the start of a cell."""
    match = re.match(r"\[?`([^`]*)`", cell)
    assert match, f"the cell does not start with text in backticks: {cell}"
    return match[1]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with (
        Server("sqlite://", env=ROOT_ENV) as server,
        server.client(authorization=ROOT_KEY) as client,
    ):
        yield client


class TestRoutes:
    documented = re.findall(r"^### `([A-Z]+) (/\S*)`$", page("docs/api.md"), re.MULTILINE)

    def test_every_path_and_method_is_documented_and_every_documented_one_is_served(self) -> None:
        served = [
            (verb, Route(template).path)
            for template, handler in API_ROUTES
            for verb in VERBS
            if getattr(handler, verb.lower()) is not getattr(RequestHandler, verb.lower())
        ]
        assert sorted(self.documented) == sorted(served)

    @pytest.mark.parametrize(("verb", "path"), documented)
    def test_a_path_accepts_the_parameters_that_its_section_lists(
        self, verb: str, path: str, client: Client
    ) -> None:
        text = section(page("docs/api.md"), f"### `{verb} {path}`")
        _, has_parameters, rows = text.partition("| parameter | values |")
        listed = [code(row[0]) for row in table(f"| | {rows}")] if has_parameters else []
        response = client.request(
            verb, re.sub(r"[{}]", "", path.replace("{account}", "1")) + "?no-such-parameter=1"
        )
        if path in PROBES:
            assert not listed
            assert response.status == 200
            return
        assert response.status == 400
        allowed = response.json()["detail"].partition("llowed here")[2]
        assert re.findall(r"`(\w+)`", allowed) == listed
        assert (listed == []) == (allowed == ".")

    def test_every_response_has_the_documented_headers(self, client: Client) -> None:
        rows = table(section(page("docs/api.md"), "## Headers"))
        response = client.request("GET", "/v1")
        documented = {code(row[0]): code(row[2]) for row in rows if row[1] == "every response"}
        assert documented.items() <= dict(response.headers).items()
        standard = {"Content-Type", "Content-Length", "Date"}
        assert set(response.headers) - standard <= {code(row[0]) for row in rows}

    def test_every_header_of_the_openapi_document_is_documented(self) -> None:
        rows = table(section(page("docs/api.md"), "## Headers"))
        documented = {name for row in rows for name in re.findall(r"`([\w-]+)`", row[0])}
        described = {
            name for _, _, operation in operations(GENERATED) for name in headers(operation)
        }
        assert described <= documented

    def test_the_reference_is_up_to_date(self) -> None:
        text = page("docs/api.md")
        assert text == api_page.updated(text), "run `make docs`"


def headers(operation: dict[str, Any]) -> set[str]:
    """The headers of all responses to an operation."""
    responses = map(resolved, operation["responses"].values())
    return {name for response in responses for name in response["headers"]}


class TestPages:
    def test_every_page_is_documented_with_what_it_requires(self) -> None:
        documented = [(code(row[0]), row[1].strip("`")) for row in table(page("docs/web-pages.md"))]
        served = [(template, declared_scope(handler, "GET")) for template, handler in pages.ROUTES]
        assert documented == served


class TestSettings:
    def test_every_setting_is_documented_with_flag_variable_and_default(self) -> None:
        rows = table(page("docs/configuration.md"))
        documented = [tuple(code(cell) if cell else "" for cell in row[:4]) for row in rows]
        assert documented == [
            (setting.name, setting.flag or "", setting.variable, setting.default)
            for setting in SETTINGS
        ]

    @pytest.mark.parametrize(
        "setting",
        [setting for setting in SETTINGS if setting.parse is not str],
        ids=lambda setting: setting.name,
    )
    def test_the_bounds_of_a_setting_are_documented(self, setting: Setting) -> None:
        (meaning,) = (
            row[4] for row in table(page("docs/configuration.md")) if code(row[0]) == setting.name
        )
        with pytest.raises(ValueError, match="must be") as error:
            setting.parse("no such: value")
        for bounds in re.findall(r"seconds from (\d+ to \d+)", str(error.value)):
            assert bounds in meaning

    def test_the_example_of_a_config_file_is_valid_and_complete(self, tmp_path: Path) -> None:
        (example,) = re.findall(r"```yaml\n(.*?)```", page("docs/configuration.md"), re.DOTALL)
        file = tmp_path / "monotron.yml"
        file.touch(0o600)
        file.write_text(example)
        Settings.load({"config": str(file)}, {})
        assert re.findall(r"^(\w+):", example, re.MULTILINE) == [
            *(setting.name for setting in SETTINGS),
            "trusts",
        ]


class TestLogs:
    logs = section(page("docs/operations.md"), "## Logs")

    def rows(self, name: str) -> list[list[str]]:
        """The rows of a table between comments with its name."""
        return table(self.logs.partition(f"<!-- table of {name} -->")[2])

    def test_every_member_of_a_request_line_is_documented_in_order(self) -> None:
        line = RequestLine(*(30, 0, "GET", "/", "/", 401, 1, *"abc", 1, *"abcdef"))
        stream = io.StringIO()

        async def scenario() -> None:
            RequestLog("json", stream).add(line)
            await asyncio.sleep(0)

        asyncio.run(scenario())
        assert [code(row[0]) for row in self.rows("log members")] == list(
            json.loads(stream.getvalue())
        )

    def test_every_audit_event_is_documented_with_its_members(self) -> None:
        documented = {
            (code(row[0]), code(row[1])): tuple(re.findall(r"`(\w+)`", row[3]))
            for row in self.rows("audit events")
        }
        assert documented == EVENTS

    def test_every_log_level_is_documented(self) -> None:
        levels = table(self.logs.partition("`log_level` omits")[2])
        assert [code(row[0]) for row in levels] == [*LEVELS, "critical"]


class TestErrors:
    errors = MonotronError.__subclasses__()

    def test_every_error_has_its_own_code_and_title(self) -> None:
        assert len({error.code for error in self.errors}) == len(self.errors)
        assert len({error.title for error in self.errors}) == len(self.errors)

    def test_every_error_states_its_meaning_and_a_fix(self) -> None:
        for error in self.errors:
            meaning, _, fix = (error.__doc__ or "").partition("Fix: ")
            assert meaning, error
            assert fix, error

    def test_the_page_of_errors_is_up_to_date(self) -> None:
        text = page("docs/errors.md")
        assert text == error_page.with_errors(text), "run `make docs`"

    @pytest.mark.parametrize("name", ["docs/api.md", "docs/quickstart.md", "docs/operations.md"])
    def test_other_pages_name_error_codes_with_their_status(self, name: str) -> None:
        variants = [variant for error in self.errors for variant in error.__subclasses__()]
        known = {(str(error.status), error.code) for error in [*self.errors, *variants]}
        assert set(re.findall(r"`([45]\d\d) ([a-z_]+)`", page(name))) <= known


class TestDotenv:
    """The names of variables, which server, plugins and documentation repeat."""

    def test_all_definitions_of_the_variables_of_a_version_agree(self, client: Client) -> None:
        response = client.request("PUT", "/v1/versions/dotenv/a?format=dotenv&dotenv_prefix=X_")
        served = re.findall(r"^X_(\w+)=", response.text, re.MULTILINE)
        assert list(outputs.DOTENV) == served
        fields = re.search(r"(?s)<<FIELDS\n(.*?)^FIELDS$", page("gitlab/job.sh"), re.MULTILINE)
        assert fields
        assert [line.split(" ")[0] for line in fields[1].splitlines()] == served

    def test_all_definitions_of_the_variables_of_a_number_agree(self, client: Client) -> None:
        response = client.request("PUT", "/v1/series/dotenv/a?format=dotenv&dotenv_prefix=X_")
        served = re.findall(r"^X_(\w+)=", response.text, re.MULTILINE)
        assert list(outputs.DOTENV_OF_NUMBERS) == served
        function = re.search(r"(?s)\nnumber_of_pipeline\(\) {.*?\n}\n", page("gitlab/job.sh"))
        assert function
        assert re.findall(r"  output ([A-Z_]+)", function[0]) == served


DIFFERENT_FUNCTIONS = {
    "fail": "the job has no prefix, and prints a hint",
    "encoded": "the job keeps readable characters, because GitLab shows URLs in logs",
    "request": "the job limits the time of all attempts, and explains responses",
}
"""Functions that the two shell scripts have, and why they are not equal."""


class TestScripts:
    """The GitLab job and the script of other CI systems decide alike."""

    def test_functions_of_both_scripts_are_equal(self) -> None:
        job, script = (
            dict(re.findall(r"(?ms)^(\w+)\(\) {[^\n]*\n(.*?)^}", page(path)))
            for path in ("gitlab/job.sh", "docs/ci/monotron.sh")
        )
        different = {name for name in job.keys() & script.keys() if job[name] != script[name]}
        assert different == set(DIFFERENT_FUNCTIONS)
        assert "is_commit" in job.keys() & script.keys()


class TestPluginTables:
    @pytest.mark.parametrize("path", plugin_tables.PAGES, ids=str)
    def test_the_tables_of_inputs_and_outputs_are_up_to_date(self, path: Path) -> None:
        text = path.read_text()
        assert plugin_tables.updated(text) == text, "run `make docs`"

    def test_every_table_is_in_a_page(self) -> None:
        text = "".join(path.read_text() for path in plugin_tables.PAGES)
        assert re.findall(r"<!-- table: (.*) -->", text) == list(plugin_tables.TABLES)


class TestVersion:
    def test_the_command_prints_the_version_of_the_package(self) -> None:
        process = subprocess.run(
            [sys.executable, "-m", "monotron", "--version"], capture_output=True, check=True
        )
        assert process.stdout.decode() == f"monotron {__version__}\n"

    def test_the_version_of_the_project_is_that_of_the_package(self) -> None:
        project: dict[str, Any] = tomllib.loads(page("pyproject.toml"))
        assert "version" in project["project"]["dynamic"]
        source = page(project["tool"]["hatch"]["version"]["path"])
        assert f'__version__ = "{__version__}"' in source

    def test_the_changelog_is_at_this_version(self) -> None:
        version = r"(\d+\.\d+\.\d+)"
        newest = re.search(
            rf"^(?:This will be {version}\.|## \[{version}\] - \d{{4}}-\d\d-\d\d)$",
            page("CHANGELOG.md"),
            re.MULTILINE,
        )
        assert newest
        assert __version__ in newest.groups()


class TestMongo:
    def test_every_index_is_in_the_list_of_collections(self) -> None:
        rows = table(section(page("docs/operations.md"), "### What is in the database"))
        database = mongomock_store()._database
        for row in rows:
            listed: dict[bool, list[str]] = {True: [], False: []}
            information = database.get_collection(code(row[0])).index_information()
            for name, index in information.items():
                if name != "_id_":
                    fields = ", ".join(field for field, _ in index["key"])
                    listed[bool(index.get("unique"))].append(fields)
            assert re.findall(r"`([^`]*)`", row[2]) == listed[True]
            assert re.findall(r"`([^`]*)`", row[3]) == listed[False]
        assert {code(row[0]) for row in rows} == {*COLLECTIONS, "auth_records", "registrations"}


class TestFaults:
    def test_every_part_is_documented_in_the_module_and_in_the_list(self) -> None:
        rows = table(section(page("docs/faults.md"), "## The list"))
        listed = {part for row in rows for part in re.findall(r"`(\w+)`", row[2])}
        named = set(re.findall(r"^(\w+)  +\S", faults.__doc__ or "", re.MULTILINE))
        assert set(faults.PARTS) == named
        assert set(faults.PARTS) <= listed
