"""Settings: their sources and precedence, and the errors of invalid ones."""

import json
from ipaddress import ip_network
from pathlib import Path

import pytest

from monotron.config import SETTINGS, Settings
from monotron.errors import StartupError
from monotron.listen_address import is_loopback
from monotron.store import describe, open_store


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "monotron.yml"
    file.touch(0o600)
    return file


def test_the_defaults_apply_without_any_source() -> None:
    settings = Settings.load({}, {})
    assert settings.listen == ("127.0.0.1", 3030)
    assert settings.store == "sqlite:///monotron.db"


def test_flags_precede_environment_file_and_defaults(config: Path) -> None:
    config.write_text("listen: 127.0.0.1:3\nstore: sqlite:///3.db\nlog_format: json\n")
    environ = {"MONOTRON_LISTEN": "127.0.0.1:2", "MONOTRON_STORE": "sqlite:///2.db"}
    flags = {"listen": "127.0.0.1:1", "config": str(config)}
    settings = Settings.load(flags, environ)
    assert settings.listen.port == 1
    assert settings.store == "sqlite:///2.db"
    assert settings.log_format == "json"
    assert settings.drain_delay == 0


def test_the_environment_may_name_the_config_file(config: Path) -> None:
    config.write_text("listen: 127.0.0.1:3\n")
    assert Settings.load({}, {"MONOTRON_CONFIG": str(config)}).listen.port == 3


def test_an_empty_config_file_sets_nothing(config: Path) -> None:
    config.write_text("# nothing\n")
    assert Settings.load({"config": str(config)}, {}) == Settings.load({}, {})


def test_an_empty_path_of_the_config_file_is_an_error() -> None:
    with pytest.raises(StartupError, match=r"^--config is empty"):
        Settings.load({"config": ""}, {})
    with pytest.raises(StartupError, match=r"^MONOTRON_CONFIG is empty"):
        Settings.load({}, {"MONOTRON_CONFIG": ""})


INVALID = {
    "metrics_listen": ["localhost", "127.0.0.1:x", "a..b:1", "::1"],
    "listen": [
        *("127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x", "127.0.0.1:-1", "", "localhost"),
        *(
            "a..b:1",
            f"{64 * 'x'}:1",
            f"{127 * 'x.'}x:1",
            "é:1",
            "a b:1",
            "[:1",
            "]:1",
            "[x]:1",
            "::1",
        ),
    ],
    "store": ["monotron.db", "sqlite:x", "", "sqlite:///a\0b"],
    "log_format": ["xml", ""],
    "log_level": ["trace", "INFO", "critical", ""],
    "trusted_proxies": [
        *("proxy.example.com", "10.0.0.1/8", "10.0.0.0/33", "10.0.0", "300.0.0.1", "10.0.0.1:80"),
        *("0.0.0.0/0", "::/0", "10.0.0.0/8,0.0.0.0/0", "[::1]", "10.0.0.1 10.0.0.2", "*"),
    ],
    "drain_delay": ["-1", "soon", "5.5", "nan", "1e0"],
    "processes": ["0", "-1", "257", "two", ""],
    "root_api_key": ["a b", "a:b", "é"],
    "root_api_secret": ["x", "x" * 19, " " * 20, ":" * 20, "é" * 20, "x" * 257],
    "init_root_key": ["yes", ""],
    "audience": ["a b", "é", "monotron", "https://", "https://m.example.com/", "https://é"],
    "issuers": ["http://gitlab.example.com", "gitlab", "github,https://"],
    "require_account": ["True", "yes", "1", ""],
    "requests_per_key": ["-1", "many", "1.5", ""],
    "requests_per_account": ["-1", "1e3"],
    "concurrent_requests_per_key": ["-1", "1.5", "many", ""],
    "failures_per_address": ["-1", "x"],
    "operations_per_identity": ["-1", "x"],
    "api_keys_per_account": ["-1", "x", ""],
    "badges_per_account": ["-1", "x", "1.5"],
    "series_per_account": ["-1", "x", "1.5", ""],
    "attribute_bytes_per_account": ["-1", "1 MB", ""],
    "trust_policies_per_account": ["-1", "x", "1e3"],
    "commit_url": [
        *("http://a.example/{token}", "https://a.example", "https://a.example/commit/"),
        *("https://{token}.example/", "https://a.example/{token}/{token}", "javascript:{token}"),
        *("https://a.example/{name}/{token}", "https://a.example/ {token}", "https:///{token}"),
        *("https://a.example/{token}/{repository}", "https://{repository}/{token}"),
        *("https://a.example/{repository}/{repository}/{token}", "https://a.example/{repository}"),
        *("https://u:p@a.example/{token}", "https://a.example/é/{token}", "{token}"),
    ],
}


def test_every_setting_has_invalid_values() -> None:
    assert INVALID.keys() == {setting.name for setting in SETTINGS}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, each in INVALID.items() for v in each])
