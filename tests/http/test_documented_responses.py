"""Every response of each operation in the OpenAPI document occurs, and no other one.

Real servers return each status and, for errors, each code. Each response is valid by the document.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from support.openapi import OPERATIONS, documented, outcome_of, problem_with
from support.response_world import ResponseWorld


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ResponseWorld]:
    with ExitStack() as stack:
        yield ResponseWorld(stack, tmp_path_factory.mktemp("responses"))


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_responses_of_an_operation_are_those_of_the_document(
    name: str, world: ResponseWorld
) -> None:
    outcomes, problems = set(), []
    for description, response in world.exchanges(name):
        outcome = outcome_of(response)
        outcomes.add(outcome)
        if problem := problem_with(response, name):
            problems.append(f"{outcome} is not as documented: {problem}. Request: {description}")
    problems += [f"{outcome} does not occur" for outcome in sorted(documented(name) - outcomes)]
    assert not problems, "\n".join(problems)
