"""The server exits, waits or fails at chosen points: nothing is lost or assigned twice."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from secrets import randbits

import pytest

import monotron
from faults.aftermath import check_aftermath
from faults.failpoints import ACTIONS, EXIT_CODE, POINTS, Points
from faults.load import Load
from faults.tier import limit, rounds
from faults.version_loads import version_loads
from support.member import free_port, until
from support.server import Server

KEYS = ["a", "b", "c", "CURRENT"]
LAUNCHER = str(Path(__file__).with_name("failpoints.py"))
TIMES = {
    "exit": rounds(short=1, whole=54),
    "wait": rounds(short=1, whole=53),
    "fail": rounds(short=1, whole=53),
}


@pytest.mark.timeout(limit(short=100, whole=1200))
def test_nothing_is_lost_at_any_point_of_failure(
    store_url: str, tmp_path: Path, report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    points = Points(tmp_path / "points")
    faults = [
        (point, action) for point in POINTS for action in ACTIONS for _ in range(TIMES[action])
    ]
    random.Random(seed).shuffle(faults)
    listen = f"127.0.0.1:{free_port()}"
    program = (LAUNCHER, str(tmp_path / "points"))
    server = Server(store_url, listen=listen, program=program)
    try:
        with (
            Load([server.url], KEYS, callers=8, seed=seed) as load,
            version_loads([server.url], seed=seed) as versions,
        ):
            for point, action in faults:
                load.wait_for_answers(2)
                due = points.done(point, action) + 1
                points.arm(point, action)
                until(lambda: points.done(point, action) == due, 30, f"{action} {point}")  # noqa: B023
                if action == "exit":
                    assert server.wait() == EXIT_CODE
                    server = Server(store_url, listen=listen, program=program)
            load.wait_for_answers(10)
            history = load.finish()
            statistics = versions.statistics(versions.check(server.url))
        check_aftermath(history, [server.url])
    finally:
        server.kill()
    done = {action: sum(points.done(point, action) for point in POINTS) for action in ACTIONS}
    report(
        f"seed {seed}: at {len(POINTS)} points {done['exit']} exits, {done['wait']} waits, "
        f"{done['fail']} failures; {load.acknowledged} answers; {history.unknown()} requests in "
        f"doubt, {history.counted_in_doubt()} of them applied; {statistics}"
    )
    assert done == {action: len(POINTS) * times for action, times in TIMES.items()}
    assert history.counted_in_doubt() > 0
    assert versions.in_doubt >= rounds(short=0, whole=1)


def test_the_product_has_no_points_of_failure() -> None:
    """The package neither mentions them nor imports test modules."""
    package = Path(monotron.__file__).parent
    assert not [
        file.name
        for file in package.rglob("*.py")
        if any(word in file.read_text() for word in ("failpoint", "os._exit(70", "faults."))
    ]
    script = "import monotron.cli.main, monotron.server, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    ).stdout.split()
    assert "monotron.server" in loaded
    assert not {name for name in loaded if name.startswith(("faults", "support"))}
