"""Reads the config file: a YAML mapping of setting names to plain values."""

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from monotron.errors import InvalidSetting


def read_config_file(
    path: str, names: Collection[str], lists: Collection[str], booleans: Collection[str]
) -> dict[str, str | list[Any]]:
    """Read a config file. Returns texts by setting name, and lists for names in *lists*.

    Names in *booleans* may have YAML's `true` and `false`. Raises InvalidSetting if the file is
    invalid, or if it contains a name that is not in *names*.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidSetting(f"Cannot read the config file {path}: {reason}.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        location = f" (line {mark.line + 1})" if mark else ""
        raise InvalidSetting(f"{path} is not valid YAML{location}.") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InvalidSetting(f"{path} must be a mapping, for example `listen: 127.0.0.1:3030`.")
    return {
        _checked_name(path, name, names): _value(path, name, value, lists, booleans)
        for name, value in content.items()
    }


def _checked_name(path: str, name: object, names: Collection[str]) -> str:
    if isinstance(name, str) and name in names:
        return name
    similar = get_close_matches(str(name), names, 1)
    hint = f"Did you mean {similar[0]!r}?" if similar else f"Settings: {', '.join(names)}."
    raise InvalidSetting(f"{path}: unknown setting {str(name)[:64]!r}. {hint}")


def _value(
    path: str, name: str, value: object, lists: Collection[str], booleans: Collection[str]
) -> str | list[Any]:
    if name in lists and isinstance(value, list):
        return value
    if name in booleans and isinstance(value, bool):
        return "true" if value else "false"
    if name == "trusts":
        raise InvalidSetting(f"{path}: trusts must be a list of mappings.")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidSetting(f"{path}: {name} must be a plain value.")
    return str(value)
