"""Semantic versions: bumps, maintenance lines, pre-releases, promotion and adoption.

A version is a value of one of the series of its name, and a record of it. The series of the three
components contain the larger components in their keys, so a bump resets the smaller components.
Records are only added: one per token and label, and one per version. If a value cannot become a
record, its token gets another value (docs/how-it-works.md).
"""

from monotron.services.versions.service import VersionService
from monotron.services.versions.types import BUMPS, Bump, VersionRequest, VersionResult

__all__ = ["BUMPS", "Bump", "VersionRequest", "VersionResult", "VersionService"]
