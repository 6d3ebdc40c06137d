"""What to change in the workflow for each error code of the service."""

from __future__ import annotations

_API_KEY = "with:\n  api-key: ${{ secrets.MONOTRON_API_KEY }}"

_HINTS = {
    "unauthenticated": f"Set a valid API key, or `audience` for keyless sign-in:\n\n{_API_KEY}",
    "forbidden": "Use an API key with the scope read,write:series for this name. For keyless "
    f"sign-in, create a trust policy with that scope.\n\n{_API_KEY}",
    "token_taken": "To use the version that this commit already has:\n\n"
    "with:\n  on-conflict: reuse",
    "version_withdrawn": "If it is the version of this commit, build a new commit, or assign this "
    "one a new version:\n\nwith:\n  on-withdrawn: new",
    "invalid_bump": "Set the bump that you want:\n\nwith:\n  bump: patch",
    "out_of_line": "Remove `line` to bump the newest version, or use a smaller bump.",
    "line_not_found": "Set the line of an existing release, `MAJOR` or `MAJOR.MINOR`:\n\n"
    'with:\n  line: "1.2"',
    "already_released": "Create a new pre-release, or set `bump: patch`.",
    "ambiguous_account": "Set the id of your account:\n\nwith:\n  account: 1",
    "token_replayed": "Re-run the job to get a new identity token.",
    "too_many_requests": "Re-run the job later, or ask the operator to raise the rate limit.",
}

_TRUST_POLICY = """Create a trust policy for these jobs, or run the step only in trusted jobs:

monotron trust github OWNER/REPOSITORY --branch …"""


def hint(code: str, *, keyless: bool) -> str:
    """What to do about an error of the service, or an empty text if its code has no hint."""
    if keyless and code == "unauthenticated":
        return _TRUST_POLICY
    return _HINTS.get(code, "")


def credentials_hint(url: str) -> str:
    """How a job gets credentials for the server, and what is different for Dependabot and forks."""
    return (
        "Sign in without a stored secret, which Dependabot can do, too:\n\n"
        f"permissions:\n  id-token: write\n\nwith:\n  audience: {url}\n\n"
        "Or pass an API key. For Dependabot, store it as a Dependabot secret, too:\n\n"
        f"{_API_KEY}\n\n"
        "Pull requests from forks get neither. To skip the step there:\n\n"
        "with:\n  on-no-credentials: skip"
    )
