"""Names that were renamed. Their versions and series have other names now."""

from collections.abc import Mapping

from monotron.errors import NameRenamed
from monotron.model.component_keys import name_of_key
from monotron.model.semver import VersionName
from monotron.model.series import SeriesKey


class RenamedNames:
    """The present name for each earlier one. They change only while no server uses the store."""

    def __init__(self) -> None:
        self._names: Mapping[VersionName, str] = {}

    def replace(self, names: Mapping[VersionName, str]) -> None:
        """Replace all of them."""
        self._names = names

    def check(self, account: int, name: str) -> None:
        """Raise `NameRenamed` if the name was renamed."""
        new = self._names.get(VersionName(account, name))
        if new is not None:
            raise NameRenamed(
                f"{name!r} was renamed to {new!r}, which has its versions and series. Use {new!r}."
            )

    def check_key(self, series: SeriesKey) -> None:
        """Raise `NameRenamed` if the name that the key belongs to was renamed."""
        if self._names:
            self.check(series.account, name_of_key(series.key))
