"""What a server returns about versions when all faults have ended."""

from __future__ import annotations

from collections.abc import Iterator

from monotron.errors import VersionWithdrawn
from monotron.model.semver import ZERO_VERSION, sort_key_range
from monotron.model.versions.requests import Assign, GetNewest, VersionRequest, VersionResult
from monotron.store.interface import Store
from simulation.version_truth import Replay


def wrong_results(store: Store, replay: Replay) -> Iterator[str]:
    """Yield results that contradict the rows."""
    name, last = replay.name, replay.snapshots[-1]
    records = sorted(last.records.values(), key=lambda record: record.sort_key, reverse=True)
    page = store.releases.page(name, sort_key_range(), None, 1000)
    if page != records:
        yield f"the records of {name.name} are {records}, and a server returns {page}"
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
    lowest, highest = replay.newest(last)
    if not lowest <= found <= highest:
        bounds = f"{lowest} to {highest}"
        yield f"the newest version of {name.name} is {bounds}, and a server returns {found}"
    repeated = [record for record in records if record.token is not None]
    for record, result in zip(repeated, results[1:], strict=True):
        of_token = last.of_token(record.token, record.label)
        current = [each for each in of_token if each.withdrawn is None]
        if not current:
            is_right = isinstance(result, VersionWithdrawn)
        elif current != [record]:  # it was requested by another bump
            is_right = True
        else:
            is_newest = record.label is None and record.target == found
            is_right = isinstance(result, VersionResult) and (
                (result.release, result.reused, result.latest.overall) == (record, True, is_newest)
            )
        if not is_right:
            yield f"{record} was repeated, and a server returns {result}"
