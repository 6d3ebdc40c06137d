"""The web pages: read-only HTML, rendered on the server."""

from monotron.web.pages import details, errors, names, static, versions

ROUTES = [
    *versions.ROUTES,
    *names.ROUTES,
    *details.ROUTES,
    *errors.ROUTES,
    *static.ROUTES,
]
"""The routes that docs/web-pages.md describes."""
