"""Commands and YAML for the first version of a name, to be copied. Pure: no I/O."""

import json
import re
import shlex
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

from monotron.model.calendar_versions import CalendarFormat
from monotron.model.versions.requests import VersionRequest
from monotron.web.hosts import is_loopback_host
from monotron.web.pages.invisible import INVISIBLE, yaml_escape

EXAMPLE_NAME, EXAMPLE_URL = "my-app", "https://monotron.example.com"

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


class Snippets(NamedTuple):
    """How a name gets versions with curl, on the command line, on GitHub and on GitLab."""

    curl: str
    cli: str
    github: str
    gitlab: str
    needs_https: bool
    """Whether jobs of other machines need another URL."""


def server_url(host: str, headers: Mapping[str, str]) -> str:
    """The URL of this server, from the headers of a request; an example if the host is invalid.

    Without TLS of its own, the server only knows from a proxy or the browser that https is used:
    browsers send `Sec-Fetch-Site` to https URLs and loopback addresses only.
    """
    if not _HOST.fullmatch(host):
        return EXAMPLE_URL
    if is_loopback_host(host):
        return f"http://{host}"
    is_https = headers.get("X-Forwarded-Proto") == "https" or "Sec-Fetch-Site" in headers
    return f"{'https' if is_https else 'http'}://{host}"


def snippets(
    url: str, name: str, *, is_open: bool, calendar: CalendarFormat | None = None
) -> Snippets:
    """*is_open*: the server needs no credentials. *calendar*: how the name is versioned by date."""
    parameters = _parameters(calendar)
    return Snippets(
        _curl(url, name, parameters, is_open=is_open),
        _cli(url, name, parameters, is_open=is_open),
        _github(url, name, parameters),
        _gitlab(url, name, parameters),
        needs_https=url.startswith("http://"),
    )


def series_curl(url: str, key: str, *, is_open: bool) -> str:
    """How a commit is assigned a value of a series with curl."""
    path = f"/v1/series/{quote(key, safe='')}/$(git rev-parse HEAD)?reuse=any"
    return _put(f'"{url}{path}"', is_open=is_open)


def _parameters(calendar: CalendarFormat | None) -> dict[str, str]:
    """The inputs of the plugins that determine the version."""
    if calendar is None:
        return {"bump": "auto"}
    others = {} if calendar is VersionRequest().calendar else {"calendar": calendar.value}
    return {"bump": "calendar", **others}


def _explicit(parameters: Mapping[str, str]) -> dict[str, str]:
    """The same for a single request, which contains no commit messages."""
    return {**parameters, "bump": parameters["bump"].replace("auto", "minor")}


def _curl(url: str, name: str, parameters: Mapping[str, str], *, is_open: bool) -> str:
    query = "&".join(f"{key}={text}" for key, text in _explicit(parameters).items())
    path = f"/v1/versions/{quote(name, safe='')}/$(git rev-parse HEAD)?{query}"
    return _put(f'"{url}{path}"', is_open=is_open)


def _put(request: str, *, is_open: bool) -> str:
    if is_open:
        return f"curl -X PUT {request}"
    header = 'echo "Authorization: Bearer $MONOTRON_API_KEY"'
    return f"{header} | curl -X PUT -H @- \\\n  {request}"


def _cli(url: str, name: str, parameters: Mapping[str, str], *, is_open: bool) -> str:
    lines = [f"export MONOTRON_URL={url}"]
    if not is_open:
        lines.append("export MONOTRON_API_KEY=… # the secret of an API key")
    options = [f"--{key} {text}" for key, text in _explicit(parameters).items()]
    if name.startswith("-"):
        options.append("--")
    return "\n".join([*lines, f"monotron version {' '.join(options)} {shlex.quote(name)}"])


def _github(url: str, name: str, parameters: Mapping[str, str]) -> str:
    text = yaml_string(name.replace("${{", "${{ '${{' }}"))  # not an expression
    inputs = "\n          ".join(f"{key}: {value}" for key, value in parameters.items())
    return f"""\
on:
  push:
    branches: [main]
jobs:
  version:
    runs-on: ubuntu-latest
    permissions:
      contents: read # for the commits
      id-token: write # to sign in without a stored secret
    steps:
      - id: version
        uses: monotron/monotron@v0
        with:
          url: {url}
          name: {text}
          {inputs}
      - run: echo "Building $VERSION"
        env:
          VERSION: ${{{{ steps.version.outputs.version }}}}
"""


def _gitlab(url: str, name: str, parameters: Mapping[str, str]) -> str:
    text = yaml_string(name.replace("$", "$$"))  # not a variable
    variables = "\n  ".join(f"MONOTRON_{key.upper()}: {value}" for key, value in parameters.items())
    return f"""\
include:
  - local: monotron.gitlab-ci.yml # a copy of gitlab/monotron.gitlab-ci.yml
variables:
  MONOTRON_URL: {url}
  MONOTRON_NAME: {text}
  {variables}
monotron-version:
  id_tokens:
    MONOTRON_ID_TOKEN:
      aud: {url}
build:
  script:
    - echo "Building $MONOTRON_VERSION"
"""


def yaml_string(text: str) -> str:
    """A double-quoted string of YAML, which is on one line and shows invisible characters."""
    quoted = json.dumps(text, ensure_ascii=False)
    return INVISIBLE.sub(lambda match: yaml_escape(match[0]), quoted)
