"""The commands for whoever keeps a store, through its server or on the store itself."""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

from monotron.errors import MonotronError, StartupError
from monotron.store import Store, open_store
from monotron.store.auditing import Report
from monotron.terminal import NO_ANSWER, REFUSED, TOLD_WRONG, URL, UsageError
from monotron_ci.client import Client
from monotron_ci.credential import parse_credential
from monotron_ci.failure import Failure, NoAnswer
from monotron_ci.messages import printable
from monotron_ci.sending import Patience

LONGEST = 3600.0
"""Seconds without a byte that a server may take: it looks at all that it has."""

Environ = Mapping[str, str]


def add_commands(commands: Any) -> None:
    """Add `audit` to a parser's commands."""
    audit = _add(
        commands,
        "audit",
        "hold all rows of a store against one another, and print what contradicts",
    )
    audit.add_argument("--url", help=f"of the service that has it (MONOTRON_URL; default: {URL})")
    _add_store(audit)
    audit.set_defaults(keep=_audit)


def run(parsed: argparse.Namespace, environ: Environ = os.environ) -> int:
    """Do it, and print what came of it; errors go to stderr. The exit code."""
    try:
        code: int = parsed.keep(parsed, environ)
    except (Failure, StartupError, MonotronError) as error:
        print(f"monotron: {printable(str(error))}", file=sys.stderr)
        return _exit_code(error)
    return code


def _exit_code(error: Exception) -> int:
    if isinstance(error, NoAnswer):
        return NO_ANSWER
    return TOLD_WRONG if isinstance(error, Failure) and not error.code else REFUSED


def _add(commands: Any, name: str, help: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help, description=f"{help.capitalize()}.", allow_abbrev=False
    )
    return parser


def _add_store(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    parser.add_argument(
        "--store",
        metavar="URL",
        nargs="?",
        const="",
        required=required,
        help="the store itself, of a server that is stopped, or in MongoDB; without a URL it is "
        "that of MONOTRON_STORE, where a password is not seen by others",
    )


def _audit(parsed: argparse.Namespace, environ: Environ) -> int:
    if parsed.store is None:
        report = _audit_by_server(_client(parsed, environ))
    else:
        report = _audit_of_store(_open(parsed.store, environ))
    for finding in report["findings"]:
        print(printable(finding))
    counts = (
        f"{report['series']} series, {report['entries']} entries, {report['releases']} releases"
    )
    print(f"{counts}: {len(report['findings']) or 'no'} findings")
    return REFUSED if report["findings"] else 0


def _audit_of_store(store: Store) -> dict[str, Any]:
    report = Report()
    try:
        for slice in store.audit(alone=True):
            report.add(slice)
    finally:
        store.close()
    return report.document()


def _audit_by_server(client: Client) -> dict[str, Any]:
    with client.long("GET", "/v1/system/audit", LONGEST) as response:
        try:
            report = json.loads(response.read())
            sound = all(type(report[each]) is int for each in ("series", "entries", "releases"))
            if sound and all(isinstance(finding, str) for finding in report["findings"]):
                return dict(report)
        except (OSError, HTTPException, ValueError, LookupError, TypeError):
            pass
    raise NoAnswer(f"{client.url} answers something that is not Monotron's.", "Is it the address?")


def _client(parsed: argparse.Namespace, environ: Environ) -> Client:
    key = environ.get("MONOTRON_API_KEY", "")
    credential = parse_credential(key, "MONOTRON_API_KEY") if key else None
    return Client(parsed.url or environ.get("MONOTRON_URL") or URL, credential, Patience())


def _open(url: str, environ: Environ) -> Store:
    """The store of a URL, or of MONOTRON_STORE. An SQLite file must be there already."""
    url = url or environ.get("MONOTRON_STORE", "")
    if not url:
        raise UsageError("no store is named.", "Write --store URL, or set MONOTRON_STORE.")
    if url.startswith("sqlite:"):
        file = _file_of(url)
        if not file.exists():
            raise UsageError(f"there is no file {file}.", "Name the file that the server keeps.")
    return open_store(url)


def _file_of(url: str) -> Path:
    from monotron.store.sqlite import path_of

    path = path_of(url)
    if url == "sqlite://":
        raise UsageError("a store in memory is gone with its server.", "Name a file.")
    return Path(path)
