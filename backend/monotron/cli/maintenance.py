"""Commands for the maintenance of a store, through its server or on the store itself."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from http.client import HTTPException
from pathlib import Path
from typing import Any

import click

from monotron.cli.command import Function
from monotron.cli.options import (
    URL_SOURCE,
    credential,
    fail_usage,
    integer,
    passed,
    url_option,
)
from monotron.cli.output import CommandOutput, count_text, print_warning, size_text
from monotron.cli.progress import progress
from monotron.cli.sections import MAINTENANCE
from monotron.cli.store_file import (
    new_file,
    open_existing_store,
    sqlite_path,
    store_url,
)
from monotron.model.series import INT64_MAX
from monotron.store import Store, open_store
from monotron.store.audit import MAX_FINDINGS, Report
from monotron.store.fast_forward import FastForwarded
from monotron.store.sqlite.disk_files import sync_directory
from monotron.store.sqlite.schema import BackupContents, check_backup
from monotron_ci.client import Client
from monotron_ci.errors import Failure, NoResponse
from monotron_ci.http import RetryPolicy
from monotron_ci.workflow_commands import replace_control_characters

MAX_SILENCE_SECONDS = 3600.0
"""The time limit for a pause in a response: the server reads its whole store first."""

CHUNK_BYTES = 1 << 18

ROWS_PER_UPDATE = 1000
"""Rows between two updates of a progress bar."""

INCREASE = integer("n", 0, INT64_MAX)


def store_option(text: str, *, required: bool = False) -> Callable[[Function], Function]:
    """The option `--store [URL]`. Without a URL, its value is empty, and MONOTRON_STORE applies."""
    return click.option(
        "--store",
        metavar="[URL]",
        is_flag=False,
        flag_value="",
        required=required,
        help=f"{text}. Without URL, the value of MONOTRON_STORE.",
    )


def fast_forward_help(function: Function) -> Function:
    """Append to the help of the command how to choose N."""
    function.__doc__ = f"""{function.__doc__}

    Raises all series by N, so that no value is assigned twice. N must be at least the largest
    increase of any series since the backup, or 0 if nothing was assigned.
    """
    return function


@MAINTENANCE.command("audit")
@store_option("Check the store itself: `sqlite:///FILE` of a stopped server, or a MongoDB URL")
@url_option
def audit(store: str | None, url: str) -> CommandOutput:
    """Check the store for inconsistencies."""
    if store is None:
        report = _audit_by_server(_client(url))
    else:
        _reject_url_with_store()
        report = _audit_store(open_existing_store(store))
    findings = report["findings"]
    if not findings:
        return CommandOutput(
            f"OK: {report['series']} series, {report['entries']} entries, {report['releases']} "
            "releases checked\n"
        )
    lines = [replace_control_characters(finding) for finding in findings]
    more = f"more than {MAX_FINDINGS} problems" if len(findings) > MAX_FINDINGS else None
    lines.append(f"{more or count_text(len(findings), 'problem')} found")
    return CommandOutput("".join(f"{line}\n" for line in lines), failed=True)


@MAINTENANCE.command("backup")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@store_option("Copy the store itself: `sqlite:///FILE` of a stopped server")
@url_option
def backup(file: Path, store: str | None, url: str) -> CommandOutput:
    """Back up an SQLite store while the server runs. FILE must not exist yet."""
    if store is not None:
        _reject_url_with_store()
        contents = _backup_store(open_existing_store(store), file)
    else:
        with new_file(file):
            _backup_by_server(_client(url), file)
            contents = check_backup(str(file), str(file))
    return CommandOutput(
        f"Backed up to {file} ({size_text(file.stat().st_size)}, {contents_text(contents)}, "
        "checked)\n"
    )


@MAINTENANCE.command("restore")
@click.argument("backup", metavar="BACKUP", type=click.Path(path_type=Path))
@store_option("New SQLite store, `sqlite:///FILE`", required=True)
@click.option(
    "--fast-forward",
    "increase",
    metavar="N",
    type=INCREASE,
    required=True,
    help="Raise all series by N.",
)
@fast_forward_help
def restore(backup: Path, store: str, increase: int) -> CommandOutput:
    """Create a store from a backup. BACKUP is a file from `monotron backup`."""
    url = store_url(store)
    try:
        file = sqlite_path(url)
    except Failure as failure:
        failure.hint += (
            ". Restore MongoDB with its own tools (mongorestore), then run `monotron fast-forward`"
        )
        raise
    _check_is_new(file)
    _check_is_backup(backup)
    # The new store is complete before it gets its name.
    incomplete = file.with_name(f"{file.name}.restoring")
    with new_file(incomplete):
        _copy(backup, incomplete)
        contents = check_backup(str(incomplete), str(backup))
        _fast_forward(open_store(f"sqlite:///{incomplete}"), increase)
    os.replace(incomplete, file)
    sync_directory(str(file))
    return CommandOutput(
        f"Restored {file} from {backup}: {contents_text(contents)}; all raised by {increase}\n"
    )


@MAINTENANCE.command("fast-forward")
@click.argument("increase", metavar="N", type=INCREASE)
@store_option("Restored store: a MongoDB URL, or `sqlite:///FILE`", required=True)
@fast_forward_help
def fast_forward(increase: int, store: str) -> CommandOutput:
    """Raise all series after a restore. The servers of the store must be stopped."""
    result = _fast_forward(open_existing_store(store), increase)
    return CommandOutput(f"Raised {result.raised} series by {increase}\n")


def _client(url: str) -> Client:
    return Client(url, credential(), RetryPolicy(), URL_SOURCE, warn=print_warning)


def _reject_url_with_store() -> None:
    if passed(click.get_current_context(), "url"):
        fail_usage("--url and --store cannot be combined")


def _audit_store(store: Store) -> dict[str, Any]:
    report = Report()
    try:
        with progress(None, steps=ROWS_PER_UPDATE) as done:
            for audit_slice in store.audit(alone=True):
                report.add(audit_slice)
                done(audit_slice.series + audit_slice.entries + audit_slice.releases)
    finally:
        store.close()
    return report.document()


def _audit_by_server(client: Client) -> dict[str, Any]:
    with client.stream("GET", "/v1/system/audit", MAX_SILENCE_SECONDS) as response:
        try:
            report = json.loads(response.read())
            valid = all(type(report[name]) is int for name in ("series", "entries", "releases"))
            if valid and all(isinstance(finding, str) for finding in report["findings"]):
                return dict(report)
        except (OSError, HTTPException, ValueError, LookupError, TypeError):
            pass
    raise NoResponse(
        f"the response of {client.url} is not an audit report", "check --url and MONOTRON_URL"
    )


def contents_text(contents: BackupContents) -> str:
    """`5 series, 2 names, 1 API key, 0 trust policies`."""
    policies = "trust policy" if contents.trust_policies == 1 else "trust policies"
    return (
        f"{contents.series} series, {count_text(contents.names, 'name')}, "
        f"{count_text(contents.api_keys, 'API key')}, {contents.trust_policies} {policies}"
    )


def _backup_store(store: Store, file: Path) -> BackupContents:
    try:
        with new_file(file), _file_progress(sum(store.size().bytes.values())) as done:
            store.backup(file, done)
            return check_backup(str(file), str(file))
    finally:
        store.close()


def _backup_by_server(client: Client, file: Path) -> None:
    with (
        client.stream("POST", "/v1/system/backup", MAX_SILENCE_SECONDS) as response,
        file.open("wb") as copy,
        _file_progress(_content_length(response)) as done,
    ):
        try:
            while chunk := response.read(CHUNK_BYTES):
                copy.write(chunk)
                done(len(chunk))
        except HTTPException as error:
            raise NoResponse(
                f"the response of {client.url} was interrupted ({type(error).__name__})",
                "start the backup again",
            ) from None
        if response.headers.get("Content-Length") != str(copy.tell()):
            raise NoResponse(
                f"the response of {client.url} was interrupted", "start the backup again"
            )


def _file_progress(size: int | None) -> AbstractContextManager[Callable[[int], None]]:
    """Progress in bytes of a file."""
    return progress(size, steps=CHUNK_BYTES)


def _content_length(response: Any) -> int | None:
    length = str(response.headers.get("Content-Length"))
    return int(length) if re.fullmatch("[0-9]{1,18}", length) else None


def _copy(source: Path, target: Path) -> None:
    with (
        source.open("rb") as original,
        target.open("wb") as copy,
        _file_progress(source.stat().st_size) as done,
    ):
        while chunk := original.read(CHUNK_BYTES):
            copy.write(chunk)
            done(len(chunk))


def _check_is_new(file: Path) -> None:
    """Raise Failure if the file or its write-ahead log exists and is not empty."""
    paths = [Path(f"{file}{suffix}") for suffix in ("", "-wal")]
    if any(path.exists() and path.stat().st_size for path in paths):
        raise Failure(
            f"{file} already exists, and is not empty",
            f"stop its server, and move {file}, {file}-wal and {file}-shm away",
        )


def _check_is_backup(backup: Path) -> None:
    """Raise Failure if the backup does not exist, or if it is the file of a running server."""
    if not backup.is_file():
        raise Failure(f"{backup} does not exist", "pass a file from `monotron backup`")
    wal = Path(f"{backup}-wal")
    if wal.exists() and wal.stat().st_size:
        raise Failure(
            f"{backup} is the file of a server, not a backup. {wal} contains its newest entries",
            "stop that server, or create a copy with `monotron backup`",
        )


def _fast_forward(store: Store, increase: int) -> FastForwarded:
    try:
        result = store.fast_forward(increase)
    finally:
        store.close()
    warn_exhausted(result)
    return result


def warn_exhausted(result: FastForwarded) -> None:
    """Print a warning for each series that a fast-forward has raised to the last value."""
    for account, key in result.exhausted:
        print_warning(
            f"the series {key!r} of account {account} is at its last value, {INT64_MAX}, and "
            "cannot assign another one"
        )
