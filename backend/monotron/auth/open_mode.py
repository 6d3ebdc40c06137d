"""The conditions under which a server without credentials may start, or gets a root key."""

from monotron.config import Settings
from monotron.errors import InvalidSetting
from monotron.listen_address import is_loopback
from monotron.model.series import SYSTEM_ACCOUNT
from monotron.services.executor import StoreExecutor
from monotron.store import Store

_SERIES_OF_IDS = ("grants", "trusts")
"""The series that number API keys and trust policies start with these texts. They keep their values
when the API keys are revoked and the trust policies are deleted."""

_ROOT_KEY_HINT = (
    "Set MONOTRON_ROOT_API_KEY and MONOTRON_ROOT_API_SECRET (`monotron root-secret` generates a "
    "secret)"
)


async def check_open_mode(settings: Settings, store: Store, executor: StoreExecutor) -> None:
    """Check that a server without credentials was intended, and that only its machine reaches it.

    Raises InvalidSetting if the settings mention credentials, if the store ever contained an API
    key or a trust policy, or if the address is not a loopback address.
    """
    if settings.credential_sources:
        raise InvalidSetting(
            f"The credentials are incomplete: {', '.join(settings.credential_sources)}. The server "
            f"would give everyone full access. {_ROOT_KEY_HINT}, or set `issuers` and `audience`, "
            "or remove these settings."
        )
    if await _had_credentials(store, executor):
        raise InvalidSetting(
            "The store has contained credentials, but they are not usable now. (API keys may have "
            "expired or been revoked; trust policies require issuers.) The server would give "
            f"everyone full access. {_ROOT_KEY_HINT}, or set `issuers` and `audience`, or use a "
            "new store."
        )
    host, port = settings.listen
    if not is_loopback(host):
        raise InvalidSetting(
            f"Refusing to listen on {host}:{port} without credentials. {_ROOT_KEY_HINT}, or set "
            "MONOTRON_INIT_ROOT_KEY=true to create a root key in the store, or listen on "
            "127.0.0.1."
        )


async def needs_root_key(settings: Settings, store: Store, executor: StoreExecutor) -> bool:
    """Whether the setting `init_root_key` applies, if neither the settings nor the store have a
    root key: no one could create the first API key or trust policy.

    False if the credentials in the settings are incomplete: `check_open_mode` rejects them.
    """
    is_incomplete = bool(settings.credential_sources) and not settings.issuers
    if not settings.init_root_key or settings.trusts or is_incomplete:
        return False
    return not await _had_credentials(store, executor)


async def _had_credentials(store: Store, executor: StoreExecutor) -> bool:
    """Whether the store ever contained an API key or a trust policy."""
    for prefix in _SERIES_OF_IDS:
        if await executor.run(store.series_page, SYSTEM_ACCOUNT, prefix, "", 1):
            return True
    return False
