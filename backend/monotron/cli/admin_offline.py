"""Accounts, keys and trusts in the SQLite file of a server that is stopped."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from monotron.auth.accounts import Accounts
from monotron.auth.api_key_schema import api_key_json, parse_api_key_spec
from monotron.auth.api_keys import ApiKeys
from monotron.auth.oidc import Issuer, parse_issuer
from monotron.auth.principal import ROOT
from monotron.auth.trust_policies import TrustPolicies
from monotron.auth.trust_schema import configured_issuers, configured_trusts
from monotron.cli.admin_backend import Document, Keeper
from monotron.config import Settings
from monotron.errors import MonotronError, PathNotFound, StartupError, StoreUnavailable
from monotron.services.executor import StoreExecutor
from monotron.services.series import SeriesService
from monotron.store import open_store
from monotron_ci.errors import Failure, NoResponse

PUBLIC = ("github", "gitlab.com")
"""Issuers for which a trust can be made before a server looks at their tokens."""

PAGE = 500

Result = TypeVar("Result")
After = TypeVar("After")


class StoppedFile(Keeper):
    """An SQLite file that this process keeps for a moment. It acts as the root key would."""

    def __init__(
        self, url: str, config: str | None, environ: Mapping[str, str], *, may_be_new: bool
    ) -> None:
        """`Failure` if the file cannot be used, above all while its server runs.

        The settings, from *config* and *environ*, say which issuers and trusts a server has.
        """
        self._path = _path(url)
        self._new = not Path(self._path).exists()
        if self._new and not may_be_new:
            raise Failure(
                f"There is no file {self._path}.",
                "sqlite:///FILE is relative to this folder, sqlite:////PATH/FILE is not.",
            )
        self._unknown: set[str] = set()
        try:
            settings = Settings.load({"config": config} if config else {}, environ)
            self._issuers = configured_issuers(settings.issuers)
            configured = configured_trusts(settings.trusts, self._issuers)
        except StartupError as error:
            raise Failure(str(error)) from None
        try:
            store = open_store(url)
        except StartupError as error:
            raise Failure(
                str(error),
                "While a server runs on the file, go over its API instead: --url, with its root "
                "key in MONOTRON_API_KEY.",
            ) from None
        self._runner = asyncio.Runner()
        self._store = store
        self._executor = executor = StoreExecutor(store.max_concurrency)
        series = SeriesService(store, executor)
        self._accounts = Accounts(store, series, executor)
        self._grants = ApiKeys(store, series, executor)
        self._trusts = TrustPolicies(store, series, executor, self._with_public(), configured)

    def create_account(self) -> Document:
        return {"id": self._run(self._accounts.create(ROOT))}

    def accounts(self) -> list[Document]:
        return [{"id": id} for id in self._run(_all(self._accounts.page, 0))]

    def create_key(self, account: int, wanted: Document) -> Document:
        async def create() -> Document:
            await self._check(account)
            grant, secret = await self._grants.create(
                ROOT, account, parse_api_key_spec(dict(wanted))
            )
            return api_key_json(grant, secret)

        return self._run(create())

    def keys(self, account: int) -> list[Document]:
        async def keys() -> list[Document]:
            await self._check(account)
            grants = await _all(lambda after, limit: self._grants.page(account, after, limit), "")
            return [api_key_json(grant) for grant in grants]

        return self._run(keys())

    def revoke_key(self, account: int, key: str) -> None:
        self._run(self._grants.revoke(account, key))

    def create_trust(self, account: int, wanted: Document) -> Document:
        async def create() -> Document:
            await self._check(account)
            trust = await self._trusts.create(ROOT, account, wanted)
            if trust.rule.issuer not in {issuer.url for issuer in self._issuers}:
                self._unknown.add(trust.rule.issuer)
            return {"id": trust.id, "account_id": account, **trust.body()}

        return self._run(create())

    def trusts(self, account: int) -> list[Document]:
        async def trusts() -> list[Document]:
            await self._check(account)
            listed = await _all(lambda after, limit: self._trusts.page(account, after, limit), 0)
            return [{"id": id, "account_id": account, **body} for id, body in listed]

        return self._run(trusts())

    def delete_trust(self, account: int, id: int) -> None:
        self._run(self._trusts.delete(account, id))

    def notes(self) -> list[str]:
        made = [f"{self._path} was not there, and was made."] if self._new else []
        return made + [
            f"A server looks at tokens of {issuer} once its settings `issuers` and `audience` say "
            "so."
            for issuer in sorted(self._unknown)
        ]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._runner.close()
        self._executor.close()
        self._store.close()

    def _with_public(self) -> list[Issuer]:
        known = {issuer.url for issuer in self._issuers}
        public = [parse_issuer(word) for word in PUBLIC]
        return [*self._issuers, *(issuer for issuer in public if issuer.url not in known)]

    async def _check(self, account: int) -> None:
        if not await self._accounts.exists(account):
            raise PathNotFound(
                f"There is no account {account}. `monotron account list` lists what there is."
            )

    def _run(self, call: Coroutine[Any, Any, Result]) -> Result:
        try:
            return self._runner.run(call)
        except MonotronError as error:
            kind = NoResponse if isinstance(error, StoreUnavailable) else Failure
            raise kind(f"{error.code}: {error.detail}", code=error.code) from None


def _path(url: str) -> str:
    """The file of `sqlite:///FILE`; `Failure` for a store that is operated in another way."""
    scheme, _, rest = url.partition("://")
    if scheme in ("mongodb", "mongodb+srv"):
        raise Failure(
            "A MongoDB store is operated over the API only: its servers must hear of it.",
            "Leave --store out, and say --url, with the root key in MONOTRON_API_KEY.",
        )
    if scheme != "sqlite" or not rest.startswith("/") or not rest.strip("/"):
        raise Failure(
            "--store must be sqlite:///FILE, a relative path, or sqlite:////PATH/FILE.",
            "A server whose store is in memory is operated over its API: --url.",
        )
    return rest[1:]


async def _all(
    page: Callable[[After, int], Awaitable[tuple[list[Result], After | None]]], after: After
) -> list[Result]:
    found, following = await page(after, PAGE)
    while following is not None:
        more, following = await page(following, PAGE)
        found += more
    return found
