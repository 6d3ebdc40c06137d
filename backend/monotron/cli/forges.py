"""What GitHub and GitLab say of a repository: the ids that a trust rests on, its default branch.

https://docs.github.com/en/rest/repos/repos#get-a-repository and
https://docs.gitlab.com/api/projects/#retrieve-a-project
"""

import re
import urllib.request
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from monotron_ci.client import AGENT
from monotron_ci.credential import parse_credential
from monotron_ci.errors import Failure, NoResponse
from monotron_ci.http import AGAIN, HttpResponse, RetryPolicy, checked_url, send

GITHUB_API = "https://api.github.com"
GITLAB = "https://gitlab.com"

_SEGMENT = r"[A-Za-z0-9_.-]+"
_MAX_ID = 10**19


class Repository(NamedTuple):
    """*owner* is the id of the account or group that it is in."""

    name: str
    id: str
    owner: str
    default_branch: str | None


class Part(NamedTuple):
    """Which jobs of a repository: those to which all of this applies."""

    branch: str | None = None
    environment: str | None = None
    workflow: str | None = None
    protected: bool = False

    def of(self, repository: Repository) -> "Part":
        """Itself, or the default branch where it says nothing. `Failure` if that is not known."""
        if any(self):
            return self
        if repository.default_branch is None:
            raise Failure(
                f"The default branch of {repository.name} is not known.",
                "Say which jobs are meant: --branch, --environment, --workflow or --protected.",
            )
        return Part(branch=repository.default_branch)


def on_github(name: str, api: str, environ: Mapping[str, str], patience: RetryPolicy) -> Repository:
    """The repository OWNER/NAME, as GitHub's API knows it."""
    url = f"{checked_url(api, '--github-api')}/repos/{github_name(name)}"
    headers = {
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    if token := environ.get("GITHUB_TOKEN"):
        headers["Authorization"] = f"Bearer {parse_credential(token, 'GITHUB_TOKEN')}"
    answer = _get(url, headers, patience)
    told = _told(answer, name, "GITHUB_TOKEN", "--repository-id and --owner-id")
    return _repository(answer, told, name, "full_name", told.get("owner"))


def on_gitlab(
    name: str, gitlab: str, environ: Mapping[str, str], patience: RetryPolicy
) -> Repository:
    """The project GROUP/…/NAME, as GitLab's API knows it."""
    path = quote(gitlab_name(name), safe="")
    url = f"{checked_url(gitlab, '--gitlab-url')}/api/v4/projects/{path}"
    headers = {"Accept": "application/json"}
    if token := environ.get("GITLAB_TOKEN"):
        headers["PRIVATE-TOKEN"] = parse_credential(token, "GITLAB_TOKEN")
    answer = _get(url, headers, patience)
    told = _told(answer, name, "GITLAB_TOKEN", "--project-id and --namespace-id")
    return _repository(answer, told, name, "path_with_namespace", told.get("namespace"))


def github_claims(repository: Repository, part: Part) -> dict[str, str]:
    """What tokens of GitHub Actions say of these jobs."""
    claims = {"repository_id": repository.id, "repository_owner_id": repository.owner}
    if part.branch:
        claims["ref"] = f"refs/heads/{part.branch}"
    if part.environment:
        claims["environment"] = part.environment
    if part.workflow:
        folder = "" if "/" in part.workflow else ".github/workflows/"
        path = f"{folder}{part.workflow}"
        own = path.startswith(".github/")
        claims["workflow"] = f"{repository.name}/{path}" if own else path
    if part.protected:
        claims["ref_protected"] = "true"
    return claims


def gitlab_claims(repository: Repository, part: Part, gitlab: str) -> dict[str, str]:
    """What tokens of GitLab CI say of these jobs. A branch must be protected."""
    claims = {"project_id": repository.id, "namespace_id": repository.owner}
    if part.branch:
        claims |= {"ref": part.branch, "ref_type": "branch"}
    if part.environment:
        claims["environment"] = part.environment
    if part.workflow:
        own = "//" not in part.workflow
        host = urlsplit(gitlab).netloc
        claims["workflow"] = f"{host}/{repository.name}//{part.workflow}" if own else part.workflow
    if part.protected or part.branch:
        claims["ref_protected"] = "true"
    return claims


def github_name(name: str) -> str:
    """OWNER/NAME, if it is one."""
    if not re.fullmatch(rf"{_SEGMENT}/{_SEGMENT}", name):
        raise Failure(f"{name!r} is no repository of GitHub.", "Name it as OWNER/REPOSITORY.")
    return name


def gitlab_name(name: str) -> str:
    """GROUP/…/NAME, if it is one."""
    if not re.fullmatch(rf"{_SEGMENT}(/{_SEGMENT})+", name):
        raise Failure(f"{name!r} is no project of GitLab.", "Name it as GROUP/PROJECT.")
    return name


def _get(url: str, headers: Mapping[str, str], patience: RetryPolicy) -> HttpResponse:
    request = urllib.request.Request(url)  # noqa: S310 - its scheme was looked at
    request.add_header("User-Agent", AGENT)
    for header, value in headers.items():
        request.add_unredirected_header(header, value)
    return send(request, patience)


def _told(answer: HttpResponse, name: str, token: str, flags: str) -> dict[str, Any]:
    """The document, or a `Failure`. The answer's own words are a stranger's, and not shown."""
    host = "GitHub" if token == "GITHUB_TOKEN" else "GitLab"  # noqa: S105 - a name
    if 300 <= answer.status < 400:
        raise Failure(f"{name} has another name at {host} by now.", "Name it as it is called now.")
    if answer.status == 404:
        raise Failure(
            f"{host} knows no {name}, or does not show it to everybody.",
            f"For a private one, set {token} to a token that may read it, or say {flags}.",
        )
    if answer.status in (401, 403, 429):
        raise Failure(
            f"{host} answers {answer.status}: {token} is not valid, or may ask no more for now.",
            f"Set {token} to a valid token, or say {flags} instead.",
        )
    told = answer.json()
    if answer.status != 200 or not isinstance(told, dict):
        kind = NoResponse if answer.status in AGAIN else Failure
        raise kind(
            f"{host} answers {answer.status} where it should describe {name}.",
            f"Look whether the address is right, or say {flags} instead.",
        )
    return told


def _repository(
    answer: HttpResponse, told: dict[str, Any], name: str, member: str, owner: object
) -> Repository:
    found, branch = told.get(member), told.get("default_branch")
    if not isinstance(found, str) or found.casefold() != name.casefold():
        raise Failure(
            f"What was asked for {name} answers something else.",
            "Look whether the address is right, and name it as it is called now.",
        )
    owner_id = owner.get("id") if isinstance(owner, dict) else None
    if not _is_id(told.get("id")) or not _is_id(owner_id):
        raise Failure(f"The answer for {name} ({answer.status}) has no ids of it and its owner.")
    default = branch if isinstance(branch, str) and branch else None
    return Repository(found, str(told["id"]), str(owner_id), default)


def _is_id(given: object) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and 0 < given < _MAX_ID
