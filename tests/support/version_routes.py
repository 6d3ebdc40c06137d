"""The routes of versions and releases, their parameters, and valid values of these."""

from __future__ import annotations

from support.server import Client, Response

VALID_VALUES = {
    "bump": "patch",
    "prerelease": "rc",
    "line": "1.2",
    "metadata": "sha.1",
    "initial": "1.0.0",
    "initial_development": "false",
    "on_conflict": "reuse",
    "on_withdrawn": "new",
    "calendar": "YYYY.M",
    "spelling": "deb",
    "label": "rc",
    "base": "1.2.58",
    "skip_types": "docs",
    "minor_types": "feat",
    "commits": "strict",
    "dotenv_prefix": "A_",
    "dry_run": "true",
    "format": "text",
    "limit": "5",
    "before": "9.9.9",
    "reuse": "any",
    "restart": "true",
    "after": "a",
    "value": "1",
    "version": "1.4.2",
    "prefix": "A_",
    "token": "hunter2",
    "api_key": "hunter2",
    "Bump": "minor",
    "x": "1",
}
"""A valid value of each parameter, and unknown parameters. The newest version is 1.2.58."""

REQUIRED = {
    **dict.fromkeys(("base", "skip_types", "minor_types", "commits"), "bump=auto&"),
    "calendar": "bump=calendar&",
    "spelling": "format=text&",
    "dotenv_prefix": "format=dotenv&",
}
"""What a parameter requires."""

ONE_VERSION = {"format", "dotenv_prefix", "spelling"}
"""The parameters of every route that returns one version."""

PARAMETERS = {
    "PUT versions/<name>/<new>": {
        "bump",
        "prerelease",
        "line",
        "version",
        "calendar",
        "metadata",
        "initial",
        "initial_development",
        "on_conflict",
        "on_withdrawn",
        "base",
        "skip_types",
        "minor_types",
        "commits",
        "dry_run",
        *ONE_VERSION,
    },
    "PUT versions/<name>": ONE_VERSION,
    "GET versions/<name>": {"line", *ONE_VERSION},
    "GET versions/<name>/a": {"prerelease", *ONE_VERSION},
    "GET releases/<name>/1.2.58": ONE_VERSION,
    "PUT releases/<name>/1.2.58/withdrawal": ONE_VERSION,
    "DELETE releases/<name>/1.2.58/withdrawal": ONE_VERSION,
    "GET releases/<name>": {"limit", "before", "line", "label", "format"},
    "GET versions": {"prefix", "limit", "after"},
}

BODIES = {
    "PUT versions/<name>/<new>": "fix: a",  # read with bump=auto only
    "PUT versions/<name>": '{"version": "1.2.58"}',
    "PUT releases/<name>/1.2.58/withdrawal": '{"reason": "a mistake"}',
}

ROUTES_OF_ONE_VERSION = [route for route, names in PARAMETERS.items() if names >= ONE_VERSION]


def applied_by(route: str) -> str | None:
    """The member `applied` of an error. Errors of reads do not contain it."""
    return None if route.startswith("GET") else "no"


def request_route(client: Client, name: str, route: str, query: str, new: str) -> Response:
    """Send a request of one of the `PARAMETERS` for a name. *new* is a token without a version."""
    method, _, path = route.partition(" ")
    path = path.replace("<name>", name).replace("<new>", new)
    return client.request(method, f"/v1/{path}?{query}", BODIES.get(route))
