"""The wall clock of a server jumps: only times of day depend on it."""

from __future__ import annotations

import mmap
import struct
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from secrets import randbits

import pytest

from faults.aftermath import check_aftermath
from faults.load import Load
from faults.preloaded import library
from faults.tier import limit, rounds
from faults.version_loads import version_loads
from support.claims import AUDIENCE, github
from support.credentials import bearer, new_key
from support.keyless import Keyless, keyless
from support.server import ROOT, ROOT_ENV, Server

KEYS = ["a", "b", "CURRENT"]
HOUR, DAY = 3600.0, 86400.0
CLAIMS = ("--claim=repository_id=777", "--claim=ref=refs/heads/main")
JUMPS = [HOUR, -HOUR, DAY, -DAY, *[-0.1] * 3]


class Clock:
    """The wall clock of a server that runs with `env`."""

    def __init__(self, folder: Path) -> None:
        file = folder / "clock"
        file.write_bytes(bytes(8))
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), 8)
        self.env = {"LD_PRELOAD": str(library("clock.c")), "FAULTY_CLOCK_FILE": str(file)}
        self.wrong_by = 0.0

    def jump(self, seconds: float) -> None:
        self.wrong_by += seconds
        struct.pack_into("=q", self._shared, 0, round(self.wrong_by * 1e9))


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


@pytest.mark.timeout(limit(short=60, whole=300))
def test_series_and_versions_continue_while_the_clock_jumps(
    tmp_path: Path, clock: Clock, report: Callable[[str], None]
) -> None:
    seed = randbits(32)
    print(f"seed {seed}")
    jumps = JUMPS * rounds(short=1, whole=5)
    with (
        Server(f"sqlite:///{tmp_path}/monotron.db", env=clock.env) as server,
        Load([server.url], KEYS, callers=8, seed=seed) as load,
        version_loads([server.url], seed=seed) as versions,
        server.client() as client,
    ):
        for jump in jumps:
            load.wait_for_answers(20)
            versions.wait_for_answers(1)
            clock.jump(jump)
            dated = parsedate_to_datetime(str(client.request("GET", "/livez").headers["Date"]))
            assert abs(dated.timestamp() - time.time() - clock.wrong_by) < 10  # it did jump
        load.wait_for_answers(20)
        history = load.finish()
        statistics = versions.statistics(versions.check(server.url))
        check_aftermath(history, [server.url])
        assert load.errors.total() + versions.errors.total() == 0
        # Tornado computes deadlines of idle connections from the wall clock: a jump forward in that
        # moment closes a connection (docs/decisions/0013-public-tornado-apis.md).
        assert load.interrupted + versions.interrupted <= sum(jump > 0 for jump in jumps)
    report(
        f"seed {seed}: {len(jumps)} jumps; {load.acknowledged} answers, no error, "
        f"{load.interrupted + versions.interrupted} connections closed; {statistics}"
    )


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_a_rate_limit_uses_real_minutes(clock: Clock, jump: float) -> None:
    env = {**ROOT_ENV, **clock.env}
    with Server("sqlite://", args=["--requests-per-key=5"], env=env) as server:
        with server.client(authorization=ROOT) as root:
            key = new_key(root, 1, "read:series")

        def status() -> int:
            with server.client(authorization=bearer(key)) as client:
                return client.request("GET", "/v1/series/none").status

        assert [status() for _ in range(6)] == [404] * 5 + [429]
        clock.jump(jump)
        assert status() == 429


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_a_drain_delay_uses_real_seconds(clock: Clock, jump: float) -> None:
    with Server("sqlite://", args=["--drain-delay=1"], env=clock.env) as server:
        began = time.monotonic()
        server.terminate()
        clock.jump(jump)
        assert server.wait(25) == 0
        assert time.monotonic() - began > 0.9


@pytest.mark.parametrize("jump", [HOUR, -HOUR, DAY, -DAY])
def test_identity_tokens_are_checked_against_the_wall_clock(
    tmp_path: Path, clock: Clock, jump: float
) -> None:
    with keyless("github", tmp_path, **clock.env) as monotron:
        done = monotron.operator.run("trust", "add", monotron.issuer.url, *CLAIMS)
        assert done.returncode == 0, done.stderr
        assert answer(monotron, 0) == 200
        clock.jump(jump)
        assert answer(monotron, 0) == 401
        assert answer(monotron, jump) == 200
        clock.jump(-jump)
        assert answer(monotron, jump) == 401
        assert answer(monotron, 0) == 200


def answer(monotron: Keyless, later: float) -> int:
    """Return the status of a PUT with an identity token issued this many seconds later."""
    now = int(time.time() + later)
    times = {"iat": now, "nbf": now - 5, "exp": now + 300, "jti": f"{randbits(64):x}"}
    claims = github(**times, aud=AUDIENCE, iss=monotron.issuer.url)
    token = monotron.issuer.signers[0].token(claims)
    with monotron.server.client(authorization=f"Bearer {token}") as client:
        return client.request("PUT", f"/v1/series/key/{randbits(64):x}").status
