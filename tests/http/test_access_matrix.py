"""Every request as every caller (root key, API keys, identity tokens, strangers, credentials of a
disabled account), in its own, another and a missing account, with names that it may and may not
use. On MongoDB one request for each expected response of each kind of credential.

The expected rights are in `tests/support/access_table.py`, independent of the code.
"""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from tornado.web import Application

from monotron.web.app import ROUTES, make_app
from support.access_table import (
    ANY_CREDENTIAL,
    NAMES,
    OPTIONAL,
    PUBLIC,
    ROOT_KEY,
    ROWS,
    USABLE,
    Row,
    all_calls,
    calls_of,
    row_name,
)
from support.access_world import AccessWorld, Case, Expected
from support.callers import Caller
from support.claims import AUDIENCE
from support.credentials import UNLIMITED
from support.issuer import IssuerServer
from support.mongod import ReplicaSet
from support.routes import Call
from support.server import ROOT, ROOT_ENV, Response, Server

MISSING = 999_999
REFUSED = (401, 403, 404, 409)
LAST_USE = re.compile(r"""["']last_used_at["']: ?[^,}]+""")
OWNER = re.compile(r'"(?:creator_id|account_id)": ?(\d+)')


@pytest.fixture(scope="module")
def world(
    guarded_store_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AccessWorld]:
    config = tmp_path_factory.mktemp("matrix") / "monotron.yml"
    with IssuerServer() as issuer:
        issuers = [{"url": issuer.url, "kind": "github", "allow_private": True}]
        settings = {"audience": AUDIENCE, "issuers": issuers, "operations_per_identity": 0}
        config.write_text(yaml.safe_dump(settings))
        args = [*UNLIMITED, "--config", str(config)]
        with (
            Server(guarded_store_url, args=args, env=ROOT_ENV) as server,
            server.client(authorization=ROOT) as root,
        ):
            world = AccessWorld(server, root, issuer)
            with world.stranger:
                yield world
            assert "Traceback" not in server.log()


