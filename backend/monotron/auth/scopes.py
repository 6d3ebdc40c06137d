"""Scopes: the permissions of credentials. Written `read,write:series`, checked one by one."""

from collections.abc import Iterable, Sequence

from monotron.errors import InvalidRequest, literal

OPERATIONS = ("read", "write", "delete")

SCOPES = {
    "read:series": "read series, versions, ledgers and attributes; preview a version",
    "write:series": "assign values and versions, advance series, adopt versions, set and remove "
    "attributes",
    "delete:series": "delete series",
    "read:account": "read the account",
    "write:account": "reserved",
    "delete:account": "reserved",
    "read:acl": "list API keys and trust policies with at most the caller's own permissions, "
    "without secrets",
    "write:acl": "create API keys and trust policies with at most the caller's own permissions",
    "delete:acl": "revoke API keys and delete trust policies with at most the caller's own "
    "permissions",
    "read:system": "check the store for inconsistencies",
    "write:system": "back up the store",
    "delete:system": "reserved",
}
"""All scopes, with the permission that each one grants."""

RESOURCES = tuple(dict.fromkeys(scope.partition(":")[2] for scope in SCOPES))

ALL = frozenset(SCOPES)

MAX_SCOPE_TEXTS = 64
"""Items in a list of scopes, which is stored as given."""

MAX_SCOPE_CHARACTERS = 64


def parse_scopes(texts: Iterable[object]) -> frozenset[str]:
    """Expand `["read,write:series", "*:acl"]` to single scopes. Raises InvalidRequest."""
    scopes: set[str] = set()
    for text in texts:
        operations, colon, resource = text.partition(":") if isinstance(text, str) else ("", "", "")
        for operation in operations.split(","):
            if not colon or resource not in RESOURCES or operation not in (*OPERATIONS, "*"):
                raise InvalidRequest(
                    f"Invalid scope {literal(text)}. A scope is OPERATIONS:RESOURCE, for "
                    f"example `read,write:series`. Operations: {', '.join(OPERATIONS)}, *. "
                    f"Resources: {', '.join(RESOURCES)}."
                )
            expanded = OPERATIONS if operation == "*" else (operation,)
            scopes.update(f"{each}:{resource}" for each in expanded)
    return frozenset(scopes)


def check_scope_list(texts: Sequence[object]) -> tuple[str, ...]:
    """The scopes as given, which is how they are stored and returned. Raises InvalidRequest."""
    parse_scopes(texts)
    checked = tuple(text for text in texts if isinstance(text, str))
    if len(checked) > MAX_SCOPE_TEXTS or any(len(text) > MAX_SCOPE_CHARACTERS for text in checked):
        raise InvalidRequest(
            f"The list of scopes is too long. It may have {MAX_SCOPE_TEXTS} items of "
            f"{MAX_SCOPE_CHARACTERS} characters each. Combine the operations of each resource."
        )
    return checked


def format_scopes(scopes: Iterable[str]) -> list[str]:
    """Group single scopes by resource: `read,write:series`."""
    held = frozenset(scopes)
    texts = []
    for resource in RESOURCES:
        operations = [each for each in OPERATIONS if f"{each}:{resource}" in held]
        if operations:
            texts.append(f"{','.join(operations)}:{resource}")
    return texts
