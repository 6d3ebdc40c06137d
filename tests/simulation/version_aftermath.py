"""What a server returns about versions when all faults have ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from monotron.model.semver import ZERO_VERSION, VersionName, sort_key_range
from monotron.model.versions.requests import Assign, GetNewest, VersionRequest, VersionResult
from monotron.store.interface import Store
from simulation.version_truth import Commit, final_newest


def wrong_results(store: Store, name: VersionName, commits: Sequence[Commit]) -> Iterator[str]:
    """Yield results that contradict the rows."""
    records = sorted(
        (record for commit in commits for record in commit.records),
        key=lambda record: record.sort_key,
        reverse=True,
    )
    page = store.releases.page(name, sort_key_range(), None, 1000)
    if page != records:
        yield f"the records of {name.name} are {records}, and a server returns {page}"
    newest = final_newest(name, commits)
    requests = [
        Assign(
            name,
            record.token,
            VersionRequest(
                record.bump,  # type: ignore[arg-type]
                record.label,
                line=record.line,
                version=record.target if record.bump == "exact" else None,
            ),
        )
        for record in records
        if record.token is not None
    ]
    results = store.releases.decide([GetNewest(name), *requests])
    first = results[0]
    found = first.release.target if isinstance(first, VersionResult) else ZERO_VERSION
    if found != newest:
        yield f"the newest version of {name.name} is {newest}, and a server returns {found}"
    repeated = [record for record in records if record.token is not None]
    for record, result in zip(repeated, results[1:], strict=True):
        is_newest = record.label is None and record.target == newest
        if (
            not isinstance(result, VersionResult)
            or (result.release, result.reused) != (record, True)
            or result.latest.overall != is_newest
        ):
            yield f"{record} was repeated, and a server returns {result}"
