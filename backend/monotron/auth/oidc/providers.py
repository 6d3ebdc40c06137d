"""What the tokens of each platform say, and what of it a rule may rest on: one table a platform.

Whatever is in no table is refused: a claim that a platform adds tomorrow gives nobody anything,
and an event that it adds tomorrow is not allowed until a rule names it.

The claims: docs.github.com/en/actions/reference/security/oidc and
docs.gitlab.com/ci/secrets/id_token_authentication.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

MINUTE = 60


@dataclass(frozen=True)
class Workflow:
    """The claim that names the file of a pipeline's steps as `FILE@WHERE`.

    WHERE must be the value of one of the claims *where* of the same token; otherwise the file of
    another branch would stand for this one's (PyPI does the same).
    """

    claim: str
    where: tuple[str, str]


@dataclass(frozen=True)
class Provider:
    """One platform. A rule needs one of *ids* and, where there are any, one of *places*."""

    ids: frozenset[str]
    """Claims that say who, in a way that cannot be given away. Numbers, as strings."""

    places: frozenset[str] = frozenset()
    """Claims that say which part of them: one that not everybody with a branch can get into."""

    conditions: frozenset[str] = frozenset()
    """Claims that may narrow a rule further."""

    open_ended: bool = False
    """Whether a rule may name any other claim, too: what an unknown issuer's claims mean, only
    its operator knows."""

    names: Mapping[str, str] = field(default_factory=dict)
    """Claims that look as if they said who, and do not, with what to write instead."""

    workflow: Workflow | None = None
    caseless: frozenset[str] = frozenset()
    """Claims of which the platform itself ignores the case."""

    event: str | None = None
    """The claim that says why the job runs. Every token must have it."""

    plain_events: frozenset[str] = frozenset()
    """Run code that somebody with write access put there. All others a rule must allow."""

    never: frozenset[str] = frozenset()
    """Events that no rule can allow."""

    same: Mapping[str, str] = field(default_factory=dict)
    """A claim, where a token has it, and the claim of the rule that it must satisfy as well."""

    most_age: int | None = None
    """For how many seconds after `iat` a token is taken, if not up to `exp`."""

    display: tuple[str, str] = ("sub", "")
    """The claims for the name in ledger and log: what it is, and which run of it."""


_USE_REPOSITORY_ID = (
    "Names can be given up and taken by somebody else, ids cannot: use repository_id or "
    "repository_owner_id (https://api.github.com/repos/OWNER/REPOSITORY: id, owner.id)"
)
_USE_PROJECT_ID = (
    "Names can be given up and taken by somebody else, ids cannot: use project_id (on the "
    "project's page) or namespace_id (on the group's)"
)
_SUB = "Its form differs from project to project, and it holds names. "

PROVIDERS: Mapping[str, Provider] = {
    "github": Provider(
        ids=frozenset({"repository_id", "repository_owner_id"}),
        places=frozenset({"workflow", "environment", "ref", "ref_protected"}),
        conditions=frozenset(
            {
                "actor_id",
                "enterprise_id",
                "event_name",
                "ref_type",
                "repository_visibility",
                "runner_environment",
            }
        ),
        names={
            "repository": _USE_REPOSITORY_ID,
            "repository_owner": _USE_REPOSITORY_ID,
            "sub": _SUB + _USE_REPOSITORY_ID,
            "actor": "Names can be given up and taken by somebody else: use actor_id",
            "enterprise": "Names can be given up and taken by somebody else: use enterprise_id",
            "job_workflow_ref": "Use workflow, with the path before the @; the rest is checked",
            "workflow_ref": "Use workflow, with the path before the @; the rest is checked",
            "base_ref": "Whoever opens a pull request chooses it: use ref or environment",
            "head_ref": "Whoever opens a pull request chooses it: use ref or environment",
        },
        workflow=Workflow("job_workflow_ref", ("ref", "sha")),
        caseless=frozenset({"environment"}),
        event="event_name",
        # Not issue_comment, workflow_run, pull_request_review and their like, which strangers
        # cause: with the default branch's workflow, but often on their code.
        plain_events=frozenset(
            {
                "create",
                "deployment",
                "merge_group",
                "push",
                "release",
                "repository_dispatch",
                "schedule",
                "workflow_dispatch",
            }
        ),
        never=frozenset({"pull_request_target"}),
        most_age=15 * MINUTE,
        display=("repository", "run_id"),
    ),
    "gitlab": Provider(
        ids=frozenset({"project_id", "namespace_id"}),
        places=frozenset({"workflow", "environment", "ref", "ref_path", "ref_protected"}),
        conditions=frozenset(
            {
                "environment_protected",
                "pipeline_source",
                "project_visibility",
                "ref_type",
                "runner_environment",
                "user_id",
            }
        ),
        names={
            "project_path": _USE_PROJECT_ID,
            "namespace_path": _USE_PROJECT_ID,
            "job_project_path": _USE_PROJECT_ID,
            "job_namespace_path": _USE_PROJECT_ID,
            "job_project_id": "Use project_id: job_project_id is then held to it as well",
            "job_namespace_id": "Use namespace_id: job_namespace_id is then held to it as well",
            "sub": _SUB + _USE_PROJECT_ID,
            "user_login": "Names can be given up and taken by somebody else: use user_id",
            "user_email": "Addresses can be given up and taken by somebody else: use user_id",
            "ci_config_ref_uri": "Use workflow, with what is before the @; the rest is checked",
        },
        workflow=Workflow("ci_config_ref_uri", ("ref_path", "sha")),
        event="pipeline_source",
        # Not parent_pipeline: the child of a merge request's pipeline has it, too.
        plain_events=frozenset(
            {"api", "chat", "pipeline", "push", "schedule", "trigger", "web", "webide"}
        ),
        # In pipelines of merge requests from forks, project_* names the fork since GitLab 18.2.2,
        # job_project_* the project where the job ran (gitlab-org/gitlab 563038).
        same={"job_project_id": "project_id", "job_namespace_id": "namespace_id"},
        display=("project_path", "pipeline_id"),
    ),
    "other": Provider(ids=frozenset({"sub"}), open_ended=True),
}
