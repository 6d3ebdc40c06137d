"""Parsers of the texts of inputs. Each gets the name of the input, and raises Failure with it."""

from __future__ import annotations

import re
from typing import Any

from monotron_ci.credential import Credential, parse_credential
from monotron_ci.errors import Failure
from monotron_ci.responses import INT64_MAX, VERSION
from monotron_ci.tokens import check_token


def one_of(*words: str, example: str = "", lower: bool = False) -> Any:
    def parse(name: str, text: str) -> str:
        word = text.lower() if lower else text
        if word not in words:
            *others, last = (f"`{each}`" for each in words)
            raise invalid(name, text, f"{', '.join(others)} or {last}", example or words[0])
        return word

    return parse


def boolean(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):  # YAML also accepts True
        raise invalid(name, text, "`true` or `false`", "false")
    return text.lower() == "true"


def commit_types(name: str, text: str) -> str:
    types = ",".join(filter(None, re.split(r"[\s,]+", text)))
    if not re.fullmatch(r"[\w-]{1,40}(,[\w-]{1,40}){0,31}", types):
        raise invalid(name, text, "up to 32 types of commits, separated by commas", "docs,ci")
    return types


def floating_tags(name: str, text: str) -> tuple[str, ...]:
    kinds = tuple(filter(None, re.split(r"[\s,]+", text)))
    if not kinds or not {"major", "minor"}.issuperset(kinds):
        raise invalid(name, text, "`major`, `minor` or both", "major, minor")
    return kinds


def initial_value(name: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,19}", text) or int(text) > INT64_MAX:
        raise invalid(name, text, "an integer, the last number that was assigned", "1005")
    return int(text)


def account(name: str, text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,18}", text) or int(text) > INT64_MAX:
        raise invalid(name, text, "the id of an account, a positive integer", "1")
    return int(text)


def integer(minimum: int, maximum: int, example: str) -> Any:
    def parse(name: str, text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,6}", text) or not minimum <= int(text) <= maximum:
            raise invalid(name, text, f"an integer from {minimum} to {maximum}", example)
        return int(text)

    return parse


def matching(pattern: str, what: str, example: str) -> Any:
    def parse(name: str, text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise invalid(name, text, what, example)
        return text

    return parse


def version(name: str, text: str) -> str:
    if not VERSION.fullmatch(text[1:] if text[:1] == "v" else text):
        raise invalid(name, text, "a version", "1.4.2")
    return text


def tag_prefix(name: str, text: str) -> str:
    """The prefix in *text*. Raises Failure, which mentions *name*, if git tags cannot have it."""
    # A subset of what git allows in tags (git check-ref-format).
    if not re.fullmatch(r"([0-9A-Za-z_@][0-9A-Za-z._/+@-]{0,99})?", text) or re.search(
        r"\.\.|//|/\.|\./|\.lock/", text
    ):
        raise Failure(
            f"`{name}` must contain only letters, digits and `._/+@-`, not {text[:100]!r}.",
            "It must be valid at the start of a git tag. Examples: `v`, `api/v`.",
        )
    return text


def text(name: str, text: str) -> str:
    """Any text. The service validates it."""
    return text


def token(name: str, text: str) -> str:
    try:
        check_token(text)
    except Failure as failure:
        failure.hint += f"\n\nwith:\n  {name}: ${{{{ github.sha }}}}"
        raise
    return text


def labels(name: str, text: str) -> tuple[str, ...]:
    labels = (label.strip().casefold() for label in re.split(r"[,\n]", text))
    return tuple(label for label in labels if label)


def paths(name: str, text: str) -> tuple[str, ...]:
    paths = tuple(path.strip() for path in text.splitlines() if path.strip())
    for path in paths:
        if path.startswith(("/", ":", "!", "../")) or not path.isprintable():
            raise Failure(
                f"`{name}` must contain paths from the root of the repository, not {path[:100]!r}.",
                f"with:\n  {name}: |\n    api/**\n    libs/common/**",
            )
    return paths


def credential(name: str, text: str) -> Credential:
    return parse_credential(text, f"The input `{name}`")


def invalid(name: str, text: str, expected: str, example: str) -> Failure:
    """The error for an invalid input, with a valid example."""
    return Failure(
        f"`{name}` must be {expected}, not {text[:100]!r}.", f"with:\n  {name}: {example}"
    )
