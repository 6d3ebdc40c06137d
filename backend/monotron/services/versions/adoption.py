"""Adoption: the next version continues from an existing version."""

from semver import Version

from monotron.errors import ValueWouldFall, in_doubt
from monotron.model.semver import ZERO_VERSION, Release, VersionName
from monotron.services.versions.state import NameState
from monotron.store import Store
from monotron.store.interface import Clock


class Adoption:
    """Records a version without a token, and advances the series to it."""

    def __init__(self, store: Store, state: NameState, clock: Clock) -> None:
        self._releases = store.releases
        self._state = state
        self._clock = clock

    def adopt(self, name: VersionName, version: Version, assigned_by: str) -> tuple[Release, bool]:
        """Adopt the version. Returns its release, and whether the release existed before.

        Raises `ValueWouldFall` if the name has a higher version, if its series have values above
        the version, or if the version is 0.0.0. Raises `QuotaExceeded` like `check`.
        """
        while True:
            existing = self._releases.at(name, version)
            latest = self._state.latest(name)
            if version < latest or version == ZERO_VERSION:
                raise _would_fall(name, version, latest)
            if existing:
                # An earlier adoption may have crashed before it advanced the series.
                self._state.advance_all_to(name, version, assigned_by)
                return existing, True
            self.check(name, version)
            # The release is recorded first. From then on, no token can get a version below it.
            release = self._release(name, version, latest, assigned_by)
            recorded = self._releases.add(release)
            if recorded:
                with in_doubt():
                    self._state.advance_all_to(name, version, assigned_by)
                return recorded, recorded is not release
            # A concurrent request assigned the version to a token. Check the new state.

    def _release(
        self, name: VersionName, version: Version, latest: Version, assigned_by: str
    ) -> Release:
        counted = latest if ZERO_VERSION < latest < version else None
        return Release(
            name,
            None,
            version,
            previous=self._state.previous_release(name, version) or counted,
            created_at=int(self._clock() * 1000),
            assigned_by=assigned_by,
        )

    def check(self, name: VersionName, version: Version) -> None:
        """Check that a version without a record can be adopted, before it is recorded.

        Raises `ValueWouldFall` if the series already have values above this version. For example,
        1.2.0 cannot be adopted if the series of 1.x was advanced to 5 manually. Raises
        `QuotaExceeded` if the account may not have its series.
        """
        beyond = self._state.manually_counted_beyond(name, version)
        if version < beyond:
            raise ValueWouldFall(
                f"The series of {name.name!r} are already at {beyond}. They were advanced "
                f"manually, so {version} cannot be adopted. Adopt {beyond} or later."
            )
        self._state.check_quota(name, version)


def _would_fall(name: VersionName, version: Version, latest: Version) -> ValueWouldFall:
    if latest == ZERO_VERSION:
        return ValueWouldFall(
            f"Version {ZERO_VERSION} of {name.name!r} cannot be adopted. Versions start after it. "
            "Adopt a later version, or request the first one."
        )
    return ValueWouldFall(
        f"{name.name!r} is already at {latest}. Versions only increase, so {version} cannot be "
        f"adopted. Adopt {latest} or later."
    )
