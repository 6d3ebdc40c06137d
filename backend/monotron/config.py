"""Settings: the only reader of the environment.

Precedence: flag, environment variable, config file, default. Every error names the setting and its
source, but not the value, which may contain a password.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from monotron.config_file import read_config_file
from monotron.errors import InvalidSetting

ENVIRONMENT_PREFIX = "MONOTRON_"

MAX_PORT = 65535
MAX_DRAIN_DELAY_SECONDS = 5
MAX_PROCESSES = 256
MAX_LIMIT = 10**9 - 1
"""The maximum of the rate limits and of `operations_per_identity`."""

LISTS = ("issuers", "trusts")
"""Settings that may be lists in the config file. `monotron.auth` validates their items."""

_CLIENT_VARIABLES = {"url", "api_key", "account"}
"""Variables of the client commands. The server ignores them without a warning."""

_SERVICE_LINK = re.compile(r"(^|_)(port|service)(_|$)")
"""Variables that Kubernetes and Docker set for a service named monotron: MONOTRON_PORT_3030_TCP."""


class Address(NamedTuple):
    """An address to listen on. Port 0 selects a free port."""

    host: str
    port: int


class Setting(NamedTuple):
    """A setting: `--name`, `MONOTRON_NAME`, `MONOTRON_NAME_FILE`, or `name:` in the config file."""

    name: str
    default: str
    """Parsed like the text of any other source."""
    placeholder: str
    help: str
    parse: Callable[[str], Any]
    secret: bool = False

    @property
    def flag(self) -> str | None:
        """The flag, or None for a secret: command lines are visible to all users of the machine."""
        return None if self.secret else "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return ENVIRONMENT_PREFIX + self.name.upper()


class _Row(NamedTuple):
    """The annotation of a field of `Settings`, in addition to its type and help."""

    default: str
    placeholder: str
    parse: Callable[[str], Any]
    secret: bool = False


def is_loopback(host: str) -> bool:
    """Whether the host always refers to this machine (for `localhost`: RFC 6761 §6.3)."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > MAX_PORT:
        raise ValueError(
            f"must be HOST:PORT, :PORT or PORT with a port from 0 to {MAX_PORT}, for example "
            "127.0.0.1:3030"
        )
    return Address(host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port))


def _text(pattern: str, requirement: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(requirement)
        return text

    return parse


def _integer(minimum: int, maximum: int, requirement: str) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not minimum <= int(text) <= maximum:
            raise ValueError(requirement)
        return int(text)

    return parse


def _drain_delay(text: str) -> float:
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) or float(text) > MAX_DRAIN_DELAY_SECONDS:
        raise ValueError(f"must be a number of seconds from 0 to {MAX_DRAIN_DELAY_SECONDS}")
    return float(text)


def _issuers(text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(",") if word.strip())
    if not all(re.fullmatch(r"github|gitlab\.com|https://\S+", word) for word in words):
        raise ValueError(
            "must be URLs separated by commas, for example https://gitlab.example.com, or the "
            "short names github and gitlab.com"
        )
    return words


_limit = _integer(0, MAX_LIMIT, "must be an integer, or 0 for unlimited")
_processes = _integer(1, MAX_PROCESSES, f"must be an integer from 1 to {MAX_PROCESSES}")
_store = _text(r"(?s)[a-z+]+://.*", "must be the URL of a store, for example sqlite:///monotron.db")
_log_format = _text("auto|text|json", "must be auto, text or json")
_audience = _text("[!-~]{0,256}", "must be one URL, for example https://monotron.example.com")
_credential = _text(
    "[!-9;-~]{0,256}", "must be 1 to 256 printable ASCII characters without spaces and colons"
)


