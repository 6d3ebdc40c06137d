"""Name patterns: which names a credential may use. Each is a name, or a prefix followed by `*`."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from monotron.errors import InvalidRequest, literal
from monotron.model.component_keys import name_of_key
from monotron.model.series import MAX_LENGTH, has_control

MAX_PATTERNS = 32

MAX_PATTERN_CHARACTERS = MAX_LENGTH + 1
"""A prefix of any key, and the `*`."""


class KeyRange(NamedTuple):
    """Adjacent keys in the order of code points."""

    prefix: str
    """The start of the keys."""
    is_single: bool
    """Whether the only key is *prefix* itself."""

    def __contains__(self, key: object) -> bool:
        return key == self.prefix or (
            not self.is_single and isinstance(key, str) and key.startswith(self.prefix)
        )


@dataclass(frozen=True, slots=True)
class NamePatterns:
    """The names that match at least one of the patterns."""

    texts: tuple[str, ...]
    """As given when the credential was created."""

    def allows(self, name: str) -> bool:
        """Whether a pattern matches the name."""
        return any(_covers(pattern, name) for pattern in self.texts)

    def allows_key(self, key: str) -> bool:
        """Whether a pattern matches the name that the key of a series belongs to."""
        return self.allows_all or self.allows(name_of_key(key))

    @property
    def allows_all(self) -> bool:
        """Whether every name is allowed."""
        return "*" in self.texts

    def covers(self, other: "NamePatterns") -> bool:
        """Whether every name that *other* allows is allowed."""
        return all(any(_covers(own, each) for own in self.texts) for each in other.texts)

    def key_ranges(self, prefix: str, after: str) -> list[KeyRange]:
        """Ranges of keys, in order and disjoint, that contain all allowed keys.

        Keys that do not start with *prefix*, and ranges without a key after *after*, are omitted.
        A range can contain keys that are not allowed: check each with `allows_key`.
        """
        ranges: list[KeyRange] = []
        for key_range in sorted(set(_ranges(self.texts))):  # a prefix before the equal single key
            if not ranges or ranges[-1].is_single or key_range.prefix not in ranges[-1]:
                ranges.append(key_range)
        narrowed = [_narrowed(each, prefix) for each in ranges]
        return [each for each in narrowed if each is not None and _continues(each, after)]


ALL_NAMES = NamePatterns(("*",))


def parse_name_patterns(value: object) -> NamePatterns:
    """The patterns of a JSON or YAML list. Raises InvalidRequest if one is invalid."""
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_PATTERNS:
        raise InvalidRequest(
            f"`names` must be a list of 1 to {MAX_PATTERNS} name patterns. For example "
            '["shop", "team-a/*"]. Omit `names` to allow all names.'
        )
    return NamePatterns(tuple(_parse_pattern(text) for text in value))


def _parse_pattern(text: object) -> str:
    if (
        not isinstance(text, str)
        or not 1 <= len(text) <= MAX_PATTERN_CHARACTERS
        or len(text.removesuffix("*")) > MAX_LENGTH
        or "*" in text[:-1]
        or has_control(text)
        or not _is_encodable(text)
    ):
        raise InvalidRequest(
            f"Invalid name pattern {literal(text)} in `names`. Use a name, or a prefix followed by "
            f"one `*` at its end, such as `team-a/*`. At most {MAX_LENGTH} characters before the "
            "`*` and no control characters are allowed."
        )
    return text


def _is_encodable(text: str) -> bool:
    """Whether the text contains no surrogate, which no key can contain."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _covers(own: str, other: str) -> bool:
    """Whether the pattern *own* matches all that *other* matches, a pattern or a name."""
    return own == other or (own.endswith("*") and other.startswith(own[:-1]))


def _ranges(patterns: Iterable[str]) -> Iterable[KeyRange]:
    for pattern in patterns:
        if pattern.endswith("*"):
            yield KeyRange(pattern[:-1], is_single=False)
        else:
            yield KeyRange(pattern, is_single=True)
            yield KeyRange(f"{pattern}-", is_single=False)  # its component series


def _narrowed(key_range: KeyRange, prefix: str) -> KeyRange | None:
    """The part of the range that starts with *prefix*."""
    if key_range.prefix.startswith(prefix):
        return key_range
    return KeyRange(prefix, is_single=False) if prefix in key_range else None


def _continues(key_range: KeyRange, after: str) -> bool:
    """Whether the range can contain a key after *after*."""
    return after < key_range.prefix or (not key_range.is_single and after in key_range)
