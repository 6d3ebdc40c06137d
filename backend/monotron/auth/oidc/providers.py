"""The claims of each CI platform, and which of them a rule may use: one table per platform.

What is not in a table is rejected: a claim that a platform adds later grants nothing, and an event
that it adds later is not accepted until a rule names it.

Sources: docs.github.com/en/actions/reference/security/oidc and
docs.gitlab.com/ci/secrets/id_token_authentication. `ci_providers.py` contains the tables of other
CI systems.
"""

from collections.abc import Mapping

from monotron.auth.oidc.ci_providers import CI_PROVIDERS
from monotron.auth.oidc.provider import MINUTE_SECONDS, ClaimFormat, Provider, Workflow

_ID = ClaimFormat(r"[1-9][0-9]{0,19}", 'a number as a string, such as "123"')
_BOOLEAN = ClaimFormat(r"true|false", 'the string "true" or "false"')
_REF_TYPE = ClaimFormat(r"branch|tag", "branch or tag")

_NAMES_CHANGE = "Names can be released and registered by someone else, ids cannot: use "
_USE_REPOSITORY_ID = (
    _NAMES_CHANGE + "repository_id or repository_owner_id "
    "(https://api.github.com/repos/OWNER/REPOSITORY: id, owner.id)"
)
_USE_PROJECT_ID = (
    _NAMES_CHANGE + "project_id (on the project's page) or namespace_id (on the group's page)"
)
_SUB = "Its format differs between projects, and it contains names. "
_USE_WORKFLOW = "Use workflow, with the path before the @. The part after it is always checked"
_COPIES = "every branch has its own copy of the file"
_UNPROTECTED_REF = "anyone who can push can create or change an unprotected ref"
_PULL_REQUEST = "The author of a pull request chooses it: use ref or environment"

