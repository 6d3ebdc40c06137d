"""Claims of tokens of CircleCI, Buildkite, Bitbucket, Azure DevOps and Jenkins.

They follow the documentation of the platforms, and for Bitbucket and Azure that of services that
accept these tokens. Names and ids are fictitious.
"""

from __future__ import annotations

from typing import Any

from support.claims import AUDIENCE, NOW, changed


def uuid(digit: str) -> str:
    """An id that is easy to recognize."""
    return "-".join(digit * length for length in (8, 4, 4, 4, 12))


ORGANIZATION, PROJECT, PIPELINE = uuid("a"), uuid("b"), uuid("c")
CONTEXT, CLUSTER, QUEUE = uuid("d"), uuid("e"), uuid("f")
WORKSPACE, REPOSITORY, ENVIRONMENT = (f"{{{uuid(digit)}}}" for digit in "123")

CIRCLECI = f"https://oidc.circleci.com/org/{ORGANIZATION}"
BUILDKITE = "https://agent.buildkite.com"
BITBUCKET = "https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc"
AZURE = f"https://vstoken.dev.azure.com/{ORGANIZATION}"
JENKINS = "https://jenkins.example.com/oidc"

AZURE_AUDIENCE = "api://AzureADTokenExchange"
AZURE_REPOSITORY = "https://dev.azure.com/acme/shop/_git/shop"
WORKSPACE_AUDIENCE = f"ari:cloud:bitbucket::workspace/{uuid('1')}"
JOB = "https://jenkins.example.com/job/shop/job/main/"
C = "oidc.circleci.com/"


def circleci(**changes: Any) -> dict[str, Any]:
    """A job of the branch main of github.com/acme/shop. Changes omit the prefix of the claims."""
    standard = {"iss": CIRCLECI, "aud": AUDIENCE, "iat": NOW - 10, "exp": NOW + 3590}
    standard["sub"] = f"org/{ORGANIZATION}/project/{PROJECT}/user/{uuid('9')}"
    own = {
        "context-ids": [uuid("8"), CONTEXT],
        "job-id": uuid("4"),
        "org-id": ORGANIZATION,
        "pipeline-definition-id": uuid("5"),
        "pipeline-id": uuid("6"),
        "project-id": PROJECT,
        "ssh-rerun": False,
        "vcs-origin": "github.com/acme/shop",
        "vcs-ref": "refs/heads/main",
        "workflow-id": uuid("7"),
    }
    claims = {**standard, **{C + name: value for name, value in own.items()}}
    changes = {
        name if name in standard or name in ("nbf", "jti") else C + name.replace("_", "-"): value
        for name, value in changes.items()
    }
    return changed(claims, changes)


def buildkite(**changes: Any) -> dict[str, Any]:
    """A build of main, with `--claim organization_id,pipeline_id,cluster_id,queue_id`."""
    claims = {
        "iss": BUILDKITE,
        "sub": "organization:acme:pipeline:shop:ref:refs/heads/main:commit:9f3182061f1e:step:build",
        "aud": AUDIENCE,
        "iat": NOW - 10,
        "nbf": NOW - 10,
        "exp": NOW + 290,
        "organization_slug": "acme",
        "organization_id": ORGANIZATION,
        "pipeline_slug": "shop",
        "pipeline_id": PIPELINE,
        "build_number": 7,
        "build_branch": "main",
        "build_commit": "9f3182061f1e2cca4702c368cbc039b7dc9d4485",
        "step_key": None,
        "job_id": uuid("4"),
        "agent_id": uuid("5"),
        "build_source": "webhook",
        "runner_environment": "self-hosted",
        "cluster_id": CLUSTER,
        "queue_id": QUEUE,
    }
    return changed(claims, changes)


def bitbucket(**changes: Any) -> dict[str, Any]:
    """A step of the deployment environment with `oidc: {audiences: […]}`."""
    claims = {
        "iss": BITBUCKET,
        "sub": f"{REPOSITORY}:{ENVIRONMENT}:{{{uuid('4')}}}",
        "aud": [WORKSPACE_AUDIENCE, AUDIENCE],
        "iat": NOW - 10,
        "exp": NOW + 3590,
        "stepUuid": f"{{{uuid('4')}}}",
        "repositoryUuid": REPOSITORY,
        "workspaceUuid": WORKSPACE,
        "pipelineUuid": f"{{{uuid('5')}}}",
        "pipelineRunUuid": f"{{{uuid('6')}}}",
        "branchName": "main",
        "deploymentEnvironmentUuid": ENVIRONMENT,
    }
    return changed(claims, changes)


def azure(**changes: Any) -> dict[str, Any]:
    """A run of the pipeline `release` of the branch main, without a service connection."""
    claims = {
        "iss": AZURE,
        "jti": uuid("4"),
        "sub": "p://acme/shop/release",
        "aud": AZURE_AUDIENCE,
        "iat": NOW - 10,
        "nbf": NOW - 610,
        "exp": NOW + 290,
        "org_id": ORGANIZATION,
        "prj_id": PROJECT,
        "def_id": "12",
        "rpo_id": uuid("5"),
        "rpo_uri": AZURE_REPOSITORY,
        "rpo_ver": "9f3182061f1e2cca4702c368cbc039b7dc9d4485",
        "rpo_ref": "refs/heads/main",
        "run_id": "345",
    }
    return changed(claims, changes)


def azure_service_connection(**changes: Any) -> dict[str, Any]:
    """A token for a service connection, which identifies it by names only."""
    only = ("iss", "jti", "sub", "aud", "iat", "nbf", "exp")
    claims = {name: value for name, value in azure().items() if name in only}
    return changed({**claims, "sub": "sc://acme/shop/monotron"}, changes)


def jenkins(**changes: Any) -> dict[str, Any]:
    """A build of the branch main of a multibranch pipeline, with two claim templates."""
    claims = {
        "iss": JENKINS,
        "aud": [AUDIENCE],
        "iat": NOW - 10,
        "exp": NOW + 3590,
        "sub": JOB,
        "build_number": 7,
        "is_release": True,
        "stage": "release",
    }
    return changed(claims, changes)
