"""`monotron rename`, and what requests for the earlier name get."""

from __future__ import annotations

from contextlib import closing

import pytest

from monotron.errors import StoreUnavailable
from monotron.runtime import PRODUCTION
from monotron.store import open_store
from monotron.store.mongo.client import checked_database
from monotron.store.mongo.registration import Registration
from support.badges import new_badge
from support.server import Client, Server
from support.store_contents import adopt, apply
from support.terminal import Terminal

STORE = ("--store", "sqlite:///monotron.db")


@pytest.fixture
def stopped(offline: Terminal) -> Terminal:
    """A folder with the store of a stopped server, whose name `shop` has a version."""
    with closing(open_store(f"sqlite:///{offline.folder}/monotron.db")) as store:
        apply(store, adopt("1.2.57"))
    return offline


REQUESTS = (
    ("PUT", "versions/shop/b"),
    ("PUT", "versions/shop/b?dry_run=true"),
    ("GET", "versions/shop"),
    ("GET", "versions/shop/a"),
    ("GET", "releases/shop"),
    ("GET", "releases/shop/0.1.0"),
    ("DELETE", "releases/shop/0.1.0/withdrawal"),
    ("PUT", "series/shop/b"),
    ("GET", "series/shop-minor-v0"),
    ("GET", "entries/shop-minor-v0"),
    ("DELETE", "series/shop-patch-v0.1?restart=true"),
    ("GET", "accounts/1/tokens/shop/x/attrs"),
)


def refused(client: Client, method: str, path: str) -> str:
    response = client.request(method, f"/v1/{path}")
    assert (response.status, response.json()["code"]) == (410, "name_renamed"), (path, response)
    return str(response.json()["detail"])


def test_a_server_continues_with_the_new_name_and_refuses_the_old_one(
    offline: Terminal,
) -> None:
    server_url = f"sqlite:///{offline.folder}/monotron.db"
    with Server(server_url) as server, server.client() as client:
        assert client.request("PUT", "/v1/versions/shop/a?bump=minor").status == 200
        badge = new_badge(client, "shop")
    assert (
        offline.prints("rename", "shop", "store", *STORE)
        == "Renamed shop to store in account 1. Requests for shop now get 410.\n"
    )
    with Server(server_url) as server, server.client() as client:
        for method, path in REQUESTS:
            detail = refused(client, method, path)
            assert detail.startswith("'shop' was renamed to 'store'")
        assert client.request("PUT", "/v1/versions/store/a?bump=minor").json()["version"] == "0.1.0"
        assert client.request("PUT", "/v1/versions/store/b").json()["version"] == "0.1.1"
        names = client.request("GET", "/v1/versions").json()["versions"]
        assert [each["name"] for each in names] == ["store"]
        assert b"0.1.1" in client.request("GET", f"/badge/{badge['id']}.svg").body
        assert client.request("GET", "/names/shop").status == 410
        assert client.request("GET", "/names/store").status == 200
        terminal = Terminal(offline.folder, server.url)
        assert "name_renamed (410): 'shop' was renamed to 'store'" in terminal.fails(
            1, "version", "shop", "c"
        )


def test_the_account_can_be_named(stopped: Terminal) -> None:
    assert stopped.prints("account", "create", "--name=acme", *STORE) == "2\n"
    errors = stopped.fails(1, "rename", "shop", "store", "--account=acme", *STORE)
    assert errors == stopped.fails(1, "rename", "shop", "store", *STORE, MONOTRON_ACCOUNT="2")
    assert "error: cannot rename 'shop': 'shop' has no versions and no series" in errors
    assert "no account has the name 'ghost'" in stopped.fails(
        2, "rename", "shop", "store", "--account=ghost", *STORE
    )
    assert stopped.prints("rename", "shop", "store", "--account=1", *STORE)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("shop", "shop", "the same name"),
        ("shop", ".", "invalid name '.'"),
        ("a\nb", "shop", "invalid name"),
        ("shop", "", "invalid name ''"),
        ("shop", 201 * "a", "has 201 characters"),
        ("shop", "web-major", "is the key of a series of the name 'web'"),
    ],
    ids=["same", "dot", "control", "empty", "long", "series"],
)
def test_invalid_names_are_refused(old: str, new: str, error: str, stopped: Terminal) -> None:
    assert error in stopped.fails(2, "rename", old, new, *STORE)


def test_a_missing_store_is_refused_and_not_created(offline: Terminal) -> None:
    assert "does not exist" in offline.fails(2, "rename", "shop", "store", *STORE)
    assert not list(offline.folder.iterdir())


def test_an_interrupted_rename_must_be_repeated(database_url: str, offline: Terminal) -> None:
    """The document states the rename, as after a kill."""
    with closing(open_store(database_url)) as store:
        apply(store, adopt("1.2.57"))
    with checked_database(database_url) as database, closing(database.client):
        registration = Registration(database, PRODUCTION, "rename")
        registration.begin_rename((1, "shop", "store"))
        registration.close()
    serve = ("serve", "--listen", "127.0.0.1:0", "--store", database_url)
    for command in (serve, ("export", "--store", database_url)):
        assert "Repeat `monotron rename --account 1 shop store`" in offline.fails(1, *command)
    (offline.folder / "rows").write_text("")
    imported = offline.fails(1, "import", "rows", "--rows", "--store", database_url)
    assert "an interrupted rename" in imported
    errors = offline.fails(1, "rename", "shop", "other", "--store", database_url)
    assert "an interrupted rename of 'shop' to 'store' in account 1" in errors
    assert offline.prints("rename", "shop", "store", "--store", database_url)
    with Server(database_url) as server, server.client() as client:
        assert client.request("GET", "/v1/versions/store").json()["version"] == "1.2.57"


def test_a_suspended_server_refuses_all_requests_after_a_rename(
    database_url: str, offline: Terminal
) -> None:
    with checked_database(database_url) as database, closing(database.client):
        registration = Registration(database, PRODUCTION, expiry_seconds=0)
        with closing(open_store(database_url)) as store:
            apply(store, adopt("1.2.57"))
        assert offline.prints("rename", "shop", "store", "--store", database_url)
        registration._renew(10)  # what its thread does when the process continues
        with pytest.raises(StoreUnavailable, match="Names were renamed while this server"):
            registration.check()
        registration.close()
