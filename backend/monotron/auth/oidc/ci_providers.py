"""The claims of CircleCI, Buildkite, Bitbucket, Azure DevOps and Jenkins, as in `providers.py`.

Their tokens state neither the event nor whether a branch is protected. A claim that anyone who can
push, or open a pull request, may satisfy is therefore accepted only with `accept_unprotected`.

Sources: circleci.com/docs/openid-connect-tokens, buildkite.com/docs/agent/cli/reference/oidc,
docs.openfaas.com and gravitational/teleport (lib/bitbucket, RFD 211 about Azure DevOps), and
github.com/jenkinsci/oidc-provider-plugin.
"""

from collections.abc import Mapping

from monotron.auth.oidc.provider import (
    MINUTE_SECONDS,
    STANDARD_CLAIMS,
    ClaimFormat,
    Invariant,
    Provider,
    WorkspaceAudience,
)

_UUID_PATTERN = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_UUID = ClaimFormat(_UUID_PATTERN, "an id, such as 5e4b1c2d-7f60-4a3e-9d18-2b6c8a0f4e71")
_UUID_IN_BRACES = ClaimFormat(
    rf"\{{{_UUID_PATTERN}\}}", "an id in braces, such as {5e4b1c2d-7f60-4a3e-9d18-2b6c8a0f4e71}"
)
_REF = ClaimFormat(
    r"refs/(heads|tags)/.+",
    "a complete ref of a branch or tag, such as refs/heads/main or refs/tags/v1",
)
_WITHOUT_NBF_AND_JTI = ("iss", "aud", "exp", "iat")
_NAMES_CHANGE = "Names can be released and registered by someone else, ids cannot: use "
_NO_PROOF = "No claim of these tokens proves that a build runs on a protected branch."
_PULL_REQUESTS = "a pull request, also from a fork, may have a branch of the same name"

_CIRCLECI = "oidc.circleci.com/"
_USE_PROJECT_ID = f"{_NAMES_CHANGE}{_CIRCLECI}project-id and {_CIRCLECI}vcs-origin"
_USE_PIPELINE_ID = f"{_NAMES_CHANGE}pipeline_id"

