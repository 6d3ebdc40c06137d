"""The commands for builds, as processes, against a real server."""

from __future__ import annotations

import json

from support.server import Client
from support.terminal import Terminal


class TestNext:
    def test_a_token_gets_the_next_number_and_keeps_it(self, terminal: Terminal, name: str) -> None:
        assert terminal.prints("next", name, "a") == "1\n"
        assert terminal.prints("next", name, "b") == "2\n"
        assert terminal.prints("next", name, "a") == "1\n"
        assert terminal.prints("peek", name) == "2\n"
        assert terminal.prints("peek", name, "a") == "1\n"

    def test_the_default_token_is_the_current_commit(
        self, repository: Terminal, client: Client, name: str
    ) -> None:
        repository.prints("next", name)
        entry = client.request("GET", f"/v1/series/{name}").json()
        assert entry["token"] == repository.git("rev-parse", "HEAD")

    def test_a_missing_token_outside_of_a_repository_is_an_error(self, terminal: Terminal) -> None:
        assert terminal.fails(2, "next", "web") == (
            "error: no commit given, and this is not a git repository\n"
            "hint: pass one: monotron next web COMMIT\n"
        )


class TestVersion:
    def test_a_commit_gets_its_version(self, repository: Terminal, name: str) -> None:
        assert repository.prints("version", name, "--bump=minor") == "0.1.0\n"
        assert repository.prints("version", name, "--bump=Minor") == "0.1.0\n"
        assert repository.prints("version", name, "x", "--prerelease=rc") == "0.1.1-rc.1\n"
        assert repository.prints("version", name, "x", "--bump=final") == "0.1.1\n"
        assert repository.prints("version", name, "y", "--line=0.1", "--dry-run") == "0.1.2\n"
        assert repository.prints("version", name, "--bump=none") == "0.1.1\n"
        assert repository.prints("version", name, "y", "--initial-version=1.0.0") == "0.1.2\n"
        assert repository.prints("version", name, "z", "--build-metadata=sha.1") == "0.1.3+sha.1\n"

    def test_a_conflict_is_refused_unless_the_version_is_reused(
        self, terminal: Terminal, name: str
    ) -> None:
        terminal.prints("version", name, "a")
        errors = terminal.fails(1, "version", name, "a", "--bump=major")
        assert errors.startswith("error: token_taken (422): ")
        reused = terminal.prints("version", name, "a", "--bump=major", "--on-conflict=reuse")
        assert reused == "0.0.1\n"

    def test_a_missing_name_prints_the_version_of_the_program(self, terminal: Terminal) -> None:
        assert terminal.prints("version") == terminal.prints("--version")
        assert terminal.prints("version").startswith("monotron ")

    def test_an_option_without_a_name_is_an_error(self, terminal: Terminal) -> None:
        assert "error: missing argument 'NAME'\n" in terminal.fails(2, "version", "--bump=minor")


def auto(repository: Terminal, name: str, *arguments: str) -> str:
    """The output of `--bump auto`, which explains its decision on standard error."""
    result = repository.run("version", name, "--bump=auto", *arguments)
    assert result.returncode == 0, result
    return str(result.stdout)


