"""Repositories on GitHub and GitLab: their ids and default branch, and the claims of their jobs.

https://docs.github.com/en/rest/repos/repos#get-a-repository and
https://docs.gitlab.com/api/projects/#retrieve-a-project
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from monotron_ci.client import AGENT
from monotron_ci.credential import parse_credential
from monotron_ci.errors import Failure, NoResponse
from monotron_ci.http import RETRYABLE_STATUSES, HttpResponse, RetryPolicy, send
from monotron_ci.urls import checked_url

GITHUB_API_URL = "https://api.github.com"
GITLAB_URL = "https://gitlab.com"

_SEGMENT = r"[A-Za-z0-9_.-]+"
_SCP_FORM = re.compile(r"[\w.-]+@([\w.-]+):(?!//)(.+)")
_MAX_ID = 10**19


class Repository(NamedTuple):
    """A repository. *owner* is the id of the account or group that contains it."""

    name: str
    id: str
    owner: str
    default_branch: str | None


class JobFilter(NamedTuple):
    """Restricts which jobs of a repository are trusted: those that match every member."""

    branch: str | None = None
    environment: str | None = None
    workflow: str | None = None
    protected: bool = False

    def or_default_branch(self, repository: Repository, host: str) -> JobFilter:
        """This filter, or the default branch if it is empty. Raises Failure if that is unknown."""
        if any(self):
            return self
        if repository.default_branch is None:
            raise Failure(
                f"cannot determine the default branch of {repository.name} without asking {host}",
                "pass --branch main (or --environment, --workflow, --protected)",
            )
        return JobFilter(branch=repository.default_branch)

    def __str__(self) -> str:
        protected = "protected " if self.protected else ""
        parts = [f"{protected}branch {self.branch}"] if self.branch else []
        parts += [f"environment {self.environment}"] if self.environment else []
        parts += [f"workflow {self.workflow}"] if self.workflow else []
        parts += ["protected branches and tags"] if self.protected and not self.branch else []
        return ", ".join(parts)


def github_path(text: str, api_url: str) -> str:
    """OWNER/REPO, from itself or from a URL of the repository. Raises Failure."""
    api_host = urlsplit(api_url).hostname or ""
    path = _path(text, {api_host, api_host.removeprefix("api.")}, "--github-api")
    if not re.fullmatch(rf"{_SEGMENT}/{_SEGMENT}", path):
        raise Failure(f"not a repository name: {_shown(text)} (expected OWNER/REPO)")
    return path


def github_issuer(api_url: str) -> str:
    """The issuer of the GitHub with this API URL: GitHub.com, *.ghe.com, or an own server.

    https://docs.github.com/en/actions/reference/security/oidc
    """
    host = urlsplit(api_url).netloc
    if api_url.rstrip("/") == GITHUB_API_URL:
        return "github"
    if host.startswith("api.") and host.endswith(".ghe.com"):
        return f"https://token.actions.{host.removeprefix('api.')}"
    return f"https://{host}/_services/token"


def gitlab_path(text: str, gitlab_url: str) -> str:
    """GROUP/…/PROJECT, from itself or from a URL of the project. Raises Failure."""
    path = _path(text, {urlsplit(gitlab_url).hostname or ""}, "--gitlab-url")
    if not re.fullmatch(rf"{_SEGMENT}(/{_SEGMENT})+", path):
        raise Failure(f"not a project name: {_shown(text)} (expected GROUP/PROJECT)")
    return path


def _path(text: str, hosts: set[str], option: str) -> str:
    """The path of a URL, or of `git@HOST:PATH`; any other text unchanged."""
    if "://" in text:
        parts = urlsplit(text)
        host, path = parts.hostname or "", parts.path
    elif match := _SCP_FORM.fullmatch(text):
        host, path = match[1].lower(), match[2]
    else:
        return text
    if host not in hosts:
        raise Failure(f"{_shown(text)} is not on {min(hosts, key=len)}", f"pass {option}")
    return path.strip("/").removesuffix(".git")


def _shown(text: str) -> str:
    """The text without the credentials that a URL can contain."""
    return re.sub(r"//[^/]*@", "//", text)


def find_on_github(
    name: str, api_url: str, environ: Mapping[str, str], retry_policy: RetryPolicy
) -> Repository:
    """Look up OWNER/REPO with GitHub's API. Raises Failure if it is not there."""
    url = f"{checked_url(api_url, '--github-api')}/repos/{name}"
    response = _get(url, _github_headers(environ), retry_policy)
    ids = "--repository-id and --owner-id"
    document = _document(response, name, "GitHub", "GITHUB_TOKEN", ids)
    return _repository(document, name, "full_name", document.get("owner"))


def find_on_gitlab(
    name: str, gitlab_url: str, environ: Mapping[str, str], retry_policy: RetryPolicy
) -> Repository:
    """Look up GROUP/…/PROJECT with GitLab's API. Raises Failure if it is not there."""
    url = f"{checked_url(gitlab_url, '--gitlab-url')}/api/v4/projects/{quote(name, safe='')}"
    response = _get(url, _gitlab_headers(environ), retry_policy)
    ids = "--project-id and --namespace-id"
    document = _document(response, name, "GitLab", "GITLAB_TOKEN", ids)
    return _repository(document, name, "path_with_namespace", document.get("namespace"))


