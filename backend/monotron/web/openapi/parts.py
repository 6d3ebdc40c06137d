"""The parts of a reference of the API. Texts are Markdown."""

from typing import NamedTuple


class Parameter(NamedTuple):
    """A parameter of a path, a query or a header."""

    name: str
    location: str
    """`path`, `query` or `header`."""
    values: str
    default: str
    """Empty if there is none."""
    description: str


class Member(NamedTuple):
    """A member of a JSON object."""

    name: str
    type: str
    description: str
    is_required: bool


class Problem(NamedTuple):
    """An error that an operation can return."""

    status: int
    code: str
    when: str


class CommonProblem(NamedTuple):
    """An error that many operations can return."""

    problem: Problem
    operations: str
    """Which ones."""


class Body(NamedTuple):
    """The body of a request, or of the response to a successful one."""

    description: str
    types: tuple[str, ...]
    """Its media types."""
    object: str | None
    """The name of the JSON object that it consists of."""
    members: tuple[Member, ...]
    example: str
    """Of its JSON, or of its text. Empty if there is none."""


class Operation(NamedTuple):
    """A method of a path."""

    id: str
    method: str
    path: str
    account_path: str | None
    """The same with an account, if the path may contain one, but does not require it."""
    tag: str
    summary: str
    description: str
    requires: str
    parameters: tuple[Parameter, ...]
    request: Body | None
    response: Body
    problems: tuple[Problem, ...]
    """Those that are not common."""
