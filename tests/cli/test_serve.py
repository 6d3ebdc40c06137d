"""The command that runs the server: its exit codes if it cannot start."""

from __future__ import annotations

import pytest

from support.terminal import Terminal

CONFIG = "trusts:\n  - issuer: github\n"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--listen", "x"), "--listen must be HOST:PORT"),
        (("--store", "ftp://x"), "the store must be sqlite:///FILE"),
        (("--store", "sqlite://x.db"), "invalid SQLite store URL"),
        (("--config", "missing.yml"), "cannot read the config file missing.yml"),
        (("--config", "trusts.yml"), "trusts, item 1: "),
        (("--processes", "2"), "several processes cannot share an SQLite file"),
        (("--issuers", "github"), "`issuers` requires `audience`"),
        (("--listen", "0.0.0.0:0"), "refusing to listen on 0.0.0.0:0 without credentials"),
    ],
    ids=str,
)
def test_an_invalid_setting_exits_with_2(
    arguments: tuple[str, ...], error: str, offline: Terminal
) -> None:
    (offline.folder / "trusts.yml").write_text(CONFIG)
    assert offline.fails(2, "serve", *arguments).startswith(f"error: {error}")


def test_a_store_that_cannot_be_used_exits_with_1(offline: Terminal) -> None:
    (offline.folder / "text.db").write_text("This is not a database." * 100)
    errors = offline.fails(1, "serve", "--listen", "127.0.0.1:0", "--store", "sqlite:///text.db")
    assert errors.startswith("error: SQLite cannot use ")
