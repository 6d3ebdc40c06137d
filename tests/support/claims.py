"""Claims of tokens of GitHub and GitLab, from their documentation and from real tokens.

Sources: docs.github.com/en/actions/reference/security/oidc; gitlab-org/gitlab 563038 and 122373;
pypi/warehouse 13575. Names and numbers are fictitious.
"""

from __future__ import annotations

from typing import Any

NOW = 1_800_000_000
AUDIENCE = "https://monotron.example.com"
GITHUB = "https://token.actions.githubusercontent.com"
GITLAB = "https://gitlab.com"
SELF_MANAGED = "https://git.example.org"
OTHER = "https://ci.example.net/"


def changed(claims: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Apply the changes. A change to `...` omits the claim."""
    return {name: value for name, value in {**claims, **changes}.items() if value is not ...}


def github(**changes: Any) -> dict[str, Any]:
    """A push to the protected branch main of acme/shop."""
    sha = "0a037033c5d88a5e5fd4d0658740c7a952b4f317"
    claims = {
        "jti": "6f4762ed-0758-4ccb-808d-ee3af5d723a8",
        "sub": "repo:acme/shop:ref:refs/heads/main",
        "aud": AUDIENCE,
        "ref": "refs/heads/main",
        "sha": sha,
        "repository": "acme/shop",
        "repository_owner": "acme",
        "repository_owner_id": "42",
        "run_id": "9876543210",
        "run_number": "10",
        "run_attempt": "1",
        "repository_visibility": "private",
        "repository_id": "777",
        "actor_id": "12",
        "actor": "octocat",
        "workflow": "Release",
        "head_ref": "",
        "base_ref": "",
        "event_name": "push",
        "ref_protected": "true",
        "ref_type": "branch",
        "workflow_ref": "acme/shop/.github/workflows/release.yml@refs/heads/main",
        "workflow_sha": sha,
        "job_workflow_ref": "acme/shop/.github/workflows/release.yml@refs/heads/main",
        "job_workflow_sha": sha,
        "runner_environment": "github-hosted",
        "iss": GITHUB,
        "nbf": NOW - 610,
        "iat": NOW - 10,
        "exp": NOW + 290,
    }
    return changed(claims, changes)


def github_pull_request(**changes: Any) -> dict[str, Any]:
    """A pull request from a branch of the same repository; jobs of forks have no token."""
    ref = "refs/pull/5/merge"
    return github(
        **{
            "sub": "repo:acme/shop:pull_request",
            "event_name": "pull_request",
            "ref": ref,
            "ref_protected": "false",
            "head_ref": "feature",
            "base_ref": "main",
            "workflow_ref": f"acme/shop/.github/workflows/release.yml@{ref}",
            "job_workflow_ref": f"acme/shop/.github/workflows/release.yml@{ref}",
            **changes,
        }
    )


def gitlab(**changes: Any) -> dict[str, Any]:
    """A push to the protected branch main of acme/shop."""
    sha = "714a629c0b401fdce83e847fc9589983fc6f46bc"
    claims = {
        "namespace_id": "72",
        "namespace_path": "acme",
        "project_id": "20",
        "project_path": "acme/shop",
        "user_id": "1",
        "user_login": "sample-user",
        "user_email": "sample-user@example.com",
        "user_identities": [{"provider": "github", "extern_uid": "2435223452345"}],
        "user_access_level": "developer",
        "pipeline_id": "574",
        "pipeline_source": "push",
        "job_id": "302",
        "job_project_id": "20",
        "job_project_path": "acme/shop",
        "job_namespace_id": "72",
        "job_namespace_path": "acme",
        "ref": "main",
        "ref_type": "branch",
        "ref_path": "refs/heads/main",
        "ref_protected": "true",
        "groups_direct": ["acme/release-managers"],
        "runner_id": 1,
        "runner_environment": "self-hosted",
        "sha": sha,
        "project_visibility": "private",
        "ci_config_ref_uri": "gitlab.com/acme/shop//.gitlab-ci.yml@refs/heads/main",
        "ci_config_sha": sha,
        "jti": "235b3a54-b797-45c7-ae9a-f72d7bc6ef5b",
        "iat": NOW - 10,
        "nbf": NOW - 15,
        "exp": NOW + 3590,
        "iss": GITLAB,
        "sub": "project_path:acme/shop:ref_type:branch:ref:main",
        "aud": AUDIENCE,
    }
    return changed(claims, changes)


def gitlab_fork(**changes: Any) -> dict[str, Any]:
    """A merge request from mallory's fork in the parent project, since GitLab 18.2.2."""
    return gitlab(
        **{
            "pipeline_source": "merge_request_event",
            "project_id": "666",
            "project_path": "mallory/shop",
            "namespace_id": "99",
            "namespace_path": "mallory",
            "sub": "project_path:mallory/shop:ref_type:branch:ref:main",
            "ref_protected": "false",
            "ci_config_ref_uri": "gitlab.com/mallory/shop//.gitlab-ci.yml@refs/heads/main",
            **changes,
        }
    )


def other(**changes: Any) -> dict[str, Any]:
    """A token of an issuer that is neither GitHub nor GitLab."""
    claims = {
        "iss": OTHER,
        "sub": "system:serviceaccount:ci:release",
        "aud": AUDIENCE,
        "jti": "other-1",
        "iat": NOW - 10,
        "nbf": NOW - 10,
        "exp": NOW + 3590,
        "cluster": "east",
    }
    return changed(claims, changes)