@pytest.fixture
def contents(
    world: AccessWorld, guarded_store_url: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Callable[[], str]:
    """Returns everything that the store contains, except when API keys were last used, and when
    the copy that it makes was made."""

    def of_sqlite() -> str:
        copy = tmp_path / "copy.db"
        copy.write_bytes(world.root.request("POST", "/v1/system/backup").body)
        with closing(sqlite3.connect(copy)) as connection:
            lines = [line for line in connection.iterdump() if "'maintenance'" not in line]
        return LAST_USE.sub("", "\n".join(lines))

    def of_mongodb() -> str:
        replica_set: ReplicaSet = request.getfixturevalue("replica_set")
        with replica_set.client() as client:
            database = client["module"]
            collections = {
                name: sorted(map(repr, database[name].find()))
                for name in database.list_collection_names()
                if name != "registrations"  # renewed at any moment
            }
        return LAST_USE.sub("", repr(sorted(collections.items())))

    return of_sqlite if guarded_store_url.startswith("sqlite") else of_mongodb


def expected(caller: Caller, row: Row, account: int | None, name: str, permitted: int) -> Expected:
    """The response to a request. *account* is None if the path names none."""
    if row.needs == PUBLIC or (row.needs == OPTIONAL and caller.authorization is None):
        return Expected(permitted, "public")
    if not caller.is_known:
        return Expected(401, "unknown credential")
    if account is None and caller.account is None:
        return Expected(409, "ambiguous account")
    if account == MISSING and caller.is_root:
        return Expected(404, "missing account")
    if caller.is_root:
        return Expected(permitted, "root key")
    held = caller.held.get(account or caller.account or 0)
    if held is None:
        return Expected(caller.elsewhere, f"another account, {account == MISSING}")
    if row.needs == OPTIONAL:
        return Expected(permitted, "optional credentials")
    if caller.is_disabled:
        return Expected(403, "disabled account")
    if row.needs == ANY_CREDENTIAL:
        return Expected(permitted, "any credential")
    if row.also_needs is not None and row.also_needs not in held.scopes:
        return Expected(403, f"also needs {row.also_needs}, {row.needs in held.scopes}")
    if row.needs == ROOT_KEY or row.needs not in held.scopes:
        return Expected(403, f"needs {row.needs}")
    if row.grants is not None and row.grants not in held.scopes:
        return Expected(row.refusal, f"grants {row.grants}")
    if row.subject is not None and name not in USABLE[row.subject][held.pattern]:
        return Expected(row.refusal, f"names {held.pattern}")
    return Expected(permitted, f"permitted with names {held.pattern}")


def cases(world: AccessWorld, row_name: str, store_url: str) -> Iterator[Case]:
    """The requests of a row: all of them on SQLite, except HEAD, which is handled like GET.

    On MongoDB, and for HEAD, each kind of credential sends one request for each reason of a
    response. The handlers do not know the store.
    """
    on_mongodb = store_url.startswith("mongodb")
    sampled = set()
    for case in all_cases(world, row_name, ROWS[row_name].mongodb if on_mongodb else 200):
        kind = (case.call, case.caller.kind, case.expected, case.reason)
        if kind in sampled and (on_mongodb or case.call.verb == "HEAD"):
            continue
        sampled.add(kind)
        yield case


def all_cases(world: AccessWorld, row_name: str, permitted: int) -> Iterator[Case]:
    """Each request of a row by each caller. A permitted one has the status *permitted*."""
    row = ROWS[row_name]
    for call, caller in itertools.product(calls_of(row_name), world.callers):
        for account in accounts_of(world, caller) if call.names_account else (None,):
            for name in names_of(call, caller, row, account):
                response = expected(caller, row, account, name, permitted)
                acts_on = account or caller.account or world.acme
                yield Case(caller, call, acts_on, name, *response)


def accounts_of(world: AccessWorld, caller: Caller) -> list[int]:
    """The accounts in paths: its own ones, another one and a missing one."""
    own = [1] if caller.is_root else list(caller.held)
    others = [each for each in (world.mallory, world.acme) if each not in own]
    return [*own, *others[:1], MISSING]


def names_of(call: Call, caller: Caller, row: Row, account: int | None) -> tuple[str, ...]:
    """The names in paths and bodies: all of them if the rights of the caller depend on them."""
    held = caller.held.get(account or caller.account or 0)
    if caller.is_disabled:
        return NAMES[:1]
    if held is None or row.subject is None or row.needs not in held.scopes or call.verb == "HEAD":
        return NAMES[:1]
    return NAMES


class TestTable:
    def test_every_request_of_the_application_has_a_row(self) -> None:
        missing = []
        for call in all_calls():
            try:
                row_name(call)
            except LookupError as error:
                missing.append(str(error))
        assert not missing, "\n".join(missing)

    def test_every_row_has_a_request(self) -> None:
        assert not [name for name in ROWS if not calls_of(name)]

    def test_the_application_has_no_other_routes(self) -> None:
        application: Application = make_app(cast(Any, None))
        targets = [rule.target for rule in application.wildcard_router.rules]
        assert targets == [handler for _, handler in ROUTES]
        assert len(application.default_router.rules) == 1


@pytest.mark.parametrize("name", ROWS)
class TestEveryCaller:
    def test_a_request_without_permission_is_refused_and_changes_nothing(
        self, name: str, world: AccessWorld, contents: Callable[[], str], guarded_store_url: str
    ) -> None:
        refused = [
            case for case in cases(world, name, guarded_store_url) if case.expected in REFUSED
        ]
        assert refused or ROWS[name].needs == PUBLIC
        before = contents()
        assert not deviations(world, name, refused)
        assert contents() == before

    def test_a_request_with_permission_succeeds_in_its_own_account(
        self, name: str, world: AccessWorld, guarded_store_url: str
    ) -> None:
        permitted = [
            case for case in cases(world, name, guarded_store_url) if case.expected not in REFUSED
        ]
        assert permitted
        assert not deviations(world, name, permitted)


def deviations(world: AccessWorld, name: str, sent: list[Case]) -> list[str]:
    """The requests whose response is not the expected one."""
    row, query = ROWS[name], name.partition("?")
    found = []
    for case in sent:
        if removes_something(case):
            world.restore(case)
        response = world.send(case, row, "".join(query[1:]))
        if problem := unexpected(case, response):
            path = world.path(case)
            found.append(f"{case.caller.description}: {case.call.verb} {path}: {problem}")
    if any(map(removes_something, sent)):
        for account, each in itertools.product((1, world.acme, world.mallory), NAMES):
            world.populate(account, each)
    return found


def removes_something(case: Case) -> bool:
    """Whether a request is permitted, and deletes something or replaces an API key."""
    removes = case.call.verb == "DELETE" or case.call.template.endswith("/rotate")
    return removes and case.expected == 200


def unexpected(case: Case, response: Response) -> str:
    """How the response differs from the expected one; empty if it does not."""
    if response.status != case.expected:
        return f"{response.status} instead of {case.expected}, {response.body[:200]!r}"
    if case.expected >= 400 and case.call.writes and response.json().get("applied") != "no":
        return f"`applied` is not `no`: {response.text}"
    text = response.body.decode(errors="replace")
    if text and case.caller.is_disabled and case.expected == 403 and "is disabled" not in text:
        return f"the response states another reason: {text}"
    owners = set(OWNER.findall(text)) if case.call.names_account else set()
    if case.expected == 200 and owners - {str(case.account)}:
        return f"the response belongs to accounts {owners}"
    return ""
