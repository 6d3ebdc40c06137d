"""The domain of attributes: what else is known of a token, in the caller's own words."""

from collections.abc import Mapping

from monotron.errors import AttributeNotFound
from monotron.model.series import SeriesKey
from monotron.services.series import SeriesService
from monotron.store import Store


class AttributeService:
    """What can be asked of attributes. Raises the errors of the store untouched."""

    def __init__(self, store: Store, series: SeriesService) -> None:
        self._attributes = store.attributes
        self._series = series

    async def all(self, series: SeriesKey, token: str) -> dict[str, str]:
        """The attributes of the token, in order of name."""
        return await self._series.run(self._attributes.all, series, token)

    async def one(self, series: SeriesKey, token: str, name: str) -> str:
        """The attribute of this name; `AttributeNotFound` if the token has none."""
        attributes = await self.all(series, token)
        if name not in attributes:
            raise AttributeNotFound(
                f"The token {token!r} of the series {series.key!r} has no attribute {name!r}: it "
                "was not set, was removed, or the series was deleted since. PUT to the same path "
                "sets it."
            )
        return attributes[name]

    async def merge(
        self, series: SeriesKey, token: str, attributes: Mapping[str, str]
    ) -> dict[str, str]:
        """Set these attributes, and leave the others as they are; all that the token has then."""
        return await self._series.run(self._attributes.merge, series, token, attributes)

    async def remove(self, series: SeriesKey, token: str, name: str | None = None) -> bool:
        """Remove the attribute of this name, or all; whether there was one."""
        return await self._series.run(self._attributes.remove, series, token, name)
