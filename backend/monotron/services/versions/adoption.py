"""Going on from a version that was given elsewhere."""

from semver import Version

from monotron.errors import ValueWouldFall, in_doubt
from monotron.model.semver import NOTHING, Release, VersionName
from monotron.services.versions.state import NameState
from monotron.store import Store
from monotron.store.interface import Clock


class Adoption:
    """A record without a token, and series raised to it."""

    def __init__(self, store: Store, standing: NameState, clock: Clock) -> None:
        self._releases = store.releases
        self._standing = standing
        self._clock = clock

    def adopt(
        self, product: VersionName, version: Version, assigned_by: str
    ) -> tuple[Release, bool]:
        """The record of the version, and whether it stood already.

        `ValueWouldFall` if the product has a higher version, or starts from nothing.
        """
        while True:
            stood = self._releases.at(product, version)
            newest = self._standing.newest(product)
            if version < newest or version == NOTHING:
                raise _would_fall(product, version, newest)
            if stood:
                self._standing.raise_all(
                    product, version, assigned_by
                )  # perhaps a crash came between
                return stood, True
            self.check_ahead(product, version)
            # The record first: with it, no number on the way is given any more.
            release = self._release(product, version, newest, assigned_by)
            stands = self._releases.add(release)
            if stands:
                with in_doubt():
                    self._standing.raise_all(product, version, assigned_by)
                return stands, stands is not release
            # A token was given the version meanwhile.

    def _release(
        self, product: VersionName, version: Version, newest: Version, assigned_by: str
    ) -> Release:
        counted = newest if NOTHING < newest < version else None
        return Release(
            product,
            None,
            version,
            previous=self._standing.below(product, version) or counted,
            created_at=int(self._clock() * 1000),
            assigned_by=assigned_by,
        )

    def check_ahead(self, product: VersionName, version: Version) -> None:
        """`ValueWouldFall` if, from that version on, more than that was counted by hand."""
        ahead = self._standing.ahead(product, version)
        if version < ahead:
            raise ValueWouldFall(
                f"The series of {product.name!r} from {version} on were counted up to {ahead} by "
                f"hand, so it cannot start from {version}. Name {ahead} or a later one."
            )


def _would_fall(product: VersionName, version: Version, newest: Version) -> ValueWouldFall:
    if newest == NOTHING:
        return ValueWouldFall(
            f"Counting begins after {NOTHING}, so {product.name!r} cannot start from there. Name "
            "a later version, or ask for the first one."
        )
    return ValueWouldFall(
        f"{product.name!r} has the version {newest} already, so it cannot start from {version}. "
        f"Name {newest} or a later one."
    )
