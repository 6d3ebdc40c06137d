"""A stand-in for the tags of GitHub's API: https://docs.github.com/en/rest/git/refs

`POST /git/refs` creates a reference (201), or answers 422 `Reference already exists`.
`PATCH /git/refs/{ref}` moves one (200), or answers 422 `Reference does not exist`, and 422 `Update
is not a fast forward` without `force`. `GET /git/ref/{ref}` returns one (200) or 404.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import unquote

from support.stand_in import ReceivedRequest, Reply, StandIn


class GitHubTags(StandIn):
    """The tags of acme/shop, by their names. *before* is called before each request is served."""

    def __init__(self, before: Callable[[ReceivedRequest], Reply | None] = lambda _: None) -> None:
        self.tags: dict[str, str] = {}
        self._before = before
        super().__init__(self._serve)

    @property
    def writes(self) -> list[tuple[str, str]]:
        """The method and the tag of each request that creates or moves a tag."""
        return [
            (each.method, _tag(each.path) or _tag(json.loads(each.body)["ref"]))
            for each in self.requests
            if each.method != "GET"
        ]

    def _serve(self, request: ReceivedRequest) -> Reply:
        if (reply := self._before(request)) is not None:
            return reply
        body = json.loads(request.body or b"{}")
        if request.method == "POST" and request.path == "/repos/acme/shop/git/refs":
            tag = _tag(body["ref"])
            if tag in self.tags:
                return _message("Reference already exists", 422)
            return self._write(tag, body["sha"], 201)
        tag = _tag(request.path)
        if request.method == "PATCH" and "/git/refs/" in request.path:
            if tag not in self.tags:
                return _message("Reference does not exist", 422)
            if body.get("force") is not True:
                return _message("Update is not a fast forward", 422)
            return self._write(tag, body["sha"], 200)
        if request.method == "GET" and "/git/ref/" in request.path and tag in self.tags:
            return self._reference(tag, 200)
        return _message("Not Found", 404)

    def _write(self, tag: str, commit: str, status: int) -> Reply:
        self.tags[tag] = commit
        return self._reference(tag, status)

    def _reference(self, tag: str, status: int) -> Reply:
        target = {"type": "commit", "sha": self.tags[tag]}
        return Reply.json({"ref": f"refs/tags/{tag}", "object": target}, status)


def _tag(reference: str) -> str:
    match = re.search(r"(?:^|/)(?:refs?/)?tags/(.+)$", unquote(reference))
    return match[1] if match else ""


def _message(text: str, status: int) -> Reply:
    return Reply.json({"message": text, "status": str(status)}, status)