CI_PROVIDERS: Mapping[str, Provider] = {
    "circleci": Provider(
        required_ids=frozenset({f"{_CIRCLECI}org-id", f"{_CIRCLECI}project-id"}),
        required_claims=(
            *_WITHOUT_NBF_AND_JTI,
            f"{_CIRCLECI}org-id",
            f"{_CIRCLECI}project-id",
            f"{_CIRCLECI}ssh-rerun",
        ),
        missing_claim_hint="Request it with `circleci run oidc get`.",
        audience_hint="Use `circleci run oidc get`: `$CIRCLE_OIDC_TOKEN` has another audience.",
        invariants={
            f"{_CIRCLECI}ssh-rerun": Invariant(
                lambda value: value is False,
                "Its job was re-run with SSH, so that a person can run any command in it. Re-run "
                "the job without SSH",
            )
        },
        claims_of_rules={
            f"{_CIRCLECI}vcs-origin": "a build of a fork has the same project and branch"
        },
        location_claims=frozenset({f"{_CIRCLECI}vcs-ref"}),
        claims_of_id={
            f"{_CIRCLECI}vcs-ref": (
                f"{_CIRCLECI}project-id",
                "anyone who can create a project of the organization can build this ref there",
            )
        },
        weak_claims={
            f"{_CIRCLECI}context-ids": "the token does not state whether the context is restricted",
            f"{_CIRCLECI}pipeline-definition-id": "every branch can change what the pipeline runs",
        },
        unprotected_claims=frozenset({f"{_CIRCLECI}context-ids"}),
        rejected_claims={"sub": f"It contains the user who started the job. {_USE_PROJECT_ID}"},
        formats={
            f"{_CIRCLECI}org-id": _UUID,
            f"{_CIRCLECI}project-id": _UUID,
            f"{_CIRCLECI}context-ids": _UUID,
            f"{_CIRCLECI}pipeline-definition-id": _UUID,
            f"{_CIRCLECI}vcs-ref": _REF,
            f"{_CIRCLECI}vcs-origin": ClaimFormat(
                r"[^\s/:]+(/[^\s/]+)+", "a repository, such as github.com/acme/shop"
            ),
        },
        types={f"{_CIRCLECI}context-ids": (list,)},
        max_age_seconds=15 * MINUTE_SECONDS,
        repository_claim=f"{_CIRCLECI}project-id",
        name_claims=(f"{_CIRCLECI}vcs-origin", f"{_CIRCLECI}job-id"),
    ),
    "buildkite": Provider(
        required_ids=frozenset({"pipeline_id"}),
        required_claims=(
            *_WITHOUT_NBF_AND_JTI,
            "nbf",
            "organization_id",
            "pipeline_id",
        ),
        missing_claim_hint="Request it with `buildkite-agent oidc request-token --claim "
        "organization_id,pipeline_id`.",
        audience_hint="Add `--audience` to `buildkite-agent oidc request-token`.",
        weak_claims={
            "build_branch": f"{_PULL_REQUESTS}, and the author of a build can choose it",
            "cluster_id": "every build of a pipeline can use its cluster",
            "queue_id": "the steps of every branch can choose a queue of the cluster",
        },
        unprotected_claims=frozenset({"build_branch", "cluster_id", "queue_id"}),
        note=_NO_PROOF,
        optional_claims=frozenset(
            {"build_source", "build_tag", "organization_id", "runner_environment", "step_key"}
        ),
        rejected_claims={
            "organization_slug": f"{_NAMES_CHANGE}organization_id",
            "pipeline_slug": _USE_PIPELINE_ID,
            "sub": f"Its format differs between tokens, and it contains names. {_USE_PIPELINE_ID}",
        },
        formats={
            "cluster_id": _UUID,
            "organization_id": _UUID,
            "pipeline_id": _UUID,
            "queue_id": _UUID,
        },
        types={"step_key": (str, type(None))},
        max_age_seconds=15 * MINUTE_SECONDS,
        repository_claim="pipeline_id",
        name_claims=("pipeline_slug", "job_id"),
    ),
    "bitbucket": Provider(
        required_ids=frozenset({"repositoryUuid"}),
        required_claims=(*_WITHOUT_NBF_AND_JTI, "repositoryUuid", "workspaceUuid"),
        audience_hint="Set `oidc: {audiences: […]}` of the step.",
        accepts_audience_list=True,
        workspace_audience=WorkspaceAudience("ari:cloud:bitbucket::workspace/", "workspaceUuid"),
        claims_of_rules={
            "workspaceUuid": "the name of the workspace in the issuer can be registered by someone "
            "else"
        },
        weak_claims={
            "branchName": f"{_PULL_REQUESTS}, and the branch may be unprotected",
            "deploymentEnvironmentUuid": "the token does not state whether the environment is "
            "restricted to a branch",
        },
        unprotected_claims=frozenset({"branchName", "deploymentEnvironmentUuid"}),
        note=_NO_PROOF,
        rejected_claims={
            "sub": "It contains the id of the step, which differs between builds. Use "
            "repositoryUuid and deploymentEnvironmentUuid"
        },
        formats={
            "deploymentEnvironmentUuid": _UUID_IN_BRACES,
            "repositoryUuid": _UUID_IN_BRACES,
            "workspaceUuid": _UUID_IN_BRACES,
        },
        repository_claim="repositoryUuid",
        name_claims=("repositoryUuid", "stepUuid"),
    ),
    "azure": Provider(
        required_ids=frozenset({"prj_id"}),
        required_claims=(*STANDARD_CLAIMS, "sub", "prj_id"),
        missing_claim_hint="Request it from `SYSTEM_OIDCREQUESTURI` without `serviceConnectionId`: "
        "the token of a service connection contains only names.",
        invariants={
            "sub": Invariant(
                lambda value: isinstance(value, str) and value.startswith("p://"),
                "It is not a token of a pipeline (`p://…`). Tokens of service connections "
                "(`sc://…`) contain only names, which are not accepted",
            )
        },
        fixed_audience="api://AzureADTokenExchange",
        is_single_use=True,
        claims_of_rules={
            "rpo_uri": "every repository of the project can have a branch of the same name"
        },
        location_claims=frozenset({"rpo_ref"}),
        weak_claims={"def_id": "every branch can change what the pipeline runs"},
        optional_claims=frozenset({"org_id", "rpo_id"}),
        rejected_claims={
            "sub": f"{_NAMES_CHANGE}prj_id and def_id",
        },
        formats={
            "def_id": ClaimFormat(r"[1-9][0-9]{0,19}", 'a number as a string, such as "12"'),
            "org_id": _UUID,
            "prj_id": _UUID,
            "rpo_ref": _REF,
            "rpo_uri": ClaimFormat(
                r"https://[^\s]+", "a URL, such as https://dev.azure.com/acme/shop/_git/shop"
            ),
        },
        repository_claim="prj_id",
        name_claims=("sub", "run_id"),
    ),
    "jenkins": Provider(
        required_ids=frozenset({"sub"}),
        required_claims=(*_WITHOUT_NBF_AND_JTI, "sub"),
        missing_claim_hint="Set its audience in the credential of type OpenID Connect id token.",
        audience_hint="Set it in the credential of type OpenID Connect id token.",
        accepts_audience_list=True,
        allows_any_claim=True,
        formats={
            # The branch source plugins name the jobs of pull requests PR-1, MR-1 or PR-1-merge.
            "sub": ClaimFormat(
                r"https?://(?!\S*/job/[A-Z]R-[0-9]+(-[a-z]+)?/$)\S+/job/[^\s/?#]+/",
                "the complete URL of a job that does not build pull requests, such as "
                "https://jenkins.example.com/job/shop/job/main/",
            )
        },
        name_claims=("sub", "build_number"),
    ),
}
"""The platforms by the `kind` of an issuer."""
