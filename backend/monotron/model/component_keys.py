"""The keys of the series that count versions. Each key contains the larger components."""

from typing import Literal, get_args

from semver import Version

from monotron.errors import InvalidName
from monotron.model.semver import VersionName
from monotron.model.series import MAX_LENGTH, SeriesKey

Component = Literal["major", "minor", "patch"]
COMPONENTS: tuple[Component, ...] = get_args(Component)


def component_key(name: VersionName, component: Component, version: Version) -> SeriesKey:
    """The series that counts a component of versions with the larger components of *version*."""
    suffix = {
        "major": "",
        "minor": f"-v{version.major}",
        "patch": f"-v{version.major}.{version.minor}",
    }[component]
    return SeriesKey(name.account, f"{name.name}-{component}{suffix}")


def label_key(name: VersionName, label: str, target: Version) -> SeriesKey:
    """The series that counts the pre-releases of a target with a label.

    Raises `InvalidName` if the key would be too long.
    """
    key = f"{name.name}-{label}-v{target}"
    if len(key) > MAX_LENGTH:
        raise InvalidName(
            f"The name is too long for pre-releases of {target}. The key of their series would "
            f"have {len(key)} characters (maximum: {MAX_LENGTH}). Use a shorter name or label."
        )
    return SeriesKey(name.account, key)


def component_value(version: Version, component: Component) -> int:
    """The number of the component in the version: the patch of 1.4.2 is 2."""
    return int(getattr(version, component))
