"""Settings: the only reader of the environment.

Precedence: flag, environment variable, config file, default. Every error names the setting and its
source, but not the value, which may contain a password.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from monotron import setting_parsers
from monotron.config_file import ConfigFileSchema, read_config_file
from monotron.config_variables import (
    read_variable_file,
    setting_variables,
    unknown_variables,
    variable_of,
)
from monotron.errors import InvalidSetting
from monotron.listen_address import Address, parse_address

MAX_PROCESSES = 256
MAX_LIMIT = 10**9 - 1
"""The maximum of the rate limits, of the quotas and of `operations_per_identity`."""

LISTS = ("issuers", "trusts")
"""Settings that may be lists in the config file. `monotron.auth` validates their items."""

LISTS_OF_TEXTS = ("trusted_proxies",)
"""Settings that may be lists of texts, instead of a text with commas."""

CREDENTIALS = ("root_api_key", "root_api_secret", "issuers", "audience", "trusts")
"""A server with one of these settings must not be open, not even if its value is empty."""

MIN_ROOT_SECRET_LENGTH = 20


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
    def is_boolean(self) -> bool:
        """Whether the value is `true` or `false`."""
        return self.parse is setting_parsers.boolean

    @property
    def variable(self) -> str:
        """The environment variable."""
        return variable_of(self.name)


class _Row(NamedTuple):
    """The annotation of a field of `Settings`, in addition to its type and help."""

    default: str
    placeholder: str
    parse: Callable[[str], Any]
    secret: bool = False


_limit = setting_parsers.integer(0, MAX_LIMIT, "must be an integer, or 0 for unlimited")
_processes = setting_parsers.integer(
    1, MAX_PROCESSES, f"must be an integer from 1 to {MAX_PROCESSES}"
)
_root_secret = setting_parsers.text(
    f"[!-9;-~]{{{MIN_ROOT_SECRET_LENGTH},256}}",
    f"must be {MIN_ROOT_SECRET_LENGTH} to 256 printable ASCII characters without spaces and "
    "colons. Generate one with `monotron root-secret`",
)


@dataclass(frozen=True)
class Settings:
    """All settings, read once. Each annotation is a row of the table `SETTINGS`."""

    listen: Annotated[
        Address,
        _Row("127.0.0.1:3030", "HOST:PORT", parse_address),
        "Listen on this address. HOST defaults to 127.0.0.1, and port 0 selects a free port.",
    ]
    store: Annotated[
        str,
        _Row("sqlite:///monotron.db", "URL", setting_parsers.store),
        "Use the store at this URL, such as sqlite:///FILE or mongodb://HOST[,HOST…]/DATABASE.",
    ] = field(repr=False)
    log_format: Annotated[
        str,
        _Row("auto", "FORMAT", setting_parsers.log_format),
        "Write the log as text, json, or auto (text on a terminal, otherwise json).",
    ]
    log_level: Annotated[
        str,
        _Row("info", "LEVEL", setting_parsers.log_level),
        "Omit log lines below this level: debug, info, warning or error.",
    ]
    drain_delay: Annotated[
        float,
        _Row("0", "SECONDS", setting_parsers.drain_delay),
        "Continue to serve for SECONDS after SIGTERM while /readyz reports 503, so that a load "
        "balancer notices.",
    ]
    processes: Annotated[
        int,
        _Row("1", "NUMBER", _processes),
        "Run this number of processes, which share the address. Requires MongoDB if above 1.",
    ]
    metrics_listen: Annotated[
        Address | None,
        _Row("", "HOST:PORT", setting_parsers.optional(parse_address)),
        "Serve /metrics without credentials on this address, too.",
    ]
    trusted_proxies: Annotated[
        tuple[IPv4Network | IPv6Network, ...],
        _Row("", "ADDRESS[,ADDRESS…]", setting_parsers.networks),
        "Take the address of the client from X-Forwarded-For if one of these addresses or networks "
        "sent it.",
    ]
    root_api_key: Annotated[
        str, _Row("", "KEY", setting_parsers.root_key, secret=True), "Id of the root key."
    ]
    root_api_secret: Annotated[
        str, _Row("", "SECRET", _root_secret, secret=True), "Secret of the root key."
    ] = field(repr=False)
    init_root_key: Annotated[
        bool,
        _Row("false", "true|false", setting_parsers.boolean),
        "Create a root key in a store without credentials, and print its secret once.",
    ]
    audience: Annotated[
        str,
        _Row("", "URL", setting_parsers.audience),
        "Require this audience in CI identity tokens: this server's public URL.",
    ]
    issuers: Annotated[
        tuple[Any, ...],
        _Row("", "URL[,URL…]", setting_parsers.issuers),
        "Trust these identity token issuers: github, gitlab.com, or https URLs.",
    ]
    require_account: Annotated[
        bool,
        _Row("false", "true|false", setting_parsers.boolean),
        "Reject CI identity tokens if neither the path nor the audience names an account.",
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
    concurrent_requests_per_key: Annotated[
        int,
        _Row("16", "NUMBER", _limit),
        "Run this number of requests at a time per API key or repository. Others wait for up to "
        "5 s. 0 is unlimited.",
    ]
    failures_per_address: Annotated[
        int,
        _Row("20", "NUMBER", _limit),
        "Allow this number of failed sign-ins, and of requests for unknown badges, per minute per "
        "address. 0 is unlimited.",
    ]
    operations_per_identity: Annotated[
        int,
        _Row("100", "NUMBER", _limit),
        "Allow one identity token to write this number of paths. 0 is unlimited.",
    ]
    api_keys_per_account: Annotated[
        int,
        _Row("1000", "NUMBER", _limit),
        "Allow this number of API keys per account. 0 is unlimited.",
    ]
    trust_policies_per_account: Annotated[
        int,
        _Row("1000", "NUMBER", _limit),
        "Allow this number of trust policies per account. 0 is unlimited.",
    ]
    badges_per_account: Annotated[
        int,
        _Row("1000", "NUMBER", _limit),
        "Allow this number of badges per account. 0 is unlimited.",
    ]
    series_per_account: Annotated[
        int,
        _Row("1000000", "NUMBER", _limit),
        "Allow this number of series per account. 0 is unlimited.",
    ]
    attribute_bytes_per_account: Annotated[
        int,
        _Row("100000000", "BYTES", _limit),
        "Allow this number of bytes of attributes per account. 0 is unlimited.",
    ]
    commit_url: Annotated[
        str,
        _Row("", "URL", setting_parsers.commit_url),
        "Link commits on the web pages to this URL: https://HOST/{repository}/commit/{token}.",
    ]
    trusts: tuple[Any, ...] = ()
    """Trust policies. Only the config file can contain them."""
    credential_sources: tuple[str, ...] = ()
    """Where each of `CREDENTIALS` is set, if it is."""
    is_offline: bool = False  # a command works on the file of a stopped server
    warnings: tuple[str, ...] = ()
    """Log lines about unknown variables."""

    @classmethod
    def load(cls, flags: Mapping[str, str], environ: Mapping[str, str]) -> "Settings":
        """Read all settings. *flags* contains texts by setting name, and the file as `config`.

        Raises InvalidSetting if a setting is invalid.
        """
        found = find_values(flags, environ)
        values: dict[str, Any] = {}
        for setting in SETTINGS:
            name = setting.name
            if name in found:
                values[name] = _parse(setting, found[name])
            else:
                values[name] = "" if setting.secret else setting.parse(setting.default)
        if bool(values["root_api_key"]) != bool(values["root_api_secret"]):
            raise InvalidSetting(
                "MONOTRON_ROOT_API_KEY and MONOTRON_ROOT_API_SECRET must be set together."
            )
        names = [setting.name for setting in SETTINGS]
        return cls(
            **values,
            trusts=tuple(found["trusts"].value) if "trusts" in found else (),
            credential_sources=tuple(found[name].source for name in CREDENTIALS if name in found),
            warnings=unknown_variables(setting_variables(environ), names),
        )


@dataclass(frozen=True)
class FoundValue:
    """The value of a setting that is set, not parsed yet, and where it is."""

    value: Any = field(repr=False)
    """A text, or a list from the config file."""
    source: str


def find_values(flags: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, FoundValue]:
    """Find the settings that are set, by name, with `trusts` of the config file.

    The arguments are those of `Settings.load`. Raises InvalidSetting if a file cannot be read.
    """
    variables = setting_variables(environ)
    config = _config_path(flags, variables)
    from_file = read_config_file(config, CONFIG_FILE_SCHEMA) if config else {}
    found: dict[str, FoundValue] = {}
    for setting in SETTINGS:
        name = setting.name
        for source, texts in (
            (setting.flag, flags),
            (setting.variable, variables),
            (f"{setting.variable}_FILE", read_variable_file(name, variables)),
            (f"{config}: {name}", from_file),
        ):
            if name in texts:
                found[name] = FoundValue(texts[name], str(source))
                break
    if "trusts" in from_file:
        found["trusts"] = FoundValue(from_file["trusts"], f"{config}: trusts")
    return found


SETTINGS = tuple(
    Setting(name, row.default, row.placeholder, help, row.parse, row.secret)
    for name, hint in get_type_hints(Settings, include_extras=True).items()
    if get_origin(hint) is Annotated
    for row, help in [get_args(hint)[1:]]
)
"""The table of all settings, made from the fields of `Settings`."""

CONFIG_FILE_SCHEMA = ConfigFileSchema(
    names=(*(setting.name for setting in SETTINGS), "trusts"),
    lists=(*LISTS, *LISTS_OF_TEXTS),
    booleans=tuple(setting.name for setting in SETTINGS if setting.is_boolean),
    secrets=tuple(setting.name for setting in SETTINGS if setting.secret),
)


def _config_path(flags: Mapping[str, str], variables: Mapping[str, str]) -> str | None:
    for source, texts in (("--config", flags), ("MONOTRON_CONFIG", variables)):
        if "config" in texts:
            if not texts["config"]:
                raise InvalidSetting(f"{source} is empty. Pass the path of a file, or omit it.")
            return texts["config"]
    return None


def _parse(setting: Setting, found: FoundValue) -> Any:
    value = found.value
    if isinstance(value, list):
        if setting.name in LISTS:
            return tuple(value)
        value = ",".join(map(str, value))
    if setting.secret and not value:
        raise InvalidSetting(f"{found.source} is empty. Set a value, or remove it.")
    try:
        return setting.parse(value)
    except ValueError as error:
        raise InvalidSetting(f"{found.source} {error}.") from None
