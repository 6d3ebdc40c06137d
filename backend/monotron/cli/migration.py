"""Commands that move the content of a store to another one: `export` and `import`."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

import click

from monotron.cli.maintenance import (
    INCREASE,
    ROWS_PER_UPDATE,
    store_option,
    warn_exhausted,
)
from monotron.cli.options import fail_usage
from monotron.cli.output import CommandOutput, count_text
from monotron.cli.sections import MAINTENANCE
from monotron.cli.store_file import open_existing_store, store_url
from monotron.store import Store, open_store, store_class
from monotron.store.export_format import ExportReader, InvalidExport, write_export
from monotron.store.export_rows import InvalidRow
from monotron.store.row_lines import RowReader
from monotron_ci.errors import Failure

Item = TypeVar("Item")


@MAINTENANCE.command("export")
@store_option("Export this store: `sqlite:///FILE` of a stopped server, or a MongoDB URL")
@click.option(
    "--online",
    is_flag=True,
    help="Export a MongoDB store beside its servers, or an SQLite backup. The import then requires "
    "--fast-forward.",
)
def export(store: str | None, online: bool) -> CommandOutput:
    """Write all data of a store to standard output, for `monotron import`.

    The servers of the store must be stopped, except with --online. The output contains hashes of
    API keys. If it is a file, only its owner can read it.

    Example: monotron export --store sqlite:///monotron.db > monotron.ndjson
    """
    if sys.stdout.isatty():
        fail_usage("redirect the output to a file: monotron export > FILE")
    opened = open_existing_store(store or "", exclusive="" if online else "export")
    try:
        _protect(sys.stdout.buffer)
        with closing(opened.transfer.export_rows(online=online)) as found, _progress(found) as rows:
            header = write_export(rows, sys.stdout.buffer, is_online=online)
    except InvalidRow as invalid:
        raise Failure(
            f"the store contradicts itself: {invalid}",
            "run `monotron audit` with --store, and restore a backup",
            code="invalid_store",
        ) from None
    except OSError as error:
        raise Failure(
            f"cannot write the export: {error.strerror}",
            "free some space on the disk of the output, and in TMPDIR",
            code="output_not_written",
        ) from None
    finally:
        opened.close()
    return CommandOutput("", notes=(f"Exported {_counts_text(header.counts)}",))


@MAINTENANCE.command("import")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, allow_dash=True))
@store_option("New or empty store: `sqlite:///FILE`, or a MongoDB URL", required=True)
@click.option(
    "--fast-forward",
    "increase",
    metavar="N",
    type=INCREASE,
    help="Raise all series by N. Required if FILE was exported with --online: N must be at least "
    "the largest increase of any series since then.",
)
@click.option(
    "--rows",
    "is_plain",
    is_flag=True,
    help="FILE contains rows of another program, without a header and checksums.",
)
def import_(file: Path, store: str, increase: int | None, *, is_plain: bool) -> CommandOutput:
    """Fill a new store with the output of `monotron export`. FILE can be `-`: standard input.

    If the import fails, the store remains empty.

    Example: monotron import monotron.ndjson --store mongodb://db.example.com/monotron
    """
    url = store_url(store)
    try:
        with _source(file) as source:
            reader = RowReader(source) if is_plain else _export_reader(source, file, increase)
            total = None if is_plain else sum(reader.counts.values())
            with closing(_open_new_store(url)) as opened, _progress(reader.rows(), total) as rows:
                result = opened.transfer.import_rows(rows, increase or 0)
    except InvalidExport as invalid:
        raise Failure(
            f"{file} cannot be imported: {invalid}",
            "repair the program that wrote it. Nothing was imported"
            if is_plain
            else "export the store again. Nothing was imported",
            code="invalid_export",
        ) from None
    except OSError as error:
        raise Failure(f"cannot read {file}: {error.strerror}") from None
    warn_exhausted(result)
    raised = f"; all raised by {increase}" if increase else ""
    return CommandOutput(f"Imported {_counts_text(reader.counts)}{raised}\n")


def _source(file: Path) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if str(file) == "-" else file.open("rb")


def _export_reader(source: BinaryIO, file: Path, increase: int | None) -> ExportReader:
    reader = ExportReader(source)
    if reader.header.is_online and increase is None:
        raise Failure(
            f"{file} was exported while servers could use its store",
            "pass --fast-forward N: the largest increase of any series since the export",
        )
    return reader


def _open_new_store(url: str) -> Store:
    engine = store_class(url)
    if engine.file(url) is None and not engine.shareable:
        raise Failure("a store in memory ends with its process", "pass --store sqlite:///FILE")
    return open_store(url, exclusive="import")


def _protect(output: BinaryIO) -> None:
    """Let only the owner read the output, if it is a file."""
    with suppress(OSError):  # a stream without a descriptor, or a file of another user
        if stat.S_ISREG(os.fstat(output.fileno()).st_mode):
            os.fchmod(output.fileno(), 0o600)


@contextmanager
def _progress(rows: Iterator[Item], total: int | None = None) -> Iterator[Iterator[Item]]:
    """Show the number of rows on standard error, if it is a terminal."""
    if not sys.stderr.isatty():
        yield rows
        return
    with click.progressbar(
        rows, total, show_pos=True, file=sys.stderr, update_min_steps=ROWS_PER_UPDATE
    ) as shown:
        yield iter(shown)


def _counts_text(counts: Mapping[str, int]) -> str:
    """`5 series, 9 entries, 2 releases, 1 account, 1 API key, 0 trust policies`."""
    policies = "trust policy" if counts["trust"] == 1 else "trust policies"
    return (
        f"{counts['series']} series, {counts['entry']} "
        f"{'entry' if counts['entry'] == 1 else 'entries'}, "
        f"{count_text(counts['release'], 'release')}, {count_text(counts['api_key'], 'API key')}, "
        f"{counts['trust']} {policies}"
    )
