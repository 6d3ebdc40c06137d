"""`monotron config check` and `monotron config show`."""

from __future__ import annotations

import json

import pytest

from monotron.config import SETTINGS
from support.server import ROOT_ENV
from support.terminal import Terminal

SECRET = ROOT_ENV["MONOTRON_ROOT_API_SECRET"]
TRUSTS = "trusts:\n  - issuer: github\n"


class TestCheck:
    def test_valid_settings_need_neither_a_store_nor_an_address(self, offline: Terminal) -> None:
        settings = "listen: 192.0.2.1:1\nstore: mongodb://db.invalid/m\nprocesses: 4\n"
        (offline.folder / "monotron.yml").write_text(settings)
        printed = offline.prints("config", "check", "--config=monotron.yml", **ROOT_ENV)
        assert printed == "The settings are valid.\n"
        assert [file.name for file in offline.folder.iterdir()] == ["monotron.yml"]

    @pytest.mark.parametrize(
        ("content", "error"),
        [
            ("listen: x", "monotron.yml: listen must be HOST:PORT"),
            ("lisen: x", "monotron.yml: unknown setting 'lisen'. Did you mean 'listen'?"),
            ("processes: 2", "several processes cannot share an SQLite file"),
            ("issuers: github", "`issuers` requires `audience`"),
            (TRUSTS, "trusts, item 1: "),
        ],
        ids=str,
    )
    def test_settings_that_serve_would_reject_exit_with_2(
        self, content: str, error: str, offline: Terminal
    ) -> None:
        (offline.folder / "monotron.yml").write_text(content)
        errors = offline.fails(2, "config", "check", "--config=monotron.yml")
        assert errors.startswith(f"error: {error}")

    def test_an_unknown_variable_is_a_warning(self, offline: Terminal) -> None:
        process = offline.run("config", "check", MONOTRON_LISEN="x")
        assert process.returncode == 0
        warning = "warning: ignoring unknown environment variable MONOTRON_LISEN\n"
        assert process.stderr == warning


class TestShow:
    def test_each_setting_has_its_value_and_its_source(self, offline: Terminal) -> None:
        content = (
            "log_level: debug\nissuers: [github, gitlab.com]\naudience: https://m.example.com\n"
        )
        (offline.folder / "monotron.yml").write_text(content)
        environ = {"MONOTRON_CONFIG": "monotron.yml", "MONOTRON_PROCESSES": "1"}
        shown = json.loads(offline.prints("config", "show", "--output=json", **environ))
        assert shown.keys() == {setting.name for setting in SETTINGS}
        assert shown["log_level"] == {"value": "debug", "source": "monotron.yml: log_level"}
        assert shown["processes"] == {"value": "1", "source": "MONOTRON_PROCESSES"}
        assert shown["listen"] == {"value": "127.0.0.1:3030", "source": "default"}
        assert shown["issuers"]["value"] == '["github", "gitlab.com"]'
        lines = offline.prints("config", "show", **environ).splitlines()
        assert lines[0].split() == ["SETTING", "VALUE", "SOURCE"]
        assert "log_level" in " ".join(lines)

    def test_a_list_and_an_invalid_value_are_shown_as_they_were_found(
        self, offline: Terminal
    ) -> None:
        content = "issuers:\n  - issuer: https://ci.example.com\nprocesses: many\n"
        (offline.folder / "monotron.yml").write_text(content)
        printed = offline.prints("config", "show", "--config=monotron.yml", "--output=json")
        shown = json.loads(printed)
        assert json.loads(shown["issuers"]["value"]) == [{"issuer": "https://ci.example.com"}]
        assert shown["processes"] == {"value": "many", "source": "monotron.yml: processes"}

    def test_secrets_are_not_shown(self, offline: Terminal) -> None:
        store = "mongodb://user:pass-word@db.example.com/monotron"
        for output in "text", "json":
            printed = offline.prints(
                "config", "show", f"--output={output}", MONOTRON_STORE=store, **ROOT_ENV
            )
            assert SECRET not in printed
            assert "pass-word" not in printed
            assert "db.example.com/monotron" in printed

    @pytest.mark.parametrize("store", ["postgres://user:pass-word@db", "sqlite:/x", "pass-word"])
    def test_an_invalid_store_is_not_shown(self, store: str, offline: Terminal) -> None:
        printed = offline.prints("config", "show", "--output=json", MONOTRON_STORE=store)
        assert json.loads(printed)["store"]["value"] == "(invalid URL)"

    def test_trust_policies_are_counted(self, offline: Terminal) -> None:
        (offline.folder / "monotron.yml").write_text(TRUSTS)
        printed = offline.prints("config", "show", "--config=monotron.yml")
        assert printed.splitlines()[-1].split() == ["trusts", "1", "monotron.yml:", "trusts"]
