"""The commands for whoever keeps a store, through its server or on the store itself."""

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any

from monotron.cli.builds import NO_ANSWER, REFUSED, TOLD_WRONG, URL, UsageError
from monotron.errors import MonotronError, StartupError, StoreUnavailable
from monotron.model.series import INT64_MAX
from monotron.store import Store, open_store
from monotron.store.audit import Report
from monotron.store.fast_forward import FastForwarded
from monotron.store.sqlite.file import sync_folder
from monotron.store.sqlite.schema import check_backup
from monotron_ci.client import Client
from monotron_ci.credential import parse_credential
from monotron_ci.errors import Failure, NoResponse
from monotron_ci.http import RetryPolicy
from monotron_ci.workflow_commands import printable

LONGEST = 3600.0
"""Seconds without a byte that a server may take: it looks at all that it has."""

BUMP = (
    "by how much all series are raised, so that nothing is given twice: at least as much as any "
    "of them has given since the backup; 0 if nothing was given"
)

Environ = Mapping[str, str]


def add_commands(commands: Any) -> None:
    """Add `audit`, `backup`, `restore` and `bump` to a parser's commands."""
    audit = _add(
        commands,
        "audit",
        "hold all rows of a store against one another, and print what contradicts",
    )
    audit.add_argument("--url", help=f"of the service that has it (MONOTRON_URL; default: {URL})")
    _add_store(audit)
    audit.set_defaults(keep=_audit)
    backup = _add(commands, "backup", "write a whole copy of an SQLite store into a new file")
    backup.add_argument("file", metavar="FILE", help="which must not exist yet")
    backup.add_argument("--url", help=f"of the service that has it (MONOTRON_URL; default: {URL})")
    _add_store(backup)
    backup.set_defaults(keep=_backup)
    restore = _add(commands, "restore", "make a store of a backup, where none is yet")
    restore.add_argument("backup", metavar="BACKUP", help="a file from `monotron backup`")
    _add_store(restore, required=True)
    restore.add_argument("--bump", metavar="N", type=_number, required=True, help=BUMP)
    restore.set_defaults(keep=_restore)
    bump = _add(commands, "bump", "raise all series of a store that was restored by other means")
    bump.add_argument("bump", metavar="N", type=_number, help=BUMP)
    _add_store(bump, required=True)
    bump.set_defaults(keep=_bump)


def run(parsed: argparse.Namespace, environ: Environ = os.environ) -> int:
    """Do it, and print what came of it; errors go to stderr. The exit code."""
    try:
        code: int = parsed.keep(parsed, environ)
    except (Failure, StartupError, MonotronError) as error:
        print(f"monotron: {printable(str(error))}", file=sys.stderr)
        return _exit_code(error)
    return code


def _exit_code(error: Exception) -> int:
    if isinstance(error, NoResponse):
        return NO_ANSWER
    return TOLD_WRONG if isinstance(error, Failure) and not error.code else REFUSED


def _add(commands: Any, name: str, help: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help, description=f"{help.capitalize()}.", allow_abbrev=False
    )
    return parser


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,19}", text) or int(text) > INT64_MAX:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to {INT64_MAX}")
    return int(text)


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
    raise NoResponse(
        f"{client.url} answers something that is not Monotron's.", "Is it the address?"
    )


def _backup(parsed: argparse.Namespace, environ: Environ) -> int:
    store = None if parsed.store is None else _open(parsed.store, environ)
    try:
        with _new_file(Path(parsed.file)):
            if store is not None:
                store.backup(Path(parsed.file))
            else:
                _backup_by_server(_client(parsed, environ), Path(parsed.file))
            check_backup(parsed.file, parsed.file)  # a copy that nobody has read back is none
    finally:
        if store is not None:
            store.close()
    print(f"{parsed.file}: {Path(parsed.file).stat().st_size} bytes")
    return 0


def _backup_by_server(client: Client, file: Path) -> None:
    with client.long("POST", "/v1/system/backup", LONGEST) as response, file.open("wb") as copy:
        try:
            while chunk := response.read(1 << 18):
                copy.write(chunk)
        except HTTPException as error:
            raise NoResponse(f"{client.url} broke off ({type(error).__name__}).") from None
        if response.headers.get("Content-Length") != str(copy.tell()):
            raise NoResponse(f"{client.url} broke off.", "Take the backup again.")


