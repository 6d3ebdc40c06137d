"""Programs of peers: Debian packages and processes."""

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
"""Required programs, and the packages that contain them."""

POSTGRES = Path("/usr/lib/postgresql/15/bin")


def install() -> None:
    """Install missing packages as root, without starting their services.

    Raises RuntimeError if packages are missing and the user is not root.
    """
    missing = [package for name, package in PROGRAMS.items() if not find(name)]
    if not missing:
        return
    if os.geteuid() != 0:
        raise RuntimeError(f"Peers are missing. Install these packages: {' '.join(missing)}.")
    # Packages start no services in runlevel 1.
    environment = ["env", "RUNLEVEL=1", "DEBIAN_FRONTEND=noninteractive"]
    options = ["-qqy", "--no-install-recommends"]
    for command in (["update", "-qq"], ["install", *options, *missing]):
        subprocess.run([*environment, "apt-get", *command], stdout=subprocess.DEVNULL, check=True)


def find(program: str) -> str | None:
    """The path of a program, or None."""
    return shutil.which(program, path=f"{os.environ['PATH']}:{POSTGRES}")


def start(program: str, *arguments: object, log: Path, user: str | None = None) -> subprocess.Popen:
    """Start a process that writes its output to the file *log*."""
    command = [find(program) or program, *map(str, arguments)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            **as_user(user),
        )
    atexit.register(_kill, process)  # the caller may fail before it stops the process
    return process


def as_user(user: str | None) -> dict[str, object]:
    """Options for a process that must not run as root. Empty if this process does not either."""
    if user is None or os.geteuid() != 0:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def _kill(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.kill()


def stop(process: subprocess.Popen, seconds: float = 20) -> None:
    """Terminate a process, and kill it after *seconds*."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def version(*command: str) -> str:
    """The first line of the output of a version command."""
    program = find(command[0]) or command[0]
    completed = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=True)
    return completed.stdout.splitlines()[0]


def package_version(package: str) -> str:
    """The upstream version of an installed Debian package."""
    command = ["dpkg-query", "-W", "-f", "${Version}", package]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return output.split(":")[-1].split("-")[0].split("+")[0]


def ended_children_us() -> float:
    """Processor time of all ended child processes, in microseconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1e6 * (used.ru_utime + used.ru_stime)
