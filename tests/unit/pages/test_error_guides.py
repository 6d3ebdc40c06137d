"""The causes and examples of errors."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import monotron
from monotron.errors import MonotronError
from monotron.web.pages.error_guides import error_guides
from monotron.web.pages.templates import FOLDER
from support.error_codes import NEEDS_FAULTS

ERRORS = MonotronError.__subclasses__()


def test_each_error_has_one_guide() -> None:
    codes = tomllib.loads((FOLDER / "error_guides.toml").read_text()).keys()
    assert sorted(codes) == sorted(error.code for error in ERRORS)


@pytest.mark.parametrize("code", [error.code for error in ERRORS])
def test_causes_are_different_sentences(code: str) -> None:
    causes = error_guides()[code].causes
    assert len(causes) == len(set(causes)) > 0
    for cause in causes:
        assert re.fullmatch(r"[A-Z`].+\.", cause), cause


@pytest.mark.parametrize("code", NEEDS_FAULTS)
def test_a_detail_of_an_example_is_one_that_the_program_writes(code: str) -> None:
    (error,) = (each for each in ERRORS if each.code == code)
    detail = error_guides()[code].problem["detail"]
    patterns = list(details_of(error.__name__))
    assert patterns
    assert any(re.fullmatch(pattern, detail) for pattern in patterns), patterns


def details_of(error: str) -> Iterator[str]:
    """Regular expressions of the details with which the program creates this error."""
    for call in calls():
        function = call.func
        name = function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)
        if name == error and call.args:
            yield pattern_of(call.args[0])


@cache
def calls() -> list[ast.Call]:
    """All calls in the program."""
    files = Path(monotron.__file__).parent.rglob("*.py")
    return [
        node
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
    ]


def pattern_of(text: ast.expr) -> str:
    """A regular expression of the values of a string. What is computed can be any text."""
    match text:
        case ast.Constant(value=str(value)):
            return re.escape(value)
        case ast.JoinedStr(values=values):
            return "".join(map(pattern_of, values))
        case ast.FormattedValue():
            return ".+"
    return "(?!)"  # a variable: another call shows its value
