"""Settings with credentials: empty and incomplete ones, and files that every user can read."""

from pathlib import Path

import pytest

from monotron.config import SETTINGS, Settings
from monotron.errors import InvalidSetting

SECRET = "correct-horse-battery"
ROOT = {"MONOTRON_ROOT_API_KEY": "root", "MONOTRON_ROOT_API_SECRET": SECRET}
SECRETS = [setting.name for setting in SETTINGS if setting.secret]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "monotron.yml"
    file.touch(0o600)
    return file


@pytest.mark.parametrize("name", SECRETS)
def test_an_empty_credential_is_an_error_in_every_source(
    name: str, config: Path, tmp_path: Path
) -> None:
    variable = f"MONOTRON_{name.upper()}"
    with pytest.raises(InvalidSetting, match=f"^{variable} is empty"):
        Settings.load({}, {**ROOT, variable: ""})
    for content in "''", "":
        config.write_text(f"{name}: {content}\n")
        with pytest.raises(InvalidSetting, match=f"^{config}: {name} "):
            Settings.load({"config": str(config)}, {})
    empty = tmp_path / "empty"
    empty.write_text(" \n")
    with pytest.raises(InvalidSetting, match=f"^{variable}_FILE names an empty file"):
        Settings.load({}, {f"{variable}_FILE": str(empty)})


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_an_empty_variable_for_a_file_is_an_error(setting: object) -> None:
    variable = f"{setting.variable}_FILE"  # type: ignore[attr-defined]
    with pytest.raises(InvalidSetting, match=f"^{variable} is empty"):
        Settings.load({}, {variable: ""})


@pytest.mark.parametrize(
    ("flags", "environ", "content", "sources"),
    [
        ({}, {}, "listen: 127.0.0.1:1", ()),
        ({}, ROOT, "", ("MONOTRON_ROOT_API_KEY", "MONOTRON_ROOT_API_SECRET")),
        ({}, {"MONOTRON_ISSUERS": ""}, "", ("MONOTRON_ISSUERS",)),
        ({"audience": ""}, {}, "", ("--audience",)),
        ({}, {}, "issuers: []", ("CONFIG: issuers",)),
        ({}, {}, "trusts: []", ("CONFIG: trusts",)),
    ],
    ids=str,
)
def test_the_sources_of_credentials_are_remembered(
    config: Path,
    flags: dict[str, str],
    environ: dict[str, str],
    content: str,
    sources: tuple[str, ...],
) -> None:
    config.write_text(content + "\n")
    settings = Settings.load({**flags, "config": str(config)}, environ)
    found = tuple(each.replace(str(config), "CONFIG") for each in settings.credential_sources)
    assert found == sources


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o666])
@pytest.mark.parametrize(
    "content",
    [
        f"root_api_key: root\nroot_api_secret: {SECRET}\n",
        f"root_api_secret: {SECRET}\n",
        "store: mongodb://user:hunter2@db.example/monotron\n",
        "store: mongodb://db.example/monotron?tlsCertificateKeyFilePassword=hunter2\n",
    ],
)
def test_a_config_file_with_a_secret_that_every_user_can_read_is_refused(
    config: Path, content: str, mode: int
) -> None:
    config.write_text(content)
    config.chmod(mode)
    with pytest.raises(InvalidSetting, match=f"every user can read the file. .*{config}") as error:
        Settings.load({"config": str(config)}, {"MONOTRON_ROOT_API_KEY": "root"})
    assert SECRET not in str(error.value)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400, 0o440])
def test_a_config_file_with_a_secret_may_be_read_by_owner_and_group(
    config: Path, mode: int
) -> None:
    config.write_text(f"root_api_key: root\nroot_api_secret: {SECRET}\n")
    config.chmod(mode)
    assert Settings.load({"config": str(config)}, {}).root_api_secret == SECRET


def test_every_user_may_read_a_config_file_without_a_secret(config: Path) -> None:
    config.write_text("store: mongodb://db.example/monotron\nissuers: [github]\n")
    config.chmod(0o644)
    assert Settings.load({"config": str(config)}, {}).issuers == ("github",)
