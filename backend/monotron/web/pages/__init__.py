"""The web pages: read-only HTML, rendered on the server."""

from monotron.web.pages import details, errors, names, series, static, versions

ROUTES = [
    *versions.ROUTES,
    *names.ROUTES,
    *details.ROUTES,
    *series.ROUTES,
    *errors.ROUTES,
    *static.ROUTES,
]
"""The routes that docs/web-pages.md describes."""
