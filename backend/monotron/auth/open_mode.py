"""Open mode: the conditions under which a server without credentials may start."""

from monotron.auth.principal import SYSTEM_ACCOUNT
from monotron.config import Settings
from monotron.errors import InvalidSetting
from monotron.listen_address import is_loopback
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
    for prefix in _SERIES_OF_IDS:
        if await executor.run(store.series_page, SYSTEM_ACCOUNT, prefix, "", 1):
            raise InvalidSetting(
                "The store has contained credentials, but they are not usable now. (API keys may "
                "have expired or been revoked; trust policies require issuers.) The server would "
                f"give everyone full access. {_ROOT_KEY_HINT}, or set `issuers` and `audience`, or "
                "use a new store."
            )
    host, port = settings.listen
    if not is_loopback(host):
        raise InvalidSetting(
            f"Refusing to listen on {host}:{port} without credentials. {_ROOT_KEY_HINT}, or listen "
            "on 127.0.0.1."
        )
