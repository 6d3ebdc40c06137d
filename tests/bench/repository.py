"""Generate a git repository with any number of commits."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

SUBJECTS = ("fix: round half to even", "feat: count in fives", "docs: say why", "chore: tidy up")
CONFIG = """\
[project]
name = "shop"
dynamic = ["version"]

[tool.setuptools_scm]

[tool.commitizen]
version_provider = "scm"
tag_format = "v$version"

[tool.semantic_release]
allow_zero_version = true
"""


def generate(folder: Path, commits: int, tags: int) -> Path:
    """Generate conventional commits on `main`. The last release is several commits old."""
    subprocess.run(["git", "init", "-q", "-b", "main", folder], check=True)
    _git(folder, "fast-import", "--quiet", stdin=b"".join(_stream(commits, commits // tags)))
    _git(folder, "remote", "add", "origin", "https://github.com/acme/shop.git")
    _git(folder, "reset", "-q", "--hard", "main")
    # As in a clone: objects in a pack with an index, references in one file.
    _git(folder, "gc", "-q")
    return folder


def head(folder: Path) -> str:
    return _git(folder, "rev-parse", "HEAD").decode().strip()


def first(folder: Path) -> str:
    """The hash of the first commit."""
    return _git(folder, "rev-list", "--max-parents=0", "HEAD").decode().strip()


def _stream(commits: int, commits_per_tag: int) -> Iterator[bytes]:
    for number in range(1, commits + 1):
        identity = f"Ada <ada@example.com> {1_600_000_000 + 600 * number} +0000"
        subject = f"{SUBJECTS[number % len(SUBJECTS)]} ({number})\n"
        yield f"commit refs/heads/main\nmark :{number}\ncommitter {identity}\n".encode()
        yield _data(subject) + _file(f"src/{number % 100}.txt", subject)
        if number == 1:
            yield _file("pyproject.toml", CONFIG)
        if number % commits_per_tag == commits_per_tag // 2:
            tag = number // commits_per_tag
            name = f"v1.{tag // 10}.{tag % 10}"
            yield f"tag {name}\nfrom :{number}\ntagger {identity}\n".encode() + _data(name)


def _file(path: str, text: str) -> bytes:
    return f"M 644 inline {path}\n".encode() + _data(text)


def _data(text: str) -> bytes:
    return b"data %d\n%b\n" % (len(text.encode()), text.encode())


def _git(folder: Path, *arguments: str, stdin: bytes | None = None) -> bytes:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, check=True).stdout
