"""The field of `/names/{name}` that leads to a version, given by its number or its commit."""

from monotron.errors import InvalidVersion, VersionNotFound
from monotron.model.semver import Release, parse_version
from monotron.services.versions import VersionService
from monotron.web.pages.rows import is_commit

COMMIT_LENGTHS = (40, 64)
"""The lengths of complete hashes: SHA-1 and SHA-256."""


async def find_release(
    versions: VersionService, account: int, name: str, text: str
) -> Release | None:
    """The release of a version (`1.2.57` or `v1.2.57`), or else of a token. None without one."""
    try:
        return (await versions.at(account, name, parse_version(text))).release
    except (InvalidVersion, VersionNotFound):
        pass
    try:
        return (await versions.of_token(account, name, text, None)).release
    except VersionNotFound:
        return None


def find_hint(text: str) -> str:
    """What may help if nothing was found."""
    if is_commit(text) and len(text) not in COMMIT_LENGTHS:
        return "An abbreviated commit hash is not found: enter all 40 digits."
    return "Enter a version, such as 1.2.57, or the complete hash of a commit."
