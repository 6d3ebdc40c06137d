"""The web pages: read-only HTML, rendered on the server."""

from monotron.web.pages import (
    access,
    api,
    details,
    errors,
    names,
    series,
    static,
    status,
    versions,
)

ROUTES = [
    *versions.ROUTES,
    *names.ROUTES,
    *details.ROUTES,
    *series.ROUTES,
    *access.ROUTES,
    *status.ROUTES,
    *api.ROUTES,
    *errors.ROUTES,
    *static.ROUTES,
]
"""The routes that docs/web-pages.md describes."""
