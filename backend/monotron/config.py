"""Settings: the only reader of the environment and of the config file.

Flag before environment before file before default. Every error names the setting and its source.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from monotron.errors import StartupError

ENVIRONMENT_PREFIX = "MONOTRON_"


class Address(NamedTuple):
    """Where to listen. Port 0 is a free one."""

    host: str
    port: int


class Setting(NamedTuple):
    """One setting: `--name`, `MONOTRON_NAME`, and `name:` in the file."""

    name: str
    default: str
    placeholder: str
    help: str
    parse: Callable[[str], Any]

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return ENVIRONMENT_PREFIX + self.name.upper()


def is_loopback(host: str) -> bool:
    """Whether the name can only mean this machine (RFC 6761 §6.3 for `localhost`)."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not host or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError(
            "must be HOST:PORT with a port from 0 to 65535, for example 127.0.0.1:3030"
        )
    if not is_loopback(host):
        raise ValueError(
            "names an address that other machines can reach. Anybody who can reach the server "
            "may count, so it serves this machine only: use 127.0.0.1, [::1] or localhost"
        )
    return Address(host.removeprefix("[").removesuffix("]"), int(port))


def _store(text: str) -> str:
    if not re.match(r"(sqlite|mongodb(\+srv)?)://", text):
        raise ValueError(
            "must be sqlite:///FILE, sqlite:// (in memory), mongodb://HOST/DATABASE "
            "or mongodb+srv://HOST/DATABASE"
        )
    return text


def _log_format(text: str) -> str:
    if text not in ("auto", "text", "json"):
        raise ValueError("must be auto, text or json")
    return text


def _drain_delay(text: str) -> float:
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) or float(text) > 5:
        raise ValueError("must be a number of seconds from 0 to 5")
    return float(text)


SETTINGS = (
    Setting(
        "listen",
        "127.0.0.1:3030",
        "HOST:PORT",
        "the address to serve; port 0 picks a free one and prints it",
        _address,
    ),
    Setting(
        "store",
        "sqlite:///monotron.db",
        "URL",
        "where series are kept: sqlite:///FILE, sqlite:// (in memory), or "
        "mongodb://HOST[,HOST…]/DATABASE",
        _store,
    ),
    Setting(
        "log_format",
        "auto",
        "FORMAT",
        "text, json, or auto: text on a terminal, else json",
        _log_format,
    ),
    Setting(
        "drain_delay",
        "0",
        "SECONDS",
        "how long to go on serving after SIGTERM while /readyz says no, for a load balancer "
        "to notice",
        _drain_delay,
    ),
)


@dataclass(frozen=True)
class Settings:
    """What the server is told, read once. The store's URL may hold a password: no repr of it."""

    listen: Address
    store: str = field(repr=False)
    log_format: str
    drain_delay: float
    warnings: tuple[str, ...] = ()

    @classmethod
    def load(cls, flags: Mapping[str, str], environ: Mapping[str, str]) -> "Settings":
        """Read flags (by setting name, and `config`), environment and file. `StartupError`."""
        variables = {
            name.removeprefix(ENVIRONMENT_PREFIX).lower(): value
            for name, value in environ.items()
            if name.startswith(ENVIRONMENT_PREFIX)
        }
        config = flags.get("config") or variables.get("config")
        from_file = _read_file(config) if config else {}
        values: dict[str, Any] = {}
        for setting in SETTINGS:
            for source, given in (
                (setting.flag, flags),
                (setting.variable, variables),
                (f"{config}: {setting.name}", from_file),
                ("default", {setting.name: setting.default}),
            ):
                if setting.name in given:
                    try:
                        values[setting.name] = setting.parse(given[setting.name])
                    except ValueError as error:
                        # The value stays out of it: a store's URL may hold a password.
                        raise StartupError(f"{source} {error}.") from None
                    break
        known = {setting.name for setting in SETTINGS} | {"config"}
        warnings = tuple(
            f"{ENVIRONMENT_PREFIX}{name.upper()} is in the environment, and no setting of the "
            "server. It is ignored."
            for name in sorted(variables.keys() - known)
        )
        return cls(**values, warnings=warnings)

    @property
    def store_name(self) -> str:
        """The store's URL without what may be secret in it: fit for a log."""
        return store_name(self.store)


def store_name(url: str) -> str:
    """A store's URL without user, password and options."""
    if url.startswith("sqlite:"):
        return url
    return re.sub(r"(?<=//).*@", "", url).partition("?")[0]


def _read_file(path: str) -> dict[str, str]:
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise StartupError(f"The config file {path} cannot be read: {reason}.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise StartupError(f"The config file {path} is no YAML{where}.") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise StartupError(f"The config file {path} must be a mapping, such as `listen: …`.")
    known = [setting.name for setting in SETTINGS]
    for name, value in content.items():
        if name not in known:
            raise StartupError(f"{path}: {name!r} is no setting. There are: {', '.join(known)}.")
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise StartupError(f"{path}: {name} must be a plain value.")
    return {name: str(value) for name, value in content.items()}
