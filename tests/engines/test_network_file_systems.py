"""An SQLite file on a network file system is refused, according to the mount table of Linux."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from monotron.errors import InvalidSetting
from monotron.store.sqlite.store import SqliteStore
from support.server import Server

LAUNCHER = """
import sys
from pathlib import Path

from monotron.cli.main import main
from monotron.store import sqlite
from monotron.store.sqlite.store import path_of


class StoreWithMountTable(sqlite.SqliteStore):
    table = Path(sys.argv.pop(1))

    @classmethod
    def open(cls, url, *, exclusive, **options):
        return cls(path_of(url), mount_table=cls.table, **options)


sqlite.SqliteStore = StoreWithMountTable
sys.exit(main())
"""
"""Starts Monotron with the mount table in a file."""

REAL = Path("/proc/self/mountinfo")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The directory of the SQLite file."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def mount(folder: Path, kind: str, *, minor: int = 0) -> str:
    """The line of the table for the file system of the folder, or for another one on its device."""
    device = os.stat(folder).st_dev
    numbers = f"{os.major(device)}:{os.minor(device) + minor}"
    return f"36 35 {numbers} / /mnt/a\\040b rw,noatime shared:1 master:2 - {kind} nas:/a\\040b rw\n"


LOCAL = f"1 0 0:{2**20} / / rw - ext4 /dev/vda rw\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "mountinfo"


@pytest.mark.parametrize(
    "kind",
    ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "fuse.sshfs", "fuse.s3fs"],
)
def test_a_file_on_a_network_file_system_is_refused_and_not_created(
    kind: str, folder: Path, table: Path
) -> None:
    table.write_text(LOCAL + mount(folder, kind))
    file = folder / "monotron.db"
    with pytest.raises(InvalidSetting) as error:
        SqliteStore(str(file), mount_table=table)
    assert str(error.value).startswith(
        f"The store {file} is on a network file system ({kind}). SQLite's locks"
    )
    assert not file.exists()


def test_a_link_to_a_file_on_a_network_file_system_is_refused(
    folder: Path, tmp_path: Path, table: Path
) -> None:
    """The table lists the device of the directory that the link leads to, not a path."""
    table.write_text(mount(folder, "nfs4"))
    link = tmp_path / "link.db"
    link.symlink_to(folder / "monotron.db")
    with pytest.raises(InvalidSetting, match=r"link\.db is on a network file system \(nfs4\)"):
        SqliteStore(str(link), mount_table=table)


@pytest.mark.parametrize(
    "kind", ["ext4", "xfs", "btrfs", "zfs", "overlay", "tmpfs", "fuseblk", "fuse.fuse-overlayfs"]
)
def test_a_file_on_a_local_file_system_is_accepted(kind: str, folder: Path, table: Path) -> None:
    table.write_text(mount(folder, "nfs4", minor=1) + mount(folder, kind))
    SqliteStore(str(folder / "monotron.db"), mount_table=table).close()
    assert (folder / "monotron.db").exists()


@pytest.mark.parametrize("content", ["", "unreadable\n", "36 35 \n- -\n"], ids=repr)
def test_a_file_whose_file_system_is_not_in_the_table_is_accepted(
    content: str, folder: Path, table: Path
) -> None:
    table.write_text(content + mount(folder, "nfs4", minor=1))
    SqliteStore(str(folder / "monotron.db"), mount_table=table).close()
    assert (folder / "monotron.db").exists()


def test_a_system_without_a_mount_table_accepts_every_file(folder: Path, table: Path) -> None:
    SqliteStore(str(folder / "monotron.db"), mount_table=table).close()
    assert (folder / "monotron.db").exists()


def test_a_store_in_memory_needs_no_file_system(table: Path) -> None:
    table.write_text(mount(Path.cwd(), "nfs4"))
    store = SqliteStore(":memory:", mount_table=table)
    assert store.series_page(1, "", "", 1) == []
    store.close()


def test_the_table_of_this_system_contains_the_device_of_a_file_system() -> None:
    device = os.stat("/proc").st_dev
    assert f" {os.major(device)}:{os.minor(device)} / /proc " in REAL.read_text()


def test_the_server_exits_with_code_2_and_the_reason(folder: Path, table: Path) -> None:
    table.write_text(mount(folder, "nfs4"))
    with pytest.raises(RuntimeError) as error:
        Server(f"sqlite:///{folder}/monotron.db", program=("-c", LAUNCHER, str(table)))
    assert "the server ended with 2 before it was ready" in str(error.value)
    assert (
        f"error: the store {folder}/monotron.db is on a network file system (nfs4). SQLite's"
        in (str(error.value))
    )
    assert "Traceback" not in str(error.value)
