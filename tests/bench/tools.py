"""Tools from PyPI that the bench alone needs, in an environment of their own."""

import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXTRA = "bench"


@cache
def folder() -> Path:
    """Where their programs are; what the project's extra `bench` names is installed if need be."""
    environment = Path(sys.prefix) / "bench"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = "\n".join(project["optional-dependencies"][EXTRA])
    installed = environment / "installed"
    if not installed.exists() or installed.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        pip = [environment / "bin" / "pip", "--disable-pip-version-check", "--quiet"]
        subprocess.run([*pip, "install", *wanted.splitlines()], check=True)
        installed.write_text(wanted)
    return environment / "bin"


def version(package: str) -> str:
    script = f"from importlib.metadata import version; print(version({package!r}))"
    python = [folder() / "python", "-c", script]
    return subprocess.run(python, capture_output=True, text=True, check=True).stdout.strip()
