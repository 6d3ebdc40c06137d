"""What commits of a type request, and which forms of messages are accepted."""

from typing import NamedTuple


class CommitRules(NamedTuple):
    """The rules of a caller. Types are compared without regard to case."""

    skip_types: frozenset[str] = frozenset()
    """Commits of these types request no version, unless they are breaking."""
    minor_types: frozenset[str] = frozenset({"feat"})
    """Commits of these types request a minor, unless they are skipped. Others request a patch."""
    strict: bool = False
    """Accept only the forms of Conventional Commits 1.0.0, and read the text literally."""

    def in_lower_case(self) -> "CommitRules":
        """The rules with types in lower case."""
        return self._replace(
            skip_types=frozenset(map(str.lower, self.skip_types)),
            minor_types=frozenset(map(str.lower, self.minor_types)),
        )


DEFAULT_RULES = CommitRules()
