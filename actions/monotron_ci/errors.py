"""The one exception that a user sees, and the one kind of it that may pass by itself."""

from __future__ import annotations


class Failure(Exception):
    """What went wrong, for people: *cause* in sentences, and *cure*, perhaps the YAML to write.

    *code* is that of the service's problem document, where it answered with one.
    """

    def __init__(self, cause: str, cure: str = "", *, code: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.cure = cure
        self.code = code

    def __str__(self) -> str:
        return f"{self.cause}\n\n{self.cure}" if self.cure else self.cause


class NoResponse(Failure):
    """Nobody answered in time, or something that is not Monotron: worth asking again."""
