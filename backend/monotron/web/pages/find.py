"""The field of `/names/{name}` that leads to a version, given by its number or its commit."""

from monotron.errors import InvalidVersion, VersionNotFound
from monotron.model.semver import Release, parse_version
from monotron.services.versions import VersionService
from monotron.web.pages.rows import is_commit

MAX_MATCHES = 10
"""The number of versions that the page shows for an ambiguous commit."""


async def find_releases(
    versions: VersionService, account: int, name: str, text: str
) -> list[Release]:
    """The release of a version (`1.2.57` or `v1.2.57`), or else of a token.

    Or else, for at least 7 hexadecimal digits, one release of each token that starts with them: of
    `MAX_MATCHES` + 1 tokens at most. In lower case, as git shows hashes, if no token has the case
    of the text. Empty if there is none.
    """
    try:
        return [(await versions.at(account, name, parse_version(text))).release]
    except (InvalidVersion, VersionNotFound):
        pass
    try:
        return [(await versions.of_token(account, name, text, None)).release]
    except VersionNotFound:
        pass
    if is_commit(text):
        for start in dict.fromkeys((text, text.lower())):
            results = await versions.of_abbreviation(account, name, start, MAX_MATCHES + 1)
            if results:
                return [result.release for result in results]
    return []
