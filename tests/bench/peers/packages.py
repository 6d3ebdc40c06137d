"""Peers from Debian's packages, and the processes that they are."""

import atexit
import os
import pwd
import resource
import shutil
import subprocess
from pathlib import Path

PROGRAMS = {
    "redis-server": "redis-server",
    "webdis": "webdis",
    "etcd": "etcd-server",
    "postgres": "postgresql-15",
}
"""What is needed, and the package that has it."""

POSTGRES = Path("/usr/lib/postgresql/15/bin")


def install() -> None:
    """Install what is not there; no service of it is started."""
    missing = [package for name, package in PROGRAMS.items() if not find(name)]
    if not missing:
        return
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    # Runlevel 1 is one in which packages start nothing.
    environment = ["env", "RUNLEVEL=1", "DEBIAN_FRONTEND=noninteractive"]
    options = ["-qqy", "--no-install-recommends"]
    for command in (["update", "-qq"], ["install", *options, *missing]):
        subprocess.run(
            [*sudo, *environment, "apt-get", *command], stdout=subprocess.DEVNULL, check=True
        )


def find(program: str) -> str | None:
    """Its path, or None."""
    return shutil.which(program, path=f"{os.environ['PATH']}:{POSTGRES}")


def start(program: str, *arguments: object, log: Path, user: str | None = None) -> subprocess.Popen:
    """A process that writes to the file *log*."""
    command = [find(program) or program, *map(str, arguments)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            **as_user(user),
        )
    atexit.register(_end, process)  # whoever started it may not get as far as stopping it
    return process


def as_user(user: str | None) -> dict[str, object]:
    """Options of a process that is not to run as root."""
    if user is None or os.geteuid() != 0:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def _end(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.kill()


def stop(process: subprocess.Popen, seconds: float = 20) -> None:
    """Ask it to end, and kill it if it does not."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def version(*command: str) -> str:
    """The first line of what it says of itself."""
    program = find(command[0]) or command[0]
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0]


def package_version(package: str) -> str:
    """As Debian numbers it, without the numbers of its own packaging."""
    command = ["dpkg-query", "-W", "-f", "${Version}", package]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return said.split(":")[-1].split("-")[0].split("+")[0]


def ended_children_us() -> float:
    """Processor time of all children that have ended, in microseconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1e6 * (used.ru_utime + used.ru_stime)
