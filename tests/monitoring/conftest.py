"""Servers in all conditions for which an alert exists, scraped by one Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from monitoring.rules import RULES, accelerated
from monitoring.scenes import HEALTHY, Scene, start_all
from monitoring.stage import Stage
from support.member import until
from support.prometheus import Prometheus
from support.server import ROOT_ENV

FACTOR = 60
"""How much sooner alerts fire: Prometheus scrapes every second instead of every minute."""

MAX_FOR_SECONDS = 2
SETTLED = 6
"""Evaluations of the rules after which an alert with the longest `for` fires."""

CREDENTIALS = (ROOT_ENV["MONOTRON_ROOT_API_KEY"], ROOT_ENV["MONOTRON_ROOT_API_SECRET"])


@dataclass(frozen=True)
class Observed:
    """A Prometheus after all expected alerts have fired."""

    prometheus: Prometheus
    scenes: list[Scene]
    descriptions: Mapping[str, str]
    """The description of each alert, as it fired."""

    def fired(self, scene: str) -> set[str]:
        """The names of the alerts of a server."""
        return {name for of, name in self.prometheus.fired() if of == scene}


@pytest.fixture(scope="package")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    folder: Path = tmp_path_factory.mktemp("monitoring")
    with ExitStack() as stack:
        scenes = start_all(Stage(folder, stack))
        rules = accelerated(RULES.read_text(), FACTOR, MAX_FOR_SECONDS)
        targets = {scene.name: scene.address for scene in scenes}
        prometheus = stack.enter_context(
            Prometheus(rules, targets, CREDENTIALS, interval_seconds=1)
        )
        for scene in targets:
            until(lambda scene=scene: prometheus.is_scraped(scene), 30, f"a scrape of {scene}")
        with ThreadPoolExecutor(len(scenes)) as threads:
            list(threads.map(lambda scene: scene.cause(), scenes))
        expected = {(scene.name, scene.name) for scene in scenes if scene.name != HEALTHY}
        descriptions: dict[tuple[str, str], str] = {}

        def have_fired() -> bool:
            descriptions.update(prometheus.descriptions())
            return expected <= descriptions.keys()

        with suppress(TimeoutError):  # the tests show which alerts are missing
            until(have_fired, 60, "all alerts")
        settled = prometheus.evaluations() + SETTLED
        until(lambda: prometheus.evaluations() >= settled, 60, "settled alerts")
        own = {scene: text for (scene, name), text in descriptions.items() if scene == name}
        yield Observed(prometheus, scenes, own)
