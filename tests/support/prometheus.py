"""A real Prometheus on loopback, which scrapes servers and evaluates rules, and its promtool."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from support.http import Client
from support.member import until
from support.stoppable import Stoppable

UNPACKED = Path(__file__).parents[2] / ".venv/prometheus/usr/bin"

LISTENING = re.compile(r'msg="Listening on".* address=(\S+)')


def find_program(name: str) -> str:
    """Return `prometheus` or `promtool` on the PATH, or the one that `make setup-runners` unpacks.

    Raises RuntimeError without it.
    """
    path = f"{os.environ.get('PATH', '')}:{UNPACKED}"
    if program := shutil.which(name, path=path):
        return program
    raise RuntimeError(f"{name} is missing. Install it, for example with make setup-runners.")


def promtool(*args: str) -> None:
    """Run promtool. Raises AssertionError with its output if it fails."""
    process = subprocess.run(
        [find_program("promtool"), *args], capture_output=True, text=True, timeout=60
    )
    assert process.returncode == 0, process.stdout + process.stderr


class Prometheus(Stoppable):
    """A Prometheus, which is ready when the constructor returns."""

    def __init__(
        self,
        rules: str,
        targets: Mapping[str, str],
        credentials: tuple[str, str],
        *,
        interval_seconds: int,
    ) -> None:
        """*targets* are addresses by the value of their label `scene`; *credentials* are those of
        all. Rules are evaluated twice in an interval."""
        self._folder = Path(tempfile.mkdtemp(prefix="monotron-prometheus-"))
        (self._folder / "rules.yaml").write_text(rules)
        config = {
            "global": {
                "scrape_interval": f"{interval_seconds}s",
                "scrape_timeout": f"{interval_seconds}s",
                "evaluation_interval": f"{500 * interval_seconds}ms",
            },
            "rule_files": ["rules.yaml"],
            "scrape_configs": [
                {
                    "job_name": "monotron",
                    "basic_auth": dict(zip(("username", "password"), credentials, strict=True)),
                    "static_configs": [
                        {"targets": [address], "labels": {"scene": scene}}
                        for scene, address in targets.items()
                    ],
                }
            ],
        }
        (self._folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        command = [
            find_program("prometheus"),
            f"--config.file={self._folder}/prometheus.yaml",
            f"--storage.tsdb.path={self._folder}/data",
            "--web.listen-address=127.0.0.1:0",
        ]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)
        try:
            self._client = Client(f"http://{until(self._address, 30, 'its address')}")
            until(self._is_ready, 30, "a ready Prometheus")
        except BaseException:
            self._end()
            raise

    def _address(self) -> str | None:
        log = (self._folder / "log").read_text()
        if self._process.poll() is not None:
            raise RuntimeError(f"Prometheus has ended: {log}")
        listening = LISTENING.search(log)
        return listening and listening[1]

    def _is_ready(self) -> bool:
        return self._client.request("GET", "/-/ready").status == 200

    def get(self, path: str, **parameters: str) -> Any:
        """The data of a request to the API. Raises AssertionError if it fails."""
        response = self._client.request("GET", f"/api/v1/{path}?{urlencode(parameters)}")
        assert response.status == 200, (parameters, response)
        return json.loads(response.body)["data"]

    def query(self, expression: str, at: float | None = None) -> list[tuple[dict[str, str], float]]:
        """The labels and the value of each time series of the result.

        *at*: seconds since the epoch; None: now.
        """
        time = {} if at is None else {"time": f"{at:.3f}"}
        found = self.get("query", query=expression, **time)
        assert found["resultType"] == "vector", expression
        return [(each["metric"], float(each["value"][1])) for each in found["result"]]

    def is_scraped(self, scene: str) -> bool:
        """Whether the target was scraped successfully."""
        return [value for _, value in self.query(f'up{{scene="{scene}"}}')] == [1]

    def descriptions(self) -> dict[tuple[str, str], str]:
        """The descriptions of the alerts that fire, by `scene` and `alertname`."""
        return {
            (each["labels"].get("scene", ""), each["labels"]["alertname"]): each["annotations"][
                "description"
            ]
            for each in self.get("alerts")["alerts"]
            if each["state"] == "firing"
        }

    def fired(self) -> set[tuple[str, str]]:
        """The alerts that fire, or did so before: the values of `scene` and `alertname`."""
        found = self.query('max_over_time(ALERTS{alertstate="firing"}[1h])')
        return {(labels.get("scene", ""), labels["alertname"]) for labels, _ in found}

    def evaluations(self) -> int:
        """How often the rules were evaluated."""
        text = self._client.request("GET", "/metrics").text
        found = re.search(
            r"^prometheus_rule_group_iterations_total\{.*\} (\d+)$", text, re.MULTILINE
        )
        return int(found[1]) if found else 0

    def stop(self) -> None:
        self._client.close()
        self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
