"""Run the long tier of the fault tests: `python -m faults [--concurrency N] [PART …]`.

Without PART all parts run, N of them concurrently [default: 2].

simulator   300,000 seeds of simulated worlds; `python -m simulation` runs one or a few
broken      deliberately broken stores, 100 seeds each: at least 99 must detect the defect
correct     the real stores in 2,000 worlds of the same kind each: none may be reported

The other parts run the fault tests on real servers and engines, each as often as docs/faults.md
states.

kills       the server and the primary of the replica set are killed, also under versions, and a
            process at each step of a version; F4, F8, F11
proxy       requests, responses and messages are lost, late, duplicated, cut or slow; F14
nginx       two servers behind nginx (Debian's nginx-light), which repeats requests, and sends a
            name to one server, which is killed; F15
processes   a process of `serve --processes 2` is killed repeatedly
members     a primary is paused until another is elected, and secondaries are killed; F8, F9
rollbacks   writes that only the old primary has are rolled back; F10
commands    each MongoDB command fails in each possible way; F12
soak        these faults in random order for an hour, under series, versions, identity tokens and
            API keys that are rotated, pages, metrics, exports and audits, and for 7.5 minutes on
            SQLite. MONOTRON_SOAK_SECONDS sets another length; F22
drains      servers are stopped with 50 requests in progress, and restarted in turn; F17
races       first values, a hot series, tokens in any order, concurrent callers; F2, F3, F19
cuts        the network between servers and members, and among members, is cut; F16. Requires
            root and network namespaces, and installs iptables and iproute2
power       the power fails under SQLite; F5. Requires a C compiler
disk        SQLite's disk fails to write or to sync, or is full; F6, F7. Requires a C compiler, and
            root to mount file systems
failpoints  the server exits, waits or fails at chosen points; F13
restores    backups under load are restored and fast-forwarded; F21
clock       the wall clock jumps under a server; F18; needs a C compiler
newer       rows with fields unknown to this version; F24
leaks       many valid and broken requests to one server; F25
api         requests generated from the OpenAPI document, for ten minutes; F26
clients     clients are generated from the OpenAPI document. Requires Node.js 20 with npm. Installs
            the generators from PyPI and npm into .venv/clients
image       the container image is built, and run without rights. Requires root, and installs
            Podman, Buildah and debootstrap
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from simulation.broken_stores import BROKEN, WORLDS, Broken, harsh_worlds
from simulation.profile import Emphasis
from simulation.scenario import MONGO, SQLITE
from support.nginx import find_nginx

BROKEN_SEEDS = 100
MAX_MISSED = 1
CORRECT_WORLDS = 2_000
SIMULATED_SEEDS = 300_000
CUTS = Path(__file__).parent / "root" / "test_cuts.py"
CONTAINER_PROGRAMS = ("podman", "buildah", "runc", "debootstrap")
CONTAINER_PACKAGES = (*CONTAINER_PROGRAMS, "catatonit", "fuse-overlayfs", "uidmap")


def simulator() -> bool:
    return _run("-m", "simulation", "--seeds", str(SIMULATED_SEEDS))


def broken() -> bool:
    """Run the broken stores. The checker sees the responses only, not the rows of the engine."""
    print(f"{'store':45} detected, by the checker, of {BROKEN_SEEDS} seeds")
    missed = 0
    for name, each in BROKEN.items():
        caught, by_checker = _caught(each)
        print(f"{name:45} {caught:6} {by_checker:14}", flush=True)
        missed += caught < BROKEN_SEEDS - MAX_MISSED
        missed += each.by_checker and by_checker < BROKEN_SEEDS - MAX_MISSED
    return not missed


def _caught(store: Broken) -> tuple[int, int]:
    caught = by_checker = 0
    for seed in range(BROKEN_SEEDS):
        found = False
        for report in harsh_worlds(store.kind, seed, store.emphasis, store.stores):
            found = found or bool(report.violations)
            if report.by_checker:
                by_checker += 1
            if report.by_checker or (found and not store.by_checker):
                break
        caught += found
    return caught, by_checker


def correct() -> bool:
    reported = 0
    for kind in (SQLITE, MONGO):
        worlds = 0
        for seed in range(CORRECT_WORLDS // WORLDS // len(Emphasis) + 1):
            for emphasis in Emphasis:
                for report in harsh_worlds(kind, seed, emphasis):
                    worlds += 1
                    reported += bool(report.wrong)
                    for wrong in report.wrong:
                        print(f"{kind} {emphasis.name} {report.seed}: {wrong}")
        print(f"{kind}: {worlds} worlds")
    print(f"{reported} reported")
    return not reported


def tests(*files: str) -> bool:
    """Run the long tier of these test files."""
    folder = Path(__file__).parent
    paths = (str(folder / file) for file in files)
    return _run("-m", "pytest", "-q", "--color=no", *paths, MONOTRON_FAULTS="whole")


def nginx() -> bool:
    """Install Debian's package if necessary, without starting its service."""
    try:
        find_nginx()
    except RuntimeError:
        _install("nginx-light")
    return tests("test_nginx.py", "test_nginx_routing.py")


