"""Recognizes simple messages of one line without parsing them. Pure: no I/O."""

import re

from monotron.model.commit_headers import AROUND, SCOPE
from monotron.model.commit_notes import LOOSE_HEADER, SYNONYMS
from monotron.model.commit_rules import CommitRules

_SPECIAL = re.compile(r'[\n"\[：✨💥]|![:：( !]|:(?:sparkles|boom):')
_TYPED = re.compile(rf"(?P<around>{AROUND})(?P<type>[\w-]++)(?:{SCOPE})?: .")

_OTHER_TYPES = {"revert", "release-as", *(f"breaking{end}" for end in ("", "-change", "-changes"))}
_FIRST_WORDS = {"breaking", "breaking-change", "breaking-changes", "merge", "merged", "pull"}


class SimpleKinds:
    """Classifies messages that have at most a type, and nothing else that counts."""

    def __init__(self, rules: CommitRules) -> None:
        self._rules = rules
        types = rules.minor_types | rules.skip_types
        self._other_types = _OTHER_TYPES | (SYNONYMS - types)
        self._other_words = _FIRST_WORDS | SYNONYMS | types

    def __call__(self, message: str) -> str | None:
        """Messages of one kind request the same. None if the message is not simple."""
        if _SPECIAL.search(message):
            return None
        if match := _TYPED.match(message):
            type = match["type"].lower()
            if type in self._other_types or (self._rules.strict and match["around"]):
                return None
            if type in self._rules.skip_types:
                return f"skip {type}"
            return "minor" if type in self._rules.minor_types else "patch"
        match = LOOSE_HEADER.match(message)
        return None if match and match["word"].lower() in self._other_words else "patch"
