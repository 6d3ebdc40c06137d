"""The API responds as the OpenAPI document states, to valid, invalid and linked requests.

Schemathesis generates the requests and checks the responses. `make test` sends the same requests
each time: those without an account in the path on SQLite, the others on MongoDB. The long tier
sends random ones, all of them on both, for five minutes each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from secrets import randbits
from typing import Any

import pytest

from faults.tier import WHOLE, limit
from monotron.web.openapi import DOCUMENT
from support.credentials import UNLIMITED
from support.openapi import OPERATIONS
from support.server import Server

TESTS = Path(__file__).parents[1]
SECONDS = 300
"""How long the long tier sends requests to each store."""

ROOT_KEY = {
    "MONOTRON_ROOT_API_KEY": "fuzzer",
    "MONOTRON_ROOT_API_SECRET": "shown-in-the-process-list",
}
"""Schemathesis takes the credential as an argument. Other tests search command lines for theirs."""

SETTINGS = (
    *UNLIMITED,
    "--api-keys-per-account=0",
    "--trust-policies-per-account=0",
    "--badges-per-account=0",
    "--issuers=github",
    "--audience=https://monotron.example",
)
"""A server without limits that would hide results, and with an issuer for trust policies."""

ACCOUNT_FORM = {
    "sqlite": [each["operationId"] for each in OPERATIONS.values() if "x-account-form-of" in each],
    "mongod": [
        each["x-account-form-of"] for each in OPERATIONS.values() if "x-account-form-of" in each
    ],
}
"""The operations that `make test` omits on each store: the other form is sent there."""

# What the phase `coverage` tests, mostly the parsing of requests, does not depend on the store.
PHASES = {"sqlite": "examples,coverage,stateful", "mongod": "examples,fuzzing,stateful"}
"""The phases of `make test`. The long tier has all four."""


def arguments(kind: str, seed: int) -> list[str]:
    """How much Schemathesis sends to a kind of store."""
    if WHOLE:
        return [
            f"--max-time={SECONDS}",
            "--max-examples=50",
            f"--seed={seed}",
            "--generation-database=none",
        ]
    omitted = [f"--exclude-operation-id={name}" for name in ACCOUNT_FORM[kind]]
    return [f"--phases={PHASES[kind]}", *omitted, "--generation-deterministic", "--no-shrink"]


def fuzz(server: Server, kind: str, seed: int, folder: Path) -> tuple[dict[str, Any], str]:
    """Fuzz a server. Returns the report of Schemathesis, and its output."""
    parts = ["api.toml"] if WHOLE else ["api.toml", "api_short.toml"]
    config = "".join((TESTS / "faults" / part).read_text() for part in parts)
    (folder / "schemathesis.toml").write_text(config)
    command = [str(Path(sys.executable).with_name("schemathesis"))]
    command += [
        "run",
        str(DOCUMENT),
        f"--url={server.url}",
        f"--auth={':'.join(ROOT_KEY.values())}",
        "--no-color",
    ]
    command += ["--report=json", "--report-json-path=report.json", *arguments(kind, seed)]
    # Not imported here: it imports Schemathesis, and every process of pytest collects this module.
    environment = {
        "SCHEMATHESIS_HOOKS": "faults.api_hooks",
        "FUZZED_STORE": kind,
        "PYTHONPATH": str(TESTS),
    }
    done = subprocess.run(
        command,
        env=os.environ | environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    report = folder / "report.json"
    assert report.exists(), done.stdout
    return json.loads(report.read_text()), done.stdout


@pytest.mark.timeout(limit(short=300, whole=2 * SECONDS + 300))
def test_the_api_is_as_documented(
    store_url: str, tmp_path: Path, report: Callable[[str], None]
) -> None:
    kind = "sqlite" if store_url.startswith("sqlite:") else "mongod"
    seed = randbits(32)
    with Server(store_url, args=SETTINGS, env=ROOT_KEY) as server:
        result, output = fuzz(server, kind, seed, tmp_path)
        assert server.running
    assert result["exit_code"] == 0, output
    assert result["complete"], output
    assert "Traceback" not in server.log()
    operations = result["operations"]
    assert operations["tested"] == operations["selected"], output
    report(
        f"seed {seed}: {operations['tested']} operations, {result['test_cases']['generated']} "
        f"requests in {result['running_time']:.0f} s; {', '.join(result['phases'])}"
    )
