"""Requests for versions over HTTP, and their responses as a store returns them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from monotron.model.semver import (
    Final,
    Line,
    Release,
    VersionName,
    Withdrawal,
    label_and_number,
    parse_final,
    parse_version,
)
from monotron.model.versions.requests import (
    Adopt,
    Assign,
    GetNewest,
    GetOfToken,
    Latest,
    Reverse,
    VersionRequest,
    VersionResult,
    Withdraw,
)
from support.credentials import JSON
from support.http import Client, Response

NAME = VersionName(1, "shop")
Request = Assign | Adopt | Withdraw | Reverse | GetNewest | GetOfToken


def send(client: Client, request: Request, text: str) -> Response:
    """Send a request. *text*: the commit messages of `bump=auto`."""
    path = f"/v1/versions/{request.name.name}"
    match request:
        case Assign():
            path += f"/{request.token}?{query(request.parameters)}"
            return client.request("PUT", path, text or None, {"Content-Type": "text/plain"})
        case Adopt():
            return client.request("PUT", path, json.dumps({"version": f"{request.version}"}), JSON)
        case GetNewest():
            return client.request("GET", f"{path}?line={request.line}" if request.line else path)
        case GetOfToken():
            label = f"?prerelease={request.label}" if request.label else ""
            return client.request("GET", f"{path}/{request.token}{label}")
    path = f"/v1/releases/{request.name.name}/{request.version}/withdrawal"
    if isinstance(request, Reverse):
        return client.request("DELETE", path)
    return client.request("PUT", path, json.dumps({"reason": request.reason}), JSON)


def query(parameters: VersionRequest) -> str:
    members: dict[str, object] = {"bump": parameters.bump}
    if parameters.version is not None:
        members = {"version": parameters.version}
    if parameters.label:
        members["prerelease"] = parameters.label
    if parameters.line:
        members["line"] = parameters.line
    if parameters.base is not None:
        members["base"] = parameters.base
    if parameters.new_if_withdrawn:
        members["on_withdrawn"] = "new"
    if parameters.bump == "auto":
        members["skip_types"] = "docs"
    return "&".join(f"{name}={value}" for name, value in members.items())


def result_of(members: Mapping[str, Any], line: Line | None) -> VersionResult:
    """The result in a response. *line*: that of the request which has assigned the version.

    The account is always that of `NAME`.
    """
    version = parse_version(members["version"])
    label, number = label_and_number(version)
    previous, withdrawn = members["previous"], members["withdrawn"]
    release = Release(
        NAME._replace(name=members["name"]),
        members["token"],
        Final.of(version),
        label,
        number,
        members["bump"],
        line,
        previous=parse_final(previous) if previous else None,
        created_at=0,
        withdrawn=Withdrawal(0, withdrawn["by"], withdrawn["reason"]) if withdrawn else None,
    )
    latest = Latest(members["latest"], members["latest_in_major"], members["latest_in_minor"])
    return VersionResult(release, latest, members["reused"], members["changed"])
