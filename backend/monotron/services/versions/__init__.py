"""Semantic versions: bumps, maintenance lines, pre-releases, promotion and adoption.

A version is a value of a series of its name, and a release that records it. The keys of the three
component series contain the larger components, so a bump resets the smaller components. Releases
are only added: one per token and label, and one per version. If the value of a token cannot become
a release, the token gets another value (docs/how-it-works.md).
"""

from monotron.services.versions.service import VersionService
from monotron.services.versions.types import BUMPS, Bump, VersionRequest, VersionResult

__all__ = ["BUMPS", "Bump", "VersionRequest", "VersionResult", "VersionService"]
