"""The keys of the series that count versions. Each key contains the larger components."""

import re
from typing import Literal, get_args

from monotron.errors import InvalidName
from monotron.model.semver import Final, VersionName
from monotron.model.series import MAX_LENGTH, SeriesKey

Component = Literal["major", "minor", "patch"]
COMPONENTS: tuple[Component, ...] = get_args(Component)

FIRST_SUFFIXES = ("-major", "-minor-v0", "-patch-v0.0")
"""The ends of the keys that count the first version of a name. Without a release, one of these
series is above 0 if the name has a version."""

_COMPONENT_KEY = re.compile(
    r"(.+)-(?:major|minor-v[0-9]+|patch-v[0-9]+\.[0-9]+|[^-]+-v[0-9]+\.[0-9]+\.[0-9]+)"
)


def component_key(name: VersionName, component: Component, version: Final) -> SeriesKey:
    """The series that counts a component of versions with the larger components of *version*."""
    suffix = {
        "major": "",
        "minor": f"-v{version.major}",
        "patch": f"-v{version.major}.{version.minor}",
    }[component]
    return SeriesKey(name.account, f"{name.name}-{component}{suffix}")


def label_key(name: VersionName, label: str, target: Final) -> SeriesKey:
    """The series that counts the pre-releases of a target with a label.

    Hyphens of the label are dots in the key, so that the key belongs to one name: the label
    `feature-login` of `shop` has the key `shop-feature.login-v1.3.0`.

    Raises `InvalidName` if the key would be too long.
    """
    key = f"{name.name}-{label.replace('-', '.')}-v{target}"
    if len(key) > MAX_LENGTH:
        raise InvalidName(
            f"The name is too long for pre-releases of {target}. The key of their series would "
            f"have {len(key)} characters (maximum: {MAX_LENGTH}). Use a shorter name or label."
        )
    return SeriesKey(name.account, key)


def name_of_key(key: str) -> str:
    """The name that the key of a series belongs to: the name for the keys above, else the key.

    Permissions on names apply to it. `a-minor-v1` belongs to `a`, `a-minor-v1-major` to
    `a-minor-v1`, and `-major` to itself, because a name is not empty.
    """
    match = _COMPONENT_KEY.fullmatch(key)
    return match[1] if match else key


def name_of_first_key(key: str) -> str | None:
    """The name whose first version the series counts: `a` for `a-major`. None for other series."""
    for suffix in FIRST_SUFFIXES:
        if key.endswith(suffix):
            return key.removesuffix(suffix) or None
    return None


def component_value(version: Final, component: Component) -> int:
    """The number of the component in the version: the patch of 1.4.2 is 2."""
    return int(getattr(version, component))
