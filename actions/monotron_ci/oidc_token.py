"""The identity token of the job, which replaces a stored API key.

https://docs.github.com/en/actions/reference/security/oidc
"""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from urllib.parse import quote

from monotron_ci import workflow_commands
from monotron_ci.client import AGENT
from monotron_ci.credential import Credential, parse_credential
from monotron_ci.errors import Failure, NoCredentials, NoResponse, Unreachable
from monotron_ci.http import RetryPolicy, send
from monotron_ci.urls import parse_url

_PERMISSION = """permissions:
  id-token: write"""


def audience_of(audience: str, account: int | None) -> str:
    """The audience to request. With an account, the identity token is valid in it only."""
    suffix = "" if account is None else f"/accounts/{account}"
    return audience if audience.endswith(suffix) else f"{audience}{suffix}"


def request_token(audience: str, environ: Mapping[str, str], policy: RetryPolicy) -> Credential:
    """Request an identity token for *audience* from GitHub, and mask it.

    Raises NoCredentials if the job has no permission, and Failure if GitHub returns no token.
    """
    url = environ.get("ACTIONS_ID_TOKEN_REQUEST_URL", "")
    request_secret = environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")
    if not url or not request_secret:
        raise NoCredentials("This job has no permission to request an identity token.")
    workflow_commands.mask(request_secret)
    parts = parse_url(url)
    if parts is None:
        raise Failure(
            "ACTIONS_ID_TOKEN_REQUEST_URL must be an https:// URL.",
            "The runner sets this variable. Check the configuration of the runner.",
        )
    url = f"{url}{'&' if parts.query else '?'}audience={quote(audience, safe='')}"
    request = urllib.request.Request(url)  # noqa: S310 - parse_url checked the scheme
    request.add_header("Accept", "application/json")
    request.add_header("User-Agent", AGENT)
    authorization = f"Bearer {parse_credential(request_secret, 'ACTIONS_ID_TOKEN_REQUEST_TOKEN')}"
    request.add_unredirected_header("Authorization", authorization)
    try:
        response = send(request, policy)
    except Unreachable as failure:  # GitHub, not the service: `on-unavailable` does not apply
        raise NoResponse(failure.cause, failure.hint) from None
    document = response.json()
    token = document.get("value") if isinstance(document, dict) else None
    if response.status != 200 or not isinstance(token, str) or not token:
        raise Failure(
            f"GitHub returned {response.status} instead of an identity token.",
            f"Check that the job has this permission, and re-run it:\n\n{_PERMISSION}",
        )
    workflow_commands.mask(token)
    return parse_credential(token, "The identity token")
