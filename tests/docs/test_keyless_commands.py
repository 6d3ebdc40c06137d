"""The commands of "Keyless in five minutes" in docs/security.md print what the page shows.

The settings and commands are those of the page. The test replaces only the address of the server,
the root secret, and the platform's API, from which `monotron trust` reads the ids. The snippets of
the workflow and the pipelines run in tests/plugins.
"""

from __future__ import annotations

import re
import shlex
import textwrap
from pathlib import Path
from typing import Any

from docs.test_drift import section
from support.server import ROOT_ENV, Server
from support.stand_in import Reply, StandIn
from support.terminal import Terminal

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text()
KEY = ":".join(ROOT_ENV.values())
GITHUB = {
    "id": 777,
    "full_name": "acme/shop",
    "owner": {"login": "acme", "id": 42},
    "default_branch": "main",
}
GITLAB = {
    "id": 20,
    "path_with_namespace": "acme/shop",
    "namespace": {"id": 72, "full_path": "acme"},
    "default_branch": "main",
}


def printed_and_shown(
    platform: str, response: dict[str, Any], options: str, folder: Path
) -> tuple[str, str]:
    """The output of the `trust` command, and what the page shows."""
    text = section(PAGE, f"### Keyless in five minutes: {platform}")
    blocks = re.findall(r"^   ```text\n(.*?)^   ```$", text, re.DOTALL | re.MULTILINE)
    serve, trust = (textwrap.dedent(block) for block in blocks)
    *settings, program, subcommand = shlex.split(serve)
    assert (program, subcommand) == ("monotron", "serve")
    export, command, shown = trust.splitlines()
    assert export.startswith("$ export MONOTRON_URL=https://monotron.example.com ")
    assert export.endswith(" MONOTRON_API_KEY=root:ROOT_SECRET")
    env = {**ROOT_ENV, **dict(setting.split("=", 1) for setting in settings)}
    dollar, program, *arguments = shlex.split(command)
    assert (dollar, program) == ("$", "monotron")
    with (
        StandIn(lambda _: Reply.json(response)) as api,
        Server(f"sqlite:///{folder}/monotron.db", env=env) as server,
    ):
        operator = Terminal(folder, server.url, MONOTRON_API_KEY=KEY)
        process = operator.run(*arguments, *options.format(api.url).split())
    assert process.returncode == 0, process.stderr
    return process.stdout, f"{shown}\n"


def test_the_commands_for_github_and_gitlab_print_what_the_page_shows(tmp_path: Path) -> None:
    printed, shown = printed_and_shown(
        "GitHub", GITHUB, "--github-api={} --issuer=github", tmp_path
    )
    assert printed == shown
    printed, shown = printed_and_shown(
        "GitLab", GITLAB, "--gitlab-url={} --issuer=gitlab.com", tmp_path
    )
    assert printed == shown
