"""What Monotron answers in format=dotenv, and what may come instead."""

from __future__ import annotations

from support.stand_in import Say

VERSION_LINES = """\
MONOTRON_VERSION=1.3.0
MONOTRON_TAG=v1.3.0
MONOTRON_MAJOR=1
MONOTRON_MINOR=3
MONOTRON_PATCH=0
MONOTRON_PRERELEASE_ID=
MONOTRON_METADATA=
MONOTRON_RELEASE_TYPE=minor
MONOTRON_PREVIOUS_VERSION=1.2.57
MONOTRON_IS_LATEST=true
MONOTRON_REUSED=false
MONOTRON_DOCKER_TAG=1.3.0
"""
NUMBER_LINES = "MONOTRON_VALUE=42\nMONOTRON_BUILD_NUMBER=42\nMONOTRON_REUSED=false\n"


def lines(text: str = VERSION_LINES, missing: int = 0) -> Say:
    """An answer of these lines; the last *missing* bytes never come."""
    body = text.encode()
    kind = {"Content-Type": "text/plain; charset=utf-8"}
    return Say(200, body[: len(body) - missing], kind, len(body))


def page(status: int = 200, **headers: str) -> Say:
    """A page of something that is not Monotron."""
    return Say(status, b"<html>Sign in</html>", {"Content-Type": "text/html", **headers})
