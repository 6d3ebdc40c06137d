"""A dry run returns what the same request would get, and changes nothing."""

from collections.abc import Iterable, Mapping
from typing import Any

from monotron.errors import QuotaExceeded
from monotron.model.quotas import Quotas
from monotron.model.semver import VersionName
from monotron.model.versions.batch import decide_all
from monotron.model.versions.facts import Fact, SeriesUsed
from monotron.model.versions.requests import Assign, VersionRequest
from monotron.model.versions.state import State


def full_account(facts: Iterable[Fact[Any]]) -> Mapping[Fact[Any], Any]:
    """Read the facts of an account that has one series of another kind, and no versions."""
    return {fact: 1 if isinstance(fact, SeriesUsed) else fact.absent() for fact in facts}


def test_a_dry_run_is_refused_if_the_quota_is_used_up() -> None:
    state = State(quotas=Quotas(series=1))
    name = VersionName(1, "shop")
    parameters = VersionRequest(dry_run=True)
    requests = [Assign(name, "a", parameters), Assign(name, "b", parameters._replace(label="rc"))]
    results = decide_all(state, requests, full_account)
    assert [type(result) for result in results] == [QuotaExceeded, QuotaExceeded]
    assert not state.is_changed