@dataclass(frozen=True)
class Settings:
    """All settings, read once. Each annotation is a row of the table `SETTINGS`."""

    listen: Annotated[
        Address,
        _Row("127.0.0.1:3030", "HOST:PORT", _address),
        "Listen on this address. HOST defaults to 127.0.0.1, and port 0 selects a free port.",
    ]
    store: Annotated[
        str,
        _Row("sqlite:///monotron.db", "URL", _store),
        "Use the store at this URL, such as sqlite:///FILE or mongodb://HOST[,HOST…]/DATABASE.",
    ] = field(repr=False)
    log_format: Annotated[
        str,
        _Row("auto", "FORMAT", _log_format),
        "Write the log as text, json, or auto (text on a terminal, otherwise json).",
    ]
    drain_delay: Annotated[
        float,
        _Row("0", "SECONDS", _drain_delay),
        "Continue to serve for SECONDS after SIGTERM while /readyz reports 503, so that a load "
        "balancer notices.",
    ]
    processes: Annotated[
        int,
        _Row("1", "NUMBER", _processes),
        "Run this number of processes, which share the address. Requires MongoDB if above 1.",
    ]
    root_api_key: Annotated[str, _Row("", "KEY", _credential, secret=True), "Id of the root key."]
    root_api_secret: Annotated[
        str, _Row("", "SECRET", _credential, secret=True), "Secret of the root key."
    ] = field(repr=False)
    audience: Annotated[
        str,
        _Row("", "URL", _audience),
        "Require this audience in CI identity tokens: this server's public URL.",
    ]
    issuers: Annotated[
        tuple[Any, ...],
        _Row("", "URL[,URL…]", _issuers),
        "Trust these identity token issuers: github, gitlab.com, or https URLs.",
    ]
    requests_per_key: Annotated[
        int,
        _Row("600", "NUMBER", _limit),
        "Allow this number of requests per minute per API key or identity token. 0 is unlimited.",
    ]
    requests_per_account: Annotated[
        int,
        _Row("6000", "NUMBER", _limit),
        "Allow this number of requests per minute per account. 0 is unlimited.",
    ]
    failures_per_address: Annotated[
        int,
        _Row("20", "NUMBER", _limit),
        "Allow this number of failed sign-ins per minute per address. 0 is unlimited.",
    ]
    operations_per_identity: Annotated[
        int,
        _Row("100", "NUMBER", _limit),
        "Allow one identity token to write this number of paths. 0 is unlimited.",
    ]
    trusts: tuple[Any, ...] = ()
    """Trust policies. Only the config file can contain them."""
    warnings: tuple[str, ...] = ()
    """Log lines about unknown variables."""

    @classmethod
    def load(cls, flags: Mapping[str, str], environ: Mapping[str, str]) -> "Settings":
        """Read all settings. *flags* contains texts by setting name, and the file as `config`.

        Raises InvalidSetting if a setting is invalid.
        """
        names = [setting.name for setting in SETTINGS]
        variables = {
            name.removeprefix(ENVIRONMENT_PREFIX).lower(): value
            for name, value in environ.items()
            if name.startswith(ENVIRONMENT_PREFIX)
        }
        config = flags.get("config") or variables.get("config")
        from_file = read_config_file(config, [*names, "trusts"], LISTS) if config else {}
        values: dict[str, Any] = {}
        for setting in SETTINGS:
            name = setting.name
            for source, texts in (
                (setting.flag, flags),
                (setting.variable, variables),
                (f"{setting.variable}_FILE", _read_variable_file(setting, variables)),
                (f"{config}: {name}", from_file),
                ("default", {name: setting.default}),
            ):
                if name in texts:
                    values[name] = _parse(setting, source, texts[name])
                    break
        if bool(values["root_api_key"]) != bool(values["root_api_secret"]):
            raise InvalidSetting(
                "MONOTRON_ROOT_API_KEY and MONOTRON_ROOT_API_SECRET must be set together."
            )
        trusts = from_file.get("trusts", ())
        return cls(**values, trusts=tuple(trusts), warnings=_warnings(variables))


SETTINGS = tuple(
    Setting(name, row.default, row.placeholder, help, row.parse, row.secret)
    for name, hint in get_type_hints(Settings, include_extras=True).items()
    if get_origin(hint) is Annotated
    for row, help in [get_args(hint)[1:]]
)
"""The table of all settings, made from the fields of `Settings`."""


def _parse(setting: Setting, source: str | None, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    try:
        return setting.parse(value)
    except ValueError as error:
        raise InvalidSetting(f"{source} {error}.") from None


def _warnings(variables: Mapping[str, str]) -> tuple[str, ...]:
    known = {"config", *_CLIENT_VARIABLES}
    for setting in SETTINGS:
        known |= {setting.name, f"{setting.name}_file"}
    return tuple(
        f"ignoring unknown environment variable {ENVIRONMENT_PREFIX}{name.upper()}"
        for name in sorted(variables.keys() - known)
        if not _SERVICE_LINK.search(name)
    )


def _read_variable_file(setting: Setting, variables: Mapping[str, str]) -> dict[str, str]:
    """The setting from the file that `MONOTRON_…_FILE` names, such as a mounted secret.

    Empty if that variable is not set.
    """
    path = variables.get(f"{setting.name}_file")
    if not path:
        return {}
    try:
        return {setting.name: Path(path).read_text(encoding="utf-8").strip()}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(
            f"{setting.variable}_FILE names a file that cannot be read. Check its path and "
            "permissions, and that it is UTF-8."
        ) from error
