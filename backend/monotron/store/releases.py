"""What a store promises of the records of versions. They are only ever added."""

from abc import ABC, abstractmethod

from semver import Version

from monotron.semantic import Product, Release


class Releases(ABC):
    """The releases of all products, at most one for each token and channel, and each version.

    Errors of the engine are raised as by `Store`. Reads are committed; those that are not stale
    either say so.
    """

    @abstractmethod
    def add(self, release: Release) -> Release | None:
        """Record the release, durably. Answers the record that stands then.

        That is *release* itself; or the one that its token already has in this channel; or, if
        it has none while another has the version, None: then nothing was recorded. May be
        repeated after an error with the same release.
        """

    @abstractmethod
    def of_token(self, product: Product, token: str, label: str | None) -> Release | None:
        """What the token was given in the channel of *label*, or as a final version."""

    @abstractmethod
    def all_of_token(self, product: Product, token: str) -> list[Release]:
        """What the token was given in all channels, the highest version first. Not stale."""

    @abstractmethod
    def at(self, product: Product, version: Version) -> Release | None:
        """The release of this version. Not stale."""

    @abstractmethod
    def newest(
        self, product: Product, places: tuple[str, str], *, final: bool | None
    ) -> Release | None:
        """The highest version within *places* (`semantic.places`).

        Of the final ones, of the pre-releases, or of both.
        """

    @abstractmethod
    def adopted(self, product: Product, places: tuple[str, str]) -> bool:
        """Whether any version within *places* was adopted, and so has no token. Not stale."""

    @abstractmethod
    def page(self, product: Product, below: str, limit: int) -> list[Release]:
        """Up to *limit* releases with places below *below*, the highest version first."""
