"""Attributes of tokens: parsing, bounds and merging. Pure: no I/O."""

import re
from collections.abc import Mapping

from monotron.errors import InvalidRequest
from monotron.model.series import MAX_LENGTH, has_control, percent_decode

MAX_ATTRIBUTES = 64
"""The maximum number of attributes of one token of one series."""

MAX_ATTRIBUTE_BYTES = 8192
"""The maximum length of an attribute's value in UTF-8."""

_SURROGATE = re.compile(r"[\ud800-\udfff]")


def parse_attribute_name(raw: str) -> str:
    """Decode the percent-encoded name of an attribute. Raises `InvalidRequest` if it is invalid."""
    return _attribute_name(percent_decode(raw, "attribute's name", InvalidRequest))


def parse_attribute(raw: bytes) -> str:
    """Decode the value of an attribute from a body. Raises `InvalidRequest` if it is invalid."""
    try:
        return _attribute(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise InvalidRequest(
            "The value of the attribute is not UTF-8. Attributes are text. Encode binary data, for "
            "example as Base64."
        ) from None


def parse_attributes(members: Mapping[str, object]) -> dict[str, str]:
    """Parse a JSON object of attributes. Raises `InvalidRequest` if one of them is invalid."""
    return {_attribute_name(name): _attribute(value) for name, value in members.items()}


def merge_attributes(current: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """The attributes of a token after *changes*. Raises `InvalidRequest` if there are too many."""
    attributes = {**current, **changes}
    if len(attributes) > MAX_ATTRIBUTES:
        raise InvalidRequest(
            f"The token would have {len(attributes)} attributes. At most {MAX_ATTRIBUTES} are "
            "allowed, so none was set. Remove some, or combine several into one."
        )
    return dict(sorted(attributes.items()))


def _attribute_name(name: str) -> str:
    if not 1 <= len(name) <= MAX_LENGTH:
        raise InvalidRequest(
            f"The name of an attribute has {len(name)} characters. Use 1 to {MAX_LENGTH} "
            "characters."
        )
    if has_control(name) or _SURROGATE.search(name):
        raise InvalidRequest(
            f"The attribute name {name!r} contains an invalid character. Remove control "
            "characters and unpaired surrogates."
        )
    return name


def _attribute(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(
            "The value of an attribute must be a string. Quote a number, and write larger data as "
            "a string of JSON."
        )
    if _SURROGATE.search(value):
        raise InvalidRequest(
            "The value of an attribute contains half of a surrogate pair. Send both halves."
        )
    if len(value.encode("utf-8")) > MAX_ATTRIBUTE_BYTES:
        raise InvalidRequest(
            f"The value of an attribute is longer than {MAX_ATTRIBUTE_BYTES} bytes of UTF-8. Store "
            "larger data elsewhere, and its address here."
        )
    return value
