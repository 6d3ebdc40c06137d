"""Responses with format=dotenv, as Monotron or something else might send them."""

from __future__ import annotations

from support.stand_in import Reply

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
MONOTRON_CHANGED=true
MONOTRON_PREVIOUS_TAG=v1.2.57
MONOTRON_PREVIOUS_COMMIT=7d4c3795887d4c3795887d4c3795887d4c379588
MONOTRON_LATEST_IN_MAJOR=true
MONOTRON_LATEST_IN_MINOR=true
MONOTRON_DOCKER_TAG=1.3.0
MONOTRON_PEP440=1.3.0
MONOTRON_DEB=1.3.0
MONOTRON_RPM=1.3.0
MONOTRON_MAVEN=1.3.0
MONOTRON_CREATOR_ID=1
"""
NUMBER_LINES = """\
MONOTRON_VALUE=42
MONOTRON_BUILD_NUMBER=42
MONOTRON_REUSED=false
MONOTRON_CREATOR_ID=1
"""


def dotenv_response(text: str = VERSION_LINES, missing_bytes: int = 0, **more: str) -> Reply:
    """Return a response with this body, of which the last *missing_bytes* are not sent."""
    body = text.encode()
    named = {name.replace("_", "-"): value for name, value in more.items()}
    headers = {"Content-Type": "text/plain; charset=utf-8", **named}
    return Reply(200, body[: len(body) - missing_bytes], headers, len(body))


def html_response(status: int = 200, **headers: str) -> Reply:
    """Return a page of a server that is not Monotron."""
    return Reply(status, b"<html>Sign in</html>", {"Content-Type": "text/html", **headers})
