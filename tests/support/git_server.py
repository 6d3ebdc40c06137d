"""GitHub's smart HTTP protocol: `git http-backend` behind an HTTP server on loopback."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from support.stand_in import ReceivedRequest, Reply, StandIn

CGI_HEADERS = {"Content-Type": "CONTENT_TYPE", "Content-Encoding": "HTTP_CONTENT_ENCODING"}


class GitServer(StandIn):
    """Serves the repositories in a folder, such as `/acme/shop.git`.

    With *authorization*, requests with other credentials are refused.
    """

    def __init__(self, folder: Path, authorization: str = "") -> None:
        self._folder = folder
        self._authorization = authorization
        super().__init__(self._respond)

    def _respond(self, request: ReceivedRequest) -> Reply:
        if self._authorization and request.headers.get("Authorization") != self._authorization:
            return Reply(401, b"Unauthorized", {"WWW-Authenticate": "Basic"})
        path, _, query = request.path.partition("?")
        environ = {
            "GIT_PROJECT_ROOT": str(self._folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": request.method,
            "CONTENT_LENGTH": str(len(request.body)),
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            # As on GitHub: partial clones, and commits that no reference contains.
            "GIT_CONFIG_COUNT": "3",
            "GIT_CONFIG_KEY_0": "uploadpack.allowFilter",
            "GIT_CONFIG_VALUE_0": "true",
            "GIT_CONFIG_KEY_1": "uploadpack.allowAnySHA1InWant",
            "GIT_CONFIG_VALUE_1": "true",
            "GIT_CONFIG_KEY_2": "safe.directory",
            "GIT_CONFIG_VALUE_2": "*",
        }
        for header, variable in CGI_HEADERS.items():
            environ[variable] = request.headers.get(header, "")
        process = subprocess.run(
            ["git", "http-backend"],
            input=request.body,
            env={**os.environ, **environ},
            capture_output=True,
            check=False,  # it fails after it reported that a commit does not exist
        )
        head, _, body = process.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        status = int(headers.pop("Status", "200").split()[0])
        return Reply(status, body, headers)
