"""Compares the OpenAPI document with its source and with the code."""

from __future__ import annotations

import re
from dataclasses import fields
from urllib.parse import quote

import pytest
from jsonschema_rs import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from docs import openapi_document
from docs.openapi_document import METHODS
from docs.problem_responses import ERRORS, error_of
from monotron import errors
from monotron.auth.trust_schema import configured_issuers, parse_trust_policy
from monotron.web.app import API_ROUTES
from monotron.web.handler import Handler
from monotron.web.openapi import DOCUMENT
from monotron.web.permissions import NOTHING, ROOT_KEY, declared_scope
from monotron.web.query import Query
from monotron.web.routes import Route
from monotron.web.system import InfoHandler
from support.openapi import (
    GENERATED,
    OPERATIONS,
    documented,
    parameters,
    schema_of,
    without_references,
)

INT64_MAX = 9223372036854775807


def served() -> dict[str, tuple[type[Handler], str]]:
    """The handler and the verb of every method and path, with and without an account."""
    return {
        f"{method.upper()} {path}": (handler, method)
        for template, handler in API_ROUTES
        for path in dict.fromkeys((Route(template).path, re.sub(r"[\[\]]", "", template)))
        for method in METHODS
        if declared_scope(handler, method.upper()) is not None
    }


SERVED = served()


def query_class(handler: type[Handler], verb: str) -> type[Query] | None:
    """The class that a verb parses its query with; None if it ignores its query."""
    function = getattr(handler, verb)
    named = [function.__globals__.get(name) for name in function.__code__.co_names]
    classes = [each for each in named if isinstance(each, type) and issubclass(each, Query)]
    assert len(classes) <= 1, f"{handler}: {classes}"
    return classes[0] if classes else None


class TestSource:
    def test_the_document_is_up_to_date(self) -> None:
        text = DOCUMENT.read_text(encoding="utf-8")
        assert text == openapi_document.text(GENERATED), "run `make docs`"

    def test_the_document_is_valid_openapi(self) -> None:
        assert [error.message for error in OpenAPIV31SpecValidator(GENERATED).iter_errors()] == []

    @pytest.mark.parametrize(
        ("source", "problem"),
        [
            ("info: {}\ninfo: {}\n", "`info` is repeated"),
            ("{description: the name, if it has one}\n", "`if it has one` has no value"),
        ],
    )
    def test_a_member_of_the_source_that_yaml_would_ignore_is_refused(
        self, source: str, problem: str
    ) -> None:
        with pytest.raises(ValueError, match=problem):
            openapi_document.parse(source)

    def test_every_component_is_used(self) -> None:
        text = DOCUMENT.read_text(encoding="utf-8")
        unused = [
            f"#/components/{kind}/{name}"
            for kind, components in GENERATED["components"].items()
            for name in components
            if kind != "securitySchemes" and f'"#/components/{kind}/{name}"' not in text
        ]
        # By definition not a response of an operation.
        assert unused == ["#/components/responses/MethodNotAllowed"]


class TestRoutes:
    def test_the_operations_are_those_of_the_routes(self) -> None:
        assert sorted(OPERATIONS) == sorted(SERVED)

    def test_the_variables_of_a_path_are_its_parameters(self) -> None:
        for name in OPERATIONS:
            assert list(parameters(name, "path")) == re.findall(r"\{(\w+)\}", name), name

    @pytest.mark.parametrize("name", OPERATIONS)
    def test_an_operation_requires_what_its_verb_declares(self, name: str) -> None:
        handler, verb = SERVED[name]
        declared = declared_scope(handler, verb.upper())
        scope = OPERATIONS[name].get("x-required-scope")
        if handler is InfoHandler:  # it checks optional credentials itself
            assert (declared, scope) == (NOTHING, "read:system")
        else:
            assert scope == {NOTHING: None, ROOT_KEY: "root key"}.get(str(declared), declared)
        also = {"rotateApiKey": ["delete:acl"]}.get(OPERATIONS[name]["operationId"], [])
        roles = [scope, *also] if scope and ":" in scope else []
        schemes = [{"bearer": roles}, {"basic": roles}] if scope else []
        optional = [{}] if handler is InfoHandler else []
        assert OPERATIONS[name]["security"] == [*optional, *schemes]


