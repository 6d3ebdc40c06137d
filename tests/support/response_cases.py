"""Requests that cause the errors of one or a few operations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from string import Template

from support.documented_requests import send
from support.http import Client, Response
from support.openapi import OPERATIONS
from support.versions import INT64_MAX

_LARGE = f"{INT64_MAX - 1}.{INT64_MAX - 1}"
_ADOPTED = f'PUT versions/$name {{"version": "{_LARGE}.0"}}'
_LONG = f"PUT versions/$name/a?metadata={100 * 'm'}"
_WITHDRAWN = 'PUT releases/$name/0.0.1/withdrawal {"reason": "wrong"}'
_PEP440 = "format=text&spelling=pep440"
_DOCKER = "format=text&spelling=docker"
_PRERELEASE = "PUT versions/$name/a?prerelease=pr-12"
_OF_PRERELEASE = "releases/$name/0.0.1-pr-12.1"

CASES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "assignValue": {
        "series_exhausted": (f'PUT series/$name {{"value": {INT64_MAX}}}', "PUT series/$name/a"),
    },
    "advanceSeries": {
        "value_would_fall": ('PUT series/$name {"value": 2}', 'PUT series/$name {"value": 1}'),
    },
    "assignVersion": {
        "invalid_version": ("PUT versions/$name/a?version=1",),
        "line_not_found": ("PUT versions/$name/a?line=7",),
        "series_exhausted": (
            f'PUT versions/$name {{"version": "{INT64_MAX}.0.0"}}',
            "PUT versions/$name/a?bump=major",
        ),
        "value_would_fall": (
            'PUT versions/$name {"version": "2.0.0"}',
            "PUT versions/$name/a?version=1.0.0",
        ),
        "already_released": (
            'PUT versions/$name {"version": "2.0.0"}',
            "PUT versions/$name/a?version=2.0.0",
        ),
        "version_withdrawn": ("PUT versions/$name/a", _WITHDRAWN, "PUT versions/$name/a"),
        "base_outdated": ("PUT versions/$name/a?bump=auto&base=1.0.0 fix: a",),
        "initial_required": ("PUT versions/$name/a?initial=required",),
        "token_taken": ("PUT versions/$name/a?bump=minor", "PUT versions/$name/a?bump=major"),
        "out_of_line": (
            "PUT versions/$name/a?bump=minor",
            "PUT versions/$name/b?bump=major&line=0",
        ),
        "invalid_bump": ("PUT versions/$name/a?bump=huge",),
        "no_spelling": (f"{_PRERELEASE}&{_PEP440}",),
    },
    "getVersion": {"no_spelling": (_PRERELEASE, f"GET versions/$name/a?{_PEP440}")},
    "getNewestVersion": {
        "line_not_found": ("PUT versions/$name/a", "GET versions/$name?line=7"),
        "no_spelling": (_ADOPTED, _LONG, f"GET versions/$name?{_DOCKER}"),
    },
    "adoptVersion": {
        "invalid_version": ('PUT versions/$name {"version": "1"}',),
        "value_would_fall": (
            'PUT versions/$name {"version": "2.0.0"}',
            'PUT versions/$name {"version": "1.0.0"}',
        ),
        "version_withdrawn": (
            "PUT versions/$name/a",
            _WITHDRAWN,
            'PUT versions/$name {"version": "0.0.1"}',
        ),
        "no_spelling": (
            _ADOPTED,
            _LONG,
            f'PUT versions/$name?{_DOCKER} {{"version": "{_LARGE}.1"}}',
        ),
    },
    "listReleases": {"invalid_version": ("GET releases/$name?before=1",)},
    "getRelease": {"no_spelling": (_PRERELEASE, f"GET {_OF_PRERELEASE}?{_PEP440}")},
    "withdrawVersion": {
        "no_spelling": (f'PUT {_OF_PRERELEASE}/withdrawal?{_PEP440} {{"reason": "wrong"}}',),
    },
    "restoreVersion": {
        "no_spelling": (f"DELETE {_OF_PRERELEASE}/withdrawal?{_PEP440}",),
        "token_taken": (
            "PUT versions/$name/a",
            _WITHDRAWN,
            "PUT versions/$name/a?on_withdrawn=new",
            "DELETE releases/$name/0.0.1/withdrawal",
        ),
    },
    "createBadge": {
        "invalid_name": ('POST badges {"name": ""}',),
        "name_renamed": ('POST badges {"name": "renamed"}',),
    },
    "createAccount": {
        "account_name_taken": ('POST accounts {"name": "$name"}', 'POST accounts {"name": "$name"}')
    },
    "changeAccount": {
        "account_name_taken": (
            'POST accounts {"name": "$name"}',
            'PATCH accounts/1 {"name": "$name"}',
        )
    },
}
"""The requests by operation and code: the last one gets the error. `$name` is a new name."""


def cases(name: str, root: Client, numbers: Iterator[int]) -> Iterator[tuple[str, Response]]:
    """Send the requests of an operation. Yields each code and the response that should have it."""
    operation = OPERATIONS[name]
    of_account = operation.get("x-account-form-of")
    for code, lines in CASES.get(of_account or operation["operationId"], {}).items():
        new = f"case-{next(numbers)}"
        *before, last = (Template(line).substitute(name=new) for line in lines)
        for line in before:
            response = send(root, line)
            assert response.status == 200, (line, response)
        yield code, send(root, last, "/v1/accounts/1/" if of_account else "/v1/")
