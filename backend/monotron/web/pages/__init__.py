"""The web pages: read-only HTML, rendered on the server."""

from monotron.web.pages import errors, static, versions

ROUTES = [
    *versions.ROUTES,
    *errors.ROUTES,
    *static.ROUTES,
]
"""The routes that docs/web-pages.md describes."""