def test_an_invalid_value_is_refused_with_the_setting_and_its_source(
    config: Path, name: str, value: str
) -> None:
    setting = next(each for each in SETTINGS if each.name == name)
    if setting.flag:
        with pytest.raises(StartupError, match=f"^{setting.flag} must"):
            Settings.load({name: value}, {})
    with pytest.raises(StartupError, match=f"^{setting.variable} must"):
        Settings.load({}, {setting.variable: value})
    config.write_text(json.dumps({name: value}))
    with pytest.raises(StartupError, match=f"^{config}: {name} must"):
        Settings.load({"config": str(config)}, {})


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("3030", ("127.0.0.1", 3030)),
        (":3030", ("127.0.0.1", 3030)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
        ("[::1]:3030", ("::1", 3030)),
    ],
)
def test_the_host_of_an_address_may_be_omitted(
    config: Path, text: str, address: tuple[str, int]
) -> None:
    assert Settings.load({"listen": text}, {}).listen == address
    config.write_text(f"listen: {text!r}\n")
    assert Settings.load({"config": str(config)}, {}).listen == address


@pytest.mark.parametrize("text", ["true", "false"])
def test_a_boolean_setting_is_accepted_from_every_source(config: Path, text: str) -> None:
    for yaml in text, f"'{text}'":
        config.write_text(f"require_account: {yaml}\n")
        settings = Settings.load({"config": str(config)}, {})
        assert settings.require_account is (text == "true")
    for settings in (
        Settings.load({"require_account": text}, {}),
        Settings.load({}, {"MONOTRON_REQUIRE_ACCOUNT": text}),
    ):
        assert settings.require_account is (text == "true")


def test_an_account_is_not_required_by_default() -> None:
    assert Settings.load({}, {}).require_account is False


@pytest.mark.parametrize("name", ["listen", "root_api_secret", "log_format", "requests_per_key"])
@pytest.mark.parametrize("value", ["true", "no"])
def test_a_boolean_is_refused_as_the_value_of_another_setting(
    config: Path, name: str, value: str
) -> None:
    config.write_text(f"{name}: {value}\n")
    with pytest.raises(StartupError, match=f"{name} must be a plain value"):
        Settings.load({"config": str(config)}, {})


def test_a_port_in_the_config_file_may_be_a_number(config: Path) -> None:
    config.write_text("listen: 8080\n")
    assert Settings.load({"config": str(config)}, {}).listen == ("127.0.0.1", 8080)


SECRET = "hunter4-hunter4-hunter4"
ROOT = {"MONOTRON_ROOT_API_KEY": "root", "MONOTRON_ROOT_API_SECRET": SECRET}


def test_secrets_have_no_flag_and_are_not_in_the_repr() -> None:
    settings = Settings.load({}, ROOT)
    assert (settings.root_api_key, settings.root_api_secret) == ("root", SECRET)
    assert SECRET not in repr(settings)
    secret = [setting.name for setting in SETTINGS if setting.flag is None]
    assert secret == ["root_api_key", "root_api_secret"]


@pytest.mark.parametrize("missing", ROOT)
def test_an_incomplete_root_key_is_an_error(missing: str) -> None:
    half = {name: value for name, value in ROOT.items() if name != missing}
    with pytest.raises(StartupError, match="must be set together") as error:
        Settings.load({}, half)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("secret", ["hunter 2", "hunter:2", "hunteré", "hunter" * 50])
def test_an_invalid_secret_is_not_shown(secret: str) -> None:
    with pytest.raises(StartupError, match=r"^MONOTRON_ROOT_API_SECRET must be") as error:
        Settings.load({}, {**ROOT, "MONOTRON_ROOT_API_SECRET": secret})
    assert "hunter" not in str(error.value)


def test_a_mounted_file_may_contain_any_setting(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    environ = {"MONOTRON_ROOT_API_KEY": "root", "MONOTRON_ROOT_API_SECRET_FILE": str(secret)}
    settings = Settings.load({}, environ)
    assert settings.root_api_secret == SECRET
    assert settings.warnings == ()


def test_a_missing_mounted_file_is_an_error(tmp_path: Path) -> None:
    environ = {"MONOTRON_STORE_FILE": str(tmp_path / "none")}
    with pytest.raises(StartupError, match=r"^MONOTRON_STORE_FILE names a file"):
        Settings.load({}, environ)


def test_issuers_are_short_names_or_a_list_in_the_config_file(config: Path) -> None:
    assert Settings.load({"issuers": "github, gitlab.com"}, {}).issuers == ("github", "gitlab.com")
    config.write_text("issuers:\n- url: https://gitlab.example.com\n  kind: gitlab\n")
    settings = Settings.load({"config": str(config)}, {})
    assert settings.issuers == ({"url": "https://gitlab.example.com", "kind": "gitlab"},)
    assert Settings.load({"config": str(config), "issuers": "github"}, {}).issuers == ("github",)


def test_trusted_proxies_are_addresses_and_networks_in_a_text_or_a_list(config: Path) -> None:
    expected = (ip_network("192.0.2.1"), ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))
    text = "192.0.2.1, 10.0.0.0/8,2001:db8::/32"
    assert Settings.load({"trusted_proxies": text}, {}).trusted_proxies == expected
    config.write_text("trusted_proxies:\n- 192.0.2.1\n- 10.0.0.0/8\n- 2001:db8::/32\n")
    assert Settings.load({"config": str(config)}, {}).trusted_proxies == expected
    config.write_text("trusted_proxies:\n- {a: b}\n")
    with pytest.raises(StartupError, match="trusted_proxies must be IP addresses"):
        Settings.load({"config": str(config)}, {})


