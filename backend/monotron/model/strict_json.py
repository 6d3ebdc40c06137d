"""Strict JSON: every document has exactly one meaning.

Python's parser is lenient. It keeps the last of several members with one name (RFC 8259 §4 leaves
the meaning open, RFC 8725 §2.4 warns of it), and accepts `NaN`, `Infinity` and lone surrogates.
"""

import json
from typing import Any


class InvalidJson(ValueError):
    """The text is not JSON with exactly one meaning. The message is a fragment: "not UTF-8"."""


def parse(data: bytes, *, allow_lone_surrogates: bool = False) -> Any:
    """Parse JSON in UTF-8. Raises `InvalidJson` if it is invalid or ambiguous.

    Escapes of lone surrogates are rejected by default, because they cannot be encoded in UTF-8.
    """
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_members, parse_constant=_reject_constant
        )
        if not allow_lone_surrogates:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except InvalidJson:
        raise
    except UnicodeDecodeError as error:
        raise InvalidJson("not UTF-8") from error
    except UnicodeEncodeError as error:
        raise InvalidJson("half of a surrogate pair") from error
    except RecursionError as error:
        raise InvalidJson("nested too deeply") from error
    except ValueError as error:
        raise InvalidJson("not valid JSON") from error
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise InvalidJson("duplicate member")
    return members


def _reject_constant(name: str) -> None:
    raise InvalidJson(f"{name} is not a JSON number")