@contextmanager
def _new_file(file: Path) -> Iterator[None]:
    """An empty file that was not there, for its owner only; on disk once left, gone on an error."""
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise UsageError(f"{file} exists already.", "Name a file that does not.") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be made: {error.strerror}.") from None
    try:
        yield
        _sync(file)
    except OSError as error:
        _remove(file)
        raise StoreUnavailable(f"{file} cannot be written: {error.strerror}.") from None
    except BaseException:
        _remove(file)
        raise


def _sync(file: Path) -> None:
    with file.open("rb+") as written:
        os.fsync(written.fileno())
    sync_folder(str(file))


def _remove(file: Path) -> None:
    for end in ("", "-journal", "-wal", "-shm"):
        file.with_name(file.name + end).unlink(missing_ok=True)


def _restore(parsed: argparse.Namespace, environ: Environ) -> int:
    """Made beside its place, and put there as a whole."""
    url = _url(parsed.store, environ)
    if not url.startswith("sqlite:"):
        raise UsageError(
            "only an SQLite store is restored by this command.",
            "Restore MongoDB with its own tools (mongorestore), then run `monotron bump`.",
        )
    file = _file_of(url)
    left = [each for end in ("", "-wal") if (each := Path(f"{file}{end}")).exists()]
    if any(each.stat().st_size for each in left):
        raise UsageError(
            f"{file} exists already, and is not empty.",
            "Stop its server and move it away, with FILE-wal and FILE-shm if they are there.",
        )
    if not Path(parsed.backup).is_file():
        raise UsageError(f"there is no file {parsed.backup}.", "Name the backup.")
    beside = Path(f"{parsed.backup}-wal")
    if beside.exists() and beside.stat().st_size:
        raise UsageError(
            f"{parsed.backup} is no backup but a server's own file: what was given last stands in "
            f"{beside}.",
            "Let a server end in order, or take a copy with `monotron backup`.",
        )
    coming = file.with_name(f"{file.name}.restoring")
    with _new_file(coming):
        shutil.copyfile(parsed.backup, coming)
        check_backup(str(coming), parsed.backup)
        bumped = _bump_all(open_store(f"sqlite:///{coming}"), parsed.bump)
    os.replace(coming, file)
    sync_folder(str(file))
    print(f"{file}: restored, {bumped.raised} series raised by {parsed.bump}")
    return 0


def _bump(parsed: argparse.Namespace, environ: Environ) -> int:
    bumped = _bump_all(_open(parsed.store, environ), parsed.bump)
    print(f"{bumped.raised} series raised by {parsed.bump}")
    return 0


def _bump_all(store: Store, by_how_much: int) -> FastForwarded:
    try:
        bumped = store.fast_forward(by_how_much, "bump")
    finally:
        store.close()
    for account, key in bumped.at_the_end:
        told = f"the series {key!r} of account {account} stands at the last value, {INT64_MAX}"
        print(printable(f"monotron: {told}, and gives nothing more"), file=sys.stderr)
    return bumped


def _client(parsed: argparse.Namespace, environ: Environ) -> Client:
    key = environ.get("MONOTRON_API_KEY", "")
    credential = parse_credential(key, "MONOTRON_API_KEY") if key else None
    return Client(parsed.url or environ.get("MONOTRON_URL") or URL, credential, RetryPolicy())


def _open(url: str, environ: Environ) -> Store:
    """The store of a URL, or of MONOTRON_STORE. An SQLite file must be there already."""
    url = _url(url, environ)
    if url.startswith("sqlite:"):
        file = _file_of(url)
        if not file.exists():
            raise UsageError(f"there is no file {file}.", "Name the file that the server keeps.")
    return open_store(url)


def _url(url: str, environ: Environ) -> str:
    url = url or environ.get("MONOTRON_STORE", "")
    if not url:
        raise UsageError("no store is named.", "Write --store URL, or set MONOTRON_STORE.")
    return url


def _file_of(url: str) -> Path:
    from monotron.store.sqlite.store import path_of

    path = path_of(url)
    if url == "sqlite://":
        raise UsageError("a store in memory is gone with its server.", "Name a file.")
    return Path(path)
