"""Tags of the current repository, which a name without versions must continue from."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from monotron.cli import git
from monotron.cli.auto_version import repositories
from monotron.cli.output import print_warning
from monotron_ci.client import Client
from monotron_ci.first_version import TagsFound, check_first_version


def tag_check(client: Client, name: str, prefix: str) -> Callable[[], None]:
    """A function that raises Failure if this is a repository with version tags."""

    def check() -> None:
        if not git.is_repository():
            return
        with closing(repositories(client.policy)) as sources:
            try:
                warning = check_first_version(name, sources, prefix, "HEAD")
            except TagsFound as failure:
                failure.hint = (
                    f"continue from it: monotron adopt {name} --version {failure.version}, or pass "
                    f"--initial-version {failure.version}; --from-scratch ignores the tags"
                )
                raise
        if warning:
            print_warning(warning)

    return check
