"""The scripts of a release, with recorded programs (gh, docker, helm) and with real git."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from support.git_server import GitServer
from support.release_job import ROOT, Job
from support.schemas import vendored_schemas

BIN = Path(sys.executable).parent
SCRIPTS = [path for path in sorted((ROOT / ".ci").iterdir()) if "." not in path.name]
DIGEST = f"sha256:{'0' * 64}"
IMAGE = "ghcr.io/monotron/monotron"
LATEST = ("v0.1.0", "v0.2.0", "v0")
"""The tags of a repository in which v0.2.0 is the newest release."""
OLDER = ("v0.2.0", "v0.2.1", "v0.10.0", "v0.10.0-rc.1", "v0")
"""Those in which v0.2.1 is the newest of its line only."""


@pytest.fixture
def job(tmp_path: Path) -> Job:
    folder = tmp_path / "job"
    folder.mkdir()
    return Job(folder)


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_shellcheck_accepts_every_script() -> None:
    assert len(SCRIPTS) > 8
    process = subprocess.run(
        [BIN / "shellcheck", *SCRIPTS], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stdout


class TestNotes:
    CHANGELOG = """# Changelog

## [Unreleased]

Nothing yet.

## [0.2.0] - 2026-12-01

### Added

- A page, see [docs](docs/faq.md#builds) and
  [Keep a Changelog](https://keepachangelog.com/).
- Another one:

  ```sh
  monotron version
  shop
  ```
  prints
  it.

## [0.1.0] - 2026-11-01

## [0.0.1] - 2026-10-01

- The first one.

[0.0.1]: https://example.com
"""

    def notes(self, job: Job, version: str) -> subprocess.CompletedProcess[str]:
        changelog = job.folder / "CHANGELOG.md"
        changelog.write_text(self.CHANGELOG)
        command = [sys.executable, job.folder / ".ci" / "release_notes.py", version, changelog]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def test_they_are_the_section_of_the_version_with_absolute_links(self, job: Job) -> None:
        assert self.notes(job, "0.2.0").stdout == (
            "### Added\n\n- A page, see [docs](https://github.com/monotron/monotron/blob/v0.2.0"
            "/docs/faq.md#builds) and [Keep a Changelog](https://keepachangelog.com/).\n"
            "- Another one:\n\n  ```sh\n  monotron version\n  shop\n  ```\n  prints it.\n"
        )
        assert self.notes(job, "0.0.1").stdout == "- The first one.\n"

    @pytest.mark.parametrize("version", ["0.1.0", "0.3.0", "0.2", "Unreleased", "0.2.0-rc.1"])
    def test_a_release_without_notes_fails(self, version: str, job: Job) -> None:
        process = self.notes(job, version)
        assert process.returncode == 1
        assert process.stderr.startswith(f"error: The changelog has no section '## [{version}]")


class TestNewestLines:
    @pytest.mark.parametrize(
        ("tags", "tag", "lines"),
        [
            (LATEST, "v0.2.0", "v0 v0.2 latest"),
            (OLDER, "v0.2.1", "v0.2"),
            (OLDER, "v0.2.0", ""),
            (OLDER, "v0.10.0", "v0 v0.10 latest"),
            (("v0.9.0", "v1.0.0", "v10.0.0"), "v1.0.0", "v1 v1.0"),
            (("v0.9.0", "v1.0.0", "v10.0.0"), "v0.9.0", "v0 v0.9"),
        ],
    )
    def test_an_older_line_does_not_move_the_names_of_a_newer_one(
        self, tags: tuple[str, ...], tag: str, lines: str, job: Job
    ) -> None:
        job.releases(*tags)
        process = job.run("newest-lines", tag=tag)
        assert process.stdout.split() == lines.split()

    def test_a_failed_request_fails_every_script_that_needs_the_tags(self, job: Job) -> None:
        job.record("gh", "api", "exit 1")
        job.record("docker")
        for script in ("newest-lines", "move-tags", "tag-image", "github-release"):
            arguments = ["notes.md"] if script == "github-release" else []
            assert job.run(script, *arguments, IMAGE=IMAGE).returncode != 0, script
        assert job.commands == []


class TestMoveTags:
    def test_it_moves_the_tags_of_the_major_and_minor_line(self, job: Job) -> None:
        job.releases(*LATEST)
        assert job.run("move-tags").returncode == 0
        refs = "gh api --silent --method PATCH repos/monotron/monotron/git/refs/tags"
        values = f"-f sha={'7d4c379588' * 4} -F force=true"
        assert job.commands == [f"{refs}/v0 {values}", f"{refs}/v0.2 {values}"]

    def test_it_creates_a_tag_that_does_not_exist(self, job: Job) -> None:
        job.releases(*OLDER)
        path = "repos/monotron/monotron/git/refs"
        job.record("gh", f"api --silent --method PATCH {path}/tags/v0.2", "exit 1")
        process = job.run("move-tags", tag="v0.2.1")
        assert process.stdout == "v0 stays at a later release\nv0.2 is now v0.2.1\n"
        sha = "7d4c379588" * 4
        assert job.commands[1:] == [
            f"gh api --silent --method POST {path} -f ref=refs/tags/v0.2 -f sha={sha}"
        ]

    def test_it_fails_if_a_tag_can_be_neither_moved_nor_created(self, job: Job) -> None:
        job.releases(*LATEST)
        job.record("gh", "api --silent", "exit 1")
        assert job.run("move-tags").returncode != 0


class TestImage:
    def test_it_is_built_run_and_pushed(self, job: Job) -> None:
        job.record("docker", "run", "echo monotron 0.2.0")
        process = job.run("build-image", IMAGE=IMAGE)
        assert process.returncode == 0, process.stderr
        build, run, push = job.commands
        architecture = subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()
        name = f"{IMAGE}:0.2.0-{architecture}"
        assert build.startswith(f"docker build --pull --file deploy/Containerfile --tag {name} ")
        assert build.endswith(f" --build-arg REVISION={'7d4c379588' * 4} .")
        assert run == f"docker run --rm --read-only --cap-drop=ALL {name} --version"
        assert push == f"docker push {name}"

    def test_an_image_of_another_version_is_not_pushed(self, job: Job) -> None:
        job.record("docker", "run", "echo monotron 0.1.0")
        process = job.run("build-image", IMAGE=IMAGE)
        assert process.returncode == 1
        assert "'monotron 0.1.0' instead of 'monotron 0.2.0'" in process.stdout
        assert not any(command.startswith("docker push") for command in job.commands)

    @pytest.mark.parametrize(
        ("tags", "tag", "names"),
        [
            (LATEST, "v0.2.0", ["0.2.0", "0", "0.2", "latest"]),
            (OLDER, "v0.2.1", ["0.2.1", "0.2"]),
        ],
    )
    def test_it_gets_the_names_in_which_it_is_the_newest(
        self, tags: tuple[str, ...], tag: str, names: list[str], job: Job
    ) -> None:
        job.releases(*tags)
        job.record("docker", "buildx imagetools inspect", f"echo {DIGEST}")
        assert job.run("tag-image", tag=tag, IMAGE=IMAGE).returncode == 0
        assert re.findall(r"--tag \S+:(\S+)", job.commands[0]) == names
        assert job.commands[0].endswith(f" {IMAGE}:{tag[1:]}-amd64 {IMAGE}:{tag[1:]}-arm64")
        assert job.output == f"digest={DIGEST}\n"


class TestChart:
    def test_it_is_packaged_with_the_version_and_pushed(self, job: Job) -> None:
        job.record("helm", "push", f"echo Pushed: x >&2; echo Digest: {DIGEST} >&2")
        assert job.run("push-chart", CHARTS="ghcr.io/monotron/charts").returncode == 0
        package, push = job.commands
        assert " deploy/helm/monotron --version 0.2.0 --app-version 0.2.0 " in package
        assert re.search(r"/monotron-0\.2\.0\.tgz oci://ghcr\.io/monotron/charts$", push)
        assert job.output == f"digest={DIGEST}\n"

    @pytest.mark.parametrize("script", ["exit 1", "echo Pushed"])
    def test_it_fails_if_the_registry_reports_no_digest(self, script: str, job: Job) -> None:
        job.record("helm", "push", script)
        assert job.run("push-chart", CHARTS="ghcr.io/monotron/charts").returncode != 0


class TestGitHubRelease:
    @pytest.mark.parametrize(("tags", "tag", "latest"), [(LATEST, "v0.2.0", "true"),
                                                        (OLDER, "v0.2.1", "false")])  # fmt: skip
    def test_it_is_created_with_notes_and_files(
        self, tags: tuple[str, ...], tag: str, latest: str, job: Job
    ) -> None:
        job.releases(*tags)
        job.record("gh", "release view", "exit 1")
        assert job.run("github-release", "notes.md", "a.whl", "b.json", tag=tag).returncode == 0
        assert job.commands[1] == (
            f"gh release create {tag} --verify-tag --title Monotron {tag[1:]} "
            f"--notes-file notes.md --latest={latest} a.whl b.json"
        )

    def test_a_repeated_job_updates_it(self, job: Job) -> None:
        job.releases(*LATEST)
        assert job.run("github-release", "notes.md", "a.whl").returncode == 0
        assert job.commands[1:] == [
            "gh release edit v0.2.0 --notes-file notes.md --latest=true",
            "gh release upload v0.2.0 --clobber a.whl",
        ]


@pytest.fixture
def project(job: Job) -> Path:
    """A clone with the folder gitlab/ of this repository."""
    shutil.copytree(ROOT / "gitlab", job.folder / "gitlab")
    shutil.copy(ROOT / "LICENSE", job.folder)
    git(job.folder, "init", "-q")
    git(job.folder, "add", "gitlab", "LICENSE")
    git(job.folder, "commit", "-q", "-m", "first")
    job.variables["GITHUB_SHA"] = git(job.folder, "rev-parse", "HEAD")
    return job.folder


class TestComponent:
    TOKEN = "glpat-secret"

    @pytest.fixture
    def remote(self, tmp_path: Path, job: Job) -> Path:
        """The component project on a server that requires the token."""
        remote = tmp_path / "served" / "monotron.git"
        git(tmp_path, "init", "-q", "--bare", "-b", "main", str(remote))
        git(remote, "config", "http.receivepack", "true")
        empty = git(remote, "commit-tree", "-m", "first", git(remote, "mktree"))
        git(remote, "update-ref", "refs/heads/main", empty)
        return remote

    def push(self, job: Job, remote: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        credential = base64.b64encode(f"oauth2:{self.TOKEN}".encode()).decode()
        with GitServer(remote.parent, f"Basic {credential}") as server:
            url = f"{server.url}/monotron.git"
            variables = {"GITLAB_PROJECT": url, "GITLAB_TOKEN": self.TOKEN, **variables}
            return job.run("push-component", **variables)

    def test_the_folder_becomes_the_root_of_a_tag_with_readme_and_license(
        self, job: Job, project: Path, remote: Path
    ) -> None:
        job.releases(*LATEST)
        process = self.push(job, remote)
        assert process.returncode == 0, process.stderr
        assert self.TOKEN not in process.stdout + process.stderr
        files = git(remote, "ls-tree", "-r", "--name-only", "0.2.0").split()
        assert {"README.md", "LICENSE.md", ".gitlab-ci.yml"} <= set(files)
        assert "templates/version/template.yml" in files
        readme = git(remote, "show", "0.2.0:README.md")
        assert "](../" not in readme
        assert "](https://github.com/monotron/monotron/blob/v0.2.0/docs/versions.md#" in readme
        assert git(remote, "rev-parse", "main") == git(remote, "rev-parse", "0.2.0")
        assert git(remote, "rev-list", "--count", "main") == "2"

    def test_a_repeated_job_changes_nothing_and_another_content_is_refused(
        self, job: Job, project: Path, remote: Path
    ) -> None:
        job.releases(*LATEST)
        assert self.push(job, remote).returncode == 0
        before = git(remote, "rev-parse", "main", "0.2.0")
        assert "already has the tag 0.2.0" in self.push(job, remote).stdout
        (project / "gitlab" / "job.sh").write_text("changed")
        git(project, "commit", "-q", "-a", "-m", "second")
        job.variables["GITHUB_SHA"] = git(project, "rev-parse", "HEAD")
        refused = self.push(job, remote)
        assert refused.returncode == 1
        assert "::error::The tag 0.2.0 of the component project has other files." in refused.stdout
        assert git(remote, "rev-parse", "main", "0.2.0") == before

    def test_an_older_line_gets_a_tag_only(self, job: Job, project: Path, remote: Path) -> None:
        job.releases("v0.2.0", "v0.3.0")
        before = git(remote, "rev-parse", "main")
        assert self.push(job, remote).returncode == 0
        assert git(remote, "rev-parse", "main") == before
        assert git(remote, "rev-parse", "0.2.0^") == before

    def test_a_rejected_token_fails_without_a_prompt(
        self, job: Job, project: Path, remote: Path
    ) -> None:
        job.releases(*LATEST)
        process = self.push(job, remote, GITLAB_TOKEN="other")
        assert process.returncode != 0
        assert git(remote, "tag") == ""

    def test_the_pipeline_of_a_tag_creates_the_release_with_the_keyword(self) -> None:
        file = ROOT / "gitlab" / ".gitlab-ci.yml"
        schemas = vendored_schemas()
        schema = json.loads((schemas / "gitlab-ci.json").read_text())
        errors = jsonschema_rs.validator_for(schema).iter_errors(yaml.safe_load(file.read_text()))
        assert [error.message for error in errors] == []
        assert re.search(r"^  release:.*\n    tag_name: \$CI_COMMIT_TAG$", file.read_text(), re.M)
        (pattern,) = re.findall(r"CI_COMMIT_TAG =~ /(.*)/", file.read_text())
        assert re.search(pattern, "0.2.0")
        assert not re.search(pattern, "v0.2.0")


class TestDocs:
    @pytest.fixture
    def remote(self, tmp_path: Path, job: Job) -> Path:
        """The repository, without the branch gh-pages, and a built site in the clone."""
        remote = tmp_path / "monotron" / "monotron.git"
        git(tmp_path, "init", "-q", "--bare", "-b", "main", str(remote))
        (job.folder / "site").mkdir()
        for name in ("index.html", "404.html"):
            (job.folder / "site" / name).write_text("a page")
        job.record("gh")
        job.variables["GITHUB_SERVER_URL"] = tmp_path.as_uri()
        return remote

    def test_each_release_adds_a_commit_to_the_branch(self, job: Job, remote: Path) -> None:
        for tag in ("v0.1.0", "v0.2.0", "v0.2.0"):
            process = job.run("push-docs", tag=tag)
            assert process.returncode == 0, process.stderr
        assert git(remote, "rev-list", "--count", "gh-pages") == "2"
        files = git(remote, "ls-tree", "--name-only", "gh-pages").split()
        assert {"0.1", "0.2", "latest", "index.html", "versions.json", ".nojekyll"} <= set(files)
        assert job.commands == ["gh auth setup-git"] * 3

    def test_a_repository_that_cannot_be_read_is_not_replaced(self, job: Job, remote: Path) -> None:
        shutil.rmtree(remote)
        assert job.run("push-docs").returncode != 0
        assert not remote.exists()

    def test_a_branch_instead_of_a_version_is_refused(self, job: Job, remote: Path) -> None:
        process = job.run("push-docs", tag="main")
        assert process.stderr.endswith("'main' is not a final version such as 1.2.3.\n")
        assert git(remote, "for-each-ref") == ""


class TestConstraints:
    def test_they_are_the_versions_of_the_lock_file(self, job: Job) -> None:
        lock = (ROOT / ".ci" / "requirements.txt").read_text()
        packages = re.findall(r"^(\w[^ ;]+)", lock, re.MULTILINE)
        assert job.run("constraints").stdout.split() == packages
        assert json.dumps(packages).count("==") == len(packages)
