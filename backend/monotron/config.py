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
    """One setting: `--name`, `MONOTRON_NAME`, `MONOTRON_NAME_FILE`, and `name:` in the file."""

    name: str
    default: str
    placeholder: str
    help: str
    parse: Callable[[str], Any]
    secret: bool = False

    @property
    def flag(self) -> str | None:
        """None for a secret: everybody on the machine can see a command's flags."""
        return None if self.secret else "--" + self.name.replace("_", "-")

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


def _per_minute(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError("must be a whole number of requests a minute, or 0 for no limit")
    return int(text)


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError("must be a whole number, or 0 for no limit")
    return int(text)


def _processes(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= 256:
        raise ValueError("must be a number of processes from 1 to 256")
    return int(text)


def _credential(text: str) -> str:
    if text and not re.fullmatch(r"[!-9;-~]{1,256}", text):
        raise ValueError("must be 1 to 256 printable ASCII characters without spaces and colons")
    return text


def _audience(text: str) -> str:
    if text and not re.fullmatch(r"[!-~]{1,256}", text):
        raise ValueError("must be one address, such as https://monotron.example.com")
    return text


def _issuers(text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(",") if word.strip())
    if not all(re.fullmatch(r"github|gitlab\.com|https://\S+", word) for word in words):
        raise ValueError(
            "must be addresses separated by commas, such as https://gitlab.example.com; github and "
            "gitlab.com stand for theirs"
        )
    return words


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
    Setting(
        "processes",
        "1",
        "NUMBER",
        "how many processes serve the address together, with MongoDB",
        _processes,
    ),
    Setting("root_api_key", "", "KEY", "the operator's own key", _credential, secret=True),
    Setting("root_api_secret", "", "SECRET", "and its secret", _credential, secret=True),
    Setting(
        "audience",
        "",
        "URL",
        "what identity tokens from CI must be made for: this server's address",
        _audience,
    ),
    Setting(
        "issuers",
        "",
        "URL[,URL…]",
        "whose identity tokens are looked at: github, gitlab.com, or addresses",
        _issuers,
    ),
    Setting(
        "requests_per_key",
        "600",
        "NUMBER",
        "requests a minute that are taken with one key or identity; 0: no limit",
        _per_minute,
    ),
    Setting(
        "requests_per_account",
        "6000",
        "NUMBER",
        "requests a minute that are taken for one account; 0: no limit",
        _per_minute,
    ),
    Setting(
        "failures_per_address",
        "20",
        "NUMBER",
        "wrong credentials a minute from one address that are answered 401; 0: no limit",
        _per_minute,
    ),
    Setting(
        "operations_per_identity",
        "100",
        "NUMBER",
        "series, versions and tokens that one identity token may be used for; 0: no limit",
        _number,
    ),
)

LISTS = ("issuers", "trusts")
"""What the file may hold as a list of mappings; what they hold is read where they are used."""


@dataclass(frozen=True)
class Settings:
    """What the server is told, read once. The store's URL may hold a password: no repr of it."""

    listen: Address
    store: str = field(repr=False)
    log_format: str
    drain_delay: float
    processes: int
    root_api_key: str
    root_api_secret: str = field(repr=False)
    audience: str
    issuers: tuple[Any, ...]
    requests_per_key: int
    requests_per_account: int
    failures_per_address: int
    operations_per_identity: int
    trusts: tuple[Any, ...] = ()
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
        lists = {name: tuple(from_file.pop(name)) for name in LISTS if _is_list(from_file, name)}
        values: dict[str, Any] = {}
        for setting in SETTINGS:
            for source, given in (
                (setting.flag, flags),
                (setting.variable, variables),
                (f"{setting.variable}_FILE", _mounted(setting, variables)),
                (f"{config}: {setting.name}", from_file),
                ("default", {setting.name: setting.default}),
            ):
                if setting.name in given:
                    try:
                        values[setting.name] = setting.parse(given[setting.name])
                    except ValueError as error:
                        # The value stays out of it: a store's URL may hold a password.
                        raise StartupError(f"{source} {error}.") from None
                    if source == "default" and setting.name in lists:
                        values[setting.name] = lists[setting.name]
                    break
        if bool(values["root_api_key"]) != bool(values["root_api_secret"]):
            raise StartupError(
                "Of MONOTRON_ROOT_API_KEY and MONOTRON_ROOT_API_SECRET only one is set. Set both, "
                "or neither."
            )
        known = {setting.name for setting in SETTINGS} | {"config"}
        known |= {f"{setting.name}_file" for setting in SETTINGS}
        warnings = tuple(
            f"{ENVIRONMENT_PREFIX}{name.upper()} is in the environment, and no setting of the "
            "server. It is ignored."
            for name in sorted(variables.keys() - known)
        )
        return cls(**values, trusts=lists.get("trusts", ()), warnings=warnings)

    @property
    def store_name(self) -> str:
        """The store's URL without what may be secret in it: fit for a log."""
        return store_name(self.store)


def store_name(url: str) -> str:
    """A store's URL without user, password and options."""
    if url.startswith("sqlite:"):
        return url
    return re.sub(r"(?<=//).*@", "", url).partition("?")[0]


def _is_list(content: Mapping[str, Any], name: str) -> bool:
    return isinstance(content.get(name), list)


def _mounted(setting: Setting, variables: Mapping[str, str]) -> dict[str, str]:
    """What stands in the file that `MONOTRON_…_FILE` names, such as a mounted secret."""
    path = variables.get(f"{setting.name}_file")
    if not path:
        return {}
    try:
        return {setting.name: Path(path).read_text(encoding="utf-8").strip()}
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(f"{setting.variable}_FILE names a file that cannot be read.") from error


def _read_file(path: str) -> dict[str, Any]:
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
    known = [*(setting.name for setting in SETTINGS), "trusts"]
    for name, value in content.items():
        if name not in known:
            raise StartupError(f"{path}: {name!r} is no setting. There are: {', '.join(known)}.")
        if name in LISTS and isinstance(value, list):
            continue
        if name == "trusts":
            raise StartupError(f"{path}: trusts must be a list of mappings.")
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise StartupError(f"{path}: {name} must be a plain value.")
    return {
        name: value if isinstance(value, list) else str(value) for name, value in content.items()
    }
