"""What all errors of requests have in common. `monotron.errors` is the table of them."""

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar, Literal, NamedTuple, Self

Applied = Literal["no", "unknown"]


class Explanation(NamedTuple):
    """What an error means, and what to do, in Markdown."""

    meaning: str
    fix: str


class RejectedIdentity(NamedTuple):
    """Whose identity token was rejected, for the log."""

    issuer: str
    """As the token states it."""
    project: str = ""
    """The path, slug or id of the repository; empty unless the signature is valid."""


class MonotronError(Exception):
    """Base class. Only subclasses are raised."""

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[str]
    retry_after: int | None = None
    """Seconds until a repeated request may succeed; None if waiting does not help."""
    reason: str = ""
    """Why a sign-in was rejected, for the log, without personal data. Empty for other errors."""
    claim: str = ""
    """The claim of an identity token that is the reason, or several of them, for the log."""
    identity: RejectedIdentity | None = None
    """Whose identity token was rejected, for the log."""

    def __init_subclass__(cls, *, status: int, code: str, title: str) -> None:
        cls.status, cls.code, cls.title = status, code, title

    def __init__(self, detail: str, *, applied: Applied = "no") -> None:
        super().__init__(detail)
        self.detail = detail
        self.applied = applied

    @classmethod
    def explanation(cls) -> Explanation:
        """Return the parts of the docstring."""
        meaning, _, fix = (inspect.getdoc(cls) or "").partition("Fix: ")
        return Explanation(meaning.strip(), fix.strip())

    def in_doubt(self) -> Self:
        """Return a copy of the error with `applied` set to `unknown`.

        A copy, because the requests of a batch share one error object.
        """
        copy = type(self).__new__(type(self), *self.args)
        copy.__dict__ |= self.__dict__ | {"applied": "unknown"}
        return copy

    def members(self) -> Mapping[str, str | None]:
        """Additional members of the problem document, by name."""
        return {}


@contextmanager
def in_doubt() -> Iterator[None]:
    """Mark every error raised in the block as `applied: unknown`."""
    try:
        yield
    except MonotronError as error:
        raise error.in_doubt() from error


def literal(text: object) -> str:
    """A text of the caller that should be a literal of the API, for a detail: on one line."""
    return f"`{repr(str(text)[:64])[1:-1]}`"
