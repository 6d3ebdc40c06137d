"""The domain of a version: bump, line, pre-release, promotion, adoption.

A version is a step on one of a product's series, and a record of it. The series of the three
components carry the larger components in their keys, so a bump resets what is below it. Records
are only ever added, one for each token and channel and one for each version: whoever is given a
number that no record could be made of gets another one (docs/how-it-works.md).
"""

from monotron.services.versions.service import VersionService
from monotron.services.versions.types import BUMPS, Bump, VersionRequest, VersionResult

__all__ = ["BUMPS", "Bump", "VersionRequest", "VersionResult", "VersionService"]
