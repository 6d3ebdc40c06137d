"""What commands print: results to standard output, errors and notes to standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from monotron_ci.errors import Failure
from monotron_ci.workflow_commands import replace_control_characters

EMPTY = "-"
"""The cell of a table for a missing value."""

FORMATS = ("text", "json", "dotenv", "github")


class NothingFound(Failure):
    """The series, commit or version does not exist yet."""


@dataclass(frozen=True)
class CommandOutput:
    """The result of a command. It may contain the secret of a new API key: no repr of it."""

    text: str = field(repr=False)
    document: Any = field(default=None, repr=False)
    dotenv: str = ""
    github: str = ""
    notes: tuple[str, ...] = ()
    """Lines for standard error."""
    recovery: str = ""
    """What to do if the result cannot be written."""
    failed: bool = False
    """Whether the command fails although it has a result, such as findings of an audit."""
    format: str = "text"

    def formatted(self) -> str:
        """The text to write, in the format that was requested."""
        if self.format == "json":
            return json.dumps(self.document) + "\n"
        return str(getattr(self, self.format))


def write(output: CommandOutput) -> None:
    """Write the result and its notes. Raises Failure if standard output cannot be written."""
    try:
        sys.stdout.write(output.formatted())
        sys.stdout.flush()
    except OSError as error:
        # The interpreter flushes once more at exit, which would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Failure(
            f"cannot write to standard output: {error.strerror}",
            output.recovery,
            code="output_not_written",
        ) from None
    for note in output.notes:
        print_line(note)


@dataclass
class Invocation:
    """What `main` knows about the command that it runs: click's object of the context."""

    output_format: str = "text"


def print_error(text: str, hint: str = "", code: str = "", format: str = "text") -> None:
    """Print `error: …`, and `hint: …` on a second line, or one JSON object.

    *code* is the error code of the service, or empty.
    """
    if format == "json":
        document = {"error": text, "hint": hint or None, "code": code or None}
        print(json.dumps(document), file=sys.stderr, flush=True)
        return
    print_line(f"error: {text}")
    if hint:
        print_line(f"hint: {hint}")


def print_warning(text: str) -> None:
    print_line(f"warning: {text}")


def print_line(text: str) -> None:
    """Print one line to standard error, without control characters."""
    print(" ".join(replace_control_characters(text).split()), file=sys.stderr, flush=True)


def table(rows: Sequence[Sequence[str]]) -> str:
    """The rows as lines, without control characters.

    Columns are aligned on a terminal, and separated by tabs otherwise.
    """
    cells = [[replace_control_characters(cell).replace("\n", " ") for cell in row] for row in rows]
    if not sys.stdout.isatty():
        return "".join("\t".join(row) + "\n" for row in cells)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)
    return "".join(f"{line}\n" for line in lines)


def size_text(size: int) -> str:
    """A number of bytes in KiB or MiB."""
    kibibytes = size / 1024
    return f"{kibibytes:.0f} KiB" if kibibytes < 10_000 else f"{kibibytes / 1024:.0f} MiB"


