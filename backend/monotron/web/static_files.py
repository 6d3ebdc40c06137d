"""The base class of the handlers of files, which clients keep."""

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, NamedTuple

from monotron.web.handler import Handler
from monotron.web.permissions import NOTHING, requires
from monotron.web.query import Query


class StaticFileHandler(Handler):
    """Base class of the handlers of files. Clients keep a file, and check that it is current."""

    file: ClassVar[Path]
    content_type: ClassVar[str]

    @requires(NOTHING)
    async def get(self) -> None:
        Query.parse(self.request.query)
        self.set_header("Content-Type", self.content_type)
        self.set_header("Cache-Control", "no-cache")
        self.write(_read(self.file).content)

    def compute_etag(self) -> str:  # type: ignore[override]
        """Return the entity tag: Tornado answers 304 to a request with this one."""
        return _read(self.file).entity_tag


class _File(NamedTuple):
    content: bytes
    entity_tag: str


@cache
def _read(file: Path) -> _File:
    content = file.read_bytes()
    return _File(content, f'"{sha256(content).hexdigest()}"')
