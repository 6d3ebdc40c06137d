"""Versions and values of a fictitious company, for the screenshots of the documentation."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import closing
from itertools import count
from typing import Any

from monotron.model.commit_rules import CommitRules
from monotron.model.semver import parse_final, parse_version
from monotron.model.series import Reuse, SeriesKey
from monotron.model.versions.requests import Bump, VersionRequest
from monotron.runtime import Runtime
from monotron.store import open_store
from support.services import StoreServices

START = 1_772_437_200
"""2026-03-02 07:40 UTC."""

SECONDS_BETWEEN_BUILDS = 16 * 3600 + 1907

COMMITS = (
    "feat(cart): remember the shipping address",
    "fix: round totals to cents",
    "fix(search): ignore accents",
    "perf: load product images on demand",
    "fix: keep the session after a password change",
    "fix(checkout): show taxes of the country of delivery",
)


class Company:
    """Assigns versions and values at fictitious times, through the services of a server."""

    def __init__(self, url: str) -> None:
        self._builds = count()
        self._now = float(START)
        self._store = open_store(url, runtime=Runtime(clock=lambda: self._now))
        self._services = StoreServices(self._store)

    def close(self) -> None:
        self._services.close()
        self._store.close()

    async def build(self, name: str, bump: Bump = "auto", message: str = "", **more: Any) -> None:
        """Assign the version of a new commit."""
        number = next(self._builds)
        self._now += SECONDS_BETWEEN_BUILDS * (1 + number % 3) / 2
        token = hashlib.sha1(f"{name} {number}".encode()).hexdigest()
        run = 17_204_118_000 + 7_919 * number
        request = VersionRequest(
            bump, assigned_by=f"github:acme/{name}:{run}", commit_rules=CommitRules(), **more
        )
        await self._services.versions.next(1, name, token, request, message.encode())

    async def count(self, key: str, times: int) -> None:
        """Assign values of a series."""
        for _ in range(times):
            self._now += 3677
            token = hashlib.sha1(f"{key} {self._now}".encode()).hexdigest()
            series = SeriesKey(1, key)
            await self._services.series.next(series, token, Reuse.ANY, "key:mtk_k_Nq4hVbT2")

    async def adopt(self, name: str, version: str) -> None:
        await self._services.versions.adopt(1, name, parse_final(version), "root")

    async def withdraw(self, name: str, version: str, reason: str) -> None:
        await self._services.versions.withdraw(
            1, name, parse_version(version), reason, ignore_commits=False, by="root"
        )


def fill(url: str) -> None:
    """Fill the empty store of this URL."""
    asyncio.run(_fill(url))


async def _fill(url: str) -> None:
    with closing(Company(url)) as company:
        await company.adopt("shop", "1.0.0")
        for number in range(6):
            await company.build("shop", message=COMMITS[1 + number % 5])
        await company.build("shop", message="feat: pay with gift cards")
        for number in range(9):
            await company.build("shop", message=COMMITS[1 + number % 5])
        await company.withdraw("shop", "1.1.9", "Charges the delivery twice")
        await company.build("payments", "minor")
        await company.build("legacy-billing", "major")
        for _ in range(3):
            await company.build("shop", message="feat: order by invoice", label="rc")
        await company.build("shop", message="feat: order by invoice")
        for number in range(57):
            await company.build("shop", message=COMMITS[1 + number % 5])
            if number in (21, 34, 47):
                await company.build("shop", message="feat: compare products", label="beta")
            if number == 40:
                await company.withdraw("shop", "1.2.41", "Sends confirmations twice")
            if number % 9 == 4:
                await company.build("payments", message=COMMITS[number % 6])
        for _ in range(2):
            await company.build("mobile-app", "minor", label="beta")
        await company.count("nightly-build", 38)
        await company.build("docs", "calendar")
        await company.build("payments", message="fix: retry after a timeout of the bank")