class TestAutomaticBump:
    def test_the_messages_since_the_latest_version_decide(
        self, repository: Terminal, name: str
    ) -> None:
        repository.prints("version", name, "--bump=major")
        repository.commit("feat: a coupon")
        repository.commit("fix: a typo")
        assert auto(repository, name) == "1.1.0\n"
        repository.commit("fix: another")
        assert auto(repository, name) == "1.1.1\n"
        assert auto(repository, name) == "1.1.1\n"

    def test_the_messages_since_the_newest_version_of_the_line_decide(
        self, repository: Terminal, name: str
    ) -> None:
        repository.prints("version", name, "--bump=major")
        repository.git("checkout", "--quiet", "-b", "line")
        repository.commit("feat: a coupon")
        assert auto(repository, name) == "1.1.0\n"
        repository.git("checkout", "--quiet", "-b", "next", "HEAD~1")
        repository.commit("feat!: no cash")
        assert auto(repository, name) == "2.0.0\n"
        repository.git("checkout", "--quiet", "line")
        repository.commit("fix: a typo")
        assert auto(repository, name, "--line=1") == "1.1.1\n"

    def test_the_messages_since_the_tag_of_an_adopted_version_decide(
        self, repository: Terminal, name: str
    ) -> None:
        repository.git("tag", "v1.0.0")  # of another name
        repository.commit("feat!: a coupon")
        repository.git("tag", "api/v1.0.0")
        assert repository.run("adopt", name, "--tag-prefix=api/v").stdout == "1.0.0\n"
        repository.commit("fix: a typo")
        lines = auto(repository, name, "--tag-prefix=api/v", "--output=dotenv")
        assert "MONOTRON_VERSION=1.0.1\nMONOTRON_TAG=api/v1.0.1\n" in lines

    def test_the_messages_since_the_tag_of_the_initial_version_decide(
        self, repository: Terminal, name: str
    ) -> None:
        repository.commit("feat: before")
        repository.git("tag", "v1.4.2")
        repository.commit("fix: a typo")
        assert auto(repository, name, "--initial-version=1.4.2") == "1.4.3\n"

    def test_the_messages_decide_for_a_commit_that_has_a_pre_release_only(
        self, repository: Terminal, name: str
    ) -> None:
        repository.prints("version", name, "--bump=major")
        repository.commit("feat: a coupon")
        for _ in range(2):
            assert auto(repository, name, "--prerelease=rc") == "1.1.0-rc.1\n"
        assert auto(repository, name) == "1.1.0\n"

    def test_messages_that_the_server_cannot_read_are_refused_with_a_hint(
        self, repository: Terminal, name: str
    ) -> None:
        arguments = ("version", name, "a", "--bump=auto", "--messages=messages")
        (repository.folder / "messages").write_text("fix: a\n\n" + "x" * (1 << 20))
        errors = repository.fails(2, *arguments)
        assert "exceed the 1 MiB" in errors
        assert "hint: pass the bump (--bump minor)" in errors

    def test_the_messages_can_come_from_a_file_or_from_standard_input(
        self, terminal: Terminal, name: str
    ) -> None:
        arguments = ("version", name, "a", "--bump=auto", "--messages")
        assert terminal.prints(*arguments, "-", stdin=b"fix: a\0feat: b\0") == "0.1.0\n"
        (terminal.folder / "messages").write_text("feat: a")
        arguments = ("version", name, "b", "--bump=auto", "--messages")
        assert terminal.prints(*arguments, "messages") == "0.2.0\n"
        assert "error: cannot read nowhere: " in terminal.fails(2, *arguments, "nowhere")

    def test_the_commits_are_explained(self, repository: Terminal, name: str) -> None:
        repository.prints("version", name)
        repository.commit("feat: a coupon")
        repository.commit("fix: a typo")
        result = repository.run("version", name, "--bump=auto")
        assert result.stderr == "minor: feat: a coupon (2 commits since 0.0.1)\n"

    def test_since_sets_the_start(self, repository: Terminal, name: str) -> None:
        repository.prints("version", name)
        repository.commit("feat: a coupon")
        repository.git("tag", "here")
        repository.commit("fix: a typo")
        assert auto(repository, name, "--since=here") == "0.0.2\n"
        errors = repository.fails(2, "version", name, "--bump=minor", "--since=here")
        assert "error: --since requires --bump auto\n" in errors

    def test_an_unknown_since_is_an_error(self, repository: Terminal, name: str) -> None:
        errors = repository.fails(2, "version", name, "--bump=auto", "--since=nowhere")
        assert "error: --since is 'nowhere', which is not a commit of this repository" in errors

    def test_only_commits_that_change_the_paths_count(
        self, repository: Terminal, name: str
    ) -> None:
        repository.prints("version", name)
        repository.commit("feat: a coupon")
        assert auto(repository, name, "--paths=api/**") == "\n"

    def test_a_shallow_clone_is_completed_in_a_repository_of_its_own(
        self, repository: Terminal, name: str
    ) -> None:
        repository.prints("version", name)
        repository.commit("feat: a coupon")
        repository.commit("fix: a typo")
        repository.git("clone", "--quiet", "--depth=1", f"file://{repository.folder}", "clone")
        clone = repository.in_folder("clone")
        assert auto(clone, name) == "0.1.0\n"
        assert clone.git("rev-parse", "--is-shallow-repository") == "true"

    def test_a_hook_reads_a_shallow_clone_without_changing_it(
        self, repository: Terminal, name: str
    ) -> None:
        """git sets GIT_DIR for hooks."""
        repository.prints("version", name)
        repository.commit("feat: a coupon")
        repository.git("clone", "--quiet", "--depth=1", f"file://{repository.folder}", "clone")
        folder = repository.folder / "clone" / ".git"
        before = sorted(folder.rglob("*"))
        clone = repository.in_folder("clone")
        result = clone.run("version", name, "--bump=auto", GIT_DIR=str(folder))
        assert (result.stdout, result.stderr) == (
            "0.1.0\n",
            "minor: feat: a coupon (1 commit since 0.0.1)\n",
        )
        assert sorted(folder.rglob("*")) == before

    def test_if_no_version_has_a_commit_in_the_clone_its_own_message_decides(
        self, repository: Terminal, name: str
    ) -> None:
        repository.prints("version", name, "0123456789012345678901234567890123456789")
        repository.commit("feat: a coupon")
        result = repository.run("version", name, "--bump=auto")
        assert result.stdout == "0.1.0\n"
        assert "warning: Only the messages of this commit were read" in result.stderr
        assert "minor: feat: a coupon (this commit only)\n" in result.stderr

    def test_another_token_than_a_commit_needs_messages(
        self, repository: Terminal, name: str
    ) -> None:
        errors = repository.fails(2, "version", name, "build-7", "--bump=auto")
        assert "error: 'build-7' is not a commit of this clone\n" in errors
        assert "hint: pass its messages: git log -z --format=%B" in errors

    def test_a_token_is_never_an_option_of_git(self, repository: Terminal, name: str) -> None:
        repository.prints("version", name, "--", "--output=pwned")
        auto(repository, name)
        assert not list(repository.folder.glob("pwned*"))


