"""An identity token of the job, in place of a key: nothing secret has to be stored.

https://docs.github.com/en/actions/reference/security/oidc
"""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from urllib.parse import quote

from monotron_ci import workflow_commands
from monotron_ci.client import AGENT
from monotron_ci.credential import Credential, parse_credential
from monotron_ci.errors import Failure
from monotron_ci.http import RetryPolicy, send, split

PERMISSION = """permissions:
  id-token: write"""


def identity_token(audience: str, environ: Mapping[str, str], patience: RetryPolicy) -> Credential:
    """A token from the runner for *audience*, masked. `Failure` where the job may not have one."""
    url = environ.get("ACTIONS_ID_TOKEN_REQUEST_URL", "")
    key = environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")
    if not url or not key:
        raise Failure(
            "This job may not ask for an identity token, which `audience` signs in with. A pull "
            "request from a fork never may.",
            f"Let the job have it:\n\n{PERMISSION}",
        )
    workflow_commands.mask(key)
    parts = split(url)
    if parts is None:
        raise Failure("ACTIONS_ID_TOKEN_REQUEST_URL is no https address.")
    joined = f"{url}{'&' if parts.query else '?'}audience={quote(audience, safe='')}"
    request = urllib.request.Request(joined)  # noqa: S310 - its scheme was looked at
    request.add_header("Accept", "application/json")
    request.add_header("User-Agent", AGENT)
    authorization = f"Bearer {parse_credential(key, 'ACTIONS_ID_TOKEN_REQUEST_TOKEN')}"
    request.add_unredirected_header("Authorization", authorization)
    answer = send(request, patience)
    given = answer.json()
    token = given.get("value") if isinstance(given, dict) else None
    if answer.status != 200 or not isinstance(token, str) or not token:
        raise Failure(
            f"The runner answers {answer.status} instead of an identity token.",
            f"Look whether the job has this, and re-run it:\n\n{PERMISSION}",
        )
    workflow_commands.mask(token)
    return parse_credential(token, "The identity token")
