"""`/openapi.json`: the OpenAPI document of the API."""

from monotron.web.openapi import DOCUMENT
from monotron.web.static_files import StaticFileHandler


class DocumentHandler(StaticFileHandler):
    """`/openapi.json`"""

    file = DOCUMENT
    content_type = "application/json"


ROUTES = [("/openapi.json", DocumentHandler)]