class TestNoRelease:
    def test_an_empty_line_is_printed_and_the_reason_on_stderr(
        self, terminal: Terminal, name: str
    ) -> None:
        terminal.prints("version", name, "a", "--bump=major")
        arguments = ("version", name, "b", "--bump=auto", "--messages=-")
        skipped = b"feat: a [skip release]"
        process = terminal.run(*arguments, stdin=skipped)
        assert (process.returncode, process.stdout) == (0, "\n")
        assert process.stderr == (
            "no release: No commit requests a version. The newest contains [skip release] or "
            "[no release]: feat: a [skip release]\n"
        )
        lines = terminal.run(*arguments, "--output=dotenv", stdin=skipped).stdout.splitlines()
        values = dict(line.split("=", 1) for line in lines)
        assert (values["MONOTRON_VERSION"], values["MONOTRON_CHANGED"]) == ("", "false")
        process = terminal.run(*arguments, "--output=github", stdin=skipped)
        assert process.stdout.startswith("version=\ntag=\n")
        assert "reason=No commit requests a version." in process.stdout
        process = terminal.run(*arguments, "--output=json", stdin=skipped)
        assert json.loads(process.stdout)["changed"] is False

    def test_notes_of_the_server_are_printed_on_stderr(self, terminal: Terminal, name: str) -> None:
        process = terminal.run("version", name, "c0ffee")
        assert (process.returncode, process.stdout) == (0, "0.0.1\n")
        assert process.stderr.startswith("note: The token c0ffee is probably a short commit hash")


class TestReleases:
    def test_releases_are_listed_in_a_table(
        self, terminal: Terminal, client: Client, name: str
    ) -> None:
        terminal.prints("version", name, "a", "--bump=minor")
        path = f"/v1/versions/{name}/b?bump=auto"
        assert client.request("PUT", path, "fix: add coupons").status == 200
        head, newest, oldest = terminal.prints("releases", name).splitlines()
        assert head.split() == ["VERSION", "TOKEN", "BUMP", "PREVIOUS", "CREATED", "REASON"]
        assert newest.split()[:5] == ["0.1.1", "(latest)", "b", "patch", "0.1.0"]
        assert newest.endswith("\tfix: add coupons")
        assert oldest.split()[:4] == ["0.1.0", "a", "minor", "-"]
        assert len(terminal.prints("releases", name, "--limit=1").splitlines()) == 2
        documents = json.loads(terminal.prints("releases", name, "--output=json"))
        assert [document["version"] for document in documents] == ["0.1.1", "0.1.0"]

    def test_a_withdrawn_version_is_marked(
        self, terminal: Terminal, client: Client, name: str
    ) -> None:
        terminal.prints("version", name, "a", "--bump=minor")
        path = f"/v1/releases/{name}/0.1.0/withdrawal"
        assert client.request("PUT", path, '{"reason": "wrong"}').status == 200
        assert (
            terminal.prints("releases", name).splitlines()[1].startswith("0.1.0 (withdrawn)\ta\t")
        )


