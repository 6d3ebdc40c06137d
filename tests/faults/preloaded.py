"""C libraries that are preloaded into a server to inject failures."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path


@cache
def library(source: str) -> Path:
    """Compile the library for LD_PRELOAD, once per process."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise RuntimeError(
            "The C compiler is missing. Install it, for example with make setup-runners."
        )
    file = Path(__file__).with_name(source)
    made = Path(tempfile.mkdtemp(prefix="monotron-preloaded-"), f"{file.stem}.so")
    flags = ["-O2", "-Wall", "-Werror", "-shared", "-fPIC"]
    subprocess.run([compiler, *flags, "-o", made, file, "-ldl"], check=True)
    return made
