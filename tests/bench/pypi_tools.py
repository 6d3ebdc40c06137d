"""Tools from PyPI that only the benchmark needs, in a separate virtual environment."""

import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXTRA = "bench"


@cache
def bin_folder() -> Path:
    """The folder of the programs. Installs the requirements of the extra `bench` if necessary."""
    environment = Path(sys.prefix) / "bench"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = "\n".join(project["optional-dependencies"][EXTRA])
    installed = environment / "installed"
    if not installed.exists() or installed.read_text() != requirements:
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        pip = [environment / "bin" / "pip", "--disable-pip-version-check", "--quiet"]
        subprocess.run([*pip, "install", *requirements.splitlines()], check=True)
        installed.write_text(requirements)
    return environment / "bin"


def version(package: str) -> str:
    """The installed version of a package."""
    script = f"from importlib.metadata import version; print(version({package!r}))"
    python = [bin_folder() / "python", "-c", script]
    return subprocess.run(python, capture_output=True, text=True, check=True).stdout.strip()
