"""Errors that the user sees."""

from __future__ import annotations


class Failure(Exception):
    """The step or the command failed.

    *cause* states what failed and why, *hint* what to do, including the YAML to write.
    *code* is the error code of the service's problem document, or empty.
    """

    def __init__(self, cause: str, hint: str = "", *, code: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.hint = hint
        self.code = code

    def __str__(self) -> str:
        return f"{self.cause}\n\n{self.hint}" if self.hint else self.cause


class NoResponse(Failure):
    """The service did not respond in time, or something else responded. A retry may succeed."""


class Unreachable(NoResponse):
    """No connection, no complete response, or a server error, after all retries."""


class NoCredentials(Failure):
    """The job has neither an API key nor an identity token, such as that of a fork."""
