"""The dependencies of the handlers."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monotron.auth.accounts import Accounts
from monotron.auth.api_keys import ApiKeys
from monotron.auth.authenticator import Authenticator
from monotron.auth.badges import Badges
from monotron.auth.events import Events
from monotron.auth.fresh_cache import FreshCache
from monotron.auth.revocation import Revocation
from monotron.auth.rotation import Rotation
from monotron.auth.sign_in_report import SignInReports
from monotron.auth.trust_policies import TrustPolicies
from monotron.request_log import RequestLog
from monotron.services.attributes import AttributeService
from monotron.services.maintenance import MaintenanceRecords
from monotron.services.name_overviews import NameOverviewService
from monotron.services.recent import RecentService
from monotron.services.series import SeriesService
from monotron.services.versions import VersionService
from monotron.web.access import AccessControl
from monotron.web.client_address import ClientAddresses
from monotron.web.lifecycle import Backups, Lifecycle, StoreProbe
from monotron.web.page_turns import PageTurns
from monotron.web.state import StateReader, Status

if TYPE_CHECKING:  # imported on demand: needs PyJWT, or an environment variable
    from monotron.auth.oidc.jwks import JwksCache
    from monotron.metrics import Metrics


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything that a handler may use. Created once, in `monotron.server`."""

    series: SeriesService
    versions: VersionService
    name_overviews: NameOverviewService
    recent: RecentService
    attributes: AttributeService
    badges: Badges
    accounts: Accounts
    api_keys: ApiKeys
    trust_policies: TrustPolicies
    sign_in_reports: SignInReports
    revocation: Revocation
    rotation: Rotation
    events: Events
    maintenance: MaintenanceRecords
    authenticator: Authenticator
    access_control: AccessControl
    client_addresses: ClientAddresses
    store_probe: StoreProbe
    status: FreshCache[None, Status]
    """Read at most once in `STATUS_SECONDS`, for all visitors of the page `/status`."""
    page_turns: PageTurns
    state: StateReader
    commit_url: str
    """Where pages link commits to; empty if they do not."""
    request_log: RequestLog | None
    """None if requests are not logged."""
    metrics: "Metrics"
    key_sets: Sequence["JwksCache"]
    """The keys of the trusted issuers."""
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    audit_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held during an audit: one at a time."""
    backups: Backups = field(default_factory=Backups)
