"""docs/migrate/postgresql.md, run with PostgreSQL on tables of the first Monotron."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from contract.asking import put_any
from docs.test_drift import page, section
from monotron.model.series import SeriesKey
from monotron.store import open_store
from support.postgres import Postgres
from support.server import ROOT_ENV, Server
from support.store_contents import exported
from support.terminal import Terminal

PAGE = page("docs/migrate/postgresql.md")
TIMES = """
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  updated_at timestamp with time zone NOT NULL DEFAULT now()"""
TABLES = f"""
DROP TABLE IF EXISTS mn_account, mn_entry, mn_entry_version, mn_token_attr;
CREATE TABLE mn_account (id bigserial PRIMARY KEY, {TIMES});
INSERT INTO mn_account (id) VALUES (0);
CREATE TABLE mn_entry (
  key varchar(256) NOT NULL, creator_id bigint NOT NULL REFERENCES mn_account (id),
  token varchar(256), value bigint NOT NULL, {TIMES}, PRIMARY KEY (key, creator_id));
CREATE TABLE mn_entry_version (
  key varchar(256) NOT NULL, creator_id bigint NOT NULL REFERENCES mn_account (id),
  token varchar(256) NOT NULL, value bigint NOT NULL, {TIMES},
  PRIMARY KEY (key, creator_id, token));
CREATE TABLE mn_token_attr (
  key varchar(256) NOT NULL, creator_id bigint NOT NULL, token varchar(256) NOT NULL,
  name varchar(256) NOT NULL, value text, {TIMES}, PRIMARY KEY (key, creator_id, token, name));
"""
CONTENT = """
INSERT INTO mn_account (id) VALUES (1), (2), (3);
INSERT INTO mn_entry (key, creator_id, token, value) VALUES
  ('shop', 1, 'c', 3), ('gaps', 1, NULL, 9), ('race', 1, 'x', 1), ('shop', 2, 'a', 1),
  ('Zoo', 1, 'a', 9223372036854775806), (E'w\u00e9b \U0001f600', 1, 'a', 1), (E'\uffee', 1, 'a', 1);
INSERT INTO mn_entry_version (key, creator_id, token, value, updated_at) VALUES
  ('shop', 1, 'a', 1, '2020-01-02 03:04:05.678Z'), ('shop', 1, 'b', 2, now()),
  ('shop', 1, 'c', 3, now()),
  ('gaps', 1, 'a', 2, now()), ('gaps', 1, 'b', 5, now()), ('gaps', 1, 'c', 6, now()),
  ('race', 1, 'w', 1, now()), ('race', 1, 'x', 1, '2020-01-01Z'), ('shop', 2, 'a', 1, now()),
  ('Zoo', 1, 'a', 9223372036854775806, now()),
  (E'w\u00e9b \U0001f600', 1, 'a', 1, now()), (E'\uffee', 1, 'a', 1, now());
INSERT INTO mn_token_attr (key, creator_id, token, name, value) VALUES
  ('shop', 1, 'a', 'url', E'https://example.com/"a"\\nb'), ('shop', 1, 'a', 'B', 'c'),
  ('shop', 1, 'b', 'empty', NULL), ('later', 1, 'a', 'only', 'attributes');
