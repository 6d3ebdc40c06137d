"""The systemd units: verified by systemd, and their commands run against a server."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from support.credentials import new_key
from support.server import ROOT, ROOT_ENV, Server

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
UNITS = sorted(FOLDER.iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
INSTALLED = "/opt/monotron/.venv/bin/monotron"

MAX_EXPOSURE = 20
"""In tenths, by `systemd-analyze security`: below 2.0 of 10."""


def text_of(unit: Path) -> str:
    """The unit, with the program of the test environment."""
    return unit.read_text().replace(INSTALLED, str(Path(sys.executable).with_name("monotron")))


def verify(folder: Path, unit: Path, text: str) -> str:
    """What systemd finds in a unit with this text."""
    for each in UNITS:
        (folder / each.name).write_text(text_of(each))
    (folder / unit.name).write_text(text)
    process = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", folder / unit.name],
        capture_output=True,
        text=True,
        check=False,
    )
    return process.stdout + process.stderr


def commands(unit: Path) -> list[list[str]]:
    """The command lines of a service. `%%` stands for `%`."""
    lines = re.findall(r"^Exec\w+=(.*)$", text_of(unit), re.MULTILINE)
    return [shlex.split(line.replace("%%", "%")) for line in lines]


def run(unit: Path, env: dict[str, str]) -> str:
    """The output of the commands of a service with these variables."""
    printed = ""
    for command in commands(unit):
        expanded = [re.sub(r"\$\{(\w+)\}", lambda match: env[match[1]], each) for each in command]
        process = subprocess.run(
            expanded, env={"PATH": os.environ["PATH"], **env}, capture_output=True, check=True
        )
        printed += process.stdout.decode()
    return printed


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_accepts_a_unit(unit: Path, tmp_path: Path) -> None:
    assert verify(tmp_path, unit, text_of(unit)) == ""


def test_systemd_notices_an_unknown_directive(tmp_path: Path) -> None:
    (unit, *_) = SERVICES
    text = text_of(unit).replace("ProtectSystem=", "ProtectSystm=")
    assert "ProtectSystm" in verify(tmp_path, unit, text)


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_has_few_rights(unit: Path) -> None:
    subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={MAX_EXPOSURE}", unit],
        stdout=subprocess.DEVNULL,
        check=True,
    )


def test_the_commands_of_the_timers_run_against_the_server(tmp_path: Path) -> None:
    with Server("sqlite:///monotron.db", env=ROOT_ENV, cwd=tmp_path) as server:
        with server.client(authorization=ROOT) as root:
            key = new_key(root, 1, "read:system", "write:system")
        env = {"MONOTRON_URL": server.url, "MONOTRON_API_KEY": key, "BACKUPS": str(tmp_path)}
        assert run(FOLDER / "monotron-audit.service", env).startswith("OK: ")
        old = tmp_path / "monotron-2026-01-01T000000Z.db"
        old.touch()
        os.utime(old, (0, 0))
        assert run(FOLDER / "monotron-backup.service", env).startswith("Backed up to ")
    names = [file.name for file in tmp_path.glob("monotron-*.db")]
    (name,) = names
    assert re.fullmatch(r"monotron-\d{4}-\d\d-\d\dT\d{6}Z\.db", name)
    assert name != old.name


def test_the_service_starts_the_server() -> None:
    (command,) = commands(FOLDER / "monotron.service")
    assert command[1:] == ["serve"]
