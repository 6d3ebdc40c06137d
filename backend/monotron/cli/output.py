"""What the commands print: keys and trusts in words, and as tables."""

from collections.abc import Iterable, Sequence

from monotron.cli.admin_backend import Document
from monotron.cli.builds import table

EMPTY = "-"


def accounts_table(accounts: Iterable[Document]) -> str:
    return table([("ACCOUNT",), *((str(each["id"]),) for each in accounts)])


def keys_table(keys: Iterable[Document]) -> str:
    head = ("KEY", "SCOPES", "PREFIX", "LABEL", "EXPIRES", "LAST USED", "MADE")
    rows: list[Sequence[str]] = [head]
    for key in keys:
        texts = ("prefix", "description", "expires_at", "last_used_at", "created_at")
        cells = (key.get(name) or EMPTY for name in texts)
        rows.append((key["api_key"]["key"], " ".join(key["scopes"]), *cells))
    return table(rows)


def trusts_table(trusts: Iterable[Document]) -> str:
    rows: list[Sequence[str]] = [("TRUST", "ISSUER", "JOBS", "SCOPES", "PREFIX", "LABEL")]
    for trust in trusts:
        id = "(config)" if trust["id"] is None else str(trust["id"])
        jobs, scopes = _jobs(trust), " ".join(trust["scopes"])
        more = (trust.get(name) or EMPTY for name in ("prefix", "description"))
        rows.append((id, trust["issuer"], jobs, scopes, *more))
    return table(rows)


def key_in_words(key: Document) -> str:
    """All of a new key but its secret."""
    expires = f", until {key['expires_at']}" if key.get("expires_at") else ""
    return (
        f"The key {key['api_key']['key']} of account {key['account_id']} has {_may(key)}{expires}. "
        "Its secret is on the standard output, and will not be shown again."
    )


def trust_in_words(trust: Document) -> str:
    return (
        f"Trust {trust['id']} of account {trust['account_id']}: jobs of {trust['issuer']} with "
        f"{_jobs(trust)} have {_may(trust)}.\n"
    )


def _may(document: Document) -> str:
    prefix = document.get("prefix")
    names = f"names that begin with {prefix!r}" if prefix else "every name"
    return f"{' '.join(document['scopes'])} for {names}"


def _jobs(trust: Document) -> str:
    """`repository_id 777, ref refs/heads/main or refs/heads/next`."""
    parts = [
        f"{claim} {values if isinstance(values, str) else ' or '.join(values)}"
        for claim, values in trust["claims"].items()
    ]
    if events := trust.get("allow_events"):
        parts.append(f"{' or '.join(events)} allowed too")
    return ", ".join(parts)
