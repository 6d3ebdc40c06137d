"""Network file systems, on which an SQLite file is refused."""

import os
import re
from pathlib import Path

from monotron.errors import InvalidSetting

MOUNT_TABLE = Path("/proc/self/mountinfo")
"""The mounted file systems on Linux (proc_pid_mountinfo(5)). Other systems do not have it."""

_NETWORK_TYPES = re.compile(
    r"9p|afs|beegfs|ceph|cifs|coda|davfs|glusterfs|gpfs|lustre|ncpfs|nfs4?|orangefs|smb[23]|smbfs"
    r"|fuse\.(blobfuse2|ceph|ceph-fuse|curlftpfs|davfs|gcsfuse|glusterfs|goofys|juicefs|mfs|rclone"
    r"|s3fs|seaweedfs|sshfs)"
)
"""Other FUSE file systems, such as fuse.fuse-overlayfs, are local."""


def require_local_disk(path: str, mount_table: Path) -> None:
    """Raise InvalidSetting if the directory of the file is on a network file system.

    If the table does not contain its file system, it is accepted.
    """
    try:
        device = os.stat(os.path.dirname(os.path.realpath(path))).st_dev
        mounts = mount_table.read_text(errors="replace").splitlines()
    except OSError:
        return  # no Linux, or no directory: SQLite reports the latter
    number = f"{os.major(device)}:{os.minor(device)}"
    for mount in mounts:
        # 36 35 98:0 /root /mount/point options optional… - type source options
        place, _, file_system = mount.partition(" - ")
        kind = file_system.partition(" ")[0]
        if number in place.split()[2:3] and _NETWORK_TYPES.fullmatch(kind):
            raise InvalidSetting(
                f"The store {path} is on a network file system ({kind}). SQLite's locks and syncs "
                "are not reliable there, so a number could be assigned twice. Move the file to a "
                "local disk, or use MongoDB."
            )
