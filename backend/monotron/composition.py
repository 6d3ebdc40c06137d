"""The construction of services and authentication from the settings."""

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from monotron.auth.accounts import Accounts
from monotron.auth.api_keys import ApiKeys
from monotron.auth.authenticator import Authenticator, RootKey
from monotron.auth.badges import Badges
from monotron.auth.concurrency import ConcurrencyLimiter
from monotron.auth.configured_accounts import check_configured_accounts
from monotron.auth.events import Events
from monotron.auth.fresh_cache import FreshCache
from monotron.auth.key_format import NewKey
from monotron.auth.oidc import Issuer
from monotron.auth.oidc_authenticator import OidcAuthenticator
from monotron.auth.open_mode import check_open_mode, needs_root_key
from monotron.auth.rate_limit import RateLimiter, share_of_account
from monotron.auth.replay_guard import ReplayGuard
from monotron.auth.revocation import Revocation
from monotron.auth.rotation import Rotation
from monotron.auth.sign_in_report import SignInReports
from monotron.auth.stored_root_key import create_root_key, stored_root_key
from monotron.auth.trust_policies import TrustPolicies
from monotron.auth.trust_schema import configured_trusts
from monotron.config import Settings
from monotron.errors import InvalidSetting
from monotron.redaction import register_secret
from monotron.request_log import RequestLog
from monotron.services.attributes import AttributeService
from monotron.services.executor import StoreExecutor
from monotron.services.maintenance import MaintenanceRecords
from monotron.services.name_overviews import NameOverviewService
from monotron.services.recent import RecentService
from monotron.services.series import SeriesService
from monotron.services.versions import VersionService
from monotron.store import Store, describe
from monotron.web.access import AccessControl
from monotron.web.client_address import ClientAddresses
from monotron.web.lifecycle import StoreProbe
from monotron.web.page_turns import PageTurns
from monotron.web.services import Services
from monotron.web.state import STATUS_SECONDS, StateReader

if TYPE_CHECKING:
    from monotron.auth.oidc.verifier import TokenVerifier
    from monotron.metrics import Metrics

log = logging.getLogger("monotron")


async def build_services(
    settings: Settings,
    issuers: Sequence[Issuer],
    store: Store,
    executor: StoreExecutor,
    metrics: "Metrics",
    request_log: RequestLog | None,
    announce: Callable[[NewKey], None],
) -> Services:
    """*issuers* are those of the settings, parsed. *announce* is called with a new root key, whose
    secret no one else knows, once it is stored."""
    series = SeriesService(store, executor)
    accounts = Accounts(store, series, executor)
    api_keys = ApiKeys(store, series, executor, quota=settings.api_keys_per_account)
    configured = configured_trusts(settings.trusts, issuers)
    if not settings.is_offline:
        await check_configured_accounts(configured, accounts)
    policies = TrustPolicies(
        store,
        series,
        executor,
        api_keys,
        issuers,
        configured,
        quota=settings.trust_policies_per_account,
    )
    verifier = _verifier(settings, issuers)
    root = await _root_key(settings, store, executor)
    if root is None and await needs_root_key(settings, store, executor):
        root, created = await create_root_key(store, executor)
        if created is not None:
            announce(created)
    authenticator = await _authenticator(settings, root, verifier, accounts, api_keys, policies)
    if authenticator.open_to_all:
        await check_open_mode(settings, store, executor)
    await policies.matcher.mark_configured()
    versions = VersionService(store, executor)
    maintenance = MaintenanceRecords(store, executor)
    state, probe = (
        StateReader(describe(settings.store), series, maintenance),
        StoreProbe(series.ping),
    )
    return Services(
        series=series,
        versions=versions,
        name_overviews=NameOverviewService(store, executor),
        recent=RecentService(store, executor),
        attributes=AttributeService(store, executor),
        badges=Badges(
            store,
            executor,
            versions,
            accounts.is_disabled,
            failures=RateLimiter(
                settings.failures_per_address,
                "requests for unknown badges from this address",
                limit="address",
            ),
            quota=settings.badges_per_account,
        ),
        accounts=accounts,
        api_keys=api_keys,
        trust_policies=policies,
        sign_in_reports=SignInReports(verifier, policies.matcher, accounts.is_disabled),
        revocation=Revocation(
            api_keys, policies, authenticator.forget, authenticator.forget_identities
        ),
        rotation=Rotation(store, api_keys, executor, authenticator.forget),
        events=Events(store, executor),
        maintenance=maintenance,
        state=state,
        status=FreshCache(
            lambda _: state.status(probe, metrics.traffic),
            max_entries=1,
            seconds=STATUS_SECONDS,
        ),
        page_turns=PageTurns(lambda: series.is_busy or versions.is_busy),
        authenticator=authenticator,
        access_control=AccessControl(
            authenticator,
            accounts,
            ReplayGuard(store, executor, settings.operations_per_identity),
            RateLimiter(
                share_of_account(settings.requests_per_key, settings.requests_per_account),
                "requests with these credentials",
            ),
            RateLimiter(
                settings.requests_per_account, "requests for this account", limit="account"
            ),
            ConcurrencyLimiter(settings.concurrent_requests_per_key),
            metrics,
        ),
        client_addresses=ClientAddresses(settings.trusted_proxies),
        store_probe=probe,
        commit_url=settings.commit_url,
        request_log=request_log,
        metrics=metrics,
        key_sets=() if verifier is None else verifier.key_sets,
    )


def _verifier(settings: Settings, issuers: Sequence[Issuer]) -> "TokenVerifier | None":
    """The verifier of identity tokens; None if the server trusts no issuers."""
    if not issuers:
        return None
    from monotron.auth.oidc.verifier import TokenVerifier  # imported on demand: needs PyJWT

    try:
        return TokenVerifier(issuers, settings.audience)
    except ValueError as error:
        raise InvalidSetting(f"{error}.") from None


async def _root_key(settings: Settings, store: Store, executor: StoreExecutor) -> RootKey | None:
    """The root key of the settings, otherwise that of the store, or None."""
    if settings.root_api_key:
        register_secret(settings.root_api_secret)
        return RootKey.of_secret(settings.root_api_key, settings.root_api_secret)
    stored = await stored_root_key(store, executor)
    if stored is not None:
        log.info("the root key %s of the store has full access", stored.key)
    return stored


async def _authenticator(
    settings: Settings,
    root: RootKey | None,
    verifier: "TokenVerifier | None",
    accounts: Accounts,
    api_keys: ApiKeys,
    policies: TrustPolicies,
) -> Authenticator:
    """Configure authentication. Without credentials, the server is open."""
    identities = None
    if verifier is not None:
        identities = OidcAuthenticator(
            verifier, policies.matcher, require_account=settings.require_account
        )
    open_to_all = not (root or identities or await api_keys.any_valid())
    failures = RateLimiter(
        settings.failures_per_address, "failed sign-ins from this address", limit="address"
    )
    return Authenticator(
        api_keys,
        accounts.is_disabled,
        root=root,
        identities=identities,
        open_to_all=open_to_all,
        failures=failures,
    )
