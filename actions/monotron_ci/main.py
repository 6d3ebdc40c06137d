"""The GitHub Action: inputs, one request to the service, outputs, job summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from monotron_ci import outputs, workflow_commands
from monotron_ci.bump import choose_bump, version_query
from monotron_ci.client import Client
from monotron_ci.credential import Credential
from monotron_ci.errors import Failure, NoCredentials, Unreachable
from monotron_ci.events import read_event
from monotron_ci.hashes import is_hash
from monotron_ci.http import RetryPolicy
from monotron_ci.inputs import BRANCH, parse_inputs, raw_inputs
from monotron_ci.summary import summary

if TYPE_CHECKING:
    from monotron_ci.merge_methods import MethodVersion

SECRETS = ("api-key", "github-token")
"""Inputs that are masked before anything else is printed."""


def run(environ: Mapping[str, str]) -> int:
    """Run the action. Returns the exit code: 0, or 1 after an error annotation."""
    raw: Mapping[str, str] = {}
    try:
        raw = raw_inputs(environ)
        for name in SECRETS:
            workflow_commands.mask(raw.get(name, ""))
        _ActionRun(environ, raw).run()
    except Failure as failure:
        from monotron_ci.hints import hint

        failure.hint = failure.hint or hint(failure.code, keyless=_is_keyless(raw, environ))
        workflow_commands.error("Monotron", str(failure))
        return 1
    except Exception as error:  # only its type and place are shown: its text may contain secrets
        workflow_commands.error(
            "Monotron",
            f"Internal error of the action: {type(error).__name__} at {_place(error)}.\n\n"
            "Re-run the job, which is safe. If the error persists, report this line.",
        )
        return 1
    return 0


def _is_keyless(raw: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    """Whether the job signs in with an identity token: without an API key, if it can get one."""
    return "api-key" not in raw and ("audience" in raw or "ACTIONS_ID_TOKEN_REQUEST_URL" in environ)


def _place(error: Exception) -> str:
    """The file and the line where the error was raised."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    path = trace.tb_frame.f_code.co_filename.replace("\\", "/")
    return f"{path.rpartition('/')[2]}:{trace.tb_lineno}"