SAMPLES = [
    *("", " ", "-", "0", "1", "01", "-1", "+1", "1.0", "1e3", "true", "false", "True", "yes"),
    *("1", "100", "101", "1000", "1001", str(INT64_MAX), str(INT64_MAX + 1)),
    *(str(-INT64_MAX - 1), str(-INT64_MAX - 2), "1" * 19, "1" * 20),
    *("json", "text", "dotenv", "JSON", "xml", "current", "any", "fail", "reuse", "new"),
    *("pep440", "deb", "rpm", "maven", "docker", "npm", "lenient", "strict"),
    *(
        "major",
        "minor",
        "patch",
        "final",
        "auto",
        "calendar",
        "MAJOR",
        "Auto",
        "exact",
        "majorminor",
    ),
    *("YYYY.M", "YY.M", "YYYY.MMDD", "YYYY", "YYYY.MM", "yyyy.m"),
    *("rc", "feature-login", "rc.1", "-", "1a", "12", "é", "a" * 40, "a" * 41, "A_B", "ß", "½"),
    *("1.2", "1.02", "1.2.3", "v1.2.3", "V1.2.3", "vv1.2.3", "1.2.3.4", "1.02.3", "1.2.3-rc.1"),
    *("1.2.3-01", "1.2.3-a..b", "1.2.3+a.b", "1.2.3+", "1.2.3-rc+x", " 1.2.3", "1.2.3\n"),
    *(f"{INT64_MAX}.0.0", "required", "none", "Required", "sha.7d4c379", "a..b", "a." * 49 + "a"),
    *("a" * 100, "a" * 101, "a." * 50, "docs,ci", "docs,", ",", "docs, ci", "a" * 40 + ",b"),
    *(",".join("a" * 32), ",".join("a" * 33), "Ärger", "a-b,c_d", "a b"),
    *("_", "_A1", "1A", "A" * 64, "A" * 65, "A-B", "a" * 256, "a" * 257, "org/repo", "😀" * 256),
    *("😀" * 257, f"1.2.3-{'a' * 250}", f"1.2.3-{'a' * 251}", f"v1.2.3-{'a' * 251}"),
]
"""Values at the bounds of all parameters, and usual mistakes."""


def value_of(text: str, kind: str | None) -> object:
    """The value of a text in a query, as a JSON type; the text if it cannot have this type."""
    if kind == "integer":
        return int(text) if re.fullmatch(r"-?[0-9]+", text) else text
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    return text.split(",") if kind == "array" else text


def written(default: object) -> str:
    """A default as it is written in a query."""
    if isinstance(default, bool):
        return str(default).lower()
    return str(getattr(default, "value", default))


COMPANIONS = {
    "dotenv_prefix": "format=dotenv",
    "spelling": "format=text",
    "calendar": "bump=calendar",
    **dict.fromkeys(("base", "skip_types", "minor_types", "commits"), "bump=auto"),
}
"""What a parameter requires."""


def is_accepted(query: type[Query], name: str, text: str) -> bool:
    """Whether the server accepts a text as the value of a parameter."""
    try:
        query.parse(f"{name}={quote(text)}&{COMPANIONS.get(name, '')}".rstrip("&"))
    except errors.MonotronError:
        return False
    return True


class TestQueries:
    @pytest.mark.parametrize("name", OPERATIONS)
    def test_an_operation_has_the_parameters_that_its_verb_parses(self, name: str) -> None:
        query = query_class(*SERVED[name])
        assert list(parameters(name, "query")) == list(query.names() if query else ())

    @pytest.mark.parametrize("name", [name for name in OPERATIONS if parameters(name, "query")])
    def test_a_parameter_has_the_default_and_the_values_of_its_parser(self, name: str) -> None:
        query = query_class(*SERVED[name])
        assert query
        for field in fields(query):
            schema = schema_of(parameters(name, "query")[field.name])
            default = schema.get("default")
            assert (default is None) == (field.default is None)
            assert default in (None, value_of(written(field.default), schema.get("type")))
            validator = Draft202012Validator(schema)
            valid = [
                each for each in SAMPLES if validator.is_valid(value_of(each, schema.get("type")))
            ]
            accepted = [text for text in SAMPLES if is_accepted(query, field.name, text)]
            assert accepted == valid, field.name


class TestBodies:
    @pytest.mark.parametrize("scope", ["read:series", "*:series", "read:acl", "*:system"])
    def test_a_trust_policy_has_the_scopes_that_its_parser_accepts(self, scope: str) -> None:
        schema = without_references(GENERATED["components"]["schemas"]["TrustPolicyRequest"])
        claims = {"repository_id": "1", "ref": "refs/heads/main"}
        body = {"issuer": "github", "claims": claims, "scopes": [scope]}
        try:
            parse_trust_policy(body, 1, configured_issuers(["github"]))
        except errors.InvalidRequest:
            accepted = False
        else:
            accepted = True
        assert Draft202012Validator(schema).is_valid(body) is accepted


class TestErrors:
    def test_every_error_is_a_response_of_an_operation_with_its_status(self) -> None:
        listed = {outcome for name in OPERATIONS for outcome in documented(name) if outcome.code}
        # No operation returns 405: the response of other methods is a component.
        expected = {(error.status, error.code) for error in ERRORS} - {
            (errors.MethodNotAllowed.status, errors.MethodNotAllowed.code)
        }
        assert listed == expected

    def test_an_unknown_code_in_the_source_is_refused(self) -> None:
        with pytest.raises(LookupError, match="`409 no_such_code` does not exist"):
            error_of("409 no_such_code")
