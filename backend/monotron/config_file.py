"""Reads the config file: a YAML mapping of setting names to plain values."""

import os
import re
import stat
from collections.abc import Collection
from difflib import get_close_matches
from typing import Any, NamedTuple

import yaml

from monotron.errors import InvalidSetting

_URL_WITH_PASSWORD = re.compile(r"://[^/?]*:[^/?]*@|password=", re.IGNORECASE)


class ConfigFileSchema(NamedTuple):
    """The names that a config file may contain, and which of them are special."""

    names: Collection[str]
    lists: Collection[str]
    """Names that may have a list."""
    booleans: Collection[str]
    """Names that may have YAML's `true` and `false`."""
    secrets: Collection[str]


def read_config_file(path: str, schema: ConfigFileSchema) -> dict[str, str | list[Any]]:
    """Read a config file. Returns texts by setting name, and lists for those that may have one.

    Raises InvalidSetting if the file is invalid, if it contains another name, or if it contains a
    secret or a URL with a password, and every user can read it.
    """
    try:
        with open(path, encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidSetting(f"Cannot read the config file {path}: {reason}.") from error
    settings = _checked_settings(path, _parse(path, text), schema)
    if mode & stat.S_IROTH:
        for name, value in settings.items():
            if name in schema.secrets or _URL_WITH_PASSWORD.search(str(value)):
                raise InvalidSetting(
                    f"{path}: {name} is a secret, but every user can read the file. Run "
                    f"`chmod o-r {path}`, and replace the secret."
                )
    return settings


def _parse(path: str, text: str) -> object:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        location = f" (line {mark.line + 1})" if mark else ""
        raise InvalidSetting(f"{path} is not valid YAML{location}.") from error
    except (ValueError, RecursionError) as error:
        # PyYAML does not translate them: an impossible date, a number with thousands of digits.
        raise InvalidSetting(
            f"{path} has an invalid date or number, or is too deep to be read."
        ) from error


def _checked_settings(
    path: str, content: object, schema: ConfigFileSchema
) -> dict[str, str | list[Any]]:
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InvalidSetting(f"{path} must be a mapping, for example `listen: 127.0.0.1:3030`.")
    return {
        _checked_name(path, name, schema.names): _value(path, name, value, schema)
        for name, value in content.items()
    }


def _checked_name(path: str, name: object, names: Collection[str]) -> str:
    if isinstance(name, str) and name in names:
        return name
    similar = get_close_matches(str(name), names, 1)
    hint = f"Did you mean {similar[0]!r}?" if similar else f"Settings: {', '.join(names)}."
    raise InvalidSetting(f"{path}: unknown setting {str(name)[:64]!r}. {hint}")


def _value(path: str, name: str, value: object, schema: ConfigFileSchema) -> str | list[Any]:
    if name in schema.lists and isinstance(value, list):
        return value
    if name in schema.booleans and isinstance(value, bool):
        return "true" if value else "false"
    if name == "trusts":
        raise InvalidSetting(f"{path}: trusts must be a list of mappings.")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidSetting(f"{path}: {name} must be a plain value.")
    return str(value)