"""


def script(heading: str, language: str) -> str:
    """The only block of a language below a heading."""
    pattern = rf"^```{language}\n(.*?)^```"
    (block,) = re.findall(pattern, section(PAGE, heading), re.DOTALL | re.MULTILINE)
    return str(block)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with Postgres() as postgres:
        yield postgres


@pytest.fixture
def postgres(server: Postgres) -> Postgres:
    """A database as the first Monotron leaves it."""
    server.run(TABLES + CONTENT)
    return server


@pytest.fixture
def offline(tmp_path: Path) -> Terminal:
    """A folder without a server."""
    return Terminal(tmp_path, "https://monotron.invalid")


def move(postgres: Postgres, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command of the page."""
    (folder / "monotron.sql").write_text(script("## The command", "sql"))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", script("## The command", "sh")],
        cwd=folder,
        env={**postgres.environment, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_series_tokens_attributes_and_accounts_are_kept(
    postgres: Postgres, offline: Terminal
) -> None:
    moved = move(postgres, offline.folder)
    assert moved.stdout == (
        "Imported 9 series, 16 entries, 0 releases, 0 API keys, 0 trust policies\n"
    ), moved.stderr
    store = "--store=sqlite:///monotron.db"
    assert offline.prints("audit", store) == "OK: 8 series, 16 entries, 0 releases checked\n"
    with closing(open_store(f"sqlite:///{offline.folder}/monotron.db")) as opened:
        rows = [json.loads(line) for line in exported(opened).splitlines()]

        def values(key: str, *tokens: str, account: int = 1) -> list[int]:
            return [put_any(opened, token, SeriesKey(account, key)) for token in tokens]

        assert values("shop", "a", "b", "c", "new", "a") == [1, 2, 3, 4, 1]
        assert values("gaps", "a", "b", "c", "new") == [2, 5, 6, 10]
        assert values("race", "x", "w") == [1, 2]
        assert values("shop", "a", "b", account=2) == [1, 2]
        assert values("Zoo", "a", "b") == [9223372036854775806, 9223372036854775807]
        assert values("wéb \U0001f600", "a", "b") == [1, 2]
        assert opened.attributes.all(SeriesKey(1, "shop"), "a") == {
            "B": "c",
            "url": 'https://example.com/"a"\nb',
        }
        assert opened.attributes.all(SeriesKey(1, "shop"), "b") == {}
        assert opened.attributes.all(SeriesKey(1, "later"), "a") == {"only": "attributes"}
        assert values("later", "a") == [1]
    assert 1577934245678 in [row["created_at"] for row in rows if row["kind"] == "entry"]
    command = script("## Switch the pipeline", "sh").split()
    assert command[0] == "monotron"
    assert offline.run(*command[1:]).returncode == 0
    assert offline.prints("account", "list", store).count("\n") == 4
    assert offline.prints("account", "create", store) == "4\n"


def test_a_server_continues_and_the_way_back_is_possible(
    postgres: Postgres, offline: Terminal
) -> None:
    assert move(postgres, offline.folder).returncode == 0
    with Server(f"sqlite:///{offline.folder}/monotron.db", env=ROOT_ENV) as server:
        terminal = Terminal(
            offline.folder, server.url, MONOTRON_API_KEY=":".join(ROOT_ENV.values())
        )
        assert terminal.prints("next", "shop", "abcdef") == "4\n"
    (update,) = re.findall(r"^```sql\n(.*?)^```", section(PAGE, "## Go back"), re.M | re.S)
    postgres.run(str(update))
    value = postgres.run("SELECT value FROM mn_entry WHERE key = 'shop' AND creator_id = 1")
    assert value == "1206\n"
    query = script("## Check", "sql")
    assert postgres.run(query) == "1|race|1|{w,x}\n"


def test_tables_of_an_older_version_and_one_account_are_read(
    server: Postgres, offline: Terminal
) -> None:
    server.run(TABLES + "ALTER TABLE mn_token_attr RENAME TO mn_entry_version_attr")
    try:
        server.run(
            "INSERT INTO mn_account (id) VALUES (1);"
            "INSERT INTO mn_entry_version_attr (key, creator_id, token, name, value)"
            " VALUES ('shop', 1, 'a', 'name', 'value')"
        )
        moved = move(server, offline.folder)
    finally:
        server.run("DROP TABLE mn_entry_version_attr")
    assert moved.stdout.startswith("Imported 1 series, 0 entries"), moved.stderr


def test_nothing_is_imported_if_the_script_fails(postgres: Postgres, offline: Terminal) -> None:
    postgres.run("UPDATE mn_entry SET creator_id = 0 WHERE key = 'gaps'")
    moved = move(postgres, offline.folder)
    assert moved.returncode == 1
    assert "account 0 has series" in moved.stderr
    assert "line 1 is missing" in moved.stderr
    with closing(open_store(f"sqlite:///{offline.folder}/monotron.db")) as opened:
        assert opened.contents().series == 0
