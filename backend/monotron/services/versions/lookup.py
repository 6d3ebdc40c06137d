"""Looks up versions: the latest, by token, by version, and as pages."""

from semver import Version

from monotron.errors import VersionNotFound
from monotron.model.semver import ZERO_VERSION, Release, VersionName, sort_key, sort_key_range
from monotron.services.versions.state import NameState
from monotron.services.versions.types import VersionResult
from monotron.store import Store


class VersionLookup:
    """Reads the records of versions, and infers the latest version from the series."""

    def __init__(self, store: Store, state: NameState) -> None:
        self._releases = store.releases
        self._state = state

    def latest(self, name: VersionName) -> VersionResult:
        """The highest final version. Raises `VersionNotFound` if there are no versions."""
        latest = self._state.latest(name)
        if latest == ZERO_VERSION:
            raise VersionNotFound(
                f"{name.name!r} has no versions yet. The first PUT /v1/versions/NAME/COMMIT "
                "creates one."
            )
        release = self._releases.at(name, latest) or self._inferred_from_series(name, latest)
        return VersionResult(release, latest=True, reused=True)

    def of_token(self, name: VersionName, token: str, label: str | None) -> VersionResult:
        """The version of a token with this label.

        Without *label*, its final version, or else its highest pre-release. Raises
        `VersionNotFound` if the token has no such version.
        """
        releases = self._releases.all_of_token(name, token)
        for release in sorted(releases, key=lambda release: release.label is not None):
            if label in (None, release.label):
                return self.reused_result(release)
        kind = "version" if label is None else f"pre-release with the label {label!r}"
        raise VersionNotFound(
            f"{token!r} has no {kind} of {name.name!r}. PUT to the same path assigns one."
        )

    def at(self, name: VersionName, version: Version) -> VersionResult:
        """The release of this version. Raises `VersionNotFound` if it does not exist."""
        release = self._releases.at(name, version)
        if release is not None:
            return self.reused_result(release)
        if self._state.latest(name) == version != ZERO_VERSION:
            release = self._inferred_from_series(name, version)
            return VersionResult(release, latest=True, reused=True)
        raise VersionNotFound(
            f"{name.name!r} has no release {version}. It was not assigned, or its series was "
            "counted directly. GET /v1/releases/NAME lists the existing versions."
        )

    def page(
        self, name: VersionName, before: Version | None, limit: int
    ) -> tuple[list[VersionResult], Version | None]:
        """Releases below *before*, highest first, and the value of *before* for the next page."""
        below = sort_key_range()[1] if before is None else sort_key(before)
        releases = self._releases.page(name, below, limit + 1)
        if not releases and not self._state.has_versions(name):
            raise VersionNotFound(f"{name.name!r} has no versions yet.")
        latest = self._state.latest(name)
        has_more = len(releases) > limit
        results = [
            VersionResult(release, latest=release.version == latest, reused=True)
            for release in releases[:limit]
        ]
        return results, results[-1].release.version if has_more else None

    def reused_result(self, release: Release) -> VersionResult:
        """The result of a request whose release is already recorded."""
        is_final = release.label is None
        latest = is_final and self._state.latest(release.name) == release.version
        return VersionResult(release, latest, reused=True)

    def _inferred_from_series(self, name: VersionName, version: Version) -> Release:
        """The release of a version that has no record, because its series were counted directly."""
        previous = self._state.previous_release(name, version)
        return Release(name, None, version, previous=previous)
