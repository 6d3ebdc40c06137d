"""The tools of an image without git."""

from __future__ import annotations

import shutil
from pathlib import Path

TOOLS = "sh date mktemp rm sed grep tr od cut cat head tail wc awk sort mv cp sleep base64"


def tools_without_git(tmp_path: Path) -> str:
    """A folder with busybox and curl."""
    tools = tmp_path / "tools"
    tools.mkdir()
    busybox, curl = shutil.which("busybox"), shutil.which("curl")
    assert busybox, "busybox is missing: make .venv/.installed-runners"
    assert curl
    for tool in TOOLS.split():
        (tools / tool).symlink_to(busybox)
    (tools / "curl").symlink_to(curl)
    return str(tools)
