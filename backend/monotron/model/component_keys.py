"""The series that count a version: their keys carry its larger components."""

from typing import Literal, get_args

from semver import Version

from monotron.errors import InvalidName
from monotron.model.semver import VersionName
from monotron.model.series import MAX_LENGTH, SeriesKey

Component = Literal["major", "minor", "patch"]
COMPONENTS: tuple[Component, ...] = get_args(Component)


def component_key(product: VersionName, component: Component, of: Version) -> SeriesKey:
    """The series that counts a component of the versions that share the larger ones."""
    scope = {"major": "", "minor": f"-v{of.major}", "patch": f"-v{of.major}.{of.minor}"}[component]
    return SeriesKey(product.account, f"{product.name}-{component}{scope}")


def label_key(product: VersionName, label: str, target: Version) -> SeriesKey:
    """The series that counts the pre-releases of one target and label."""
    key = f"{product.name}-{label}-v{target}"
    if len(key) > MAX_LENGTH:
        raise InvalidName(
            f"The name is too long for pre-releases of {target}: the key of their series would "
            f"have {len(key)} characters, and a key has at most {MAX_LENGTH}."
        )
    return SeriesKey(product.account, key)


def part(version: Version, component: Component) -> int:
    """The number that a version has as its component."""
    return int(getattr(version, component))
