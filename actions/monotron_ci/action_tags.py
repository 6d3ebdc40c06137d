"""The tags of a step's repository, which a name without versions must continue from."""

from __future__ import annotations

from contextlib import closing

from monotron_ci.action_commits import repositories
from monotron_ci.events import Event
from monotron_ci.first_version import TagsFound, check_first_version
from monotron_ci.github_api import GitHubApi
from monotron_ci.http import RetryPolicy
from monotron_ci.inputs import Inputs

_HINT = """Continue from it, once in a terminal or with an input:

monotron adopt {name} --version {version}

with:
  initial-version: {version}

Or ignore the tags, and start from 0.0.0:

with:
  from-scratch: true"""


def check_tags(name: str, inputs: Inputs, event: Event, policy: RetryPolicy) -> str:
    """Raise Failure, with the YAML to write, if the repository has version tags.

    Returns a warning if its tags cannot be read, otherwise an empty text.
    """
    token = inputs.github_token
    api = GitHubApi(event.api_url, event.repository, token, policy)
    with closing(repositories(event, api, token, policy)) as sources:
        try:
            return check_first_version(name, sources, inputs.tag_prefix, event.head)
        except TagsFound as failure:
            failure.hint = _HINT.format(name=name, version=failure.version)
            raise
