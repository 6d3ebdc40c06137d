"""Everything that can go wrong, one class a code.

An error has a stable `code`, a `detail` that says what happened, why, and what to do about it,
and `applied`: whether the write it answers may have happened (`no` or `unknown`). In both cases
the same request may be sent again. A detail never holds a secret nor a store's own words.
The HTTP status of a code is the web's business: `monotron.web.problem`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Literal, Self

Applied = Literal["no", "unknown"]


class MonotronError(Exception):
    """The root of the tree. Only its subclasses are raised."""

    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something is wrong in Monotron itself"

    def __init__(self, detail: str, *, applied: Applied = "no") -> None:
        super().__init__(detail)
        self.detail = detail
        self.applied = applied

    def in_doubt(self) -> Self:
        """The same error, where something may have been applied.

        A copy: requests that shared a step of the store share its error too.
        """
        copy = type(self).__new__(type(self), *self.args)
        copy.__dict__ |= self.__dict__ | {"applied": "unknown"}
        return copy

    def members(self) -> dict[str, str]:
        """What else a program may want to read from the error, by name."""
        return {}


@contextmanager
def in_doubt() -> Iterator[None]:
    """An error in here leaves it open whether something was applied."""
    try:
        yield
    except MonotronError as error:
        raise error.in_doubt() from error


class InvalidKey(MonotronError):
    code = "invalid_key"
    title = "This cannot be the key of a series"


class InvalidToken(MonotronError):
    code = "invalid_token"
    title = "This cannot be a token"


class InvalidName(MonotronError):
    code = "invalid_name"
    title = "This cannot be the name of a version"


class InvalidVersion(MonotronError):
    code = "invalid_version"
    title = "This is no version to work with"


class InvalidRequest(MonotronError):
    code = "invalid_request"
    title = "The request is not understood"


class InvalidHost(MonotronError):
    code = "invalid_host"
    title = "The Host header names no loopback host"


class Unauthenticated(MonotronError):
    code = "unauthenticated"
    title = "Nobody is signed in by these credentials"


class TokenReplayed(MonotronError):
    code = "token_replayed"
    title = "This identity token was used for something else"


class Forbidden(MonotronError):
    code = "forbidden"
    title = "These credentials do not allow this"


class SeriesNotFound(MonotronError):
    code = "series_not_found"
    title = "There is no such series"


class EntryNotFound(MonotronError):
    code = "entry_not_found"
    title = "The series never saw this token"


class VersionNotFound(MonotronError):
    code = "version_not_found"
    title = "There is no such version"


class LineNotFound(MonotronError):
    code = "line_not_found"
    title = "There is no such line of versions"


class GrantNotFound(MonotronError):
    code = "grant_not_found"
    title = "There is no such key"


class AttributeNotFound(MonotronError):
    code = "attribute_not_found"
    title = "The token has no such attribute"


class TrustNotFound(MonotronError):
    code = "trust_not_found"
    title = "There is no such trust"


class PathNotFound(MonotronError):
    code = "not_found"
    title = "There is nothing at this path"


class MethodNotAllowed(MonotronError):
    code = "method_not_allowed"
    title = "This path does not take this method"


class SeriesExhausted(MonotronError):
    code = "series_exhausted"
    title = "The series stands at its last value"


class ValueWouldFall(MonotronError):
    code = "value_would_fall"
    title = "A series never falls"


class AlreadyReleased(MonotronError):
    code = "already_released"
    title = "Another token has this version"


class BodyTooLarge(MonotronError):
    code = "body_too_large"
    title = "The body is too large"


class UnsupportedMediaType(MonotronError):
    code = "unsupported_media_type"
    title = "The body is of a type that is not read here"


class TokenTaken(MonotronError):
    code = "token_taken"
    title = "The token has a version of another bump or line"

    def __init__(self, detail: str, *, version: str, bump: str) -> None:
        super().__init__(detail)
        self.version = version
        self.bump = bump

    def members(self) -> dict[str, str]:
        return {"version": self.version, "bump": self.bump}


class OutOfLine(MonotronError):
    code = "out_of_line"
    title = "The line does not go that far"


class InvalidBump(MonotronError):
    code = "invalid_bump"
    title = "There is no such step from here"


class TooManyRequests(MonotronError):
    code = "too_many_requests"
    title = "Too many requests came in too short a time"

    def __init__(self, detail: str, *, retry_after: int) -> None:
        """*retry_after* in whole seconds, at least 1."""
        super().__init__(detail)
        self.retry_after = retry_after


class InternalError(MonotronError):
    """A bug, or a store whose rows contradict one another. Nobody is given a value after it."""


class StorageFull(MonotronError):
    code = "storage_full"
    title = "The store has no space left"


class StoreUnavailable(MonotronError):
    code = "store_unavailable"
    title = "The store does not answer"


class Draining(MonotronError):
    code = "draining"
    title = "The server is shutting down"


class StartupError(Exception):
    """The server cannot start: a wrong setting, or a store that will not do."""
