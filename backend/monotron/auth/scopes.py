"""Scopes: what credentials allow. Written `read,write:series`, held one by one."""

from collections.abc import Iterable

from monotron.errors import InvalidRequest

OPERATIONS = ("read", "write", "delete")

SCOPES = {
    "read:series": "look at series, versions, ledgers and attributes; preview a version",
    "write:series": "count, give versions, raise, adopt; set and remove attributes",
    "delete:series": "delete series",
    "read:account": "see that the account is there",
    "write:account": "nothing yet",
    "delete:account": "nothing yet",
    "read:acl": "list keys and trusts, without secrets",
    "write:acl": "make keys and trusts that allow no more than one's own",
    "delete:acl": "revoke keys and trusts",
    "read:system": "run the audit of the store",
    "write:system": "take a copy of the store",
    "delete:system": "nothing yet",
}
"""Every scope there is, and what it allows."""

RESOURCES = tuple(dict.fromkeys(scope.partition(":")[2] for scope in SCOPES))

ALL = frozenset(SCOPES)


def parse_scopes(texts: Iterable[object]) -> frozenset[str]:
    """`["read,write:series", "*:acl"]` as single scopes; else `InvalidRequest`."""
    scopes: set[str] = set()
    for text in texts:
        operations, colon, resource = text.partition(":") if isinstance(text, str) else ("", "", "")
        for operation in operations.split(","):
            if not colon or resource not in RESOURCES or operation not in (*OPERATIONS, "*"):
                raise InvalidRequest(
                    f"A scope is OPERATION[,OPERATION…]:RESOURCE with the operations "
                    f"{', '.join(OPERATIONS)} and *, and the resources {', '.join(RESOURCES)}: for "
                    f"example read,write:series. {str(text)[:64]!r} is none."
                )
            meant = OPERATIONS if operation == "*" else (operation,)
            scopes.update(f"{each}:{resource}" for each in meant)
    return frozenset(scopes)


def spell(scopes: frozenset[str]) -> list[str]:
    """The scopes as they are written, a text for each resource."""
    texts = []
    for resource in RESOURCES:
        operations = [each for each in OPERATIONS if f"{each}:{resource}" in scopes]
        if operations:
            texts.append(f"{','.join(operations)}:{resource}")
    return texts