class TestAdopt:
    def test_the_newest_tag_is_adopted(self, repository: Terminal, name: str) -> None:
        tags = ("v1.9.0", "v1.10.0", "v2.0.0-rc.1", "v1.x", "other", "api/v7.0.0")
        for tag in (*tags, "v99999999999999999999.0.0", "v9223372036854775808.0.0"):
            repository.git("tag", tag)
        result = repository.run("adopt", name)
        assert (result.stdout, result.stderr) == (
            "1.10.0\n",
            "tag v1.10.0, of 2 tags of versions\n",
        )
        assert repository.prints("version", name) == "1.10.1\n"
        result = repository.run("adopt", f"{name}-api", "--tag-prefix=api/v")
        assert (result.stdout, result.stderr) == (
            "7.0.0\n",
            "tag api/v7.0.0, of 1 tag of versions\n",
        )
        assert repository.prints("adopt", f"{name}-named", "--version=v3.0.0") == "3.0.0\n"
        assert "value_would_fall (409)" in repository.fails(1, "adopt", name)

    def test_only_tags_of_commits_that_head_contains_are_adopted(
        self, repository: Terminal, name: str
    ) -> None:
        """Case 6: an unrelated tag."""
        repository.git("tag", "v1.2.57")
        unrelated = repository.git("commit-tree", "HEAD^{tree}", "-m", "unrelated")
        repository.git("tag", "v2019.10.5", unrelated)
        result = repository.run("adopt", name, "--dry-run")
        assert result.stdout == "1.2.57\n"
        assert "ignored tag v2019.10.5, because HEAD does not contain its commit\n" in result.stderr
        assert result.stderr.endswith(f"'{name}' was not changed\n")
        assert "has no versions yet" in repository.fails(3, "releases", name)
        assert repository.run("adopt", name).stdout == "1.2.57\n"

    def test_a_dry_run_checks_the_version(self, terminal: Terminal, name: str) -> None:
        for options in ((), ("--dry-run",)):
            errors = terminal.fails(2, "adopt", name, "--version=1.2", *options)
            assert "error: --version must be a version such as 1.4.2, not '1.2'\n" in errors
        assert terminal.run("adopt", name, "--version=v1.2.3", "--dry-run").stdout == "1.2.3\n"

    def test_without_a_tag_on_a_commit_of_head_nothing_is_adopted(
        self, repository: Terminal, name: str
    ) -> None:
        unrelated = repository.git("commit-tree", "HEAD^{tree}", "-m", "unrelated")
        repository.git("tag", "v2019.10.5", unrelated)
        errors = repository.fails(2, "adopt", name)
        assert "error: no tag vX.Y.Z is on a commit that HEAD contains, of 1 such tags\n" in errors
        assert "the highest tag is v2019.10.5" in errors

    def test_a_repository_without_a_matching_tag_is_refused(self, repository: Terminal) -> None:
        assert repository.fails(2, "adopt", "shop") == (
            "error: no tag matches vX.Y.Z\n"
            "hint: run git fetch --tags, or pass --tag-prefix or --version\n"
        )

    def test_a_missing_version_outside_of_a_repository_is_an_error(
        self, terminal: Terminal
    ) -> None:
        assert terminal.fails(2, "adopt", "shop") == (
            "error: not a git repository\n"
            "hint: pass the version: monotron adopt shop --version 1.4.2\n"
        )


class TestFormats:
    def test_the_server_and_the_command_write_equal_dotenv(
        self, terminal: Terminal, client: Client, name: str
    ) -> None:
        printed = terminal.prints(
            "version", name, "a", "--prerelease=rc", "--build-metadata=x.1", "--output=dotenv"
        )
        served = client.request("GET", f"/v1/versions/{name}/a?format=dotenv").text
        assigned = served.replace("REUSED=true", "REUSED=false")
        assert printed == assigned.replace("CHANGED=false", "CHANGED=true")
        previous = terminal.prints("version", name, "b", "--output=dotenv", "--tag-prefix=x/")
        assert "MONOTRON_PREVIOUS_TAG=\n" in previous
        following = terminal.prints("version", name, "c", "--output=dotenv", "--tag-prefix=x/")
        assert "MONOTRON_PREVIOUS_TAG=x/0.0.1\n" in following
        printed = terminal.prints("next", name, "a", "--output=dotenv")
        served = client.request("GET", f"/v1/series/{name}/a?format=dotenv").text
        assert printed == served.replace("REUSED=true", "REUSED=false")

    def test_the_server_and_the_command_write_equal_json(
        self, terminal: Terminal, client: Client, name: str
    ) -> None:
        printed = json.loads(terminal.prints("next", name, "a", "--output=json"))
        assert printed == client.request("GET", f"/v1/series/{name}").json()
        printed = json.loads(terminal.prints("version", name, "a", "--output=json"))
        served = client.request("GET", f"/v1/versions/{name}").json()
        assert printed | {"auto_after": "a"} == {**served, "reused": False, "changed": True}

    def test_the_format_github_has_the_outputs_of_the_action(
        self, terminal: Terminal, name: str
    ) -> None:
        lines = terminal.prints("version", name, "a", "--output=github").splitlines()
        outputs = dict(line.split("=", 1) for line in lines)
        assert (outputs["version"], outputs["tag"]) == ("0.0.1", "v0.0.1")
        token = "e" * 40
        terminal.prints("version", name, token)
        lines = terminal.prints("version", name, "b", "--prerelease=rc", "--output=github")
        assert f"previous_commit={token}\n" in lines
        assert "prerelease_label=rc\n" in lines
        assert terminal.prints("next", name, "a", "--output=github").startswith("version=\n")