PROVIDERS: Mapping[str, Provider] = {
    "github": Provider(
        audience_hint="Add `&audience=…` to the request URL.",
        required_ids=frozenset({"repository_id", "repository_owner_id"}),
        location_claims=frozenset({"job_workflow_ref", "ref", "ref_protected"}),
        claims_of_id={
            "ref": (
                "repository_id",
                "anyone who can create a repository of the owner can create this ref there",
            )
        },
        weak_claims={
            "environment": "the token does not state whether the environment is protected",
            "workflow": _COPIES,
        },
        unprotected_claims=frozenset({"environment"}),
        optional_claims=frozenset(
            {
                "actor_id",
                "enterprise_id",
                "event_name",
                "ref_type",
                "repository_visibility",
                "runner_environment",
            }
        ),
        rejected_claims={
            "repository": _USE_REPOSITORY_ID,
            "repository_owner": _USE_REPOSITORY_ID,
            "sub": _SUB + _USE_REPOSITORY_ID,
            "actor": _NAMES_CHANGE + "actor_id",
            "enterprise": _NAMES_CHANGE + "enterprise_id",
            "workflow_ref": "Use workflow or job_workflow_ref, which name the file that contains "
            "the job",
            "base_ref": _PULL_REQUEST,
            "head_ref": _PULL_REQUEST,
        },
        formats={
            "repository_id": _ID,
            "repository_owner_id": _ID,
            "actor_id": _ID,
            "enterprise_id": _ID,
            "ref": ClaimFormat(
                r"refs/(heads|tags|pull)/.+",
                "a complete ref, such as refs/heads/main or refs/tags/v1",
            ),
            "ref_type": _REF_TYPE,
            "ref_protected": _BOOLEAN,
            "job_workflow_ref": ClaimFormat(
                r"[^/@\s]+/[^/@\s]+/\.github/workflows/[^/@\s]+\.ya?ml"
                r"@(refs/(heads|tags)/[^\s]+|[0-9a-f]{40}|[0-9a-f]{64})",
                "a file and a complete ref or hash, such as "
                "acme/ci/.github/workflows/release.yml@refs/tags/v1",
            ),
            "workflow": ClaimFormat(
                r"[^/@\s]+/[^/@\s]+/\.github/workflows/[^/@\s]+\.ya?ml",
                "a file without an @, such as acme/shop/.github/workflows/release.yml",
            ),
        },
        workflow=Workflow("job_workflow_ref", ("ref", "sha")),
        case_insensitive=frozenset({"environment"}),
        event_claim="event_name",
        # Not merge_group, which runs before the merge, like pull_request. Not issue_comment,
        # workflow_run, pull_request_review and similar events, which strangers can cause: they run
        # the default branch's workflow, but often on code of the stranger.
        default_events=frozenset(
            {
                "create",
                "deployment",
                "push",
                "release",
                "repository_dispatch",
                "schedule",
                "workflow_dispatch",
            }
        ),
        forbidden_events=frozenset({"pull_request_target"}),
        max_age_seconds=15 * MINUTE_SECONDS,
        repository_claim="repository_id",
        path_claim="repository",
        name_prefix="gh:",
        name_claims=("repository", "run_id"),
    ),
    "gitlab": Provider(
        audience_hint="Set `aud:` under `id_tokens:`.",
        required_ids=frozenset({"project_id", "namespace_id"}),
        location_claims=frozenset({"environment_protected", "ref_protected"}),
        weak_claims={
            "environment": "any branch can use an unprotected environment",
            "ref": _UNPROTECTED_REF,
            "ref_path": _UNPROTECTED_REF,
            "workflow": _COPIES,
        },
        unprotected_claims=frozenset({"environment"}),
        note='`environment_protected` is always "false" in GitLab CE.',
        optional_claims=frozenset(
            {
                "pipeline_source",
                "project_visibility",
                "ref_type",
                "runner_environment",
                "user_id",
            }
        ),
        rejected_claims={
            "project_path": _USE_PROJECT_ID,
            "namespace_path": _USE_PROJECT_ID,
            "job_project_path": _USE_PROJECT_ID,
            "job_namespace_path": _USE_PROJECT_ID,
            "job_project_id": "Use project_id: job_project_id is then checked, too",
            "job_namespace_id": "Use namespace_id: job_namespace_id is then checked, too",
            "sub": _SUB + _USE_PROJECT_ID,
            "user_login": _NAMES_CHANGE + "user_id",
            "user_email": _NAMES_CHANGE + "user_id",
            "ci_config_ref_uri": _USE_WORKFLOW,
        },
        formats={
            "project_id": _ID,
            "namespace_id": _ID,
            "user_id": _ID,
            "ref": ClaimFormat(
                r"(?!refs/).+",
                "the name of a branch or tag, such as main; for complete refs use ref_path",
            ),
            "ref_path": ClaimFormat(
                r"refs/(heads|tags)/.+", "a complete ref, such as refs/heads/main or refs/tags/v1"
            ),
            "ref_type": _REF_TYPE,
            "ref_protected": _BOOLEAN,
            "environment_protected": _BOOLEAN,
            "workflow": ClaimFormat(
                r"[^/@\s]+/[^@\s]+//[^@\s]+",
                "a file without an @, such as gitlab.com/acme/shop//.gitlab-ci.yml",
            ),
        },
        workflow=Workflow("ci_config_ref_uri", ("ref_path", "sha")),
        event_claim="pipeline_source",
        # Not parent_pipeline: child pipelines of a merge request's pipeline have it, too.
        default_events=frozenset(
            {"api", "chat", "pipeline", "push", "schedule", "trigger", "web", "webide"}
        ),
        # In pipelines of merge requests from forks, project_* is the fork since GitLab 18.2.2, and
        # job_project_* the project in which the job ran (gitlab-org/gitlab 563038).
        duplicate_ids={"job_project_id": "project_id", "job_namespace_id": "namespace_id"},
        repository_claim="project_id",
        path_claim="project_path",
        name_prefix="gl:",
        name_claims=("project_path", "pipeline_id"),
    ),
    **CI_PROVIDERS,
    "other": Provider(
        audience_hint="Set it where the token is issued.",
        required_ids=frozenset({"sub"}),
        allows_any_claim=True,
    ),
}
"""The platforms by the `kind` of an issuer."""
