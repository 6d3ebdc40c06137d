"""A server is killed at each step of the rename of an account: the account has one name."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from http.client import HTTPException
from itertools import count
from pathlib import Path
from typing import Any

from support.credentials import JSON, new_account
from support.server import ROOT, ROOT_ENV, Client, Response, Server

LAUNCHER = str(Path(__file__).with_name("killed_in_rename.py"))

MIN_WRITES = 4
"""The account, its former name, its new name, and the event."""


def rename(root: Client, account: int, name: str) -> Response:
    return root.request("PATCH", f"/v1/accounts/{account}", json.dumps({"name": name}), JSON)


def ids_of(root: Client, name: str) -> list[int]:
    """The accounts that are found by the name."""
    found = root.request("GET", f"/v1/accounts?name={name}").json()["accounts"]
    return [each["id"] for each in found]


def listed(root: Client, account: int) -> dict[str, Any]:
    accounts = root.request("GET", "/v1/accounts?limit=1000").json()["accounts"]
    (found,) = [each for each in accounts if each["id"] == account]
    return dict(found)


def test_an_account_has_its_old_or_its_new_name_after_a_kill_in_its_rename(
    store_url: str, tmp_path: Path, report: Callable[[str], None]
) -> None:
    armed = tmp_path / "step"
    armed.touch()

    def start() -> Server:
        return Server(store_url, program=(LAUNCHER, str(armed)), env=ROOT_ENV)

    names_after_kills: list[str] = []
    server = start()
    try:
        with server.client(authorization=ROOT) as root:
            account = new_account(root)
        for step in count(1):
            old, new = f"old-{step}", f"new-{step}"
            with server.client(authorization=ROOT) as root:
                assert rename(root, account, old).status == 200
                armed.write_text(str(step))
                try:
                    response = rename(root, account, new)
                except (HTTPException, ConnectionError):
                    assert server.wait() == -signal.SIGKILL
                else:
                    assert (response.status, server.running) == (200, True)
                    break
            armed.write_text("")
            server = start()
            with server.client(authorization=ROOT) as root:
                name = listed(root, account)["name"]
                assert {each: ids_of(root, each) for each in (old, new)} == {
                    each: [account] if each == name else [] for each in (old, new)
                }
                names_after_kills.append(name.partition("-")[0])

                assert rename(root, account, new).json()["name"] == new
                assert ids_of(root, new) == [account]
                created = root.request("POST", "/v1/accounts", json.dumps({"name": old}), JSON)
                assert ids_of(root, old) == [created.json()["id"]]
    finally:
        server.kill()
    report(f"killed before each of {len(names_after_kills)} steps: {names_after_kills}")
    assert names_after_kills[-1] == "new"
    assert set(names_after_kills[:-1]) == {"old"}
    assert len(names_after_kills) >= MIN_WRITES + len(("before the commit", "after it"))