def cuts() -> bool:
    """Run in a private network namespace, so that no other process is affected."""
    if os.geteuid() != 0:
        print("cuts require root")
        return False
    if not all(map(shutil.which, ("iptables", "ip"))):
        _install("iptables", "iproute2")
    command = f"ip link set lo up && exec {sys.executable} -m pytest -q --color=no {CUTS}"
    environment = os.environ | {"MONOTRON_FAULTS": "whole"}
    done = subprocess.run(["unshare", "-n", "sh", "-c", command], env=environment, check=False)
    return done.returncode == 0


def image() -> bool:
    """Install Debian's tools for containers if necessary."""
    if os.geteuid() != 0:
        print("image requires root")
        return False
    if not all(map(shutil.which, CONTAINER_PROGRAMS)):
        _install(*CONTAINER_PACKAGES)
    return tests("root/test_image.py")


def _install(*packages: str) -> None:
    """Install packages of Debian, without starting their services."""
    install = ["apt-get", "install", "-qqy", "--no-install-recommends", *packages]
    subprocess.run(install, env=os.environ | {"RUNLEVEL": "1"}, check=True)


def _run(*command: str, **environment: str) -> bool:
    environment = os.environ | environment
    done = subprocess.run([sys.executable, *command], env=environment, check=False)
    return done.returncode == 0


PARTS: dict[str, Callable[[], bool]] = {
    "simulator": simulator,
    "broken": broken,
    "correct": correct,
    "kills": partial(
        tests,
        "test_server_kills.py",
        "test_rename_kills.py",
        "test_primary_kills.py",
        "test_orphans.py",
        "test_version_crashes.py",
        "test_version_kills.py",
    ),
    "proxy": partial(tests, "test_network.py"),
    "nginx": nginx,
    "processes": partial(tests, "test_process_kills.py"),
    "members": partial(tests, "test_member_faults.py"),
    "rollbacks": partial(tests, "test_rollbacks.py"),
    "commands": partial(tests, "test_failed_commands.py"),
    "drains": partial(tests, "test_rolling_restarts.py"),
    "races": partial(
        tests,
        "test_concurrency.py",
        "test_version_concurrency.py",
        "test_races.py",
        "test_aba.py",
        "test_shares.py",
    ),
    "cuts": cuts,
    "soak": partial(tests, "test_soak.py"),
    "power": partial(tests, "test_power_cuts.py"),
    "disk": partial(tests, "test_disk_errors.py", "test_disk_full.py"),
    "failpoints": partial(tests, "test_failpoints.py"),
    "restores": partial(tests, "test_restores.py"),
    "clock": partial(tests, "test_clock.py"),
    "newer": partial(tests, "test_side_by_side.py"),
    "leaks": partial(tests, "test_leaks.py"),
    "api": partial(tests, "test_api.py"),
    "clients": partial(tests, "clients/test_clients.py"),
    "image": image,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument(
        "--concurrency",
        type=int,
        default=2,
        metavar="N",
        help="concurrent parts [default: 2]",
    )
    arguments = parser.parse_args()
    parts = arguments.parts or list(PARTS)
    if unknown := set(parts) - PARTS.keys():
        parser.error(f"unknown part: {', '.join(sorted(unknown))}")
    began = time.monotonic()
    if len(parts) == 1:
        print(f"== {parts[0]}", flush=True)
        passed = [PARTS[parts[0]]()]
    else:
        with ThreadPoolExecutor(arguments.concurrency) as pool:
            passed = list(pool.map(_buffered, parts))
    failed = [part for part, each in zip(parts, passed, strict=True) if not each]
    print(f"== {' '.join(parts)}: {time.monotonic() - began:.0f} s")
    print(f"failed: {', '.join(failed)}" if failed else "all passed")
    return 1 if failed else 0


def _buffered(part: str) -> bool:
    """Run a part, and print its output at the end, so that parts do not mix."""
    command = [sys.executable, "-m", "faults", part]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    print(done.stdout, flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
