"""Which batches of requests for versions can be answered without a transaction."""

from collections.abc import Sequence

from monotron.model.semver import sort_key
from monotron.model.versions.batch import Results
from monotron.model.versions.requests import (
    Assign,
    GetNewest,
    GetOfToken,
    GetRelease,
    Request,
    VersionResult,
)
from monotron.store.mongo.client import Document
from monotron.store.mongo.version_facts import of_name

Lookup = GetNewest | GetOfToken | GetRelease


def may_repeat(requests: Sequence[Request]) -> bool:
    """Whether look-ups and repeats may be all that there is."""
    return all(
        isinstance(request, Lookup)
        or (isinstance(request, Assign) and not request.parameters.dry_run)
        for request in requests
    )


def are_repeats(requests: Sequence[Request], results: Results) -> bool:
    """Whether each result is that of a look-up, or a version that its token already has."""
    return all(
        isinstance(request, Lookup)
        or (isinstance(result, VersionResult) and result.reused and result.changed)
        for request, result in zip(requests, results, strict=True)
    )


def unique_keys(requests: Sequence[Request]) -> dict[str, list[Document]]:
    """The unique keys of documents whose linearizable read proves that the facts are not stale.

    The documents need not exist.
    """
    keys: dict[str, list[Document]] = {}
    for request in requests:
        name = of_name(request.name)
        if isinstance(request, Assign):
            label = request.parameters.label or ""
            key = {**name, "token": request.token, "label": label, "attempt": 1}
            keys.setdefault("releases", []).append(key)
        elif isinstance(request, GetOfToken):
            key = {**name, "token": request.token, "label": request.label or "", "attempt": 1}
            keys.setdefault("releases", []).append(key)
        elif isinstance(request, GetRelease):
            key = {**name, "sort_key": sort_key(request.version)}
            keys.setdefault("releases", []).append(key)
        else:
            keys.setdefault("names", []).append(name)
    return keys
