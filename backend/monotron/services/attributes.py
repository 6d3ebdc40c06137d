"""Asynchronous access to attributes: free text that callers attach to tokens."""

from collections.abc import Mapping

from monotron.errors import AttributeNotFound
from monotron.model.series import SeriesKey
from monotron.services.executor import StoreExecutor
from monotron.store import Store


class AttributeService:
    """The operations on attributes. Errors of the store are raised unchanged."""

    def __init__(self, store: Store, executor: StoreExecutor) -> None:
        self._attributes = store.attributes
        self._executor = executor
        self._renamed = store.renamed

    async def all(self, series: SeriesKey, token: str) -> dict[str, str]:
        """All attributes of the token, in order of name."""
        self._renamed.check_key(series)
        return await self._executor.run(self._attributes.all, series, token)

    async def one(self, series: SeriesKey, token: str, name: str) -> str:
        """The value of an attribute. Raises `AttributeNotFound` if the token does not have it."""
        attributes = await self.all(series, token)
        if name not in attributes:
            raise AttributeNotFound(
                f"The token {token!r} of the series {series.key!r} has no attribute {name!r}. "
                "It was not set, it was removed, or the series was deleted since. PUT to the same "
                "path sets it."
            )
        return attributes[name]

    async def merge(
        self, series: SeriesKey, token: str, attributes: Mapping[str, str]
    ) -> dict[str, str]:
        """Set these attributes, keep the others, and return all attributes of the token."""
        self._renamed.check_key(series)
        return await self._executor.run(self._attributes.merge, series, token, attributes)

    async def remove(self, series: SeriesKey, token: str, name: str | None = None) -> bool:
        """Remove one attribute, or all without *name*. Returns whether any existed."""
        self._renamed.check_key(series)
        return await self._executor.run(self._attributes.remove, series, token, name)
