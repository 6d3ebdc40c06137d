"""`monotron root-secret`."""

from __future__ import annotations

from monotron.config import Settings
from support.terminal import Terminal


def test_a_root_secret_is_new_and_accepted_by_the_settings(offline: Terminal) -> None:
    secrets = {offline.prints("root-secret") for _ in range(3)}
    assert len(secrets) == 3
    for line in secrets:
        secret = line.removesuffix("\n")
        assert len(secret) == 43
        environ = {"MONOTRON_ROOT_API_KEY": "root", "MONOTRON_ROOT_API_SECRET": secret}
        assert Settings.load({}, environ).root_api_secret == secret