def find_github_owner(
    name: str, api_url: str, environ: Mapping[str, str], retry_policy: RetryPolicy
) -> Repository:
    """Look up the id of an organization or user with GitHub's API. Raises Failure."""
    if not re.fullmatch(_SEGMENT, name):
        raise Failure(f"not the name of an organization or user: {_shown(name)}")
    url = f"{checked_url(api_url, '--github-api')}/users/{name}"
    response = _get(url, _github_headers(environ), retry_policy)
    document = _document(response, name, "GitHub", "GITHUB_TOKEN", "--owner-id")
    return _repository(document, name, "login", document)


def find_gitlab_group(
    name: str, gitlab_url: str, environ: Mapping[str, str], retry_policy: RetryPolicy
) -> Repository:
    """Look up the id of a group with GitLab's API. Raises Failure."""
    if not re.fullmatch(rf"{_SEGMENT}(/{_SEGMENT})*", name):
        raise Failure(f"not the path of a group: {_shown(name)} (expected GROUP or GROUP/SUBGROUP)")
    base = checked_url(gitlab_url, "--gitlab-url")
    url = f"{base}/api/v4/groups/{quote(name, safe='')}?with_projects=false"
    response = _get(url, _gitlab_headers(environ), retry_policy)
    document = _document(response, name, "GitLab", "GITLAB_TOKEN", "--namespace-id")
    return _repository(document, name, "full_path", document)


def _github_headers(environ: Mapping[str, str]) -> dict[str, str]:
    headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    if token := environ.get("GITHUB_TOKEN"):
        headers["Authorization"] = f"Bearer {parse_credential(token, 'GITHUB_TOKEN')}"
    return headers


def _gitlab_headers(environ: Mapping[str, str]) -> dict[str, str]:
    headers = {"Accept": "application/json"}
    if token := environ.get("GITLAB_TOKEN"):
        headers["PRIVATE-TOKEN"] = parse_credential(token, "GITLAB_TOKEN")
    return headers


def github_claims(repository: Repository, jobs: JobFilter) -> dict[str, str]:
    """The claims of these jobs in identity tokens of GitHub Actions."""
    claims = {"repository_id": repository.id, "repository_owner_id": repository.owner}
    if jobs.branch:
        claims["ref"] = f"refs/heads/{jobs.branch}"
    if jobs.environment:
        claims["environment"] = jobs.environment
    if jobs.workflow:
        folder = "" if "/" in jobs.workflow else ".github/workflows/"
        path = f"{folder}{jobs.workflow}"
        own = path.startswith(".github/")
        claims["workflow"] = f"{repository.name}/{path}" if own else path
    if jobs.protected:
        claims["ref_protected"] = "true"
    return claims


def gitlab_claims(repository: Repository, jobs: JobFilter, gitlab_url: str) -> dict[str, str]:
    """The claims of these jobs in identity tokens of GitLab CI. A branch must be protected."""
    claims = {"project_id": repository.id, "namespace_id": repository.owner}
    if jobs.branch:
        claims |= {"ref": jobs.branch, "ref_type": "branch"}
    if jobs.environment:
        claims["environment"] = jobs.environment
    if jobs.workflow:
        own = "//" not in jobs.workflow
        host = urlsplit(gitlab_url).netloc
        claims["workflow"] = f"{host}/{repository.name}//{jobs.workflow}" if own else jobs.workflow
    if jobs.protected or jobs.branch:
        claims["ref_protected"] = "true"
    return claims


def _get(url: str, headers: Mapping[str, str], retry_policy: RetryPolicy) -> HttpResponse:
    request = urllib.request.Request(url)  # noqa: S310 - checked_url allows http on loopback only
    request.add_header("User-Agent", AGENT)
    for header, value in headers.items():
        request.add_unredirected_header(header, value)
    return send(request, retry_policy)


def _document(response: HttpResponse, name: str, host: str, token: str, ids: str) -> dict[str, Any]:
    """The JSON object of the response. Raises Failure, which never contains its text."""
    if 300 <= response.status < 400:
        raise Failure(f"{name} was renamed or moved on {host}", "pass its current name")
    if response.status == 404:
        raise Failure(
            f"{host} does not know {name}, or it is private",
            f"set {token} to a token that can read it, or pass {ids}",
        )
    if response.status in (401, 403, 429):
        raise Failure(
            f"{host} responded {response.status}: {token} is invalid, or its rate limit is "
            "exceeded",
            f"set {token} to a valid token, or pass {ids}",
        )
    document = response.json()
    if response.status != 200 or not isinstance(document, dict):
        kind = NoResponse if response.status in RETRYABLE_STATUSES else Failure
        raise kind(
            f"{host} responded {response.status} without a description of {name}",
            f"check the URL, or pass {ids}",
        )
    return document


def _repository(document: dict[str, Any], name: str, member: str, owner: object) -> Repository:
    full_name, branch = document.get(member), document.get("default_branch")
    if not isinstance(full_name, str) or full_name.casefold() != name.casefold():
        raise Failure(
            f"the response for {name} describes another repository",
            "check the URL, and pass the current name of the repository",
        )
    owner_id = owner.get("id") if isinstance(owner, dict) else None
    if not _is_id(document.get("id")) or not _is_id(owner_id):
        raise Failure(
            f"the response for {name} lacks the ids of repository or owner",
            "check the URL, or pass the ids",
        )
    default = branch if isinstance(branch, str) and branch else None
    return Repository(full_name, str(document["id"]), str(owner_id), default)


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < _MAX_ID
