"""The GitHub Action from end to end: inputs, one request, outputs, a summary."""

from __future__ import annotations

from collections.abc import Mapping

from monotron_ci import outputs, workflow_commands
from monotron_ci.bump import BumpChoice, decide
from monotron_ci.client import Client
from monotron_ci.credential import Credential
from monotron_ci.errors import Failure
from monotron_ci.events import Event, read_event
from monotron_ci.http import RetryPolicy
from monotron_ci.inputs import Inputs, parse_inputs, raw_inputs
from monotron_ci.summary import summary

SECRETS = ("api-key", "github-token")

KEY = "with:\n  api-key: ${{ secrets.MONOTRON_API_KEY }}"

CURES = {
    "unauthenticated": f"Give the step a key that is valid, or an `audience` to sign in "
    f"without one:\n\n{KEY}",
    "forbidden": "Give the step a key with the scope read,write:series for this name; with "
    f"`audience`, let Monotron trust this repository with it:\n\n{KEY}",
    "token_taken": "To go on with the version that this commit has:\n\nwith:\n  on-conflict: reuse",
    "invalid_bump": "Events without commits need a bump that the workflow names:\n\nwith:\n"
    "  bump: patch",
    "out_of_line": "Leave `line` out for a bump of the newest version, or write a smaller bump.",
    "line_not_found": "with:\n  line: 1.2   # a major version, or a major and a minor one, that "
    "has a release",
    "already_released": "Make a new pre-release, or write `bump: patch`.",
    "token_replayed": "This identity token was used for something else. Re-run the job.",
    "too_many_requests": "Too many requests came from this key or account. Re-run the job later.",
}
"""What to write where the service refused, by the code of its error."""

TRUST = """Let Monotron trust these jobs, or run the step only in jobs that it trusts:

monotron trust github OWNER/REPOSITORY --branch …"""
"""What to do where it refused an identity token."""


def run(environ: Mapping[str, str]) -> int:
    """Run the action in a step; the exit code is 0, or 1 after an annotation that says why."""
    cures = CURES
    try:
        raw = raw_inputs(environ)
        if "audience" in raw:
            cures = {**CURES, "unauthenticated": TRUST}
        for name in SECRETS:  # before anything else is printed
            workflow_commands.mask(raw.get(name, ""))
        _Step(environ, raw).run()
    except Failure as failure:
        cure = failure.cure or cures.get(failure.code, "")
        workflow_commands.error("Monotron", f"{failure.cause}\n\n{cure}" if cure else failure.cause)
        return 1
    except Exception as error:  # its text may hold anything, so only its place is told
        workflow_commands.error(
            "Monotron",
            f"The action itself failed: {type(error).__name__} at {_place(error)}.\n\nRe-run the "
            "job, which is safe, and report this line.",
        )
        return 1
    return 0