def count_text(count: int, noun: str) -> str:
    """`1 problem`, `2 problems`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def accounts_table(accounts: Iterable[Mapping[str, Any]]) -> str:
    rows = [(str(each["id"]), each["name"] or EMPTY, _status(each)) for each in accounts]
    return table([("ACCOUNT", "NAME", "STATUS"), *rows])


def describe_account(account: Mapping[str, Any]) -> str:
    """One line about an account: `Account 2: acme, enabled`."""
    return f"Account {account['id']}: {account['name'] or 'without a name'}, {_status(account)}\n"


def describe_caller(caller: Mapping[str, Any]) -> str:
    """The response of `whoami`, one member per line."""
    account = caller["account"]
    rows = [
        ("account", f"{account['id']} {account['name'] or ''}".rstrip()),
        ("principal", caller["principal"]),
        ("scopes", " ".join(caller["scopes"]) or EMPTY),
        ("names", " ".join(caller["names"])),
        ("expires", caller["expires_at"] or "never"),
    ]
    return table(rows)


def _status(account: Mapping[str, Any]) -> str:
    return "disabled" if account["disabled"] else "enabled"


def keys_table(keys: Iterable[Mapping[str, Any]]) -> str:
    rows: list[Sequence[str]] = [
        (
            *("KEY", "SCOPES", "NAMES", "DESCRIPTION"),
            *("EXPIRES", "LAST USED", "CREATED", "CREATED BY"),
        )
    ]
    for key in keys:
        members = ("description", "expires_at", "last_used_at", "created_at", "created_by")
        cells = (key.get(member) or EMPTY for member in members)
        texts = (" ".join(key["scopes"]), " ".join(key["names"]))
        rows.append((key["api_key"]["key"], *texts, *cells))
    return table(rows)


def trusts_table(trusts: Iterable[Mapping[str, Any]]) -> str:
    rows: list[Sequence[str]] = [
        ("TRUST", "ISSUER", "CONDITIONS", "SCOPES", "NAMES", "DESCRIPTION", "CREATED BY")
    ]
    for trust in trusts:
        trust_id = "(config)" if trust["id"] is None else str(trust["id"])
        cells = (trust.get(member) or EMPTY for member in ("description", "created_by"))
        names = " ".join(trust["names"]) + (" (own)" if trust.get("names_from") else "")
        texts = (conditions(trust), " ".join(trust["scopes"]), names)
        rows.append((trust_id, trust["issuer"], *texts, *cells))
    return table(rows)


def describe_key(key: Mapping[str, Any]) -> str:
    """Everything about a new API key except its secret."""
    expires = f"; expires {key['expires_at']}" if key.get("expires_at") else "; never expires"
    return (
        f"Created key {key['api_key']['key']} in account {key['account_id']} "
        f"({' '.join(key['scopes'])}; {names_text(key)}{expires}). "
        "The secret is printed once, to stdout."
    )


def describe_trust(trust: Mapping[str, Any], subject: str | None, *, reused: bool) -> str:
    """A trust policy for the jobs of *subject*, or for those that its claims describe.

    *reused*: it existed before the command.
    """
    verb = "Found existing" if reused else "Created"
    jobs = subject or f"{trust['issuer']}, {conditions(trust)}"
    return (
        f"{verb} trust policy {trust['id']} in account {trust['account_id']}: {jobs} → "
        f"{' '.join(trust['scopes'])} on {names_text(trust)}\n"
    )


def sign_in_report(report: Mapping[str, Any]) -> str:
    """Whether an identity token is accepted, and how it compares with each trust policy."""
    if report["accepted"]:
        names = names_text(report)
        first = f"accepted: {report['principal']} gets {' '.join(report['scopes'])} on {names}"
    else:
        first = f"rejected: {report.get('reason')}"
    lines = [
        f"  {'config file' if each.get('id') is None else 'trust policy ' + str(each['id'])}: "
        f"{'matches' if each['matches'] else each.get('reason')}"
        for each in report["trusts"]
    ]
    cleaned = [replace_control_characters(line).replace("\n", " ") for line in (first, *lines)]
    return "\n".join([*cleaned, ""])


def conditions(trust: Mapping[str, Any]) -> str:
    """`repository_id 777, ref refs/heads/main or refs/heads/next`."""
    parts = [f"{claim} {' or '.join(_values(values))}" for claim, values in trust["claims"].items()]
    if events := trust.get("allow_events"):
        parts.append(f"also {' or '.join(events)}")
    if trust.get("accept_unprotected"):
        parts.append("also unprotected")
    return ", ".join(parts)


def _values(values: object) -> list[str]:
    """The accepted values of a claim; those that are not text as JSON."""
    several = values if isinstance(values, list) else [values]
    return [value if isinstance(value, str) else json.dumps(value) for value in several]


def names_text(document: Mapping[str, Any]) -> str:
    """The names of an API key or a trust policy, such as `names shop team-a/*`."""
    names: list[str] = document["names"]
    if document.get("names_from"):
        return f"each repository's own names, within {' '.join(names)}"
    return "all names" if "*" in names else f"names {' '.join(names)}"
