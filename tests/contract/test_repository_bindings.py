"""Derived names belong to one repository permanently, on every store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from monotron.auth.derived_names import RepositoryBindings
from monotron.auth.oidc import Identity, parse_issuer
from monotron.auth.oidc.claims import check_claims
from monotron.errors import Forbidden, MonotronError, RepositoryRenamed
from monotron.model.name_patterns import NamePatterns
from monotron.services.executor import StoreExecutor
from monotron.store import Store
from support.claims import AUDIENCE, NOW, github

ISSUER = parse_issuer("github")


def job(repository: int) -> Identity:
    return check_claims(github(repository_id=str(repository)), ISSUER, AUDIENCE, NOW, "")


def bind_all(store: Store, jobs: Sequence[tuple[int, int, str]]) -> list[BaseException | None]:
    """Bind (account, repository, name) on several servers concurrently. Returns their results."""

    async def scenario() -> list[Any]:
        executor = StoreExecutor(8)
        try:
            bindings = [RepositoryBindings(store, executor) for _ in jobs]
            calls = [
                each.bind(account, job(repository), "github", NamePatterns((name, f"{name}:*")))
                for each, (account, repository, name) in zip(bindings, jobs, strict=True)
            ]
            return await asyncio.gather(*calls, return_exceptions=True)
        finally:
            executor.close()

    return asyncio.run(scenario())


def bind(store: Store, account: int, repository: int, name: str) -> None:
    (result,) = bind_all(store, [(account, repository, name)])
    if result is not None:
        raise result


def test_a_name_belongs_to_the_first_repository_in_each_account(store: Store) -> None:
    bind(store, 1, 777, "gh:acme:shop")
    bind(store, 1, 777, "gh:acme:shop")
    bind(store, 1, 778, "gh:acme:shop-payments")
    bind(store, 2, 999, "gh:acme:shop")
    with pytest.raises(Forbidden, match="belongs to another repository"):
        bind(store, 1, 999, "gh:acme:shop")


def test_a_renamed_repository_is_refused_until_it_has_its_name_again(store: Store) -> None:
    bind(store, 1, 777, "gh:acme:shop")
    with pytest.raises(RepositoryRenamed, match="'gh:acme:shop'"):
        bind(store, 1, 777, "gh:acme:store")
    bind(store, 1, 777, "gh:acme:shop")
    bind(store, 1, 778, "gh:acme:store")


def test_a_name_below_that_of_another_repository_is_refused(store: Store) -> None:
    bind(store, 1, 777, "gl:a:b")
    with pytest.raises(Forbidden, match="'gl:a:b' was first used"):
        bind(store, 1, 778, "gl:a:b:c")
    bind(store, 1, 778, "gl:a:bc")


def test_a_name_above_that_of_another_repository_is_refused(store: Store) -> None:
    bind(store, 1, 777, "gl:a:b:c:d")
    for name in "gl:a:b", "gl:a:b:c":
        with pytest.raises(Forbidden, match=r"'gl:a:b:c:d' was first used by the .* id 777\."):
            bind(store, 1, 778, name)
    bind(store, 1, 778, "gl:a:b:c:e")
    bind(store, 1, 779, "gl:a:b:f")
    bind(store, 2, 778, "gl:a:b")


def test_of_overlapping_names_used_together_one_remains(durable_store: Store) -> None:
    names = ("gl:a:b", "gl:a:b:c", "gl:a:b:c:d")
    results = bind_all(durable_store, [(1, id % 3, names[id % 3]) for id in range(15)])
    assert len({id % 3 for id, result in enumerate(results) if result is None}) == 1
    assert all(isinstance(each, Forbidden) for each in results if each is not None)


def test_of_several_first_uses_one_gets_the_name(durable_store: Store) -> None:
    results = bind_all(durable_store, [(1, id % 4, "gh:acme:shop") for id in range(16)])
    winners = {id % 4 for id, result in enumerate(results) if result is None}
    assert len(winners) == 1
    assert all(isinstance(each, Forbidden) for each in results if each is not None)


def test_of_several_names_a_repository_gets_one(durable_store: Store) -> None:
    results = bind_all(durable_store, [(1, 777, f"gh:acme:{id % 4}") for id in range(16)])
    assert len({id % 4 for id, result in enumerate(results) if result is None}) == 1
    assert all(isinstance(each, MonotronError) for each in results if each is not None)