def _place(error: Exception) -> str:
    """The file and the line where it was raised."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    path = trace.tb_frame.f_code.co_filename.replace("\\", "/")
    return f"{path.rpartition('/')[2]}:{trace.tb_lineno}"


class _Step:
    def __init__(self, environ: Mapping[str, str], raw: Mapping[str, str]) -> None:
        self._environ = environ
        self._inputs = parse_inputs(raw, environ.get("MONOTRON_ACTION", "version"))
        self._event = read_event(environ)
        self._name = self._inputs.name or _default_name(self._event)
        self._token = self._inputs.idempotency_token or _default_token(self._inputs, self._event)
        self._patience = RetryPolicy(self._inputs.timeout, self._inputs.retries)

    def run(self) -> None:
        inputs = self._inputs
        client = Client(inputs.url, self._credential(), self._patience)
        if inputs.mode == "counter":
            given, why = self._number(client), ""
        else:
            given, why = self._version(client)
        outputs.lines(given)  # before the tag is made
        tagging: Failure | None = None
        note = ""
        if inputs.create_tag and given["changed"] == "true":
            try:
                note = self._tag(given["version"])
            except Failure as failure:
                tagging, note = failure, "the tag was not made"
        outputs.write(self._file("GITHUB_OUTPUT"), given)
        if inputs.summary:
            with open(self._file("GITHUB_STEP_SUMMARY"), "a", encoding="utf-8") as file:
                file.write(summary(self._name, given, why, note or self._note()))
        if tagging:
            raise tagging
        print(f"Monotron: {given['version'] or given['value']}")

    def _number(self, client: Client) -> dict[str, str]:
        inputs = self._inputs
        if inputs.bump == "none":
            asked = inputs.idempotency_token or None
            return outputs.of_entry(client.peek(self._name, asked), changed=False)
        if inputs.dry_run:
            return outputs.of_entry(client.preview(self._name, self._token), changed=False)
        return outputs.of_entry(client.next(self._name, self._token), changed=True)

    def _version(self, client: Client) -> tuple[dict[str, str], str]:
        """The outputs, and what decided."""
        inputs = self._inputs
        prefix = inputs.tag_prefix
        if inputs.bump == "none":
            found = client.find(self._name, inputs.idempotency_token)
            return outputs.of_version(found, tag_prefix=prefix, changed=False), ""
        decision = decide(inputs, self._event)
        query = _query(inputs, decision)
        version = client.version(self._name, self._token, query, decision.text)
        given = outputs.of_version(version, tag_prefix=prefix, changed=not inputs.dry_run)
        reason = f": {version.reason}" if version.reason else ""
        return given, f"{decision.why}{reason}"

    def _credential(self) -> Credential | None:
        if not self._inputs.audience:
            return self._inputs.api_key
        from monotron_ci.oidc_token import identity_token

        return identity_token(self._inputs.audience, self._environ, self._patience)

    def _tag(self, version: str) -> str:
        from monotron_ci.tags import PERMISSION, Tags, is_hash

        inputs, event = self._inputs, self._event
        if inputs.github_token is None:
            raise Failure(
                "`create-tag` needs a token that may write to the repository.",
                f"{PERMISSION}\n\nwith:\n  github-token: ${{{{ github.token }}}}",
            )
        tags = Tags(event.api_url, event.repository, inputs.github_token, self._patience)
        commit = self._token if is_hash(self._token) else event.commit
        if not is_hash(commit):
            raise Failure(
                "There is no commit to tag: this event has none.",
                "with:\n  idempotency-token: …   # the whole hash of a commit",
            )
        new = tags.create(inputs.tag_prefix, version, commit)
        return "the tag was made" if new else "the tag was there already"

    def _note(self) -> str:
        return "a preview; nothing was counted" if self._inputs.dry_run else ""

    def _file(self, variable: str) -> str:
        path = self._environ.get(variable)
        if not path:
            raise Failure(f"{variable} is not set.", "This runs as a step of a workflow.")
        return path


def _default_name(event: Event) -> str:
    """`gh:owner:repo`: without a slash, which some proxies do not let through in a path."""
    if not event.repository:
        raise Failure("There is no `name`, and GITHUB_REPOSITORY is not set.", "with:\n  name: …")
    return f"gh:{event.repository.replace('/', ':')}"


def _default_token(inputs: Inputs, event: Event) -> str:
    """One commit, one version; one run, one number. Never the attempt: re-runs are repeats."""
    if inputs.mode == "semver":
        missing, found = "commit", event.commit
    else:
        missing = "run"
        of = event.repository_id or event.repository.replace("/", ":")
        found = f"gh-{of}-{event.run_id}" if event.run_id else ""
    if not found and inputs.bump != "none":
        raise Failure(f"This event has no {missing}.", "with:\n  idempotency-token: …")
    return found


def _query(inputs: Inputs, decision: BumpChoice) -> dict[str, str]:
    """The parameters of the request for a version."""
    wanted = {
        "bump": decision.bump,
        "prerelease": inputs.prerelease,
        "line": inputs.line,
        "metadata": inputs.build_metadata,
        "initial": inputs.initial_version,
        "on_conflict": "reuse" if decision.reuse_on_conflict else "",
        "dry_run": "true" if inputs.dry_run else "",
    }
    return {name: value for name, value in wanted.items() if value}
