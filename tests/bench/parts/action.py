"""The time of a workflow step from process start to outputs, compared with its imports.

With `bump: auto`, a step reads the commits since the previous version: here from its clone, from a
server on this machine, and from a stand-in for GitHub's API.
"""

import statistics
from collections.abc import Mapping

from bench.action_steps import ActionSteps
from bench.measuring import Bench
from bench.repository import first, generate, head
from bench.table import TableRow
from support.git_server import GitServer
from support.github_api import GitHubApi
from support.server import Server

COMMITS = 10_000
UNREACHABLE = dict.fromkeys(("GITHUB_API_URL", "GITHUB_SERVER_URL"), "http://127.0.0.1:9")


def run(bench: Bench) -> None:
    with Server("sqlite://") as server:
        steps = ActionSteps(server.url, bench.folder)
        for name, fresh, goal in (
            ("the action", False, 1.3),
            ("the action, for the first time on a runner", True, 2.0),
        ):
            ratios, times = [], []
            for _ in range(max(15, 5 * bench.rounds)):
                imports = steps.imports()
                times.append(steps.action(fresh=fresh))
                ratios.append(times[-1] / imports)
            milliseconds = statistics.median(times) * 1000
            unit = f"of python3 importing urllib.request and json ({milliseconds:.0f} ms)"
            bench.table.add(TableRow(f"GitHub: {name}", statistics.median(ratios), unit, goal))
        _read_commits(bench, server, steps)


def _read_commits(bench: Bench, server: Server, steps: ActionSteps) -> None:
    """Add rows with the time to read all commits but the first from each source."""
    (bench.folder / "acme").mkdir()
    repository = generate(bench.folder / "acme" / "shop.git", COMMITS + 1, 1_000)
    with server.client() as client:
        path = f"/v1/versions/auto/{first(repository)}?version=0.1.0"
        if client.request("PUT", path).status != 200:
            raise RuntimeError("the first commit got no version")

    def seconds(environ: Mapping[str, str]) -> float:
        variables = {**UNREACHABLE, **environ}
        times = [steps.preview("auto", head(repository), **variables) for _ in range(bench.rounds)]
        if "version=0.2.0\n" not in (bench.folder / "output").read_text():
            raise RuntimeError("the step did not read the commits")
        return statistics.median(times)

    label = f"GitHub: {COMMITS:,} commits from"
    from_clone = seconds({"GITHUB_WORKSPACE": str(repository)})
    bench.table.add(TableRow(f"{label} the clone", from_clone, "s", 1.0))
    with GitServer(bench.folder) as git_server:
        fetched = seconds({"GITHUB_SERVER_URL": git_server.url})
    bench.table.add(TableRow(f"{label} a separate fetch", fetched, "s, from this machine"))
    with GitHubApi(repository) as api:
        steps.preview("auto", head(repository), **{**UNREACHABLE, "GITHUB_API_URL": api.url})
        number = len(api.requests)
    bench.table.add(TableRow(f"{label} GitHub's API", number, "requests", COMMITS / 100 + 5))
