"""Environment variables of settings: `MONOTRON_NAME`, or `MONOTRON_NAME_FILE` for a file."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from monotron.errors import InvalidSetting

ENVIRONMENT_PREFIX = "MONOTRON_"

_CLIENT_VARIABLES = {"url", "api_key", "account"}
"""Variables of the client commands. The server ignores them without a warning."""

_SERVICE_LINK = re.compile(r"(^|_)(port|service)(_|$)|^name$|^env_")
"""Variables that Kubernetes and Docker set for a service whose name starts with monotron, such as
MONOTRON_PORT_3030_TCP."""


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return ENVIRONMENT_PREFIX + name.upper()


def setting_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables with the prefix, as names of settings with their values."""
    return {
        name.removeprefix(ENVIRONMENT_PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(ENVIRONMENT_PREFIX)
    }


def unknown_variables(variables: Mapping[str, str], settings: Iterable[str]) -> tuple[str, ...]:
    """Log lines about variables that belong neither to a setting, nor to others."""
    known = {"config", *_CLIENT_VARIABLES}
    for name in settings:
        known |= {name, f"{name}_file"}
    return tuple(
        f"ignoring unknown environment variable {variable_of(name)}"
        for name in sorted(variables.keys() - known)
        if not _SERVICE_LINK.search(name)
    )


def read_variable_file(name: str, variables: Mapping[str, str]) -> dict[str, str]:
    """The setting from the file that `MONOTRON_…_FILE` names, such as a mounted secret.

    Empty if that variable is not set.
    """
    path = variables.get(f"{name}_file")
    if path is None:
        return {}
    variable = f"{variable_of(name)}_FILE"
    if not path:
        raise InvalidSetting(f"{variable} is empty. Set the path of a file, or remove it.")
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(
            f"{variable} names a file that cannot be read. Check its path and permissions, and "
            "that it is UTF-8."
        ) from error
    if not text:
        raise InvalidSetting(
            f"{variable} names an empty file. Write the value to it, or remove the variable."
        )
    return {name: text}
