"""What a page states about an error. The fixes of the API refer to requests, not to pages."""

from typing import NamedTuple

from monotron.errors import MonotronError
from monotron.web.pages.markup import as_sentence

FIXES = {
    "unauthenticated": "Reload the page. As user name, enter the id of an API key, such as "
    "`mtk_k_AbCdEfGh`, and as password its secret. The API key needs the scope `read:series`.",
    "forbidden": "Ask an administrator of the account for an API key that may read this page. To "
    "use another one, close the browser, and open the page again.",
    "version_not_found": "Check the name and the version in the address.",
    "series_not_found": "Check the key in the address.",
    "not_found": "Check the address.",
    "invalid_name": "Check the name in the address.",
    "invalid_version": "Check the version in the address, such as `1.2.57`.",
    "invalid_key": "Check the key in the address.",
    "invalid_request": "Remove the part of the address after `?`.",
}
"""By the codes of errors that differ on pages."""

OPEN_MODE = (
    "An open server has no API keys and no trust policies: everyone on this machine has access. To "
    "require credentials, start the server with a root key (`monotron root-secret` generates one)."
)
"""What to do if a page needs credentials that an open server does not have."""


class Link(NamedTuple):
    """A link to a page that exists."""

    text: str
    path: str


def fix_of(error: MonotronError, *, is_open: bool) -> str:
    """What a reader of a page can do, in Markdown. *is_open*: the server needs no credentials."""
    if is_open and error.code == "forbidden":
        return OPEN_MODE
    return FIXES.get(error.code) or as_sentence(error.explanation().fix)
