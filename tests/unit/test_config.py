"""Settings: where they come from, which wins, and what a wrong one says."""

from pathlib import Path

import pytest

from monotron.config import SETTINGS, Settings, is_loopback, store_name
from monotron.errors import StartupError


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "monotron.yml"


def test_without_anything_the_defaults_hold() -> None:
    settings = Settings.load({}, {})
    assert settings.listen == ("127.0.0.1", 3030)
    assert settings.store == "sqlite:///monotron.db"


def test_flag_wins_over_environment_over_file_over_default(config: Path) -> None:
    config.write_text("listen: 127.0.0.1:3\nstore: sqlite:///3.db\nlog_format: json\n")
    environ = {"MONOTRON_LISTEN": "127.0.0.1:2", "MONOTRON_STORE": "sqlite:///2.db"}
    flags = {"listen": "127.0.0.1:1", "config": str(config)}
    settings = Settings.load(flags, environ)
    assert settings.listen.port == 1
    assert settings.store == "sqlite:///2.db"
    assert settings.log_format == "json"
    assert settings.drain_delay == 0


def test_the_file_may_be_named_in_the_environment(config: Path) -> None:
    config.write_text("listen: 127.0.0.1:3\n")
    assert Settings.load({}, {"MONOTRON_CONFIG": str(config)}).listen.port == 3


def test_an_empty_file_sets_nothing(config: Path) -> None:
    config.write_text("# nothing\n")
    assert Settings.load({"config": str(config)}, {}) == Settings.load({}, {})


WRONG = {
    "listen": ["3030", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x", ":3030", "127.0.0.1:-1"],
    "store": ["monotron.db", "postgres://h/d", "sqlite:x", ""],
    "log_format": ["xml", ""],
    "drain_delay": ["-1", "soon", "5.5", "nan", "1e0"],
    "processes": ["0", "-1", "257", "two", ""],
    "root_api_key": ["a b", "a:b", "é"],
    "root_api_secret": ["a b", "a:b", "x" * 257],
    "audience": ["a b", "é"],
    "issuers": ["http://gitlab.example.com", "gitlab", "github,https://"],
    "requests_per_key": ["-1", "many", "1.5", ""],
    "requests_per_account": ["-1", "1e3"],
    "failures_per_address": ["-1", "x"],
    "operations_per_identity": ["-1", "x"],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, each in WRONG.items() for v in each])
def test_a_wrong_value_names_the_setting_and_its_source(
    config: Path, name: str, value: str
) -> None:
    setting = next(each for each in SETTINGS if each.name == name)
    if setting.flag:
        with pytest.raises(StartupError, match=f"^{setting.flag} must"):
            Settings.load({name: value}, {})
    with pytest.raises(StartupError, match=f"^{setting.variable} must"):
        Settings.load({}, {setting.variable: value})
    config.write_text(f"{name}: {value!r}\n")
    with pytest.raises(StartupError, match=f"^{config}: {name} must"):
        Settings.load({"config": str(config)}, {})


ROOT = {"MONOTRON_ROOT_API_KEY": "root", "MONOTRON_ROOT_API_SECRET": "hunter4"}


def test_secrets_have_no_flag_and_no_repr() -> None:
    settings = Settings.load({}, ROOT)
    assert (settings.root_api_key, settings.root_api_secret) == ("root", "hunter4")
    assert "hunter4" not in repr(settings)
    secret = [setting.name for setting in SETTINGS if setting.flag is None]
    assert secret == ["root_api_key", "root_api_secret"]


@pytest.mark.parametrize("missing", ROOT)
def test_half_a_root_key_is_an_error(missing: str) -> None:
    half = {name: value for name, value in ROOT.items() if name != missing}
    with pytest.raises(StartupError, match="only one is set") as error:
        Settings.load({}, half)
    assert "hunter4" not in str(error.value)


def test_any_setting_may_stand_in_a_mounted_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter4\n")
    environ = {"MONOTRON_ROOT_API_KEY": "root", "MONOTRON_ROOT_API_SECRET_FILE": str(secret)}
    settings = Settings.load({}, environ)
    assert settings.root_api_secret == "hunter4"
    assert settings.warnings == ()


def test_a_mounted_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    environ = {"MONOTRON_STORE_FILE": str(tmp_path / "none")}
    with pytest.raises(StartupError, match=r"^MONOTRON_STORE_FILE names a file"):
        Settings.load({}, environ)


def test_issuers_are_words_or_a_list_of_the_file(config: Path) -> None:
    assert Settings.load({"issuers": "github, gitlab.com"}, {}).issuers == ("github", "gitlab.com")
    config.write_text("issuers:\n- url: https://gitlab.example.com\n  kind: gitlab\n")
    settings = Settings.load({"config": str(config)}, {})
    assert settings.issuers == ({"url": "https://gitlab.example.com", "kind": "gitlab"},)
    assert Settings.load({"config": str(config), "issuers": "github"}, {}).issuers == ("github",)


def test_trusts_are_a_list_of_the_file(config: Path) -> None:
    config.write_text("trusts:\n- issuer: github\n")
    assert Settings.load({"config": str(config)}, {}).trusts == ({"issuer": "github"},)
    config.write_text("trusts: github\n")
    with pytest.raises(StartupError, match="trusts must be a list"):
        Settings.load({"config": str(config)}, {})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("lisetn: 127.0.0.1:1", "'lisetn' is no setting. There are: listen, store"),
        ("- listen", "must be a mapping"),
        ("listen: [1]", "listen must be a plain value"),
        ("listen: true", "listen must be a plain value"),
        ("listen: {", r"is no YAML \(line 2\)"),
        ("listen: !!python/object:os.system {}", "is no YAML"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(config: Path, content: str, said: str) -> None:
    config.write_text(content + "\n")
    with pytest.raises(StartupError, match=said):
        Settings.load({"config": str(config)}, {})


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="cannot be read: No such file"):
        Settings.load({"config": str(tmp_path / "none.yml")}, {})


def test_an_unknown_variable_only_warns() -> None:
    (warning,) = Settings.load({}, {"MONOTRON_PORT_3030_TCP": "tcp://10.0.0.1"}).warnings
    assert "MONOTRON_PORT_3030_TCP" in warning


SECRET_URL = "mongodb://user:hunter2@a,b/monotron?tlsCertificateKeyFilePassword=hunter3"


def test_a_password_is_in_no_repr_and_no_name() -> None:
    settings = Settings.load({"store": SECRET_URL}, {})
    assert settings.store == SECRET_URL
    assert "hunter" not in repr(settings) + settings.store_name
    assert store_name(SECRET_URL) == "mongodb://a,b/monotron"


def test_a_password_is_in_no_error() -> None:
    with pytest.raises(StartupError) as error:
        Settings.load({}, {"MONOTRON_STORE": SECRET_URL.replace("mongodb", "mongo")})
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
def test_these_are_loopback(host: str) -> None:
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
def test_these_are_not(host: str) -> None:
    assert not is_loopback(host)