class _ActionRun:
    """One run of the action: requests a version or a number, and writes the outputs."""

    def __init__(self, environ: Mapping[str, str], raw: Mapping[str, str]) -> None:
        self._environ = environ
        self._inputs = parse_inputs(raw, environ.get("MONOTRON_ACTION", "version"))
        self._is_keyless = _is_keyless(raw, environ)
        self._event = read_event(environ)
        self._apply_branch()
        self._name = self._inputs.name or self._event.default_name
        self._token = self._inputs.idempotency_token or self._default_token()
        self._preview_note = "preview, nothing was assigned"
        self._methods: Sequence[MethodVersion] = ()
        self._restrict_to_origin()
        self._policy = RetryPolicy(
            self._inputs.timeout,
            self._inputs.retries,
            on_retry=lambda text: workflow_commands.log(f"warning: {text}"),
        )

    def run(self) -> None:
        no_number = "no release"
        try:
            client = self._client()
            values = self._request(client)
            outputs.lines(values)  # validates the outputs before the tag is created
        except (Unreachable, NoCredentials) as failure:
            values, no_number = self._skipped(failure), "skipped"
        tag_failure: Failure | None = None
        notes = [self._preview_note] if self._inputs.dry_run else []
        if self._inputs.create_tag and values["changed"] == "true":
            try:
                for note in self._write_tags(client, values):
                    notes.append(note)
            except Failure as failure:
                tag_failure = failure
                notes.append("not all tags were moved" if notes else "the tag was not created")
        outputs.write(self._file("GITHUB_OUTPUT"), values)
        if self._inputs.summary:
            with open(self._file("GITHUB_STEP_SUMMARY"), "a", encoding="utf-8") as file:
                note = "; ".join(notes)
                file.write(summary(self._name, values, note, no_number, self._methods))
        if tag_failure:
            raise tag_failure
        shown = values["version"] or values["value"] or f"{no_number} ({values['reason']})"
        workflow_commands.log(f"Monotron: {shown}")

    def _client(self) -> Client:
        """The client with the credential of the job. Raises NoCredentials."""
        return Client(
            self._inputs.url,
            self._credential(),
            self._policy,
            account=self._inputs.account,
            warn=lambda text: workflow_commands.warning(
                "Monotron", f"{text[0].upper()}{text[1:]}."
            ),
        )

    def _request(self, client: Client) -> dict[str, str]:
        """The outputs. Raises NoCredentials if the server requires the credential that is missing,
        and Unreachable."""
        try:
            return self._number(client) if self._inputs.mode == "counter" else self._version(client)
        except Failure as failure:
            if failure.code == "unauthenticated" and not client.has_credential:
                raise NoCredentials(f"This job has no credentials. {failure.cause}") from None
            raise

    def _skipped(self, failure: Failure) -> dict[str, str]:
        """Empty outputs, or the failure again if the step must not be skipped."""
        inputs = self._inputs
        name, choice = "on-unavailable", inputs.on_unavailable
        if isinstance(failure, NoCredentials):
            name, choice = "on-no-credentials", inputs.on_no_credentials
            from monotron_ci.hints import credentials_hint

            failure.hint = credentials_hint(inputs.url)
        if choice != "skip":
            raise failure
        text = f"{failure.cause} The step is skipped, as `{name}: skip` requests."
        workflow_commands.warning("Monotron", text)
        return outputs.of_no_release(failure.cause)

    def _apply_branch(self) -> None:
        """Replace `branch` in the inputs by what the name of the branch means."""
        values = {"prerelease": self._inputs.prerelease, "line": self._inputs.line}
        for name in [name for name, value in values.items() if value == BRANCH]:
            from monotron_ci.branches import value_of_branch

            values[name] = value_of_branch(self._event.branch, name, self._inputs.tag_prefix)
            workflow_commands.log(f"{name}: {values[name] or 'none'} (from the branch)")
        self._inputs = self._inputs._replace(prerelease=values["prerelease"], line=values["line"])

    def _restrict_to_origin(self) -> None:
        """Preview a final version, and reject a tag, unless the commit is merged."""
        inputs, origin = self._inputs, self._event.origin
        if inputs.mode == "counter" or inputs.bump == "none":
            return
        is_final = not inputs.prerelease or inputs.bump == "final"
        if origin.unmerged and (is_final or not origin.is_open):
            self._inputs = inputs._replace(dry_run=True)
            self._preview_note += f": {origin.unmerged} never gets a final version"
            workflow_commands.log(f"Preview only: {origin.unmerged} never gets a final version.")
        elif inputs.create_tag and not inputs.dry_run:
            self._check_taggable()

    def _check_taggable(self) -> None:
        """Raise Failure unless the version belongs to a commit of this repository."""
        origin = self._event.origin
        if not origin.is_taggable:
            what = origin.unmerged or "this event"
            raise Failure(
                f"`create-tag` cannot tag the commit of {what}. Only commits that were pushed "
                "to this repository, as a branch or tag, or merged into it are tagged.",
                "Create tags for pushes only:\n\n"
                "with:\n  create-tag: ${{ github.event_name == 'push' }}",
            )
        if is_hash(self._token) and self._token != self._event.commit:
            raise Failure(
                "`create-tag` tags only the commit of the event. `idempotency-token` is another "
                "commit, which may not be part of this repository.",
                "Remove `idempotency-token`, or create the tag with git.",
            )

    def _number(self, client: Client) -> dict[str, str]:
        """The outputs in counter mode."""
        inputs = self._inputs
        if inputs.bump == "none":
            entry = client.peek(self._name, inputs.idempotency_token or None)
            return outputs.of_entry(entry, changed=False)
        request = client.preview if inputs.dry_run else client.next
        entry = request(self._name, self._token, inputs.initial_value)
        return outputs.of_entry(entry, changed=not inputs.dry_run)

    def _version(self, client: Client) -> dict[str, str]:
        """The outputs for a version."""
        inputs = self._inputs
        if inputs.bump == "none":
            version = client.find(self._name, inputs.idempotency_token)
            if version.is_withdrawn:
                workflow_commands.warning("Monotron", f"Version {version.version} was withdrawn.")
            return outputs.of_version(version, tag_prefix=inputs.tag_prefix, changed=False)
        if not inputs.from_scratch:
            client.check_first_version(self._check_first_version)
        choice = choose_bump(inputs, self._event)
        query = version_query(inputs, choice)
        source = choice.source
        if choice.bump == "auto":
            from monotron_ci.action_auto import version_of_commits
            from monotron_ci.action_commits import ActionCommits

            commits = ActionCommits(inputs, self._event, self._token, client, self._policy)
            version, source, self._methods = version_of_commits(
                client, self._name, self._token, query, commits
            )
        else:
            version = client.version(self._name, self._token, query)
        for note in version.notes:
            workflow_commands.log(f"note: {note}")
        if version.reused and not version.is_unchanged:
            source = ""  # the stored reason applies
        reason = ": ".join(filter(None, (source, version.reason)))
        if version.is_unchanged:
            return outputs.of_no_release(reason, version.notes)
        return outputs.of_version(
            version, tag_prefix=inputs.tag_prefix, changed=not inputs.dry_run, reason=reason
        )

    def _check_first_version(self) -> None:
        """Raise Failure if the repository has version tags. The name has no versions."""
        from monotron_ci.action_tags import check_tags

        warning = check_tags(self._name, self._inputs, self._event, self._policy.once())
        if warning:
            workflow_commands.warning("Monotron", warning)

    def _default_token(self) -> str:
        """The commit, so that it has one version, or in counter mode the run."""
        event, inputs = self._event, self._inputs
        what, token = "commit", event.commit
        if inputs.mode == "counter":
            what, token = "run", event.run_token
        if not token and inputs.bump != "none":
            raise Failure(
                f"This event has no {what}, so `idempotency-token` is required.",
                "with:\n  idempotency-token: …",
            )
        return token

    def _credential(self) -> Credential | None:
        inputs = self._inputs
        if not self._is_keyless:
            return inputs.api_key
        from monotron_ci.oidc_token import audience_of, request_token

        audience = audience_of(inputs.audience or inputs.url, inputs.account)
        return request_token(audience, self._environ, self._policy)

    def _write_tags(self, client: Client, values: Mapping[str, str]) -> Iterator[str]:
        """Create the tag of the version, and move others. Yields notes for the summary."""
        from monotron_ci.tags import PERMISSION, Tags

        inputs, event = self._inputs, self._event
        if inputs.github_token is None:
            raise Failure(
                "`create-tag` requires a token that can write to the repository.",
                f"{PERMISSION}\n\nwith:\n  github-token: ${{{{ github.token }}}}",
            )
        tags = Tags(event.api_url, event.repository, inputs.github_token, self._policy)
        if not is_hash(event.commit):
            raise Failure(
                "This event has no commit that can be tagged.",
                "Run the workflow on push, or remove `create-tag`.",
            )
        version, prefix = values["version"], inputs.tag_prefix
        created = tags.create(prefix, version, event.commit)
        yield "the tag was created" if created else "the tag already existed"
        if inputs.move_tags and not values["prerelease"]:
            from monotron_ci.floating_tags import move_tags

            yield from move_tags(
                tags, client, self._name, version, event.commit, prefix, inputs.move_tags
            )

    def _file(self, variable: str) -> str:
        path = self._environ.get(variable)
        if not path:
            raise Failure(f"{variable} is not set.", "Run this program as a step of a workflow.")
        return path