def test_trusts_are_a_list_in_the_config_file(config: Path) -> None:
    config.write_text("trusts:\n- issuer: github\n")
    assert Settings.load({"config": str(config)}, {}).trusts == ({"issuer": "github"},)
    config.write_text("trusts: github\n")
    with pytest.raises(StartupError, match="trusts must be a list"):
        Settings.load({"config": str(config)}, {})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("lisetn: 127.0.0.1:1", "unknown setting 'lisetn'. Did you mean 'listen'?"),
        ("colour: blue", "unknown setting 'colour'. Settings: listen, store, .*trusts"),
        ("7: 1", "unknown setting '7'"),
        ("- listen", "must be a mapping"),
        ("listen: [1]", "listen must be a plain value"),
        ("listen: true", "listen must be a plain value"),
        ("listen: {", r"is not valid YAML \(line 2\)"),
        ("listen: !!python/object:os.system {}", "is not valid YAML"),
        ("listen: 2026-99-99", "has an invalid date or number"),
        (f"requests_per_key: {5000 * '1'}", "has an invalid date or number"),
        (5000 * "[", "is too deep"),
    ],
)
def test_an_invalid_config_file_is_refused_with_the_reason(
    config: Path, content: str, message: str
) -> None:
    config.write_text(content + "\n")
    with pytest.raises(StartupError, match=message):
        Settings.load({"config": str(config)}, {})


def test_a_missing_config_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"^Cannot read the config file .*: No such file"):
        Settings.load({"config": str(tmp_path / "none.yml")}, {})


def test_an_unknown_variable_is_ignored_with_a_warning() -> None:
    warnings = Settings.load({}, {"MONOTRON_LISTN": "x", "MONOTRON_SUPPORT": "x"}).warnings
    assert warnings == (
        "ignoring unknown environment variable MONOTRON_LISTN",
        "ignoring unknown environment variable MONOTRON_SUPPORT",
    )


@pytest.mark.parametrize(
    "name",
    [
        "PORT",
        "PORT_3030_TCP",
        "PORT_3030_TCP_PROTO",
        "PORT_3030_TCP_PORT",
        "LISTEN_PORT",
        "LISTEN_SERVICE_HOST",
        "STORE_SERVICE_PORT_FILE",
        "ROOT_API_KEY_SERVICE_HOST",
        "NAME",
        "ENV_PYTHON_VERSION",
        "PORT_3030_TCP_ADDR",
        "SERVICE_HOST",
        "SERVICE_PORT_HTTP",
        "URL",
        "API_KEY",
        "ACCOUNT",
    ],
)
def test_a_variable_of_the_orchestrator_or_of_the_client_causes_no_warning(name: str) -> None:
    assert Settings.load({}, {f"MONOTRON_{name}": "tcp://10.0.0.1"}).warnings == ()


SECRET_URL = "mongodb://user:hunter2@a,b/monotron?tlsCertificateKeyFilePassword=hunter3"


def test_the_password_of_a_store_is_not_in_the_repr_or_the_description() -> None:
    settings = Settings.load({"store": SECRET_URL}, {})
    assert settings.store == SECRET_URL
    assert "hunter" not in repr(settings)
    assert describe(SECRET_URL) == "mongodb://a,b/monotron"
    assert describe("sqlite:////a@b?c.db") == "/a@b?c.db"


@pytest.mark.parametrize(
    "url", [SECRET_URL.replace("mongodb", "mongo"), "hunter2", "sqlite:hunter2", "", "a:hunter2@b"]
)
def test_an_unsupported_store_is_refused_without_showing_its_url(url: str) -> None:
    with pytest.raises(StartupError, match="sqlite:///FILE") as error:
        open_store(url)
    assert "hunter" not in str(error.value)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "[::1]",
    ],
)
def test_a_loopback_name_is_recognized(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "example.com",
        "localhost.example.com",
        "127.0.0.1.nip.io",
        "0.0.0.0",
        "10.0.0.1",
        "::",
        "127.1",
        "2130706433",
    ],
)
def test_another_name_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)
