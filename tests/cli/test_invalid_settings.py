"""`monotron serve` with invalid settings: exit code 2, and an error that names the setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from monotron.config import SETTINGS
from support.server import ROOT_ENV
from support.terminal import Terminal

INVALID = {
    "metrics_listen": ["nowhere", "nowhere.invalid:3030", "a..b:3030"],
    "listen": ["nowhere", "nowhere.invalid:3030", "a..b:3030", "[::1%x]:3030"],
    "store": [
        *("monotron.db", "postgres://h/d", "sqlite://x", "sqlite:////nowhere/x.db", "sqlite:///."),
        *("mongodb://", "mongodb://h", "mongodb://h/", "mongodb://h:x/d", "mongodb://h/a.b"),
        *(f"mongodb://h/{64 * 'd'}", "mongodb://h/d?x=y", "mongodb://h/d?tls=maybe"),
        *("mongodb://h/d?serverSelectionTimeoutMS=x", "mongodb://%zz@h/d"),
    ],
    "log_format": ["xml"],
    "log_level": ["trace"],
    "trusted_proxies": ["proxy.example.com", "0.0.0.0/0"],
    "drain_delay": ["6"],
    "processes": ["0", "2"],
    "root_api_key": ["a b", ""],
    "root_api_secret": ["short", ""],
    "init_root_key": ["1", ""],
    "audience": ["a b", "https://m.example.com/"],
    "issuers": ["gitlab", "https://gitlab.example.com", "github", "github,github"],
    "require_account": ["yes", ""],
    "requests_per_key": ["-1"],
    "requests_per_account": ["x"],
    "concurrent_requests_per_key": ["-1"],
    "failures_per_address": ["1.5"],
    "operations_per_identity": ["1e3"],
    "api_keys_per_account": ["-1"],
    "badges_per_account": ["-1"],
    "series_per_account": ["-1"],
    "attribute_bytes_per_account": ["-1"],
    "trust_policies_per_account": ["x"],
    "commit_url": ["http://a.example/{token}", "https://a.example/"],
}
"""Invalid values by setting, those that only the start detects included: an SQLite file allows one
process, two issuers must differ, and `github` requires `audience`."""


def test_every_setting_has_invalid_values() -> None:
    assert INVALID.keys() == {setting.name for setting in SETTINGS}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, each in INVALID.items() for v in each])
def test_an_invalid_setting_ends_the_server_with_2_and_its_name(
    name: str, value: str, offline: Terminal
) -> None:
    environ = {**ROOT_ENV, "MONOTRON_LISTEN": "127.0.0.1:0", "MONOTRON_STORE": "sqlite://"}
    process = offline.run("serve", **{**environ, f"MONOTRON_{name.upper()}": value})
    assert (process.returncode, process.stdout) == (2, ""), process
    assert process.stderr.startswith("error: ")
    forms = (name, f"--{name.replace('_', '-')}", f"MONOTRON_{name.upper()}")
    assert any(form in process.stderr for form in forms)
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize(
    "content",
    [
        *("listen: 2026-99-99", f"processes: {5000 * '1'}", 9999 * "[", "listen: {", "x: 1", "- x"),
        *("issuers: [1]", "issuers: [{url: 7}]", "issuers: [{url: github, kind: 2026-01-01}]"),
        "issuers: [{url: https://vstoken.dev.azure.com/1}]",
        "issuers: [{url: https://vstoken.dev.azure.com/1, audience: https://a.example}]",
        "issuers: [{url: https://agent.buildkite.com, audience: https://a.example}]",
        "issuers: [{url: https://agent.buildkite.com, kind: other}]",
        *("trusts: [1]", "trusts: [{account: 1}]", "trusts: [{account: 1, 2026-01-01: 1}]"),
        *("trusts: [{account: 1, issuer: github, claims: {1: 2}}]", "trusts: {}"),
        *("trusts: [{account: 1, issuer: github, claims: {ref: [[]]}, scopes: [1]}]",),
    ],
    ids=lambda content: content[:40],
)
def test_an_invalid_config_file_ends_the_server_with_2_and_its_reason(
    content: str, offline: Terminal
) -> None:
    Path(offline.folder, "monotron.yml").write_text(content + "\n")
    process = offline.run("serve", "--config=monotron.yml", "--store=sqlite://", **ROOT_ENV)
    assert (process.returncode, process.stdout) == (2, ""), process
    named = ("monotron.yml", "issuers", "trusts")
    assert process.stderr.startswith(tuple(f"error: {name}" for name in named))
    assert "Traceback" not in process.stderr


def test_variables_of_an_orchestrator_do_not_affect_the_commands(offline: Terminal) -> None:
    injected = {
        "MONOTRON_PORT": "tcp://10.0.0.1:3030",
        "MONOTRON_PORT_3030_TCP": "tcp://10.0.0.1:3030",
        "MONOTRON_SERVICE_HOST": "10.0.0.1",
        "MONOTRON_SERVICE_PORT_HTTP": "3030",
        "MONOTRON_DB_PORT": "tcp://10.0.0.2:27017",
        "MONOTRON_DB_SERVICE_HOST": "10.0.0.2",
    }
    store = "--store=sqlite:///monotron.db"
    process = offline.run("account", "create", store, **injected)
    assert (process.returncode, process.stdout) == (0, "2\n")
    assert "MONOTRON" not in process.stderr
